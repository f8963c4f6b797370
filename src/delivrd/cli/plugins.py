"""`delivrd providers` and `delivrd doctor`: what is installed, and what is wrong with it.

The rule of this module: whatever is broken is named with its remedy.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import click

from delivrd.cli.output import columns, one_line, put, put_json, put_note
from delivrd.cli.session import Session, pass_session
from delivrd.cli.texttable import text_table
from delivrd.registry import Plugin, Registry

_LEAST: Final = (24, 10, 10, 10, 10, 10, 10)
"""How far columns are cut: a name is there to be typed again."""

_PACKAGES: Final = ("delivrd", "msgspec", "pluggy", "click")


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="A table, or JSON.")
@pass_session
def providers(session: Session, form: str) -> None:
    """List the installed providers."""
    registry = session.registry
    brought = {name: plugin for plugin in registry.plugins for name in plugin.providers}
    documents: list[dict[str, Any]] = [
        {
            "name": provider.name,
            "vendor": provider.vendor,
            "title": provider.title,
            "reads": [kind.__name__ for kind in provider.ways],
            "asks": [question.operation for question in provider.questions],
            "plugin": getattr(brought.get(provider.name), "distribution", None),
            "docs": str(provider.docs),
        }
        for provider in registry.values()
    ]
    if form == "json":
        for document in documents:
            put_json(document)
    elif documents:
        rows = [[one_line(_cell(value)) for value in document.values()] for document in documents]
        put(text_table(list(documents[0]), rows, columns(), _LEAST))
    for line in _troubles(registry):
        put_note(line)
    if not documents:
        put_note("no provider is installed: install a plugin (a package with an entry point in the group 'delivrd')")


@click.command()
@pass_session
def doctor(session: Session) -> None:
    """Check the installed plugins. Exits with 1 if one of them is broken."""
    registry = session.registry
    put(f"Python {platform.python_version()} on {platform.system()}")
    for package in _PACKAGES:
        put(f"{package} {version_of(package) or '(not installed as a package)'}")
    if registry.plugins:
        rows = [
            (plugin.name, plugin.distribution or "", _state(plugin, registry), ", ".join(plugin.providers))
            for plugin in registry.plugins
        ]
        cells = [[one_line(cell) for cell in row] for row in rows]
        put("\n" + text_table(("plugin", "package", "state", "providers"), cells, columns(), (24, 32, 10, 20)))
    else:
        put("\nno plugin is installed")
    unknown = {*session.allow, *session.block} - {plugin.name for plugin in registry.plugins}
    if unknown:
        put(f"\nno plugin of this name, though it is allowed or blocked: {', '.join(sorted(unknown))}")
    troubles = list(_troubles(registry))
    put("\n" + "\n".join(f"broken: {line}" for line in troubles) if troubles else "\nnothing is broken")
    if troubles:
        raise click.exceptions.Exit(1)


def version_of(package: str) -> str | None:
    """The version of an installed package; None where it is not installed as one."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _state(plugin: Plugin, registry: Registry) -> str:
    if plugin.blocked:
        return "blocked"
    if plugin.error is not None:
        return "broken"
    return "refused" if set(plugin.providers) & set(registry.refused) else "sound"


def _troubles(registry: Registry) -> Iterator[str]:
    for plugin in registry.plugins:
        if plugin.error is not None:
            yield f"{one_line(str(plugin.error))}; repair or uninstall it, or use --block {plugin.name}"
    for error in registry.refused.values():
        yield one_line(str(error))


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else value or ""

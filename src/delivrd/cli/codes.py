"""`delivrd codes`: what the tables say of codes.

The rule of this module: every word of it comes from a table.
"""

from __future__ import annotations

from typing import Final

import click
import msgspec

from delivrd.cli.output import columns, one_line, put, put_json
from delivrd.cli.session import Failure, Session, pass_session
from delivrd.cli.texttable import text_table
from delivrd.listing import CodeLine, code_lines
from delivrd.pages import code_table, provider_page
from delivrd.provider import Provider

# What comes last is what a narrow terminal leaves out.
_HEAD: Final = (
    "provider",
    "field",
    "code",
    "status",
    "final",
    "cause",
    "resend",
    "meaning",
    "evidence",
    "dashboard",
    "source",
)
_LEAST: Final = (24, 12, 20, 11, 5, 8, 9, 16, 8, 9, 20)


@click.command()
@click.argument("provider", required=False)
@click.argument("code", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    help="A table, one JSON object a row, or Markdown: with PROVIDER alone, its whole page.",
)
@pass_session
def codes(session: Session, provider: str | None, code: str | None, form: str) -> None:
    """List codes and what they mean.

    Those of PROVIDER, or of all; or only CODE, in whichever tables list it. One argument that is
    no provider's name is a code, looked up in the tables of all providers.
    """
    chosen, wanted = _chosen(session, provider, code)
    if form == "markdown" and wanted is None:
        put("\n".join(map(provider_page, chosen)).rstrip("\n"))
        return
    lines = [line for each in chosen for line in code_lines(each, wanted)]
    if wanted is not None and not lines:
        names = ", ".join(each.name for each in chosen) or "any installed provider"
        raise Failure(
            f"no table of {names} lists {one_line(wanted)!r}: it comes out as unlisted, and decides nothing; "
            "names of providers: delivrd providers"
        )
    if form == "json":
        for line in lines:
            put_json(msgspec.to_builtins(line))
    elif form == "markdown":
        put(code_table(lines))
    elif lines:
        # One provider's name in every line would say nothing.
        first = 1 if len(chosen) == 1 else 0
        put(text_table(_HEAD[first:], [_row(line)[first:] for line in lines], columns(), _LEAST[first:]))


def _chosen(session: Session, provider: str | None, code: str | None) -> tuple[list[Provider], str | None]:
    """The providers to look at, and the code to look for."""
    registry = session.registry
    everything = list(registry.values())
    if provider is None:
        return everything, None
    if code is None and provider not in registry and any(any(code_lines(each, provider)) for each in everything):
        return everything, provider
    return [session.provider(provider)], code


def _row(line: CodeLine) -> tuple[str, ...]:
    final = "" if line.final is None else "yes" if line.final else "no"
    status = line.status or ("(silent)" if line.absence is None else f"({line.absence})")
    cells = (line.cause, line.resend, line.meaning, line.evidence, line.dashboard, line.source)
    return (line.provider, line.field, line.code, status, final, *(one_line(cell or "") for cell in cells))

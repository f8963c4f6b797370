"""`delivrd codes`: what the tables say of codes.

The rule of this module: every word of it comes from a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec

from delivrd.cli.output import columns, is_terminal, one_line, put, put_bytes, put_exactly
from delivrd.cli.session import Failure, Refusal, Session, pass_session
from delivrd.cli.texttable import text_table
from delivrd.exports import csv_export, sql_export
from delivrd.listing import CodeLine, code_lines
from delivrd.pages import code_table, provider_page
from delivrd.provider import Provider

_Made = TypeVar("_Made", str, bytes)

_EXACT: Final = ("csv", "sql", "svg")
"""What programs read: only a terminal is spared control characters."""

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
    "setting",
    "source",
)
_LEAST: Final = (24, 12, 20, 11, 5, 8, 9, 16, 8, 9, 12, 20)


@click.command()
@click.argument("provider", required=False)
@click.argument("code", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "sql", "parquet", "markdown", "svg"]),
    default="table",
    help="A table; one JSON object a row; CSV; SQL that makes and fills the table delivrd_codes; Parquet (the extra "
    "delivrd[arrow]); Markdown: with PROVIDER alone, its whole page; or a picture: of PROVIDER's codes, or of what the "
    "codes of all cover.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to this file, in UTF-8, in place of what it held.")
@pass_session
def codes(session: Session, provider: str | None, code: str | None, form: str, output: str | None) -> None:
    """List codes and what they mean.

    Those of PROVIDER, or of all; or only CODE, in whichever tables list it. One argument that is
    no provider's name is a code, looked up in the tables of all providers.
    """
    chosen, wanted = _chosen(session, provider, code)
    lines = [line for each in chosen for line in code_lines(each, wanted)]
    if wanted is not None and not lines:
        names = ", ".join(each.name for each in chosen) or "any installed provider"
        raise Failure(
            f"no table of {names} lists {one_line(wanted)!r}: it comes out as unlisted, and decides nothing; "
            "names of providers: delivrd providers"
        )
    made = _made(form, chosen, wanted, lines, columns() if output is None else None)
    if output is not None:
        _keep(output, made if isinstance(made, bytes) or form in _EXACT else f"{made}\n" if made else "")
    elif isinstance(made, bytes):
        if is_terminal():
            raise Refusal(f"{form} is no text: send it to a file (--output FILE) or a program")
        put_bytes(made)
    elif form in _EXACT:
        put_exactly(made)
    elif made:
        put(made)


def _keep(name: str, made: str | bytes) -> None:
    try:
        Path(name).write_bytes(made.encode("utf-8", "replace") if isinstance(made, str) else made)
    except OSError as error:
        raise Refusal(f"--output: {click.format_filename(name)}: {error.strerror or type(error).__name__}") from error


def _made(
    form: str, chosen: list[Provider], wanted: str | None, lines: list[CodeLine], width: int | None
) -> str | bytes:
    """What was asked for: texts for programs end their own lines, others are left for `put` to end."""
    if form == "markdown":
        return "\n".join(map(provider_page, chosen)).rstrip("\n") if wanted is None else code_table(lines)
    if form == "json":
        return "\n".join(json.dumps(msgspec.to_builtins(line)) for line in lines)
    if form == "csv":
        return csv_export(lines)
    if form == "sql":
        return _told(sql_export, lines)
    if form == "parquet":
        return _told(_parquet, lines)
    if form == "svg":
        return _picture(chosen, wanted)
    # One provider's name in every line would say nothing.
    first = 1 if len(chosen) == 1 else 0
    return text_table(_HEAD[first:], [_row(line)[first:] for line in lines], width, _LEAST[first:]) if lines else ""


def _told(export: Callable[[list[CodeLine]], _Made], lines: list[CodeLine]) -> _Made:
    try:
        return export(lines)
    except (ImportError, ValueError) as error:
        raise Failure(one_line(str(error))) from error


def _parquet(lines: list[CodeLine]) -> bytes:
    from delivrd.parquet import parquet_export

    return parquet_export(lines)


def _picture(chosen: list[Provider], wanted: str | None) -> str:
    from delivrd.pictures import draw_codes, draw_coverage

    if wanted is not None:
        raise Refusal("a picture shows whole tables: leave CODE out")
    return draw_codes(chosen[0]) if len(chosen) == 1 else draw_coverage(chosen)


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
    cells = (line.cause, line.resend, line.meaning, line.evidence, line.dashboard, line.setting, line.source)
    return (line.provider, line.field, line.code, status, final, *(one_line(cell or "") for cell in cells))

"""`delivrd demo`: every fixture of every installed provider, read and shown.

The rule of this module: fixtures are read as any file is. One that is refused shows its error, for
that is what it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click

from delivrd.cli.explain import explained
from delivrd.cli.normalize import absence_words, report_row
from delivrd.cli.output import columns, one_line, put, put_note
from delivrd.cli.reading import Bad, Good, Options, attempt, inputs_of
from delivrd.cli.session import Failure, Refusal, Session, pass_session
from delivrd.cli.texttable import text_table
from delivrd.errors import InputError
from delivrd.files import SUFFIXES
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from delivrd.report import Report

_HEAD: Final = ("provider", "input", "status", "final", "cause", "resend", "warnings")
_LEAST: Final = (10, 24, 11, 5, 10, 9, 12)


class _Shown(NamedTuple):
    """One line of the table, and what it is about."""

    provider: Provider
    good: Good | None
    cells: tuple[str, ...]
    counted: str
    report: Report | None = None


@click.command()
@click.argument("folder", default="fixtures")
@pass_session
def demo(session: Session, folder: str) -> None:
    """Read every fixture of every installed provider.

    Shows what comes of each input in FOLDER/<provider>/, and one of them step by step. FOLDER is
    ./fixtures by default.
    """
    root = Path(folder)
    if not root.is_dir():
        raise Refusal(f"{click.format_filename(folder)}: no such folder; name the one that holds fixtures/<provider>/")
    shown = [line for provider in session.registry.values() for line in _provider(provider, root / provider.name)]
    if not shown:
        raise Failure(
            f"{click.format_filename(folder)}: no inputs of an installed provider; installed: "
            f"{', '.join(session.registry) or 'none'}"
        )
    rows = [(line.provider.name, *line.cells) for line in shown]
    put(text_table(_HEAD, rows, columns(), _LEAST))
    counts = Counter(line.counted for line in shown)
    inputs = len({row[:2] for row in rows})
    providers = len({line.provider.name for line in shown})
    said = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    put(f"\n{inputs} inputs of {providers} providers: {said}")
    _explain_one(shown)
    if counts[_BROKEN]:
        put_note(f"{counts[_BROKEN]} of {inputs} inputs hold none, or brought out a fault; see the table")
        raise click.exceptions.Exit(1)


_BROKEN: Final = "broken"


def _provider(provider: Provider, folder: Path) -> Iterator[_Shown]:
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES)
    for found in inputs_of([str(file) for file in files], Options()):
        name = Path(found.label).name
        if isinstance(found, Bad):
            yield _Shown(provider, None, (name, _BROKEN, "", "", "", found.reason), _BROKEN)
        else:
            yield from _input(provider, name, found)


def _input(provider: Provider, name: str, good: Good) -> Iterator[_Shown]:
    sample = good.sample

    def make() -> Receipt | InputError:
        try:
            return provider.read(sample.input, good.account, asked=sample.asked, received_at=sample.received_at)
        except InputError as error:
            return error

    made = attempt(provider, good, make)
    if isinstance(made, Bad):
        yield _Shown(provider, good, (name, _BROKEN, "", "", "", made.reason), _BROKEN)
    elif isinstance(made, InputError):
        cells = (name, f"({type(made).__name__})", "", "", "", one_line(str(made)))
        yield _Shown(provider, good, cells, "refused")
    else:
        for report in made.reports:
            status, final, _, cause, resend, warnings = report_row(report)
            yield _Shown(provider, good, (name, status, final, cause, resend, warnings), "reports", report)
        if made.absence is not None:
            cells = (name, f"({absence_words(provider, made.absence)})", "", "", "", "")
            yield _Shown(provider, good, cells, "without a report")
        for problem in made.problems:
            cells = (name, "(problem)", "", "", "", one_line(f"item {problem.index}: {problem.reason}"))
            yield _Shown(provider, good, cells, "bad items")


def _explain_one(shown: list[_Shown]) -> None:
    """The input with the most to tell: several codes, a cause, a warning; the first of equals."""
    telling = [
        (_tells(line.report), line.provider, line.good)
        for line in shown
        if line.report is not None and line.good is not None
    ]
    if telling:
        _, provider, good = max(telling, key=lambda each: each[0])
        put(f"\n{good.label}, step by step: {explained(provider, good)}")


def _tells(report: Report) -> tuple[bool, bool, bool]:
    return (len(report.codes) > 1, report.cause is not None, bool(report.warnings))

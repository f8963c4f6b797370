"""`delivrd normalize`: canonical reports from files.

The rule of this module: reports go to standard output, and everything else to standard error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import click

from delivrd.cli.output import columns, is_terminal, one_line, put, put_json, put_note
from delivrd.cli.reading import STDIN, Bad, Good, Options, attempt, bad, inputs_of, reading_options
from delivrd.cli.session import Refusal, Session, pass_session
from delivrd.cli.texttable import text_table
from delivrd.provider import Provider
from delivrd.receipt import Absence, Receipt
from delivrd.report import Report
from delivrd.samplelines import AnyLine, write_line

_HEAD: Final = ("message_id", "status", "final", "evidence", "cause", "resend", "warnings")


@click.command()
@click.argument("provider")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@reading_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "table"]),
    help="One JSON object a report, or a table; a table by default on a terminal, else JSON.",
)
@click.option(
    "--errors",
    metavar="FILE",
    help="Keep what could not be read in this file, a line of JSON each with the reason, to be read again. It is "
    "written anew; where it is new, for you alone, since inputs can hold secrets. Those of the account are left out.",
)
@pass_session
def normalize(
    session: Session, provider: str, files: tuple[str, ...], form: str | None, errors: str | None, options: Options
) -> None:
    """Print the canonical reports of files.

    FILE is `-`, or left out, for standard input. Inputs are read as trusted: nobody's signature is
    checked. Inputs without a report, and items that cannot be read, are told on standard error.

    Exits with 0 if everything was read, 1 if something was not, 2 if the call was wrong.
    """
    read_by = session.provider(provider)
    names = files or (STDIN,)
    as_table = is_terminal() if form is None else form == "table"
    rows: list[Sequence[str]] = []
    kept: list[AnyLine] = []
    count = failed = 0
    if errors is not None and any(name != STDIN and _same_file(name, errors) for name in names):
        raise Refusal("--errors: expected another file than the inputs, for it is written anew")
    inputs = inputs_of(names, options)
    with _keeping(errors, kept):
        for found in inputs:
            count += 1
            made = _normalized(read_by, found, rows if as_table else None) if isinstance(found, Good) else found
            if made is not None:
                failed += 1
                put_note(made.reason)
                if made.line is not None:
                    kept.append(made.line)
    if as_table and rows:
        put(text_table(_HEAD, rows, columns()))
    if failed:
        where = "" if errors is None else f"; kept in {click.format_filename(errors)}"
        put_note(f"{failed} of {count} inputs could not be read{where}")
        raise click.exceptions.Exit(1)


def report_row(report: Report) -> tuple[str, ...]:
    """The columns of a report that say what to do about it."""
    warnings = ", ".join(f"{warning.kind} {warning.field}" for warning in report.warnings)
    final = "yes" if report.final else "no"
    return (report.status, final, report.evidence or "", report.cause or "", report.resend, one_line(warnings))


def absence_words(provider: Provider, absence: Absence) -> str:
    """Why there is no report; the provider's code only where it is one, for its words can hold a number."""
    listed = {row.code for table in provider.absences for row in table.rows}
    code = absence.code or ""
    shown = code in listed or (code.isascii() and code.isdigit() and len(code) == len("404"))
    return f"{absence.kind} ({code})" if shown else str(absence.kind)


def _normalized(provider: Provider, good: Good, rows: list[Sequence[str]] | None) -> Bad | None:
    """Print, or put into the table, what comes of one input; what of it could not be read, if anything."""
    sample = good.sample

    def make() -> tuple[Receipt, list[dict[str, object]]]:
        receipt = provider.read(sample.input, good.account, asked=sample.asked, received_at=sample.received_at)
        return receipt, [report.to_dict() for report in receipt.reports]

    made = attempt(provider, good, make)
    if isinstance(made, Bad):
        return made
    receipt, documents = made
    if rows is None:
        for document in documents:
            put_json(document)
    else:
        rows += [(one_line(report.message_id or ""), *report_row(report)) for report in receipt.reports]
    if receipt.absence is not None and not receipt.problems:
        put_note(f"{good.label}: no report: {absence_words(provider, receipt.absence)}")
    if receipt.others:
        put_note(
            f"{good.label}: {len(receipt.others)} item(s) that are no delivery report; "
            "delivrd explain --format json shows them whole"
        )
    if not receipt.problems:
        return None
    return bad(provider, good, "; ".join(f"item {problem.index}: {problem.reason}" for problem in receipt.problems))


def _same_file(name: str, other: str) -> bool:
    with suppress(OSError):
        return os.path.samefile(name, other)
    return False


@contextmanager
def _keeping(name: str | None, kept: Sequence[AnyLine]) -> Iterator[None]:
    """Write what was kept when all is done, also where the reading is broken off.

    The file is opened first, for standard input cannot be read again.
    """
    if name is None:
        yield
        return
    try:
        file = os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
    except OSError as error:
        raise Refusal(f"--errors: {click.format_filename(name)}: {error.strerror or type(error).__name__}") from error
    with file:
        try:
            yield
        finally:
            # A device or a pipe has nothing to empty.
            with suppress(OSError):
                file.truncate(0)
            file.writelines(map(write_line, kept))

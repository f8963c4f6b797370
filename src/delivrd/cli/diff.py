"""`delivrd diff`: what another version of a plugin would change.

The rule of this module: it shows what the comparison found, and nothing that a report held but its codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import msgspec

from delivrd.accounts import Account
from delivrd.cli.output import columns, one_line, put, put_json, put_note
from delivrd.cli.reading import Bad, Options, inputs_of, reading_options
from delivrd.cli.session import Refusal
from delivrd.cli.texttable import text_table
from delivrd.diff.axes import told, word
from delivrd.diff.outcomes import Comparison, Made, ReportChange
from delivrd.diff.places import PlaceError, place_of
from delivrd.diff.sides import Side, SideError, question_of
from delivrd.diff.tables import TableChange, table_changes, unversioned

_TABLES: Final = ("provider", "field", "code", "row", "change")
_REPORTS: Final = ("reports", "codes", "change", "first")
_LEAST: Final = (10, 10, 12, 8, 40)
_REPORTS_LEAST: Final = (7, 24, 40, 20)


@click.command()
@click.argument("old")
@click.argument("new")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--provider", metavar="NAME", help="Which provider reads the files, where the versions bring several.")
@reading_options
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="A table, or JSON.")
def diff(old: str, new: str, files: tuple[str, ...], provider: str | None, form: str, options: Options) -> None:
    """Show what another version of a plugin would change.

    OLD and NEW are `installed`, a wheel, a folder of wheels, a checkout, a package's folder, or a folder into which
    packages were installed; several paths, joined as in PATH, are one version together. Nothing is installed: each
    version is loaded, and so run, in a process of its own.

    First the tables, row by row. Then, where past inputs are given (FILE, as for delivrd normalize), the reports that
    come out otherwise, by their codes: in status, finality, evidence, cause or resend, or read by one version alone.

    Exits with 0 if nothing changes, 1 if something does, 2 if the call was wrong or not all could be compared. Words
    alone (what a row says that the provider says, its source) are no change.
    """
    with ExitStack() as stack:
        try:
            before, after = _sides(stack, old, new)
            found = list(table_changes(before.providers, after.providers))
            compared = Comparison()
            failed = 0
            if files:
                failed = _compare(compared, before, after, _reader(before, after, provider), files, options)
        except (PlaceError, SideError) as error:
            raise Refusal(f"diff: {one_line(str(error))}") from error
    meanings = [each for each in found if not each.words]
    _show(meanings, compared, form)
    _sum_up(meanings, len(found) - len(meanings), compared, bool(files))
    for name in unversioned(meanings, before.providers, after.providers):
        put_note(f"{one_line(name)}: rows change their meaning, and the table's version does not")
    if failed:
        put_note(f"{failed} inputs could not be compared")
        raise click.exceptions.Exit(2)
    if meanings or compared.changed or compared.asides:
        raise click.exceptions.Exit(1)


def _sides(stack: ExitStack, old: str, new: str) -> tuple[Side, Side]:
    """Both versions, loaded."""
    places = [place_of(name, Path(stack.enter_context(TemporaryDirectory(prefix="delivrd-")))) for name in (old, new)]
    if all(place.installed for place in places):
        raise Refusal("OLD, NEW: expected two versions, and both are what is installed; name a wheel or a folder")
    pairs = zip(places, reversed(places), strict=True)
    before, after = (stack.enter_context(Side(place, place.beside(other))) for place, other in pairs)
    return before, after


def _reader(before: Side, after: Side, provider: str | None) -> str:
    """The name of the provider that reads the files."""
    names = sorted({*before.providers, *after.providers})
    if provider is not None:
        if provider not in names:
            raise Refusal(f"--provider: neither version brings {one_line(provider)!r}; they bring: {', '.join(names)}")
        return provider
    if len(names) != 1:
        raise Refusal(f"--provider: expected the name of the one that reads the files; there are: {', '.join(names)}")
    return names[0]


def _compare(
    compared: Comparison, before: Side, after: Side, provider: str, files: Sequence[str], options: Options
) -> int:
    """Let both sides read everything; how many inputs could not be given to them."""
    failed = 0
    for found in inputs_of(files, options):
        if isinstance(found, Bad):
            failed += 1
            put_note(found.reason)
            continue
        question = question_of(provider, found.sample, found.account)
        for side in (before, after):
            side.ask(question)
        old, new = before.answer(), after.answer()
        was = Made.of(old)
        # Most often nothing differs, and then there is nothing to look for.
        compared.add(found.label, was, was if old == new else Made.of(new), (found.account or Account()).blot)
    return failed


def _show(meanings: Sequence[TableChange], compared: Comparison, form: str) -> None:
    changes = compared.changes()
    asides = list(compared.asides.values())
    if form == "json":
        for kind, found in (("table", meanings), ("reports", changes), ("fields", asides)):
            for each in found:
                put_json({"change": kind, **msgspec.to_builtins(each)})
        return
    if meanings:
        put(text_table(_TABLES, [_table_cells(each) for each in meanings], columns(), _LEAST))
    rows = [*map(_report_cells, changes)]
    rows += [
        (str(each.reports), "", f"other fields: {', '.join(each.fields)}", one_line(each.first)) for each in asides
    ]
    if rows:
        between = "\n" if meanings else ""
        put(between + text_table(_REPORTS, rows, columns(), _REPORTS_LEAST))


def _sum_up(meanings: Sequence[TableChange], words: int, compared: Comparison, read: bool) -> None:
    put_note(f"changes of meaning in the tables: {len(meanings) or 'none'}" + (f"; of words: {words}" if words else ""))
    if read:
        changed, whole = compared.changed or "none", f"{compared.reports} reports of {compared.inputs} inputs"
        put_note(f"reports that change their meaning: {changed}, of {whole}")
    if compared.without:
        put_note(f"inputs of which neither version makes a report: {compared.without}")
    if compared.left_out:
        put_note(f"{compared.left_out} of them stand in no row here: there are too many different ones")


def _table_cells(change: TableChange) -> tuple[str, ...]:
    said = told(_flat(change.before), _flat(change.after))
    if change.kind != "changed":
        own = _flat(change.after or change.before)
        said = ", ".join(f"{name} {word(value)}" for name, value in own.items() if name != "meaning")
    what = "row" if change.code else "table" if change.field else "provider"
    return (change.provider, change.field, one_line(change.code), f"{what} {change.kind}", one_line(said))


def _flat(values: dict[str, Any]) -> dict[str, str]:
    """Values as people read them, each on one line."""
    return {name: value if isinstance(value, str) else word(_plain(value)) for name, value in values.items()}


def _plain(value: Any) -> Any:
    match value:
        case list():
            return ", ".join(str(_plain(each)) for each in value) or None
        case dict():
            return ", ".join(f"{name} {word(_plain(inner))}" for name, inner in value.items())
        case _:
            return value


def _report_cells(change: ReportChange) -> tuple[str, ...]:
    codes = " ".join(f"{name}={code}" for name, code in change.codes.items())
    if isinstance(change.before, dict) and isinstance(change.after, dict):
        said = told(change.before, change.after)
    else:
        said = " -> ".join(_brief(each) for each in (change.before, change.after))
    return (str(change.reports), one_line(codes), said, one_line(change.first))


def _brief(said: dict[str, Any] | str) -> str:
    if isinstance(said, str):
        return f"({one_line(said)})"
    return ", ".join(
        str(each) for each in (said["status"], said["cause"], f"resend {said['resend']}") if each is not None
    )

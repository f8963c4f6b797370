"""`delivrd unlisted`: codes that no table lists, and what to do about them.

The rule of this module: what is shown and what is written holds no secret and no phone number, and no file is ever
written over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from delivrd.cli.ledger import opened_store, phone_key
from delivrd.cli.output import columns, one_line, put, put_json, put_note
from delivrd.cli.reading import STDIN, Bad, Good, Options, attempt, inputs_of, reading_options
from delivrd.cli.session import Failure, Refusal, Session, pass_session
from delivrd.cli.texttable import text_table
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from delivrd.unlisted.gathering import Found, Gatherer

_HEAD: Final = ("field", "code", "times", "first", "last", "by")
_LEAST: Final = (12, 20, 6, 20, 20, 11)
_LINES: Final = 12
"""Lines of a sample that people are shown."""
_NAMES: Final = 1000
"""Names that are tried for a fixture."""


@click.command()
@click.argument("provider")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@reading_options
@click.option("--store", metavar="URL", help="Look in a store of delivrd ledger in place of files.")
@click.option(
    "--phone-key-file",
    metavar="FILE",
    envvar="DELIVRD_PHONE_KEY_FILE",
    help="The file with the store's key for phone numbers; also the environment's DELIVRD_PHONE_KEY_FILE.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="How many reports of the store are looked at, the newest first.",
)
@click.option(
    "--fixtures",
    metavar="FOLDER",
    help="Make a fixture for each code, in FOLDER/PROVIDER/: the input, its phone numbers replaced by fictional ones. "
    "No file is written over.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="A table, or JSON.")
@pass_session
def unlisted(
    session: Session,
    provider: str,
    files: tuple[str, ...],
    store: str | None,
    phone_key_file: str | None,
    limit: int,
    fixtures: str | None,
    form: str,
    options: Options,
) -> None:
    """Gather the codes that no table lists.

    Of each: how often it came, when first and last, one input (without secrets, phone numbers masked), and a row to
    complete for the code table, with what other tables mean by the same word. Times are those at which inputs were
    received, where that was kept with them (received_at), else the provider's own (occurred_at).

    FILE is `-`, or left out, for standard input. Inputs are read as trusted.

    Exits with 0 if everything was read, 1 if something was not, 2 if the call was wrong.
    """
    read_by = session.provider(provider)
    keep = None if fixtures is None else _Fixtures(Path(fixtures) / read_by.name).keep
    gatherer = Gatherer(session.registry.values(), put=keep)
    if store is None:
        failed = _from_files(gatherer, read_by, files or (STDIN,), options)
    elif files:
        raise Refusal("--store: expected either a store or files, got both")
    else:
        failed = _from_store(gatherer, read_by, options, store, phone_key(phone_key_file), limit)
    found = gatherer.found()
    if form == "json":
        for each in found:
            put_json(document(each))
    elif found:
        put("\n".join(_lines(found)))
    put_note(f"codes in no table: {len(found) or 'none'}, in {gatherer.reports} reports")
    if gatherer.left_out:
        put_note(
            f"{gatherer.left_out} more times a code in no table came and was not gathered: there are too many; "
            "read fewer inputs at a time, or list some of these first"
        )
    if failed:
        put_note(f"{failed} inputs could not be read")
        raise click.exceptions.Exit(1)


def document(found: Found) -> dict[str, Any]:
    """A code as JSON shows it: absent fields left out."""
    spans = {"received_at": found.received, "occurred_at": found.occurred}
    plain: dict[str, Any] = {
        "provider": found.provider,
        "field": found.field,
        "code": found.code,
        "times": found.times,
        **{name: msgspec.to_builtins(span) for name, span in spans.items()},
        "sample": {"place": found.sample.place, "text": found.sample.text},
        "row": found.row,
        "elsewhere": [msgspec.to_builtins(each) for each in found.elsewhere] or None,
        "fixture": found.fixture,
        "no_fixture": found.no_fixture,
    }
    return {name: value for name, value in plain.items() if value is not None}


def _from_files(gatherer: Gatherer, provider: Provider, names: tuple[str, ...], options: Options) -> int:
    """Gather from files; how many inputs could not be read."""
    failed = 0
    for found in inputs_of(names, options):
        if isinstance(found, Bad):
            failed += 1
            put_note(found.reason)
            continue
        made = attempt(provider, found, partial(_read, provider, found))
        if isinstance(made, Bad):
            failed += 1
            put_note(made.reason)
            continue
        if made.problems:
            failed += 1
            put_note(f"{found.label}: {len(made.problems)} item(s) could not be read; see delivrd normalize")
        gatherer.add(provider, made.reports, found.label, sample=found.sample, account=found.account)
    return failed


def _read(provider: Provider, good: Good) -> Receipt:
    sample = good.sample
    return provider.read(sample.input, good.account, asked=sample.asked, received_at=sample.received_at)


def _from_store(
    gatherer: Gatherer, provider: Provider, options: Options, url: str, key: bytes | None, limit: int
) -> int:
    with opened_store(url, key, migrate=False) as ledger:
        kept = ledger.newest(limit=limit, unlisted=True)
    if len(kept) == limit:
        put_note(f"only the newest {limit} reports with codes in no table were looked at (--limit)")
    for each in kept:
        if each.report.provider == provider.name:
            gatherer.add(
                provider,
                [each.report],
                f"message {each.message}",
                sample=each.input,
                account=options.account,
                received_at=each.received_at,
                times=each.times,
            )
    return 0


class _Fixtures:
    """Keeps fixtures in a folder, and writes over none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, suffix: str, content: bytes) -> str:
        """A file of this name, or of the next one that is free; the one that is there where it is the same."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for number in range(1, _NAMES):
                path = self._folder / (f"{name}{suffix}" if number == 1 else f"{name}-{number}{suffix}")
                try:
                    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                        file.write(content)
                except FileExistsError:
                    if not (path.is_file() and path.read_bytes() == content):
                        continue
                return click.format_filename(path)
        except OSError as error:
            folder = click.format_filename(self._folder)
            raise Failure(f"--fixtures: {folder}: {error.strerror or type(error).__name__}") from error
        raise Failure(f"--fixtures: {click.format_filename(self._folder)}: too many fixtures of one name there")


def _lines(found: list[Found]) -> Iterator[str]:
    yield text_table(_HEAD, [_cells(each) for each in found], columns(), _LEAST)
    for each in found:
        yield f"\n{each.field}={one_line(each.code)}, in {one_line(each.sample.place)}"
        for other in each.elsewhere:
            yield f"    # {one_line(str(other))}"
        yield f"    {each.row or '(no row: the code is too long for one, or holds a phone number)'}"
        if each.fixture is not None or each.no_fixture is not None:
            yield f"  fixture: {one_line(each.fixture or f'none: {each.no_fixture}')}"
        if each.sample.text is not None:
            said = each.sample.text.rstrip().splitlines()
            yield "  input:"
            yield from (f"    {one_line(line)}".rstrip() for line in said[:_LINES])
            if len(said) > _LINES:
                yield "    (cut here)"


def _cells(found: Found) -> tuple[str, ...]:
    code = (found.field, one_line(found.code), str(found.times))
    if found.seen is None:
        return (*code, "", "", "")
    by, span = found.seen
    first, last = (f"{each:%Y-%m-%d %H:%M:%S}Z" for each in (span.first, span.last))
    return (*code, first, last, by)

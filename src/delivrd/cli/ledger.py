"""`delivrd ledger`: where messages are, from a store.

The rule of this module: a store is only changed by a command that says so. The times of a call are
counted from its beginning, the one place where a clock is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from delivrd.accounts import Account
from delivrd.cli.output import columns, is_terminal, one_line, put, put_json, put_note
from delivrd.cli.passwords import named_password
from delivrd.cli.reading import account_file
from delivrd.cli.session import Failure, OneLineGroup, Refusal, Session, pass_session
from delivrd.cli.texttable import text_table
from delivrd.diff.axes import axes_of, told
from delivrd.errors import AccountError
from delivrd.files import sample_line

if TYPE_CHECKING:
    from delivrd.ledger import Difference, KeptReport, Ledger, Message

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST: Final = timedelta(weeks=999)
_MOST: Final = 1_000_000
_MESSAGE: Final = ("id", "provider", "message_id", "reference", "status", "final", "cause", "resend", "since")


class _Duration(click.ParamType[timedelta]):
    """A time span: 15m, 36h, 90d, 2w."""

    name = "duration"

    def convert(self, value: Any, _param: click.Parameter | None, _context: click.Context | None) -> timedelta:
        """As click's."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,5})([mhdw])", value)
        if found is None or timedelta(**{_UNITS[found[2]]: int(found[1])}) > _LONGEST:
            self.fail(f"{value!r} is no time span; expected such as 15m, 36h, 90d or 2w, and at most 999w")
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


_DURATION: Final = _Duration()
_format: Final = click.option(
    "--format",
    "form",
    type=click.Choice(["json", "table"]),
    help="One JSON object a line, or a table; a table by default on a terminal, else JSON.",
)


@click.group(cls=OneLineGroup)
@click.option(
    "--store",
    envvar="DELIVRD_STORE",
    default="delivrd.db",
    show_default=True,
    metavar="URL",
    help="A SQLite file, or postgresql://user@host/name; also the environment's DELIVRD_STORE, which keeps a password "
    "out of the list of processes.",
)
@click.option(
    "--phone-key-file",
    metavar="FILE",
    envvar="DELIVRD_PHONE_KEY_FILE",
    help="The file that holds the key under which phone numbers are kept as digests, for a store that is begun with "
    "one or was; also the environment's DELIVRD_PHONE_KEY_FILE.",
)
@click.pass_context
def ledger(context: click.Context, store: str, phone_key_file: str | None) -> None:
    """Keep receipts in a store, and ask where messages are.

    Needs the extra `delivrd[ledger]`; for PostgreSQL `delivrd[postgresql]`.
    """
    context.meta[__name__] = (store, phone_key(phone_key_file))


def _with_ledger(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the opened store first."""

    @wraps(command)
    def opened(*args: Any, **named: Any) -> Any:
        with opened_store(*_store(), migrate=False) as store:
            return command(store, *args, **named)

    return opened


@ledger.command()
def init() -> None:
    """Make the tables of a store, a new file where there is none."""
    _make_tables("the store has its tables")


@ledger.command()
def migrate() -> None:
    """Bring the tables of a store to this release."""
    _make_tables("the store's tables are those of this release")


@ledger.command()
@click.argument("name", metavar="ID")
@click.option("--raw", is_flag=True, help="With each report the input that it was read from, as a line of `.jsonl`.")
@_with_ledger
def show(store: Ledger, name: str, raw: bool) -> None:
    """Print the messages that have this id or reference, with their reports.

    ID is the provider's or the gateway's own, exactly as it was sent, or the one that this command line shows.
    """
    found = store.find(name)
    for message in found:
        put_json({**_document(message), "history": [_kept(kept, raw=raw) for kept in store.history(message)]})
    if not found:
        raise Failure("no message has this id or reference")


@ledger.command()
@click.option("--silent-for", type=_DURATION, help="Only those of which nothing was heard for so long: 36h, 3d.")
@click.option("--provider", help="Only those of this provider.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=1000, show_default=True, help="How many at most.")
@_format
@_with_ledger
def pending(store: Ledger, silent_for: timedelta | None, provider: str | None, limit: int, form: str | None) -> None:
    """Print the messages whose last word is still to come, the most silent first."""
    before = None if silent_for is None else _now() - silent_for
    _put_messages(islice(store.pending(before=before, provider=provider), limit), form)


@ledger.command()
@click.option("--last", type=_DURATION, default="24h", show_default=True, help="Messages first heard of in this time.")
@_format
@_with_ledger
def stats(store: Ledger, last: timedelta, form: str | None) -> None:
    """Count messages by the hour in which they were first heard of, provider, account, status and cause."""
    # Some clocks are ahead: the hour that has begun counts whole.
    now = _now()
    documents = [msgspec.to_builtins(each) for each in store.counts(now - last, now + timedelta(hours=1))]
    _put(documents, ("hour", "provider", "account", "status", "cause", "messages"), form)


@ledger.command()
@click.option("--older-than", type=_DURATION, required=True, help="Such as 90d.")
@click.option("--step", type=click.IntRange(1, _MOST), default=1000, show_default=True, help="Rows a transaction.")
@_with_ledger
def purge(store: Ledger, older_than: timedelta, step: int) -> None:
    """Let inputs, reports and followed changes go that are older than a time; the states stay."""
    before = _now() - older_than
    total = [0, 0, 0]
    while (purged := store.purge(before, limit=step)).any:
        total = [sum(pair) for pair in zip(total, (purged.inputs, purged.reports, purged.changes), strict=True)]
    put_note(f"{total[0]} inputs, {total[1]} reports and {total[2]} changes went")


@ledger.command()
@_with_ledger
def check(store: Ledger) -> None:
    """Look through the whole store for rows that cannot be read: damaged ones, and those of a newer release.

    Prints one JSON object for each. Exits with 0 if every row can be read, 1 if one cannot.
    """
    count = 0
    for each in store.damaged():
        put_json({"table": each.table, "row": each.row, "error": one_line(str(each))})
        count += 1
    put_note(f"rows that cannot be read: {count or 'none'}")
    if count:
        raise click.exceptions.Exit(1)


@ledger.command()
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="FILE",
    help="A JSON file with an account to read with, found by its name; can be given several times.",
)
@click.option("--apply", is_flag=True, help="Change the states. Without it, only what would change is shown.")
@_format
@pass_session
@_with_ledger
def replay(store: Ledger, session: Session, accounts: Sequence[str], apply: bool, form: str | None) -> None:
    """Read the kept inputs again with today's tables, and show which states come out otherwise.

    Messages of which something was purged, or whose account is not given, are left as they are and counted.
    """
    named = {account.name: account for account in map(account_file, accounts)}
    seen = 0
    differences: list[Difference] = []

    def account_of(_provider: str, name: str) -> Account | None:
        return named.get(name)

    for step in store.replay(session.registry, account_of, apply_at=_now() if apply else None):
        seen += step.messages
        differences += step.differences
    changed = [each for each in differences if each.after is not None]
    _put(map(_difference, changed), ("id", "message_id", "before", "after", "change"), form)
    put_note(f"{seen} messages: {len(changed)} {'changed' if apply else 'would change (--apply changes them)'}")
    for why, count in sorted(Counter(each.why for each in differences if each.why is not None).items()):
        put_note(f"{count} could not be read again: {why.meaning}")


@contextmanager
def opened_store(url: str, key: bytes | None = None, *, migrate: bool) -> Iterator[Ledger]:
    """A store, as long as the block lasts; what goes wrong with it is told on one line."""
    try:
        from delivrd.ledger import Ledger, LedgerError
    except ImportError as error:
        raise Refusal(str(error)) from error
    try:
        with Ledger.open(url, phone_key=key, migrate=migrate) as store:
            yield store
    except (LedgerError, AccountError, ValueError) as error:
        raise Failure(one_line(str(error))) from error


def _make_tables(said: str) -> None:
    with opened_store(*_store(), migrate=True):
        put_note(said)


def phone_key(file: str | None) -> bytes | None:
    """The key that a file holds, without the line end after it.

    Raises:
        Refusal: it holds none.
    """
    return None if file is None else named_password("--phone-key", None, file).encode()


def _store() -> tuple[str, bytes | None]:
    store: tuple[str, bytes | None] = click.get_current_context().meta[__name__]
    return store


def _now() -> datetime:
    return datetime.now(UTC)


def _document(message: Message) -> dict[str, Any]:
    beside = {"sent_at": message.sent_at, "version": message.version, "whole": message.whole}
    plain: dict[str, Any] = msgspec.to_builtins({name: value for name, value in beside.items() if value is not None})
    return {"id": message.id, **message.state.to_dict(), **plain}


def _kept(kept: KeptReport, *, raw: bool) -> dict[str, Any]:
    document = {"times": kept.times, **kept.report.to_dict()}
    if raw and kept.input is not None:
        document["input"] = msgspec.to_builtins(sample_line(kept.input))
    return document


def _difference(each: Difference) -> dict[str, Any]:
    named = each.before or each.after
    name = None if named is None else named.message_id or named.reference
    document = {"id": each.id, "message_id": name, "before": None if each.before is None else each.before.status}
    if each.after is None:
        return document
    before = {} if each.before is None else axes_of(each.before.to_dict())
    moved = told(before, axes_of(each.after.to_dict()))
    return {**document, "after": each.after.status, "change": moved or None}


def _put_messages(messages: Iterable[Message], form: str | None) -> None:
    _put((_document(message) for message in messages), _MESSAGE, form)


def _put(documents: Iterable[dict[str, Any]], head: Sequence[str], form: str | None) -> None:
    """Print documents, each on its line as soon as it is there; or as a table."""
    if form == "table" or (form is None and is_terminal()):
        rows = [[_cell(document.get(name)) for name in head] for document in documents]
        put(text_table(head, rows, columns()) if rows else "nothing")
        return
    for document in documents:
        put_json({name: value for name, value in document.items() if value is not None})


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else one_line(str(value))

"""`delivrd poll`: reports that are asked for.

The rule of this module: a report is on standard output, flushed, and what is no report is in its file, before
the provider is told that it was taken.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from delivrd.accounts import Account
from delivrd.cli.keeping import Keeper
from delivrd.cli.ledger import opened_store
from delivrd.cli.output import hand_over, put_note
from delivrd.cli.session import Failure, Refusal
from delivrd.cli.whose import whose
from delivrd.files import Sample, sample_line
from delivrd.inputs import Response
from delivrd.provider import Provider
from delivrd.questions import Question
from delivrd.samplelines import write_line

if TYPE_CHECKING:
    from delivrd.ledger import Ledger
    from delivrd.poll import Answered, Entry, Event

_CLEAR: Final = "\r\x1b[K"
"""Back to the beginning of a terminal's line, and clears it."""


class _Run(msgspec.Struct):
    """One call: what it was given, and what came of it.

    Attributes:
        provider, account: whom to ask.
        others: takes what is no report.
        errors: takes answers that could not be read or handed over.
        told: questions of which something was told, each by its operation and id.
        failed: those that came to nothing.
        unread: those whose answers held something that could not be read.
        bar: shows how far it has got, on a terminal.
        store: keeps the receipts, and what is still to be asked.
        stopped: whether the run ended before all was asked.
    """

    provider: Provider
    account: Account
    others: Keeper
    errors: Keeper
    bar: Any
    store: Ledger | None = None
    stopped: bool = False
    told: set[tuple[str, str]] = set()
    failed: set[tuple[str, str]] = set()
    unread: set[tuple[str, str]] = set()

    async def take(self, answered: Answered) -> None:
        """Record the receipt, print the reports, keep all else; after this it has been handed over."""
        entry, receipt = answered.entry, answered.receipt
        if self.store is not None:
            await self._record(self.store, answered)
        for problem in receipt.problems:
            self.others.keep(_line({"problem": problem.reason, "item": problem.item}))
        for other in receipt.others:
            self.others.keep(_line(other))
        with self.aside():
            for report in receipt.reports:
                hand_over(report.to_dict())
            for problem in receipt.problems:
                put_note(f"{_label(entry)}: item {problem.index}: {problem.reason}")
                self.unread.add(_asked(entry))
            if receipt.others:
                kept = "" if self.others.name is None else ", kept"
                put_note(f"{_label(entry)}: {len(receipt.others)} item(s) that are no delivery report{kept}")

    def tell(self, event: Event) -> None:
        """Say what became of a question."""
        from delivrd.cli.normalize import absence_words
        from delivrd.poll import Next

        said = event.next.meaning
        if event.absence is not None:
            said = f"no report: {absence_words(self.provider, event.absence)}"
        elif event.reason:
            said = f"{event.next}: {event.reason}"
        if event.answer is not None:
            said += self._kept(event.answer, event.reason)
        failed = event.next not in (Next.FINAL, Next.WAITING, Next.EMPTY)
        with self.aside():
            if failed or event.absence is not None:
                put_note(f"{_label(event.entry)}: {said}")
        asked = _asked(event.entry)
        self.told.add(asked)
        self.failed.discard(asked)
        if failed:
            self.failed.add(asked)
        if event.done:
            self.bar.update(1)

    async def _record(self, store: Ledger, answered: Answered) -> None:
        from delivrd.ledger import Arrival

        receipt = answered.receipt
        # An answer that says nothing yet is not worth keeping: it is asked for again.
        if receipt.reports or receipt.others or receipt.problems:
            of = answered.target
            arrival = Arrival(of.provider, answered.response, receipt, answered.received_at, of.account, answered.asked)
            await asyncio.to_thread(store.record, arrival)

    def _kept(self, answer: Response, reason: str) -> str:
        """Keep the answer that could not be read or handed over, and say so."""
        try:
            self.errors.keep(write_line(sample_line(Sample(input=answer), reason=reason)))
        except OSError as error:
            return f"; not kept: {error.strerror or type(error).__name__}"
        return "; kept" if self.errors.name is not None else "; --errors FILE keeps such answers"

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Write something else while a bar is shown."""
        shown = sys.stderr.isatty()
        if shown:
            click.echo(_CLEAR, nl=False, err=True)
        yield
        if shown:
            self.bar.render_progress()


@click.command()
@whose
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--operation", metavar="NAME", help="What to ask; the provider's first question by default.")
@click.option(
    "--until-final", is_flag=True, help="Ask again and again, until each report is final, or the inbox is empty."
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
    metavar="TIME",
    help="When the messages were sent (2026-05-01T12:00:00+00:00); now by default. Providers keep reports for a "
    "limited time.",
)
@click.option(
    "--pause",
    type=click.FloatRange(0.01),
    default=30.0,
    show_default=True,
    help="Seconds before asking again at first.",
)
@click.option("--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds for an answer.")
@click.option(
    "--store",
    envvar="DELIVRD_STORE",
    metavar="URL",
    help="Keep the receipts in this ledger, and what is still to be asked: a run that was broken off goes on there. "
    "Also the environment's DELIVRD_STORE.",
)
@click.option("--others", metavar="FILE", help="Add what is no report to this file, a line of JSON each.")
@click.option(
    "--errors", metavar="FILE", help="Add answers that cannot be read or printed to this file, a line of JSON each."
)
def poll(
    provider: Provider,
    account: Account,
    ids: tuple[str, ...],
    operation: str | None,
    until_final: bool,
    since: datetime | None,
    pause: float,
    timeout: float,
    store: str | None,
    others: str | None,
    errors: str | None,
) -> None:
    """Ask a provider about messages, or look into an inbox, and print the canonical reports.

    ACCOUNT is a name in the accounts file, or a JSON file with the fields of delivrd.Account. Each ID is asked
    about; the questions about an inbox need none, and with a store the questions that it still holds are asked.
    The provider's shortest interval between questions is kept. Reports go to standard output, one JSON object
    each; everything else goes to standard error.

    Exits with 0 if every question was answered, 1 if one was not, 2 if the call was wrong.
    """
    question = _question(provider, account, operation, ids, needed=store is None)
    if question.about is None and others is None and store is None:
        raise Refusal(
            "--others: expected a file, or a --store: an inbox can hold what is no report, and asking marks it"
        )
    wanted = list(dict.fromkeys(ids)) or ([] if question.about is not None else [""])
    bar = click.progressbar(length=len(wanted), label="done", file=sys.stderr, hidden=not sys.stderr.isatty())
    run = _Run(provider, account, Keeper(others, "--others"), Keeper(errors, "--errors"), bar)
    with bar, _opened(store) as run.store:
        asyncio.run(_ask(run, question, wanted, until_final, since, timedelta(seconds=pause), timeout))
    nothing = run.failed | run.unread
    if nothing:
        count = len(run.told | {(question.operation, each) for each in wanted})
        put_note(f"{len(nothing)} of {count} questions came to nothing")
        raise click.exceptions.Exit(1)


@contextmanager
def _opened(store: str | None) -> Iterator[Ledger | None]:
    if store is None:
        yield None
        return
    with opened_store(store, migrate=False) as opened:
        yield opened


def _question(
    provider: Provider, account: Account, operation: str | None, ids: tuple[str, ...], *, needed: bool
) -> Question:
    """The question, known to be one that can be asked."""
    try:
        question = provider.question(operation)
        if question.about is None and ids:
            raise ValueError(f"{question.operation} is about no ID: give none, or another --operation")
        for each in ids or ([""] if needed or question.about is None else []):
            provider.ask(each or None, account, operation=operation)
    except ValueError as error:
        raise Refusal(provider.blot(str(error), account)) from error
    return question


async def _ask(
    run: _Run,
    question: Question,
    ids: list[str],
    until_final: bool,
    since: datetime | None,
    pause: timedelta,
    timeout: float,
) -> None:
    try:
        from delivrd.poll import Agenda, MemoryAgenda, Next, Pauses, Poller, Target
    except ImportError as error:
        raise Failure(str(error)) from error
    import httpx

    agenda: Agenda = MemoryAgenda()
    if run.store is not None:
        from delivrd.ledger.agenda import LedgerAgenda

        agenda = LedgerAgenda(run.store)

    async def watch(event: Event) -> None:
        run.tell(event)
        if event.next not in (Next.REFUSED, Next.WRONG_ACCOUNT, Next.NOT_HANDED_OVER):
            return
        # Nothing that this call could wait for will mend it.
        if isinstance(agenda, MemoryAgenda):
            agenda.done(event.entry)
        elif until_final:
            poller.stop()
            run.stopped = True

    target = Target(run.provider, run.account)
    async with httpx.AsyncClient(timeout=timeout) as client:
        poller = Poller(
            [target],
            agenda,
            run.take,
            client=client,
            now=lambda: datetime.now(UTC),
            random=random.random,
            watch=watch,
            pauses=Pauses(first=pause, first_failure=pause),
            whole_within=timedelta(seconds=timeout),
        )
        for each in ids:
            await poller.add(*target.names, each, operation=question.operation, since=since)
        await (poller.run(until_done=True) if until_final else poller.run_once())
    if run.stopped:
        put_note("what is still to be asked stays in the store")


def _asked(entry: Entry) -> tuple[str, str]:
    return entry.operation, entry.id


def _label(entry: Entry) -> str:
    return entry.id or entry.operation


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"

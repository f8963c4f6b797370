"""One account's questions: asked at the provider's pace, at one host after the other, each answer handed over.

The rule of this module: what the provider does wrong, or the network, or the handler, is an answer to the
caller and never an exception; only what the agenda raises comes through.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeAlias, TypeVar, cast

import httpx
import msgspec

from delivrd.accounts import Account
from delivrd.inputs import Request, Response
from delivrd.poll.agenda import Agenda, Entry, Maybe
from delivrd.poll.cancelling import WasCancelled, only_own_cancellation
from delivrd.poll.plan import Event, Next, later, next_of, retry_after
from delivrd.poll.sending import Unreached, send
from delivrd.provider import Provider
from delivrd.questions import Question
from delivrd.receipt import AbsenceKind, Receipt

_T = TypeVar("_T")

_NOT_MARKED: Final = frozenset({AbsenceKind.UNAVAILABLE, AbsenceKind.REFUSED, AbsenceKind.BAD_QUESTION})
"""What an answer to a follow-up says when it came to nothing."""


class Target(msgspec.Struct, frozen=True, eq=False):
    """Whom to ask: a provider, for an account that is known by its name."""

    provider: Provider
    account: Account

    @property
    def names(self) -> tuple[str, str]:
        """The provider's name and the account's, as entries have them."""
        return self.provider.name, self.account.name

    def hide(self, text: str) -> str:
        """A text without the account's secrets."""
        return self.provider.blot(text, self.account)


class Answered(msgspec.Struct, frozen=True, eq=False):
    """What a handler gets: a receipt, and what belongs to it.

    Attributes:
        entry: the question.
        receipt: of its answer.
        response: the answer, as it arrived.
        received_at: when; aware.
        target: who was asked, for whom.
    """

    entry: Entry
    receipt: Receipt
    response: Response
    received_at: datetime
    target: Target

    @property
    def provider(self) -> Provider:
        """Who was asked."""
        return self.target.provider

    @property
    def asked(self) -> str | None:
        """The id that it answers; None where the question was about none."""
        return self.entry.id or None


Handler: TypeAlias = Callable[[Answered], Maybe[None]]
"""Takes over what came of a question. What it returns from without an exception is handed over."""


class Tools(msgspec.Struct, frozen=True, eq=False):
    """What all askers of a poller share; its attributes are told of in `Poller`."""

    agenda: Agenda
    handler: Handler
    client: httpx.AsyncClient
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    main_again: timedelta
    whole_within: timedelta


class Asker:
    """Asks for one target.

    Raises:
        AccountError: the account does not fit the provider.
    """

    def __init__(self, target: Target, tools: Tools) -> None:
        target.provider.check(target.account)
        self.target = target
        self._tools = tools
        self._pace = asyncio.Lock()
        # The place of the host to begin with, and until when, by operation.
        self._host: dict[str, tuple[int, datetime]] = {}

    async def ask(self, question: Question, entry: Entry) -> tuple[Event, timedelta]:
        """Ask, at one host after the other until one answers.

        Returns:
            What became of it, and the shortest pause that the provider wants before the next time.
        """
        event, pause = Event(entry=entry, next=Next.FAILED), timedelta()
        for place, host in self._hosts(question):
            before = pause
            event, pause = await self._at_host(question, entry, host)
            if event.next is not Next.FAILED:
                break
            # Where none has answered, each host is left alone for as long as it said.
            pause = max(pause, before)
            backup = (place + 1) % len(question.hosts)
            self._host[question.operation] = (backup, later(self._tools.now(), self._tools.main_again))
            if question.shortest_interval is not None:
                # The next host has its turn when the interval is over.
                break
        return event, max(pause, question.shortest_interval or timedelta())

    def _hosts(self, question: Question) -> Iterator[tuple[int, str]]:
        """The question's hosts with their places: the main one first, or for a while after its failure a backup."""
        first, until = self._host.get(question.operation, (0, None))
        left = until - self._tools.now() if until is not None else timedelta()
        # A clock that was set back must not keep anybody with the backup.
        if not timedelta() < left <= self._tools.main_again:
            first = 0
        for step in range(len(question.hosts)):
            place = (first + step) % len(question.hosts)
            yield place, question.hosts[place]

    async def _at_host(self, question: Question, entry: Entry, host: str) -> tuple[Event, timedelta]:
        try:
            response, receipt, at = await self._exchange(question, entry.id, host)
        except _Unmade as failure:
            return Event(entry=entry, next=Next.WRONG_ACCOUNT, reason=failure.reason), timedelta()
        except _Unanswered as failure:
            return Event(entry=entry, next=Next.FAILED, reason=failure.reason, answer=failure.answer), failure.pause
        try:
            with only_own_cancellation():
                await settle(self._tools.handler(Answered(entry, receipt, response, at, self.target)))
        except Exception as error:
            cancelled = isinstance(error, WasCancelled)
            reason = "the handler was cancelled" if cancelled else f"the handler raised {type(error).__name__}"
            # Asking may have marked what it answered: then nobody else has it any more.
            shown = self._shown(response)
            event = Event(entry=entry, next=Next.NOT_HANDED_OVER, reason=reason, error=error, answer=shown)
            return event, retry_after(response)
        reason, pause = "", retry_after(response)
        following = Next.FAILED if response.status >= 500 else next_of(question, receipt)
        if following in (Next.WAITING, Next.FINAL, Next.EMPTY):
            try:
                await self._follow_up(receipt)
            except (_Unmade, _Unanswered) as failure:
                # Unmarked, the record comes again: it is handed over twice rather than lost.
                following, reason, pause = Next.FAILED, failure.reason, max(pause, failure.pause)
        return Event(entry=entry, next=following, reason=reason, absence=receipt.absence), pause

    async def _follow_up(self, receipt: Receipt) -> None:
        """Tell the provider what it is to be told now that the receipt is handed over."""
        for following in receipt.follow_up:
            try:
                question = self.target.provider.question(following.operation)
            except ValueError as error:
                raise _Unmade(str(error)) from None
            answer, told, _ = await self._exchange(question, following.id, question.hosts[0])
            if told.absence is not None and told.absence.kind in _NOT_MARKED:
                raise _Unanswered(f"{following.operation}: {told.absence.kind}", pause=retry_after(answer))

    async def _exchange(self, question: Question, id: str, host: str) -> tuple[Response, Receipt, datetime]:
        """Ask at one host, and read the answer."""
        provider, account = self.target.provider, self.target.account
        request = self._made(question, id, host)
        tools = self._tools
        sending = partial(send, tools.client, request, self.target.hide, account.max_body, tools.whole_within)
        try:
            response = await self._paced(question.shortest_interval, sending)
        except Unreached as error:
            raise _Unanswered(str(error)) from None
        asked = id if question.about is not None else None
        at = self._tools.now()
        try:
            return response, provider.read(response, account, asked=asked, received_at=at), at
        # A plugin is a stranger's code, and one answer must not stop the rest.
        except Exception as error:
            said = self.target.hide(f"{type(error).__name__}: {error}")
        # The answer may be the only copy of what an inbox held: the watcher gets it whole.
        raise _Unanswered(said, self._shown(response), retry_after(response))

    def _shown(self, response: Response) -> Response:
        """An answer without the account's secrets."""
        return cast("Response", self.target.provider.blotted(response, self.target.account))

    def _made(self, question: Question, id: str, host: str) -> Request:
        provider, account = self.target.provider, self.target.account
        try:
            return provider.ask(id or None, account, operation=question.operation, host=host)
        # Likewise.
        except Exception as error:
            said = self.target.hide(f"{type(error).__name__}: {error}")
        raise _Unmade(said)

    async def _paced(self, interval: timedelta | None, sending: Callable[[], Awaitable[Response]]) -> Response:
        """Send; where there is a shortest interval, when the account's last such question is long enough ago."""
        if interval is None:
            return await sending()
        names, tools = self.target.names, self._tools
        async with self._pace:
            last = await settle(tools.agenda.last_asked(*names))
            if last is not None:
                # A clock that was set back must not make anybody wait longer than the interval.
                pause = min(last + interval - tools.now(), interval)
                if pause > timedelta():
                    await tools.sleep(pause.total_seconds())
            await settle(tools.agenda.note_asked(*names, tools.now()))
            try:
                return await sending()
            finally:
                # From the end, so that a slow network brings no two questions closer together.
                await settle(tools.agenda.note_asked(*names, tools.now()))


class _Unanswered(Exception):
    """No answer that can be read.

    Args:
        reason: why, in words, without secrets.
        answer: what came, without the account's secrets.
        pause: for how long the host asks to be left alone.
    """

    def __init__(self, reason: str, answer: Response | None = None, pause: timedelta = timedelta()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        self.pause = pause


class _Unmade(Exception):
    """The question cannot be made."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = timedelta()


async def settle(value: Maybe[_T]) -> _T:
    """The value of a plain function or of a coroutine function."""
    return await value if inspect.isawaitable(value) else value

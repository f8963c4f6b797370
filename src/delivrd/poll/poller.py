"""The poller: asks what is due, hands over what comes of it, and only then forgets or puts off the question.

The rule of this module: nothing is forgotten before it was handed over. A handler that fails, a process
that ends, an answer that nobody can read: each leaves the question where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import httpx
import msgspec

from delivrd.logs import logger
from delivrd.poll.agenda import Agenda, Entry, Key, Maybe
from delivrd.poll.asker import Asker, Handler, Target, Tools, settle
from delivrd.poll.cancelling import only_own_cancellation
from delivrd.poll.plan import LAST, LONGEST_HEED, Event, Next, Pauses, ends_at, later, put_off

LOG: Final = logger("poll")

_TAKEN_AT_ONCE: Final = 8
"""Entries that are taken from the agenda at a time, for each question that may be under way."""

_ALL: Final = 1 << 31
"""More entries than an agenda holds."""

Watcher: TypeAlias = Callable[[Event], Maybe[None]]
"""Is told what became of each question. It must not raise."""


class Poller:
    """Asks providers, at their pace.

    Args:
        targets: whom to ask. No two of one provider and one account name.
        agenda: what is still to be asked.
        handler: takes each receipt over; a coroutine function, or a plain one, which then must not block.
        client: sends the questions. Its headers, cookies, authentication and redirects are not used.
        now: the time; aware.
        random: a number from 0 up to 1, for the jitter of pauses (`random.random`).
        sleep: waits so many seconds.
        watch: is told what became of each question; `log_failures` by default.
        pauses: how long to wait before asking again.
        at_once: questions that may be under way for one account.
        longest: how long a message is asked about, where its provider keeps reports longer or does not say.
        look_every: how often the agenda is looked at for entries that somebody else put there.
        main_again: how long a question stays with a backup host before its main host is tried again.
        whole_within: how long an answer may take from the question to its last byte. The client's timeouts limit
            silence alone.

    Raises:
        ValueError: two targets have one name, or `at_once` is below 1.
        AccountError: an account does not fit its provider.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        agenda: Agenda,
        handler: Handler,
        *,
        client: httpx.AsyncClient,
        now: Callable[[], datetime],
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        watch: Watcher | None = None,
        pauses: Pauses = Pauses(),  # noqa: B008 - it cannot change
        at_once: int = 4,
        longest: timedelta = timedelta(days=7),
        look_every: timedelta = timedelta(seconds=10),
        main_again: timedelta = timedelta(minutes=5),
        whole_within: timedelta = timedelta(minutes=1),
    ) -> None:
        if at_once < 1:
            raise ValueError("at_once: expected 1 or more")
        tools = Tools(agenda, handler, client, now, sleep, main_again, whole_within)
        lines = [_line(Asker(target, tools), at_once, pauses) for target in targets]
        self._lines = {line.asker.target.names: line for line in lines}
        if len(self._lines) != len(lines):
            raise ValueError("targets: expected one for each provider and account name")
        self._agenda = agenda
        self._now = now
        self._random = random
        self._sleep = sleep
        self._watch = watch or log_failures
        self._pauses = pauses
        self._longest = longest
        self._look_every = look_every
        self._stopped = False

    async def add(
        self, provider: str, account: str, id: str = "", *, operation: str | None = None, since: datetime | None = None
    ) -> Entry:
        """Put a question on the agenda, to be asked at once.

        Args:
            provider, account: the names of a target.
            id: what is asked about, where the question needs it.
            operation: which question; the provider's first by default.
            since: when the message was sent, aware; now by default.

        Raises:
            KeyError: there is no such target.
            ValueError: the provider cannot be asked this, or the id is missing.
        """
        question = self._lines[provider, account].asker.target.provider.question(operation)
        if question.about is not None and not id.strip():
            raise ValueError(f"{provider}, {question.operation}: expected the id of the {question.about}")
        now = self._now()
        entry = Entry(
            provider=provider, account=account, operation=question.operation, id=id, since=since or now, at=now
        )
        await settle(self._agenda.add(entry))
        return entry

    async def run(self, *, until_done: bool = False) -> None:
        """Ask, again and again, until `stop`.

        Args:
            until_done: end when the agenda holds nothing more for any target, and take an inbox that is empty
                for done. Otherwise it ends when it is cancelled.

        Raises:
            ExceptionGroup: of what the agenda raised.
        """
        async with asyncio.TaskGroup() as tasks:
            for line in self._lines.values():
                tasks.create_task(self._follow(line, until_done))

    def stop(self) -> None:
        """End `run` when the questions that are under way are through. What was not asked stays on the agenda."""
        self._stopped = True

    async def run_once(self) -> None:
        """Ask everything that is due, once. Raises: as `run`."""
        async with asyncio.TaskGroup() as tasks:
            for line in self._lines.values():
                for entry in await self._due(line, _ALL):
                    tasks.create_task(self._turn(line, entry, until_done=False))

    async def _follow(self, line: _Line, until_done: bool) -> None:
        with only_own_cancellation():
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._begin(line, tasks, until_done)
                    if line.begun:
                        await self._wait(line)
                        continue
                    if self._stopped:
                        return
                    following = await settle(self._agenda.next_at(*line.asker.target.names))
                    if until_done and following is None:
                        return
                    now = self._now()
                    # What rests here is still due on the agenda, so the agenda alone does not say when to go on.
                    coming = [at - now for at in (following, *line.resting.values()) if at is not None and at > now]
                    await self._sleep(min([*coming, self._look_every]).total_seconds())
                    if following is not None and following > later(now, line.furthest):
                        line.looked_far = None

    async def _begin(self, line: _Line, tasks: asyncio.TaskGroup, until_done: bool) -> None:
        """Take what is due from the agenda, where the account has room for one more question."""
        if len(line.begun) < line.at_once and not self._stopped:
            for entry in await self._due(line, line.most):
                line.begun[entry.key] = tasks.create_task(self._turn(line, entry, until_done))

    async def _wait(self, line: _Line) -> None:
        """Wait until a question is through. One that takes its time holds up none that comes due meanwhile."""
        room = len(line.begun) < line.at_once
        # The loop's own time: a server's silence is real, whatever clock the pauses go by.
        most = self._look_every.total_seconds() if room else None
        await asyncio.wait(line.begun.values(), timeout=most, return_when=asyncio.FIRST_COMPLETED)
        line.begun = {key: task for key, task in line.begun.items() if not task.done()}

    async def _due(self, line: _Line, most: int) -> Sequence[Entry]:
        now = self._now()
        furthest = later(now, line.furthest)
        line.resting = {key: at for key, at in line.resting.items() if now < at <= furthest}
        taken = {*line.resting, *line.begun}
        names = line.asker.target.names
        found = await settle(self._agenda.due(*names, now, most + len(taken)))
        if line.looked_far is None or not timedelta() <= now - line.looked_far < line.furthest:
            # A clock that was wrong for a moment has put an entry off until then, and nothing else would find it.
            held = await settle(self._agenda.due(*names, LAST, _ALL))
            far = [entry for entry in held if entry.at > furthest and entry.key not in taken]
            line.looked_far = now if len(far) <= most else None
            found = [*far, *found]
        return [entry for entry in found if entry.key not in taken][:most]

    async def _turn(self, line: _Line, entry: Entry, until_done: bool) -> None:
        """Ask one question, do on the agenda what follows from it, and tell of it."""
        # A task group takes any cancellation for its own and says nothing: the question would be asked again at once.
        with only_own_cancellation():
            await self._asked(line, entry, until_done)

    async def _asked(self, line: _Line, entry: Entry, until_done: bool) -> None:
        async with line.under_way:
            if self._stopped:
                return
            try:
                question = line.asker.target.provider.question(entry.operation)
            except ValueError as error:
                self._rest(line, entry, timedelta())
                await settle(self._watch(Event(entry=entry, next=Next.WRONG_ACCOUNT, reason=str(error))))
                return
            end = ends_at(question, entry.since, self._longest)
            if end is not None and self._now() >= end:
                event, pause = Event(entry=entry, next=Next.GONE), timedelta()
            else:
                event, pause = await line.asker.ask(question, entry)
            if event.next in (Next.NOT_HANDED_OVER, Next.WRONG_ACCOUNT):
                self._rest(line, entry, pause)
            else:
                line.unheard.pop(entry.key, None)
                event = await self._entered(event, pause, end, until_done)
            await settle(self._watch(event))

    def _rest(self, line: _Line, entry: Entry, pause: timedelta) -> None:
        """Leave an entry alone for a while. On the agenda it stays due, for the next process too."""
        times = line.unheard[entry.key] = line.unheard.get(entry.key, 0) + 1
        line.resting[entry.key] = later(self._now(), max(self._pauses.after_failure(times, self._random()), pause))

    async def _entered(self, event: Event, pause: timedelta, end: datetime | None, until_done: bool) -> Event:
        """Write what became of a question onto the agenda."""
        entry = event.entry
        if event.done or (event.next is Next.EMPTY and until_done):
            await settle(self._agenda.done(entry))
            return event
        if event.next in (Next.FAILED, Next.REFUSED):
            counted = msgspec.structs.replace(entry, failed=entry.failed + 1)
            least = self._pauses.after_failure(counted.failed, self._random())
        else:
            # An inbox has no end, and is looked into at an even pace.
            counted = msgspec.structs.replace(entry, failed=0, asked=0 if end is None else entry.asked + 1)
            least = self._pauses.after_answer(counted.asked)
        following = put_off(counted, self._now(), max(least, pause), end)
        if following is None:
            await settle(self._agenda.done(entry))
            return msgspec.structs.replace(event, next=Next.GONE)
        await settle(self._agenda.put_off(following))
        return event


class _Line(msgspec.Struct, eq=False):
    """What one target needs while it is asked.

    Attributes:
        asker: asks for it.
        at_once: its questions that may be under way.
        under_way: limits them.
        most: entries that are taken from the agenda at a time.
        begun: the entries that are taken and not through.
        furthest: no question is put off for longer than this, so one that is further away was put off by a clock
            that was wrong.
        looked_far: when such entries were looked for last.
        resting: until when this process leaves an entry alone that is due on the agenda.
        unheard: how often in a row an entry could not be asked or handed over.
    """

    asker: Asker
    at_once: int
    under_way: asyncio.Semaphore
    most: int
    furthest: timedelta
    begun: dict[Key, asyncio.Task[None]] = {}
    looked_far: datetime | None = None
    resting: dict[Key, datetime] = {}
    unheard: dict[Key, int] = {}


def _line(asker: Asker, at_once: int, pauses: Pauses) -> _Line:
    intervals = [question.shortest_interval or timedelta() for question in asker.target.provider.questions]
    # What is asked one after the other, with a pause, is taken so too: what comes due meanwhile has its turn.
    paced = any(intervals)
    most = 1 if paced else at_once * _TAKEN_AT_ONCE
    furthest = max(pauses.longest, pauses.longest_failure, LONGEST_HEED, *intervals)
    return _Line(asker, 1 if paced else at_once, asyncio.Semaphore(at_once), most, furthest)


def log_failures(event: Event) -> None:
    """Tell the log `delivrd.poll` of what went wrong, by names that hold no number.

    Never of an id, a body or an error's text. It is the watcher of a `Poller` that is given no other.
    """
    if event.next in (Next.FAILED, Next.REFUSED, Next.NOT_HANDED_OVER, Next.WRONG_ACCOUNT):
        entry = event.entry
        LOG.warning("%s of account %r, %s: %s", entry.provider, entry.account, entry.operation, event.next)

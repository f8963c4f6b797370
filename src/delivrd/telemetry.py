"""Counting what comes, with OpenTelemetry; the extra `opentelemetry` of this package.

    telemetry = Telemetry()
    receiver = Receiver(accounts, watch=telemetry.not_taken)
    app = delivrd.asgi.Application(receiver, telemetry.measured(handler))

The rule of this module: nobody outside can make a new time series. Every attribute is a word of delivrd's own,
a provider's name, or the name of one of its code tables; never a number, an id, a code or a text that was sent.

It needs the API alone, which does nothing where no SDK is set up. What is handed over at a time is added up
first: each set of attributes is told once a call, however many reports there are.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache, wraps
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

try:
    from opentelemetry import metrics
except ImportError as error:
    raise ImportError("delivrd.telemetry needs OpenTelemetry: pip install 'delivrd[opentelemetry]'") from error

from delivrd.errors import InputError, NotAuthentic, TooLarge, Unreadable, UnsupportedMediaType, WrongMethod
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from delivrd.receiving.conduct import is_async
from delivrd.receiving.receiver import NotTaken
from delivrd.report import WarningKind
from delivrd.vocabulary import Cause, Evidence, Status

if TYPE_CHECKING:
    # Each needs an extra of its own, which who does without it need not have.
    from delivrd.ledger import Recorded
    from delivrd.mailbox import Collected
    from delivrd.poll import Event, Watcher

OTHER: Final = "_OTHER"
"""What stands for a value that is none of the known ones, as in OpenTelemetry's own conventions."""

Attributes: TypeAlias = tuple[tuple[str, str | bool], ...]


class Instrument(NamedTuple):
    """A counter: its name, its unit (UCUM), and what it counts."""

    name: str
    unit: str
    description: str


REPORTS: Final = Instrument("delivrd.reports", "{report}", "Reports that were handed over")
UNLISTED: Final = Instrument("delivrd.unlisted", "{code}", "Codes that are in no table")
WARNINGS: Final = Instrument("delivrd.warnings", "{warning}", "Warnings of reports")
PROBLEMS: Final = Instrument("delivrd.problems", "{item}", "Items that could not be read, while others were")
OTHERS: Final = Instrument("delivrd.others", "{item}", "Items that are no reports")
ABSENCES: Final = Instrument("delivrd.absences", "{receipt}", "Receipts without a report")
REFUSALS: Final = Instrument("delivrd.refusals", "{request}", "Requests that were refused")
FAILURES: Final = Instrument("delivrd.failures", "{request}", "Requests that failed on our side")
QUESTIONS: Final = Instrument("delivrd.questions", "{question}", "Questions to providers that are through")
MAILS: Final = Instrument("delivrd.mails", "{mail}", "Mails that were looked at")
RECORDED: Final = Instrument("delivrd.ledger.reports", "{report}", "Reports that were recorded in the ledger")

INSTRUMENTS: Final = (
    REPORTS, UNLISTED, WARNINGS, PROBLEMS, OTHERS, ABSENCES, REFUSALS, FAILURES, QUESTIONS, MAILS, RECORDED
)  # fmt: skip
"""All of them. Names and units are by OpenTelemetry's semantic conventions (general: naming, metrics)."""

_ERRORS: Final = (NotAuthentic, WrongMethod, TooLarge, UnsupportedMediaType, Unreadable, InputError)
"""The kinds of refusal; a plugin's own is counted as the one that it is a kind of."""


class Handed(Protocol):
    """What handlers get: `delivrd.receiving.Received`, `delivrd.poll.Answered`."""

    @property
    def provider(self) -> Provider:
        """Who said it."""

    @property
    def receipt(self) -> Receipt:
        """What was said."""


_Handed = TypeVar("_Handed", bound=Handed)
_Result = TypeVar("_Result")


class Telemetry:
    """The counters, and what tells them. Threads can share it.

    Args:
        meter_provider: of the SDK; the global one by default, which may be set later.
    """

    def __init__(self, meter_provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter("delivrd", version("delivrd"), meter_provider)
        self._counters = {each: meter.create_counter(*each) for each in INSTRUMENTS}

    def observe(self, provider: Provider, receipts: Iterable[Receipt]) -> None:
        """Count receipts: their reports, warnings, problems and absences.

        Args:
            provider: that they are of.
            receipts: any number, added up before they are told.
        """
        counts = _Counts()
        for receipt in receipts:
            for report in receipt.reports:
                counts.add(REPORTS, _verdict(report.status, report.final, report.evidence, report.cause))
                for warning in report.warnings:
                    counts.add(WARNINGS, (("delivrd.warning", warning.kind.value),))
                    if warning.kind is WarningKind.UNLISTED_CODE:
                        known = any(table.name == warning.field for table in provider.tables)
                        counts.add(UNLISTED, (("delivrd.field", warning.field if known else OTHER),))
            counts.add(PROBLEMS, (), len(receipt.problems))
            counts.add(OTHERS, (), len(receipt.others))
            if receipt.absence is not None:
                counts.add(ABSENCES, (("delivrd.absence", receipt.absence.kind.value),))
        self._tell(counts, provider.name)

    def measured(self, handler: Callable[[_Handed], _Result]) -> Callable[[_Handed], _Result]:
        """A handler that also counts: of a receiver, or of a poller, plain or asynchronous.

        A receipt is counted once it was handed over: when the handler has returned without an exception. One
        that comes again is counted again.

        Raises:
            TypeError: it is no handler.
        """

        def count(handed: _Handed) -> None:
            self.observe(handed.provider, [handed.receipt])

        if is_async(handler):
            awaiting: Any = handler

            @wraps(handler, updated=())
            async def measured_async(handed: _Handed) -> object:
                result = await awaiting(handed)
                count(handed)
                return result

            return measured_async  # type: ignore[return-value]  # is_async has told

        @wraps(handler, updated=())
        def measured_plain(handed: _Handed) -> Any:
            result = handler(handed)
            if inspect.isawaitable(result):
                return _Then(result, lambda: count(handed))
            # What is only promised is refused by who has called, so nothing was handed over.
            if not (inspect.isgenerator(result) or inspect.isasyncgen(result) or isinstance(result, Future)):
                count(handed)
            return result

        return measured_plain

    def not_taken(self, told: NotTaken) -> None:
        """Count a request that was not taken: the watcher of a `Receiver`."""
        counts = _Counts()
        if told.refused:
            kind = next((each for each in _ERRORS if isinstance(told.error, each)), InputError)
            counts.add(REFUSALS, (("error.type", kind.__name__),))
        else:
            counts.add(FAILURES, ())
        self._tell(counts, told.provider.name)

    def asked(self, event: Event) -> None:
        """Count what became of a question: for the watcher of a `Poller`."""
        counts = _Counts()
        counts.add(QUESTIONS, (("delivrd.next", event.next.value),))
        self._tell(counts, event.entry.provider)

    def watching(self, watcher: Watcher) -> Watcher:
        """A watcher of a `Poller` that also counts; give `delivrd.poll.log_failures` to keep the log."""

        def watch(event: Event) -> Awaitable[None] | None:
            self.asked(event)
            return watcher(event)

        return watch

    def mails(self, provider: Provider, collected: Iterable[Collected]) -> Iterator[Collected]:
        """Count mails and what was handed over of them, as the iterator is followed.

        Args:
            provider: whose reports they are.
            collected: of `delivrd.mailbox.collect`; given on as it is.
        """
        for each in collected:
            counts = _Counts()
            counts.add(MAILS, (("delivrd.fate", each.fate.value),))
            self._tell(counts, provider.name)
            if each.receipt is not None and each.error is None:
                self.observe(provider, [each.receipt])
            yield each

    def recorded(self, recorded: Iterable[Recorded]) -> None:
        """Count what the ledger made of receipts: which reports were new to it, and which it knew."""
        counts = Counter[tuple[str, bool]]()
        for each in recorded:
            counts.update((report.provider, False) for report in each.new)
            counts.update((report.provider, True) for report in each.repeated)
        for (provider, repeated), count in counts.items():
            self._counters[RECORDED].add(count, {"delivrd.provider": provider, "delivrd.repeated": repeated})

    def _tell(self, counts: _Counts, provider: str) -> None:
        for (instrument, attributes), count in counts.items():
            self._counters[instrument].add(count, {"delivrd.provider": provider, **dict(attributes)})


class _Counts(Counter[tuple[Instrument, Attributes]]):
    """How many of what, before they are told."""

    def add(self, instrument: Instrument, attributes: Attributes, count: int = 1) -> None:
        if count:
            self[instrument, attributes] += count


class _Then:
    """Something to await, and what is to be done after it. Who does not await it can close it."""

    def __init__(self, promise: Awaitable[Any], then: Callable[[], None]) -> None:
        self._promise = promise
        self._then = then

    def __await__(self) -> Generator[Any, Any, Any]:
        result = yield from self._promise.__await__()
        self._then()
        return result

    def close(self) -> None:
        close = getattr(self._promise, "close", None)
        if close is not None:
            close()


@lru_cache(maxsize=4096)
def _verdict(status: Status, final: bool, evidence: Evidence | None, cause: Cause | None) -> Attributes:
    """The words of a report that are few; absent ones are left out. There are hardly more than are remembered."""
    words: dict[str, str | bool | None] = {
        "delivrd.status": status.value,
        "delivrd.outcome": status.outcome.value,
        "delivrd.final": final,
        "delivrd.evidence": None if evidence is None else evidence.value,
        "delivrd.cause": None if cause is None else cause.value,
    }
    return tuple((name, word) for name, word in words.items() if word is not None)

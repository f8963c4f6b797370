"""What an answer means for its question: is it the last word, and when to ask again?

The rule of this module: pure functions of what was said and of what is given, time and randomness too.

The arithmetic of pauses is a few lines of its own. Tenacity, which is well kept, draws its jitter from
the global `random` and counts attempts within one call; here the randomness is given, and the count has
to survive a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from delivrd.inputs import Response
from delivrd.life import State, fold, group
from delivrd.poll.agenda import Entry
from delivrd.questions import Question
from delivrd.receipt import Absence, AbsenceKind, Receipt
from delivrd.report import Report
from delivrd.vocabulary import Word

_MOST_DOUBLINGS: Final = 16
"""Beyond this the longest pause is long reached, and a power would only grow too large for a timedelta."""

_LAST_CALL: Final = timedelta(minutes=1)
"""How long before the provider forgets a report it is asked for the last time."""

LONGEST_HEED: Final = timedelta(hours=1)
"""What is heeded of a `Retry-After` at most."""

_MOST_DIGITS: Final = 9
"""Digits of a `Retry-After` that are read; more are a longer time than anybody heeds."""

_LONGEST_DATE: Final = 64
"""Characters of a date in a header."""


LAST: Final = datetime.max.replace(tzinfo=UTC)
"""The last time that there is."""


class Pauses(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before asking again. A provider's own shortest interval counts besides.

    Attributes:
        first, longest: after an answer without a last word; doubled from answer to answer.
        first_failure, longest_failure: after the provider's own failure; doubled likewise, and cut by up to a
            half at random, so that many do not ask again at the same moment.
    """

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    first_failure: timedelta = timedelta(seconds=10)
    longest_failure: timedelta = timedelta(minutes=15)

    def after_answer(self, asked: int) -> timedelta:
        """The pause after so many answers."""
        return _doubled(self.first, asked - 1, self.longest)

    def after_failure(self, failed: int, random: float) -> timedelta:
        """The pause after so many failures in a row.

        Args:
            failed: how many.
            random: from 0 up to 1.
        """
        return _doubled(self.first_failure, failed - 1, self.longest_failure) * (1 - random / 2)


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    factor = 1 << min(max(times, 0), _MOST_DOUBLINGS)
    # Divided and not multiplied, which could be more than a timedelta holds.
    return longest if first >= longest / factor else first * factor


def later(at: datetime, pause: timedelta) -> datetime:
    """A time after another; the last that there is where it would be after it."""
    try:
        return at + pause
    except OverflowError:
        return LAST


class Next(Word):
    """What becomes of a question after an answer."""

    FINAL = "final", "the last word was said: the question is done"
    WAITING = "waiting", "no last word yet: it is asked again later"
    EMPTY = "empty", "the inbox holds nothing for now"
    GONE = "gone", "the provider keeps the report no longer: the question is done"
    DROPPED = "dropped", "the provider knows no such message, or cannot be asked so: the question is done"
    REFUSED = "refused", "credentials, address or permission were refused: it is asked again later"
    FAILED = "failed", "the provider failed, or could not be reached: it is asked again later"
    NOT_HANDED_OVER = "not_handed_over", "the handler failed: the question stays due"
    WRONG_ACCOUNT = "wrong_account", "the question cannot be made for this account: it stays due"


DONE: Final = frozenset({Next.FINAL, Next.GONE, Next.DROPPED})
"""After these the agenda has forgotten the question."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a question, told after it became that.

    Attributes:
        entry: the question, as it was on the agenda.
        next: what became of it.
        reason: in words, without secrets; empty where `next` or `absence` says it all.
        absence: why the answer held no report, if it held none.
        error: what the handler raised.
        answer: the answer that could not be read or handed over, whole, without the account's secrets. A question
            that marks as it is answered does not get it again.
    """

    entry: Entry
    next: Next
    reason: str = ""
    absence: Absence | None = None
    error: Exception | None = None
    answer: Response | None = None

    @property
    def done(self) -> bool:
        """Whether the agenda has forgotten the question."""
        return self.next in DONE


_BY_ABSENCE: Final = {
    AbsenceKind.UNAVAILABLE: Next.FAILED,
    AbsenceKind.REFUSED: Next.REFUSED,
    AbsenceKind.NOT_FOUND: Next.DROPPED,
    AbsenceKind.BAD_QUESTION: Next.DROPPED,
}


def next_of(question: Question, receipt: Receipt) -> Next:
    """What becomes of a question after this answer."""
    kind = None if receipt.absence is None else receipt.absence.kind
    if kind in _BY_ABSENCE:
        return _BY_ABSENCE[kind]
    if question.about is None:
        return Next.EMPTY if kind is AbsenceKind.NOT_YET else Next.WAITING
    if kind is AbsenceKind.NOT_A_REPORT or (receipt.reports and is_settled(receipt.reports)):
        return Next.FINAL
    return Next.WAITING


def is_settled(reports: Sequence[Report]) -> bool:
    """Whether nothing that is still to come can change what these say together.

    A fallback group is settled where one of its channels succeeded, or where none can any more. Reports
    that are of no group are settled where each is.
    """
    if len({report.group_id for report in reports}) == 1 and reports[0].group_id is not None:
        states: dict[str | None, State] = {}
        for report in reports:
            states[report.message_id] = fold(states.get(report.message_id), report)
        return group(states.values()).final
    return all(report.final and not report.continues for report in reports)


def ends_at(question: Question, since: datetime, longest: timedelta) -> datetime | None:
    """When there is no use in asking any more; None for an inbox, which is asked for ever.

    Args:
        question: which is asked.
        since: when the message was sent.
        longest: how long the gateway wants to ask, where the provider keeps reports longer or does not say.
    """
    if question.about is None:
        return None
    return later(since, min(longest, question.kept or longest))


def put_off(entry: Entry, now: datetime, pause: timedelta, end: datetime | None) -> Entry | None:
    """The entry for the next time; None where there is no next time.

    Where the pause would outlast the report, the question is asked once more shortly before its end.
    """
    at = later(now, pause)
    if end is not None and at > end - _LAST_CALL:
        if now >= end - _LAST_CALL:
            return None
        at = end - _LAST_CALL
    return msgspec.structs.replace(entry, at=at)


def retry_after(response: Response) -> timedelta:
    """How long the provider itself asks to be left alone: in seconds, or until a date by the answer's own `Date`.

    At most an hour of it is heeded. RFC 9110, section 10.2.3.
    """
    said = (response.header("retry-after") or "").strip()
    if said.isascii() and said.isdecimal():
        digits = said.lstrip("0") or "0"
        # By its length first: Python refuses to read thousands of digits.
        return LONGEST_HEED if len(digits) > _MOST_DIGITS else min(timedelta(seconds=int(digits)), LONGEST_HEED)
    # By the provider's clock, both ends of it: ours need not agree.
    until, at = _http_date(said), _http_date(response.header("date") or "")
    if until is None or at is None:
        return timedelta()
    return min(max(until - at, timedelta()), LONGEST_HEED)


def _http_date(text: str) -> datetime | None:
    if not 0 < len(text) <= _LONGEST_DATE:
        return None
    try:
        read = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # HTTP dates are in GMT, whatever they name (RFC 9110, section 5.6.7).
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read

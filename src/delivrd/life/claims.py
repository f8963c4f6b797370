"""What was said of a message, and what stands above what.

The rule of this module: one table (`STANDING`) says what stands, each row with its reason; the
documentation and the states read that table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from delivrd.vocabulary import Cause, Evidence, Outcome, Permanence, Resend, Status, advise_resend


class Rank(msgspec.Struct, frozen=True):
    """One row of a table of precedence; what matches an earlier row stands above what matches a later one.

    Attributes:
        name: of the row.
        reason: why it stands where it does.
        statuses: that it matches.
        final: that it matches; None for either.
        evidence: that it matches; empty for any, none at all included.
    """

    name: str
    reason: str
    statuses: frozenset[Status]
    final: bool | None = None
    evidence: frozenset[Evidence] = frozenset()

    def matches(self, claim: Claim) -> bool:
        """Whether the row is about what was said."""
        return (
            claim.status in self.statuses
            and self.final in (None, claim.final)
            and (not self.evidence or claim.evidence in self.evidence)
        )


def _of(outcome: Outcome) -> frozenset[Status]:
    return frozenset(status for status in Status if status.outcome is outcome)


OPPOSITE: Final = {Outcome.SUCCESS: Outcome.FAILURE, Outcome.FAILURE: Outcome.SUCCESS}
"""Outcomes that contradict each other."""

_THERE: Final = frozenset({Evidence.HANDSET, Evidence.RECIPIENT})
_SUCCESS, _FAILURE = _of(Outcome.SUCCESS), _of(Outcome.FAILURE)

# fmt: off
STANDING: Final = (
    Rank("read", "nobody knows better than who opened it", frozenset({Status.READ})),
    Rank("delivered there", "the handset's word stands over a carrier's", _SUCCESS, None, _THERE),
    Rank("failed there", "the handset's word stands over a carrier's", _FAILURE, True, _THERE),
    Rank("delivered", "carriers retry after a failure, and what arrived stays arrived", _SUCCESS),
    Rank("failed", "a final failure stands over all that only hopes", _FAILURE, True),
    Rank("unknown for good", "no more word will come", frozenset({Status.UNKNOWN}), True),
    Rank("deferred", "an attempt failed, so it had been sent", _FAILURE | {Status.DEFERRED}),
    Rank("sent", "it had been accepted before", frozenset({Status.SENT})),
    Rank("accepted", "the first thing that is ever said", frozenset({Status.ACCEPTED})),
    Rank("unknown", "it says nothing", frozenset({Status.UNKNOWN})),
)
# fmt: on
"""What stands above what, the highest first."""


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was said of a message, by however many reports.

    Attributes:
        status, final, evidence: what was said; these three tell claims apart.
        cause, permanence, map_error: of a failure: the latest of the most specific causes named.
        cause_at: when that was.
        continues: the provider itself goes on to another channel.
        first, last: the earliest and the latest time at which it was said, in UTC. The provider's
            time, else the time of receipt; None where neither is known.
        occurred: the latest time at which it happened, by the provider alone; None where it did not say.
    """

    status: Status
    final: bool
    evidence: Evidence | None = None
    cause: Cause | None = None
    permanence: Permanence | None = None
    map_error: int | None = None
    cause_at: datetime | None = None
    continues: bool = False
    first: datetime | None = None
    last: datetime | None = None
    occurred: datetime | None = None

    @property
    def resend(self) -> Resend:
        """May the gateway send the message again, were this all that is known?"""
        return advise_resend(self.status, self.final, self.cause, self.continues)

    def key(self) -> tuple[str, bool, str]:
        """What tells it from other claims."""
        return (self.status, self.final, self.evidence or "")

    def _cause_weight(self) -> tuple[Any, ...]:
        specific = 0 if self.cause is None else 1 if self.cause.general else 2
        words = (self.cause or "", self.permanence or "", -1 if self.map_error is None else self.map_error)
        return (specific, *weight(self.cause_at), *words)

    def join(self, other: Claim) -> Claim:
        """The same thing said twice, in one."""
        by_cause = max(self, other, key=Claim._cause_weight)
        return msgspec.structs.replace(
            by_cause,
            continues=self.continues or other.continues,
            first=earliest(self.first, other.first),
            last=latest(self.last, other.last),
            occurred=latest(self.occurred, other.occurred),
        )


def standing(claims: Sequence[Claim], table: Sequence[Rank] = STANDING, *, later_wins: bool = False) -> Claim:
    """What stands: the claim that matches the earliest row.

    Of several that match one row, one that says more than `failed`; of these the latest; then by their words.

    Args:
        claims: at least one.
        table: of precedence. What matches no row stands below all that does.
        later_wins: of final claims that contradict each other, only those of the latest one's outcome count.
    """
    if later_wins:
        ended = [claim for claim in claims if claim.final and claim.status.outcome in OPPOSITE]
        if ended:
            # Without the provider's time, a repetition is heard later than what it repeats: the first time counts.
            last = max(
                ended, key=lambda claim: (*weight(claim.occurred or claim.first), -_row(claim, table), claim.key())
            )
            claims = [claim for claim in claims if claim.status.outcome is last.status.outcome]

    def height(claim: Claim) -> tuple[Any, ...]:
        return (-_row(claim, table), claim.status is not Status.FAILED, *weight(claim.last), claim.key())

    return max(claims, key=height)


def _row(claim: Claim, table: Sequence[Rank]) -> int:
    return next((place for place, rank in enumerate(table) if rank.matches(claim)), len(table))


def weight(at: datetime | None) -> tuple[bool, float]:
    """What a time is compared by; none at all is the least."""
    return (at is not None, 0.0 if at is None else at.timestamp())


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two times, where there is one."""
    return min(filter(None, (one, other)), default=None)


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, where there is one."""
    return max(filter(None, (one, other)), default=None)

"""The state of one message: from reports in any order, however often repeated.

The rule of this module: a state is a join. What is kept of each report can only be added to, so
any order, any repetition and any grouping of the same reports gives the same state, and states of
two processes can be merged. Which of the things said stands is read off one table (`STANDING`)
when it is asked for. No clock is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any, Final

import msgspec

from delivrd.life.claims import OPPOSITE, STANDING, Claim, Rank, earliest, latest, standing, weight
from delivrd.report import Report
from delivrd.vocabulary import Cause, Evidence, Outcome, Resend, Status


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message cost, by the latest report that says so.

    Attributes:
        total, part: prices of the message and of one part of it.
        currency: as in a report.
        parts: how many parts it was sent in.
        at: when that was said.
    """

    total: Decimal | None = None
    part: Decimal | None = None
    currency: str | None = None
    parts: int | None = None
    at: datetime | None = None

    def _weight(self) -> tuple[Any, ...]:
        amounts = ("" if amount is None else str(amount) for amount in (self.total, self.part))
        return (*weight(self.at), *amounts, self.currency or "", -1 if self.parts is None else self.parts)


class Silence(msgspec.Struct, frozen=True, omit_defaults=True):
    """A silence that was taken for an answer.

    Attributes:
        at: when; aware, in UTC.
        since: when the last word before it was heard; None where there was none.
        usual: the provider is known to fall silent after what it had said.
    """

    at: datetime
    since: datetime | None = None
    usual: bool = False

    def _weight(self) -> tuple[Any, ...]:
        return (*weight(self.at), *weight(self.since), self.usual)


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a message is, as far as its reports say. Equal states are equal by value.

    Attributes:
        provider, account, message_id, reference: which message it is, as in its reports.
        claims: everything that was said, each thing once, in a fixed order; empty for a message that was sent
            and not heard of.
        price: the latest price; None where none was said.
        recipient, group_id, channel: as in its reports; of several the first by letter.
        first_heard, last_heard: when the first and the last report were received, else the times that they say.
        silence: that was taken for an answer (`overdue`); anything heard since it began overrules it.
        later_wins: of final reports that contradict each other, the later one decides (`Account.later_final_wins`).
    """

    provider: str
    account: str | None
    message_id: str | None
    reference: str | None = None
    claims: tuple[Claim, ...] = ()
    price: Price | None = None
    recipient: str | None = None
    group_id: str | None = None
    channel: str | None = None
    first_heard: datetime | None = None
    last_heard: datetime | None = None
    silence: Silence | None = None
    later_wins: bool = False

    def standing(self, table: Sequence[Rank] = STANDING) -> Claim:
        """What stands of all that was said, by a table of precedence."""
        said = standing(self.claims, table, later_wins=self.later_wins) if self.claims else _UNHEARD
        if self.silence is None or not self.silent:
            return said
        status = said.status if self.silence.usual else Status.UNKNOWN
        return Claim(status, True, Evidence.TIMEOUT, first=self.silence.at, last=self.silence.at)

    @property
    def silent(self) -> bool:
        """Silence was taken for an answer, nothing was heard since it began, and there was no last word before."""
        if self.silence is None or any(claim.final for claim in self.claims):
            return False
        since = self.silence.since
        return self.last_heard is None or (since is not None and self.last_heard <= since)

    @property
    def status(self) -> Status:
        return self.standing().status

    @property
    def final(self) -> bool:
        return self.standing().final

    @property
    def outcome(self) -> Outcome:
        return self.standing().status.outcome

    @property
    def evidence(self) -> Evidence | None:
        return self.standing().evidence

    @property
    def cause(self) -> Cause | None:
        return self.standing().cause

    @property
    def resend(self) -> Resend:
        """May the gateway send it again? A failure that contradicts a delivery is `unsafe`: a copy may have arrived."""
        stands = self.standing()
        if stands.status.outcome is Outcome.FAILURE and self.contradictions:
            return Resend.UNSAFE
        return stands.resend

    @property
    def since(self) -> datetime | None:
        """When what stands was first said."""
        return self.standing().first

    @property
    def contradictions(self) -> tuple[Claim, ...]:
        """The final claims of the opposite outcome: failures beside a delivery, deliveries beside a failure."""
        opposite = OPPOSITE.get(self.outcome)
        return tuple(claim for claim in self.claims if claim.final and claim.status.outcome is opposite)

    def explain(self) -> list[str]:
        """Lines for people: the status, what contradicts it, and the rule by which it was decided."""
        stands = self.standing()
        lines = [_told(stands)]
        if self.contradictions:
            lines += [f"contradicted by {_told(claim)}" for claim in self.contradictions]
            rank = next((rank for rank in STANDING if rank.matches(stands)), None)
            rule = "the later final report wins" if self.later_wins else "" if rank is None else rank.reason
            lines.append(f"rule: {rule}; resend: {self.resend}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The state as plain values, absent ones left out, with what stands of it and what follows from that."""
        stands = self.standing()
        derived = {
            "status": stands.status,
            "final": stands.final,
            "outcome": self.outcome,
            "evidence": stands.evidence,
            "cause": stands.cause,
            "resend": self.resend,
            "since": stands.first,
            "contradictions": list(self.contradictions) or None,
        }
        stored: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(derived))
        return {name: value for name, value in {**stored, **told}.items() if value is not None}

    def join(self, other: State) -> State:
        """Both states in one: what either says.

        Raises:
            ValueError: they are of two messages.
        """
        if self._identity() != other._identity():
            raise ValueError("expected two states of one message: provider, account and message_id differ")
        claims = {claim.key(): claim for claim in self.claims}
        for claim in other.claims:
            known = claims.get(claim.key())
            claims[claim.key()] = claim if known is None else known.join(claim)
        prices = [price for price in (self.price, other.price) if price is not None]
        silences = [silence for silence in (self.silence, other.silence) if silence is not None]
        return State(
            self.provider,
            self.account,
            self.message_id,
            _first(self.reference, other.reference),
            tuple(claims[key] for key in sorted(claims)),
            max(prices, key=Price._weight, default=None),
            _first(self.recipient, other.recipient),
            _first(self.group_id, other.group_id),
            _first(self.channel, other.channel),
            earliest(self.first_heard, other.first_heard),
            latest(self.last_heard, other.last_heard),
            max(silences, key=Silence._weight, default=None),
            self.later_wins or other.later_wins,
        )

    def _identity(self) -> tuple[str | None, ...]:
        # Where a provider echoes nothing but the gateway's own id, that is what a message is known by.
        own = self.reference if self.message_id is None else None
        return (self.provider, self.account, self.message_id, own)


_UNHEARD: Final = Claim(Status.UNKNOWN, False)
"""What stands of a message of which nothing was said."""


def _told(claim: Claim) -> str:
    words = [claim.status, "final" if claim.final else "not final"]
    words += [f"evidence {claim.evidence}"] if claim.evidence else []
    words += [f"cause {claim.cause}"] if claim.cause else []
    at = claim.occurred or claim.first
    words += [f"at {at.isoformat()}"] if at else []
    return ", ".join(words)


def fold(state: State | None, report: Report, *, later_wins: bool = False) -> State:
    """A state with one more report in it; None is the empty state.

    Args:
        state: so far.
        report: of the same message.
        later_wins: of final reports that contradict each other, the later one decides. By default, a delivery
            stands over a failure (`STANDING`). Once it was said of a message, it stays.

    Raises:
        ValueError: the report is of another message.
    """
    said = state_of(report, later_wins=later_wins)
    return said if state is None else state.join(said)


def state_of(report: Report, *, later_wins: bool = False) -> State:
    """The state of a message of which this report is all that is known. Args: as `fold`."""
    at = report.occurred_at or report.received_at
    heard = report.received_at or report.occurred_at
    claim = Claim(
        report.status,
        report.final,
        report.evidence,
        report.cause,
        report.permanence,
        report.map_error,
        at if report.cause is not None else None,
        report.continues,
        at,
        at,
        report.occurred_at,
    )
    price = Price(report.total_price, report.part_price, report.currency, report.parts, at)
    said = (price.total, price.part, price.parts) != (None, None, None)
    return State(
        report.provider,
        report.account,
        report.message_id,
        report.reference,
        (claim,),
        price if said else None,
        report.recipient,
        report.group_id,
        report.channel,
        heard,
        heard,
        later_wins=later_wins,
    )


def overdue(
    state: State,
    now: datetime,
    after: timedelta,
    silent_after: Collection[Status] = (),
    *,
    sent_at: datetime | None = None,
) -> State:
    """The state with silence taken for an answer, where that is due; else the state as it is.

    A message that is not final, and of which nothing was heard for so long, is `unknown` by the
    evidence of a timeout; where its provider is known to fall silent after what it said last, it
    stays that and becomes final. Either way a copy may have arrived, so its `resend` is `unsafe`.
    Any later report overrules it, in whatever order both are folded.

    Args:
        state: of the message.
        now: aware. No clock is read.
        after: how long a silence is an answer.
        silent_after: the provider's habit (`Provider.silent_after`).
        sent_at: when the message was sent; aware. The silence of one that was never heard of began then.

    Raises:
        ValueError: `now` has no zone.
    """
    if now.tzinfo is None:
        raise ValueError("now: expected a datetime with its zone")
    heard = state.last_heard or sent_at
    if state.final or heard is None or now - heard < after:
        return state
    silence = Silence(now.astimezone(UTC), state.last_heard, state.status in silent_after)
    return state.join(msgspec.structs.replace(state, silence=silence))


def merge(states: Iterable[State]) -> State:
    """Several states of one message in one.

    Raises:
        ValueError: there is none, or they are of two messages.
    """
    given = list(states)
    if not given:
        raise ValueError("states: expected at least one")
    return reduce(State.join, given)


def _first(one: str | None, other: str | None) -> str | None:
    return min((text for text in (one, other) if text is not None), default=None)

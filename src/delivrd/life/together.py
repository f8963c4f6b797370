"""Several messages as one: the parts of a long message, and the channels of a fallback group.

The rule of this module: what is said of the whole follows from what stands of each; nothing is
kept of its own. Prices are added exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from delivrd.life.claims import weight
from delivrd.life.state import State
from delivrd.vocabulary import Outcome, Resend


class RollUp(StrEnum):
    """By which of its parts a long message is judged."""

    ALL = "all"
    """Delivered where every part is; failed as soon as one has."""
    ANY = "any"
    """Delivered as soon as one part is; failed where every part has."""
    FIRST = "first"
    LAST = "last"


class Parts(msgspec.Struct, frozen=True):
    """What stands of a message in parts.

    Attributes:
        outcome: of the whole.
        final: nothing that is still to come can change the outcome.
        missing: the places, from 0, of the parts whose last word is still to come.
        prices: what the parts cost together, by currency (None where that was not said).
        unpriced: the places of the parts whose price was not said.
    """

    outcome: Outcome
    final: bool
    missing: tuple[int, ...]
    prices: dict[str | None, Decimal]
    unpriced: tuple[int, ...]


class Group(msgspec.Struct, frozen=True):
    """What stands of a fallback group, of which each channel has a message of its own.

    Attributes:
        outcome: success where one channel succeeded, failure where none can any more.
        final: no channel can change it.
        winner: the message that was delivered, the first if there are several; None where none was.
        resend: may the gateway send the whole again?
    """

    outcome: Outcome
    final: bool
    winner: State | None
    resend: Resend


def roll_up(parts: Sequence[State | None], rule: RollUp = RollUp.ALL) -> Parts:
    """The parts of one long message as one.

    Args:
        parts: the state of each, in order; None for one that was not heard of.
        rule: by which parts it is judged.

    Raises:
        ValueError: there is no part.
    """
    if not parts:
        raise ValueError("parts: expected at least one")
    judged = {RollUp.FIRST: parts[:1], RollUp.LAST: parts[-1:]}.get(rule, parts)
    last_words = [_last_word(part) for part in judged]
    enough = Outcome.SUCCESS if rule is RollUp.ANY else Outcome.FAILURE
    priced = [(part.price.currency, part.price.total) for part in parts if part is not None and part.price is not None]
    prices: dict[str | None, Decimal] = {}
    for currency, total in priced:
        if total is not None:
            prices[currency] = prices.get(currency, Decimal()) + total
    return Parts(
        _whole(last_words, enough),
        enough in last_words or None not in last_words,
        tuple(place for place, part in enumerate(parts) if _last_word(part) is None),
        prices,
        tuple(
            place for place, part in enumerate(parts) if part is None or part.price is None or part.price.total is None
        ),
    )


def group(states: Iterable[State], *, more_channels: bool = False) -> Group:
    """The channels of one fallback group as one.

    Args:
        states: of the group's messages.
        more_channels: the gateway knows of channels that were asked for and not heard of yet.

    Raises:
        ValueError: there is no message, or they are of several groups.
    """
    given = list(states)
    if not given or len({state.group_id for state in given}) != 1:
        raise ValueError("states: expected those of one group")
    won = [state for state in given if state.outcome is Outcome.SUCCESS]
    if won:
        winner = min(won, key=lambda state: (weight(state.since), state.message_id or ""))
        return Group(Outcome.SUCCESS, all(state.final for state in won), winner, Resend.NO)
    # A failure that the provider goes on from is followed by another channel, or it is the last word of none.
    ended = not more_channels and all(state.final for state in given)
    if not ended or all(state.standing().continues for state in given):
        return Group(Outcome.PENDING, False, None, Resend.WAIT)
    outcomes = {state.outcome for state in given}
    advice = {state.resend for state in given if not state.standing().continues}
    outcome = Outcome.FAILURE if outcomes == {Outcome.FAILURE} else Outcome.UNKNOWN
    return Group(outcome, True, None, min(advice, key=_CAUTION.index))


_CAUTION = (Resend.UNSAFE, Resend.WAIT, Resend.NO, Resend.AFTER_FIX, Resend.LATER, Resend.ELSEWHERE)
"""Advice on resending, the most cautious first: of several channels' the first counts."""


def _last_word(part: State | None) -> Outcome | None:
    """What a part came to; None where that is still to come."""
    return part.outcome if part is not None and part.final else None


def _whole(last_words: Sequence[Outcome | None], enough: Outcome) -> Outcome:
    """The outcome of several: one word is enough, or all have to agree."""
    if enough in last_words:
        return enough
    if None in last_words:
        return Outcome.PENDING
    said = set(last_words)
    agreed = next(iter(said)) if len(said) == 1 else None
    return agreed if agreed is not None else Outcome.UNKNOWN

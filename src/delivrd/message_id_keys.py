"""The spellings under which a message may have been stored, and which spelling a provider keeps to.

The rule of this module: what the account's `MessageIds` allow is listed, and nothing else; what two
ids have in common is tried, never guessed. A number of any length stays a number: nothing overflows.

A store that keeps `MessageIds.canonical_sent(id)` needs one key, `canonical_reported`. The keys here
are for stores that keep ids as the provider gave them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

import msgspec

from delivrd.message_ids import LONGEST_NUMBER, IdBase, MessageIds

_WIDTHS: Final = {IdBase.DECIMAL: (10, 20), IdBase.HEXADECIMAL: (8, 16)}
"""Digits of the largest number of 32 and of 64 bits, to which centres pad: SMPP 3.3 had ids of eight hexadecimal
digits, and 3.4 has none of a fixed size."""

_FORMATS: Final = {IdBase.DECIMAL: ("d",), IdBase.HEXADECIMAL: ("x", "X")}


def message_id_keys(id: str, ids: MessageIds, *, widths: Iterable[int] = ()) -> tuple[str, ...]:
    """The spellings under which the message that a report names may have been stored, when it was sent.

    Args:
        id: as reported (`Report.message_id`, or one of `other_ids`).
        ids: the account's, `Account.message_ids`.
        widths: the lengths to which the provider pads ids when it takes a message. Ids that are numbers are also
            looked for at the usual lengths (8 and 16 hexadecimal digits, 10 and 20 decimal ones) and at the length of
            `id`. Texts have no usual length: with `ignore_padding`, an id that was stored with more zeros than it is
            reported with is found only by `widths`.

    Returns:
        Each spelling once, the likeliest first: in case and padding as reported, then others. Each of
        them is one message with `id`: `ids.canonical_sent(key) == ids.canonical_reported(id)`.
    """
    wanted = ids.canonical_reported(id)
    spellings = _texts(id, ids, widths) if ids.sent is IdBase.TEXT else _numbers(id, ids, widths)
    # What is a number on one side alone is the same message on none.
    return tuple(dict.fromkeys(key for key in spellings if key and ids.canonical_sent(key) == wanted))


def _texts(id: str, ids: MessageIds, widths: Iterable[int]) -> list[str]:
    padded = [id]
    if ids.ignore_padding:
        bare = id.lstrip("0") or id[-1:]
        padded += [bare, *(bare.zfill(width) for width in _bounded(widths))]
    return [spelt for text in padded for spelt in ((text, text.lower(), text.upper()) if ids.ignore_case else (text,))]


def _numbers(id: str, ids: MessageIds, widths: Iterable[int]) -> list[str]:
    wanted = ids.canonical_reported(id)
    if not wanted.startswith("#"):
        # No number in its base: it stands for itself, as `MessageIds` has it.
        return [id]
    number = int(wanted[1:])
    forms = [format(number, form) for form in _FORMATS[ids.sent]]
    sizes = [0, *_WIDTHS[ids.sent], len(id), *_bounded(widths)]
    # As reported, where both sides write in one base: case and padding may well be the same.
    own = [id] if ids.sent is ids.reported else []
    plain = [form.zfill(size) for size in sizes for form in forms]
    marked = [f"0x{form}" for form in forms] if ids.sent is IdBase.HEXADECIMAL else []
    return own + plain + marked


def _bounded(widths: Iterable[int]) -> list[int]:
    return [width for width in widths if 0 < width <= LONGEST_NUMBER]


class LearntIds(msgspec.Struct, frozen=True):
    """What pairs of ids say of how an account's ids are spelt.

    Attributes:
        fits: every `MessageIds` under which each pair is one message and no two pairs are, the strictest
            first; empty where there is none.
        pairs: how many different pairs there were that name a message.
    """

    fits: tuple[MessageIds, ...]
    pairs: int

    @property
    def certain(self) -> bool:
        """Only one way of spelling fits, but for liberties that no pair needs."""
        return len({(each.sent, each.reported) for each in self.fits}) == 1


def learn_message_ids(pairs: Iterable[tuple[str, str]]) -> LearntIds:
    """Find how ids are spelt, from messages whose reports are known.

    Args:
        pairs: for each message the id that the provider gave when it took it, and the one in its report.
            Digits alone fit any base: the pairs that tell most are those with letters, or that differ.
            Pairs in which an id is missing (empty, or white space) tell nothing and are passed over.
    """
    known = [pair for pair in dict.fromkeys(pairs) if all(map(str.strip, pair))]
    return LearntIds(tuple(ids for ids in _CANDIDATES if known and _fits(ids, known)), len(known))


def _fits(ids: MessageIds, pairs: list[tuple[str, str]]) -> bool:
    sent = {first: ids.canonical_sent(first) for first, _ in pairs}
    if len(set(sent.values())) < len(sent):
        # It would take two messages for one.
        return False
    numbers = ids.sent is not IdBase.TEXT
    return all(
        sent[first] == ids.canonical_reported(second) and (not numbers or sent[first].startswith("#"))
        for first, second in pairs
    )


def _candidates() -> list[MessageIds]:
    texts = [MessageIds(ignore_case=case, ignore_padding=padding) for padding, case in product((False, True), repeat=2)]
    numbers = (IdBase.DECIMAL, IdBase.HEXADECIMAL)
    return texts + [MessageIds(sent, reported) for sent, reported in product(numbers, repeat=2)]


_CANDIDATES: Final = _candidates()
"""Every way of spelling, the strictest first: a liberty is offered only where less does not fit."""

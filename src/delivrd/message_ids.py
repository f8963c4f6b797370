"""How the two sides of an account spell one message's id.

The rule of this module: two spellings are one id only where the account says how they differ.
Nothing is guessed, and what is no number is compared as it stands.

A message centre may name a message in hexadecimal when it takes it and in decimal in its receipt
(SMPP 3.4, appendix B, gives `id:` as decimal and `message_id` as a text of any form).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from delivrd.errors import AccountError

_LARGEST: Final = 16**64 - 1
"""The largest id that is taken for a number. SMPP 3.4 allows a `message_id` 64 characters, and so many hexadecimal
digits."""

LONGEST_NUMBER: Final = len(str(_LARGEST))
"""Digits of the longest spelling of a number: those of the largest in decimal."""


class IdBase(StrEnum):
    """How an id is written."""

    TEXT = "text"
    """As a text: nothing but what stands there counts."""
    DECIMAL = "decimal"
    HEXADECIMAL = "hexadecimal"

    @property
    def radix(self) -> int:
        """The base of its numbers; 0 for a text."""
        return _RADIX[self]


_DECIMAL: Final = 10
_HEXADECIMAL: Final = 16
_RADIX: Final = {IdBase.TEXT: 0, IdBase.DECIMAL: _DECIMAL, IdBase.HEXADECIMAL: _HEXADECIMAL}
_DIGITS: Final = {_DECIMAL: frozenset("0123456789"), _HEXADECIMAL: frozenset("0123456789abcdefABCDEF")}


class MessageIds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an account's message ids are spelt, and which differences mean nothing.

    Attributes:
        sent: the form in which the provider names a message when it takes it.
        reported: the form in which its reports name it.
        ignore_case: of texts, the case of letters means nothing. Of numbers it never does.
        ignore_padding: of texts, zeros before them mean nothing. Of numbers they never do. A store that keeps ids as
            the provider gave them then needs `message_id_keys(…, widths=…)`.

    Raises:
        AccountError: one side writes numbers and the other texts, which never are the same.
    """

    sent: IdBase = IdBase.TEXT
    reported: IdBase = IdBase.TEXT
    ignore_case: bool = False
    ignore_padding: bool = False

    def __post_init__(self) -> None:
        if (self.sent is IdBase.TEXT) is not (self.reported is IdBase.TEXT):
            raise AccountError("message_ids: expected sent and reported to be both text, or neither")

    def canonical_sent(self, id: str) -> str:
        """What stands for an id as the provider named it when it took the message."""
        return self._canonical(id, self.sent.radix)

    def canonical_reported(self, id: str) -> str:
        """What stands for an id as a report names it: the same text as for the message that is meant."""
        return self._canonical(id, self.reported.radix)

    def _canonical(self, id: str, radix: int) -> str:
        if radix:
            number = _number(id, radix)
            return f"={id}" if number is None else f"#{number}"
        text = id.lower() if self.ignore_case else id
        return text.lstrip("0") or text[-1:] if self.ignore_padding else text


AS_TEXT: Final = MessageIds()
"""Ids are texts, and each spelling is another id."""


def _number(id: str, radix: int) -> int | None:
    """The number that an id is; None where it is none. A sign, a space or another script's digit makes it none."""
    digits = id[2:] if radix == _HEXADECIMAL and id[:2] in ("0x", "0X") else id
    if 0 < len(digits) <= LONGEST_NUMBER and _DIGITS[radix].issuperset(digits):
        number = int(digits, radix)
        return number if number <= _LARGEST else None
    return None

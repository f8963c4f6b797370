"""Phone numbers as keyed digests, for stores and for others who must not hold them.

The rule of this module: one number has one digest, under one key, however it is spelt, and a
digest is left as it is. Who has the store and not the key learns no number, and can still tell
that two messages went to one phone.

The recipient and the sender of each report are hidden, and whatever else of it holds their digits
and is no id and no code. Inputs are not kept at all: a number can be spelt in them in more ways
than anybody can look for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec

from delivrd.errors import AccountError
from delivrd.report import Report

_SIGN: Final = "tel-"
"""How a digest begins. No number has letters, and no reader takes this for one."""

_SHORTEST_KEY: Final = 16
_FREE: Final = ("extras", "text", "warnings")
"""What a provider may write into as it likes. Ids and codes are what they are."""

_KEPT: Final = (datetime, Decimal)
"""Values that stay what they are while a report is taken apart."""


class Phones:
    """How phone numbers are kept.

    Args:
        key: secret, at least 16 bytes. Changing it makes every number a stranger to its own past.

    Attributes:
        mark: what a store remembers of the key, so that no other is used by mistake.

    Raises:
        AccountError: the key is too short.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < _SHORTEST_KEY:
            raise AccountError(f"phone_key: expected at least {_SHORTEST_KEY} bytes, from a source of chance")
        self._key = blake2b(key, digest_size=32).digest()
        # Seven bytes: the mark is a number that every database holds.
        self.mark = int.from_bytes(blake2b(b"mark", key=self._key, digest_size=7).digest())

    def digest(self, number: str) -> str:
        """What stands for a number: letters, digits and `-`. A sender's name stays, and so does a digest."""
        digits = number_of(number)
        return _SIGN + blake2b(digits.encode(), key=self._key, digest_size=12).hexdigest() if digits else number

    def report(self, report: Report) -> Report:
        """A report without its phone numbers."""
        said = {digits: self.digest(digits) for digits in _numbers((report.recipient, report.sender))}
        if not said:
            return report
        document: dict[str, Any] = msgspec.to_builtins(report, builtin_types=_KEPT)
        for field in ("recipient", "sender"):
            if document.get(field):
                document[field] = self.digest(document[field])
        for field in _FREE:
            if field in document:
                document[field] = _hidden(document[field], said)
        return msgspec.convert(document, Report, builtin_types=_KEPT)


def number_of(text: str) -> str:
    """The digits of a phone number, whatever stands between them; empty for a name, which has letters.

    A scheme before it (`tel:`, `whatsapp:`) is no name, and `00` before it is `+`.
    """
    plain = unicodedata.normalize("NFKC", text).rpartition(":")[2]
    if any(map(str.isalpha, plain)):
        return ""
    return _digits(plain).removeprefix("00")


def _digits(text: str) -> str:
    """The decimal digits in a text, of any script."""
    return "".join(str(unicodedata.decimal(each)) for each in text if each.isdecimal())


def _numbers(given: Iterable[str | None]) -> set[str]:
    return {digits for digits in (number_of(each) for each in given if each) if digits}


def _hidden(value: Any, said: dict[str, str]) -> Any:
    """A value without these numbers: a text that holds one's digits, however spaced, is its digest."""
    match value:
        case bool() | None:
            return value
        case str() | int() | float():
            digits = _digits(re.sub(r"tel-[0-9a-f]{24}", "", str(value)))
            return next((digest for number, digest in said.items() if number in digits), value)
        case dict():
            return {_hidden(name, said): _hidden(each, said) for name, each in value.items()}
        case list() | tuple():
            return [_hidden(each, said) for each in value]
        case _:
            return value

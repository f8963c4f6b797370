"""Phone numbers as keyed digests, for stores that must not hold them.

The rule of this module: one number has one digest, under one key, however it is spelt, and a
digest is left as it is. Who has the store and not the key learns no number, and can still tell
that two messages went to one phone.

Hidden are the recipient and the sender of each report, wherever they stand in its input. Numbers
that a provider sends elsewhere only (in a text, say) are not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec

from delivrd.errors import AccountError
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response, header_pairs
from delivrd.report import Report

_SIGN: Final = "tel-"
"""How a digest begins. No number has letters, and no reader takes this for one."""

_SHORTEST_KEY: Final = 16
_SHORTEST_NUMBER: Final = 5
"""Digits of what is looked for in an input: a shorter text would be found in ids and times too."""


class Phones:
    """How phone numbers are kept.

    Args:
        key: secret, at least 16 bytes. Changing it makes every number a stranger to its own past.

    Raises:
        AccountError: the key is too short.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < _SHORTEST_KEY:
            raise AccountError(f"phone_key: expected at least {_SHORTEST_KEY} bytes, from a source of chance")
        self._key = blake2b(key, digest_size=32).digest()

    def digest(self, number: str) -> str:
        """What stands for a number: letters, digits and `-`. A sender's name stays, and so does a digest."""
        digits = number_of(number)
        if not digits:
            return number
        return _SIGN + blake2b(digits.encode(), key=self._key, digest_size=12).hexdigest()

    def report(self, report: Report) -> Report:
        """A report without its phone numbers."""
        said = {number: self.digest(number) for number in _numbers([report])}
        if all(number == digest for number, digest in said.items()):
            return report
        document: dict[str, Any] = msgspec.to_builtins(report, builtin_types=_KEPT)
        for field in ("recipient", "sender"):
            if document.get(field):
                document[field] = said[document[field]]
        for field in ("extras", "codes", "text", "other_ids", "warnings"):
            if field in document:
                document[field] = _replaced(document[field], _spellings(said))
        return msgspec.convert(document, Report, builtin_types=_KEPT)

    def input(self, input: Input, reports: Iterable[Report]) -> Input:
        """An input without the phone numbers of its reports."""
        said = _spellings({number: self.digest(number) for number in _numbers(reports)})
        if not said:
            return input

        def hide(data: bytes) -> bytes:
            return str(_replaced(data.decode("latin-1"), said)).encode("latin-1")

        match input:
            case Request() | Response():
                pairs = tuple((name, _replaced(value, said)) for name, value in header_pairs(input.headers))
                hidden = msgspec.structs.replace(input, headers=pairs, body=hide(input.body))
                if isinstance(hidden, Request):
                    return msgspec.structs.replace(hidden, target=_replaced(hidden.target, said))
                return hidden
            case Mail():
                return Mail(hide(input.raw))
            case DeliverSm():
                return DeliverSm(
                    input.esm_class,
                    self.digest(input.source),
                    self.digest(input.destination),
                    hide(input.short_message),
                    {tag: hide(value) for tag, value in input.tlvs.items()},
                    input.data_coding,
                )


def number_of(text: str) -> str:
    """The digits of a phone number, whatever stands between them; empty for a name, which has letters."""
    return "" if any(map(str.isalpha, text)) else "".join(each for each in text if each in "0123456789")


_KEPT: Final = (datetime, Decimal)
"""Values that stay what they are while a report is taken apart."""


def _numbers(reports: Iterable[Report]) -> set[str]:
    return {number for report in reports for number in (report.recipient, report.sender) if number}


def _spellings(said: dict[str, str]) -> dict[str, str]:
    """What is looked for, and what takes its place: the number as sent, and its digits alone."""
    found = {}
    for number, digest in said.items():
        for spelt in (number, number_of(number)):
            if digest != number and len(number_of(spelt)) >= _SHORTEST_NUMBER:
                found[spelt] = digest
    return found


def _replaced(value: Any, said: dict[str, str]) -> Any:
    match value:
        case str():
            for spelt in sorted(said, key=len, reverse=True):
                # Not within a longer number: an id can hold the same digits by chance. An escape is no number.
                value = re.sub(rf"(?:(?<![0-9])|(?<=%[0-9A-F]{{2}})){re.escape(spelt)}(?![0-9])", said[spelt], value)
            return value
        case dict():
            return {name: _replaced(each, said) for name, each in value.items()}
        case list() | tuple():
            return type(value)(_replaced(each, said) for each in value)
        case _:
            return value

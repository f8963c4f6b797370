"""Phone numbers in what is shown: masked, or replaced by numbers that are reserved for fiction.

The rule of this module: what may be a number is taken for one. A number that the report names is found however it is
written; beside it, whatever looks like one goes, unless it stands in a field that is known to hold something else.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from delivrd.phones import number_of
from delivrd.report import LONGEST_SHOWN

Put: TypeAlias = Callable[[str], str]
"""What is put in place of a number: takes it as it stands."""

DOT: Final = "•"
"""What stands in place of a digit."""

_SHOWN: Final = 2
_SHORTEST: Final = 5
"""Digits of the shortest number that is looked for in texts: less is no person's."""
_TAIL: Final = 7
"""Digits by which a number is known, whatever of it stands before them."""

# A digit and what may stand between two, also as URLs and JSON escape them.
_DIGIT: Final = r"(?:\d|%3\d|\\u003\d)"
_BETWEEN: Final = r"(?:[\s().\-/+]|%20|%2[8-9BbDd]|\\u002[Bb]){0,2}"
_PLUS: Final = r"(?:\+|%2[Bb]|\\u002[Bb])"
_LOOKS: Final = "|".join(
    (
        rf"(?:{_PLUS}|(?<![\w.:])00){_BETWEEN}\d(?:{_BETWEEN}\d){{6,14}}(?!\d)",
        r"(?:(?<![\w.])|(?<=%[0-9A-Fa-f]{2}))\d{7,15}(?!\w)",
        # As people in North America write theirs in a text.
        r"(?<!\w)\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?!\w)",
    )
)
_WRITTEN: Final = re.compile(
    rf"(?:{_PLUS}|(?<!\d)00){_BETWEEN}\d(?:{_BETWEEN}\d){{6,14}}(?!\d)|(?<!\d)\d{{10,15}}(?!\d)"
)
"""What is a number wherever it stands: no code has as many digits."""
_OF_RECEIPTS: Final = ("id", "submit date", "done date")
"""Fields of the usual text of a receipt over SMPP (SMPP 3.4, appendix B)."""
_IS: Final = r"(?:\s?[=:]\s?|%3[AaDd])"
_ESCAPED: Final = re.compile(r"%|\\u")
_ESCAPED_DIGIT: Final = re.compile(r"(?:%3|\\u003)(\d)")
_ESCAPED_BETWEEN: Final = re.compile(r"%20|%2[8-9BbDd]|\\u002[Bb]")
_A_DIGIT: Final = re.compile(r"\d")
_NO_DIGIT: Final = re.compile(r"[^0-9]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_MOST: Final = 200
"""Numbers, and values beside them, that are looked for at a time: each makes every look dearer."""
_DIGITS_INSIDE: Final = re.compile(rb"\d{7}|(?:\x00\d){7}")


class Numbers:
    """The numbers of one input.

    Args:
        known: those that its reports name; names of senders are no numbers.
        fields: the names of the fields that hold something other than numbers.
        values: what is known to be something other than a number: ids, codes.
    """

    def __init__(
        self, known: Iterable[str | None] = (), fields: Iterable[str] = (), values: Iterable[str | None] = ()
    ) -> None:
        digits = {number_of(each) for each in known if each}
        # The last digits decide, so that no others are held.
        tails = {each[-_TAIL:] for each in digits if len(each) >= _SHORTEST}
        self._numbers = sorted(tails, key=lambda each: (-len(each), each))
        self._fields = frozenset(filter(None, (*fields, *_OF_RECEIPTS)))
        # What has no digit is never taken for a number; and what is so long is no id and no code.
        self._values = frozenset(
            each for each in values if each and len(each) <= LONGEST_SHOWN and _A_DIGIT.search(each)
        )

    @property
    def too_many(self) -> bool:
        """There are more than can be looked for at a time."""
        return max(len(self._numbers), len(self._values)) > _MOST

    def within(self, text: str) -> tuple[Numbers, str]:
        """Those that can stand in a text, and as much of the text as they can be looked for in."""
        plain = _ESCAPED_BETWEEN.sub("", text)
        spellings = [_NO_DIGIT.sub("", each) for each in (text, plain, _ESCAPED_DIGIT.sub(r"\1", plain))]
        found = [number for number in self._numbers if any(number in digits for digits in spellings)]
        if len(found) > _MOST:
            return self.within(text[: len(text) // 2])
        # A value that is left out is one more that passes for a number.
        held = [value for value in self._values if value in text]
        made = Numbers((), self._fields, held if len(held) <= _MOST else ())
        made._numbers = found
        return made, text

    def known(self, text: str, put: Put) -> str:
        """A text, with something else in place of the known numbers."""
        return self._known.sub(lambda found: put(found[0]), text) if self._may_hold(text) else text

    def code(self, code: str, put: Put) -> str:
        """A code, with something else in place of the known numbers and of what is written as a number."""
        return _WRITTEN.sub(lambda found: put(found[0]), self.known(code, put))

    def every(self, text: str, put: Put) -> str:
        """A text, with something else in place of everything that may be a number."""

        def one(found: re.Match[str]) -> str:
            return put(found[0]) if found["kept"] is None else self.known(found[0], put)

        return self._any.sub(one, text)

    def _may_hold(self, text: str) -> bool:
        """Whether a known number can be in a text. A look costs a thousandth of what a pattern costs to be made."""
        if _ESCAPED.search(text):
            return True
        digits = _NO_DIGIT.sub("", text)
        return any(number[-_TAIL:] in digits for number in self._numbers)

    @cached_property
    def _known(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_spelt, self._numbers)) or r"(?!)")

    @cached_property
    def _any(self) -> re.Pattern[str]:
        names = "|".join(_name(each) for each in sorted(self._fields, key=len, reverse=True))
        held = "|".join(re.escape(each) for each in sorted(self._values, key=len, reverse=True))
        kept = rf"(?:(?<![\w-])|(?<=%[0-9A-Fa-f]{{2}}))(?:{names})\"?{_IS}\"?[\w.:-]*"
        kept += rf"|(?<!\w)(?:{held})(?!\w)" if held else ""
        return re.compile("|".join([*map(_spelt, self._numbers), f"(?P<kept>{kept})", _LOOKS]))


def _spelt(digits: str) -> str:
    """The pattern of a number: its last digits decide, whatever stands before and between them."""
    if len(digits) < _TAIL:
        return rf"(?<!\d){digits}(?!\d)"
    last = _BETWEEN.join(rf"(?:{digit}|%3{digit}|\\u003{digit})" for digit in digits[-_TAIL:])
    # Bounded, so that a long run of digits costs no more than its length.
    return rf"{_PLUS}?(?:{_DIGIT}{_BETWEEN}){{0,12}}{last}(?!\d)"


def _name(field: str) -> str:
    return re.escape(field).replace(r"\ ", r"(?:\ |%20|\+|%2[Bb])")


def masked(number: str) -> str:
    """A number of which only the last two digits are shown; a name, which has letters, stays."""
    plain = _plain(number)
    digits = number_of(plain)
    if not digits:
        return number
    return ("+" if plain.startswith("+") else "") + DOT * max(len(digits) - _SHOWN, _SHOWN) + digits[-_SHOWN:]


def blind(text: str) -> str:
    """A text without what could hold numbers that nobody can read at a glance: base64 with digits in it."""
    return _BASE64.sub(lambda found: "(base64, not shown)" if _hides(found[0]) else found[0], text)


def written_numbers(code: str) -> list[str]:
    """The numbers that are written in a code."""
    return _WRITTEN.findall(code)


def hides_numbers(text: str) -> bool:
    """Whether numbers may stand in a text in a way in which they are not replaced."""
    return any(_hides(found[0]) for found in _BASE64.finditer(text))


def walk(value: Any, change: Put) -> Any:
    """A plain value with its texts changed, and its long numbers as texts."""
    match value:
        case str():
            return change(value)
        case int() if abs(value) >= 10 ** (_TAIL - 1) and not isinstance(value, bool):
            return change(str(value))
        case dict():
            return {change(str(name)): walk(inner, change) for name, inner in value.items()}
        case list() | tuple():
            return [walk(inner, change) for inner in value]
        case _:
            return value


class Fiction:
    """Replaces numbers by ones that are reserved for fiction, the same by the same.

    +44 7700 900000 to 900999 (Ofcom, numbers for drama use) and +1 202 555 0100 to 0199 (NANPA).
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __call__(self, number: str) -> str:
        """The number to put in place of one, in as many digits where that can be."""
        digits = number_of(_plain(number)) or "0"
        at = self._known.setdefault(digits[-_TAIL:], len(self._known))
        american = f"2025550{100 + at % 100}"
        made = {10: american, 11: "1" + american}.get(len(digits), f"447700900{at % 1000:03}")
        sign = re.match(_PLUS, number)
        return (sign[0] if sign else "") + made


def _plain(number: str) -> str:
    return unquote(re.sub(r"\\u00([0-9A-Fa-f]{2})", r"%\1", number)).strip()


def _hides(token: str) -> bool:
    padded = token.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return _DIGITS_INSIDE.search(b64decode(padded + "=" * (-len(padded) % 4))) is not None
    except ValueError:
        return False

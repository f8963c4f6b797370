"""Phone numbers that are international for certain.

The rule of this module: a number is kept as sent but for the `+` of one that is known to be
international. No numbering plan is looked up.
"""

from __future__ import annotations

from typing import Final

_E164_DIGITS: Final = range(7, 16)


def international(number: str) -> str:
    """A number that its sender says is international, with its `+` (E.164); anything else as it stands."""
    if number.isascii() and number.isdigit() and len(number) in _E164_DIGITS and number[0] != "0":
        return "+" + number
    return number

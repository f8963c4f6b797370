"""What a caller gives that no store can take.

It is refused before a transaction begins, by the name of the argument.
"""

from __future__ import annotations

from typing import Any, Final

from delivrd.records import encodable

_LARGEST_PAGE: Final = 1_000_000

_LAST_PLACE: Final = (1 << 63) - 1
"""The largest number that a column holds."""


def check_texts(**named: Any) -> None:
    """Refuse what no store can hold.

    Raises:
        ValueError: a value is neither None nor a text that every encoding of Unicode can write.
    """
    for field, given in named.items():
        if given is not None and (not isinstance(given, str) or encodable(given) != given):
            raise ValueError(f"{field}: expected a text that every encoding of Unicode can write")


def check_size(field: str, size: int) -> None:
    """Refuse what is no number of rows.

    Raises:
        ValueError: it is no whole number, or out of range.
    """
    _check_number(field, size, 1, _LARGEST_PAGE)


def check_place(field: str, place: int) -> None:
    """Refuse what is no number that a row can have.

    Raises: as `check_size`.
    """
    _check_number(field, place, 0, _LAST_PLACE)


def _check_number(field: str, number: int, least: int, most: int) -> None:
    if type(number) is not int or not least <= number <= most:
        raise ValueError(f"{field}: expected a whole number from {least} to {most}")

"""One value of a report from what was sent for it, and what to warn of: what the compiled lines call.

The rule of this module: a value that cannot be read is no value and a warning, and no other suffers by it.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from delivrd.errors import Unreadable
from delivrd.memory import as_sent
from delivrd.money import read_money
from delivrd.report import Warning, WarningKind, shorten
from delivrd.shapes import LARGEST_COUNT
from delivrd.times import TimeForm, read_time


def as_text(value: int | None) -> str | None:
    """A number as text, or a truth as JSON writes it."""
    return None if value is None else as_sent(value)


def warned(own: list[Warning] | None, kind: WarningKind, field: str, value: str) -> list[Warning]:
    """The warnings so far, and one more."""
    own = [] if own is None else own
    own.append(Warning(kind, field, shorten(value)))
    return own


def first_of(
    first_name: str, first: str | None, name: str, value: str | None, own: list[Warning] | None
) -> tuple[str | None, list[Warning] | None]:
    """Of two spellings of one field the first that says something, and the warnings so far with a contradiction."""
    if first is None or first.isspace():
        return value, own
    if value is None or value.isspace() or value == first:
        return first, own
    return first, warned(own, WarningKind.CONFLICT, f"{first_name}+{name}", value)


def read_when(
    field: str, text: str, zone: tzinfo | None, forms: tuple[TimeForm, ...], own: list[Warning] | None
) -> tuple[datetime | None, list[Warning] | None]:
    """A time as `read_time` reads it, and the warnings so far with its own."""
    found, doubt = read_time(text, zone, forms)
    return found, own if doubt is None else warned(own, doubt, field, text)


def read_count(field: str, text: str, own: list[Warning] | None) -> tuple[int | None, list[Warning] | None]:
    """A whole number, or None where the text is no such or larger than any count; and the warnings so far with that."""
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(LARGEST_COUNT)):
        return int(digits), own
    return None, warned(own, WarningKind.BAD_VALUE, field, text)


def read_price(field: str, text: str, own: list[Warning] | None) -> tuple[Any, list[Warning] | None]:
    """An amount, or None where the text is none; and the warnings so far with that."""
    amount = read_money(text)
    return amount, own if amount is not None else warned(own, WarningKind.BAD_VALUE, field, text)


def missing(names: str) -> Unreadable:
    """The error for an item without an id."""
    return Unreadable(f"{names}: expected the message's id, found none; is this the right provider?", field=names)


def without_code(names: str) -> Unreadable:
    """The error for an item without a code."""
    return Unreadable(f"{names}: expected at least one code, found none; is this the right provider?", field=names)

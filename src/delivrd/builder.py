"""From a shape or a record to a report: the one declaration, compiled once into plain code.

The rule of this module: all readers run the same lines. What is written (`delivrd.writer`) is the source of
a function, for shapes (attributes), for records (texts by wire name) or for parts; they differ in
nothing but how the item arrives (`Entry`) and how a field is fetched. What is compiled comes from
the declaration alone, never from input; what a declaration leaves out costs no line.

A report built by keywords, field by field through generators, costs three times as much; that is
why the source is written out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from delivrd.accounts import Account
from delivrd.classify import Classifier
from delivrd.entries import Entry
from delivrd.errors import InputError
from delivrd.memory import Memory
from delivrd.money import recent_amounts
from delivrd.numbers import international
from delivrd.receipt import Receipt
from delivrd.report import Network, Report, Warning
from delivrd.shapes import Reading, wire_fields
from delivrd.times import Moment, read_zone, remember_time
from delivrd.values import (
    as_text,
    first_of,
    missing,
    read_count,
    read_price,
    read_times,
    read_when,
    warned,
    without_code,
)
from delivrd.writer import Writer

Build = Callable[[Any, "datetime | None", "list[Warning] | None", "dict[str, Any] | None"], Report]
"""From (item, received_at, warnings so far, extras) to a report. Raises `Unreadable`."""


class Frame(msgspec.Struct, frozen=True):
    """What one account adds to a compiled reading.

    Attributes:
        account: its name, or None.
        classifier: the tables with the account's meanings.
        zone: of times that name none; None where nobody says.
        falls_back: whether the account uses the provider's fallback.
    """

    account: str | None
    classifier: Classifier
    zone: tzinfo | None
    falls_back: bool


def frame_of(account: Account, reading: Reading, settings: Any, classifier: Classifier) -> Frame:
    """What an account adds to a reading.

    Args:
        account: whose name and zone count.
        reading: whose documented zone and fallback count where the account says nothing.
        settings: the account's, checked.
        classifier: the tables with the account's meanings.

    Raises:
        ValueError: there is no such zone.
    """
    zone = account.local_zone() or (read_zone(reading.zone) if reading.zone else None)
    fallback = reading.fallback
    falls_back = fallback is not None and bool(getattr(settings, fallback.setting, True))
    return Frame(account.name or None, classifier, zone, falls_back)


class Compiled:
    """The function of one entry for one reading, compiled once and still to be given an account's frame."""

    def __init__(self, provider: str, reading: Reading, code_fields: tuple[str, ...], entry: Entry) -> None:
        writer = Writer(reading, code_fields, entry)
        namespace: dict[str, Any] = {
            "UTC": UTC,
            "InputError": InputError,
            "Network": Network,
            "Receipt": Receipt,
            "Report": Report,
            "PROVIDER": provider,
            "CODE_FIELDS": " or ".join(field for field in code_fields if field in wire_fields(reading.shape)),
            "TIMES": reading.times,
            "as_text": as_text,
            "fromisoformat": datetime.fromisoformat,
            "first_of": first_of,
            "international": international,
            "missing": missing,
            "read_count": read_count,
            "read_price": read_price,
            "recent_amount": recent_amounts.get,
            "read_times": read_times,
            "read_when": read_when,
            "remember_time": remember_time,
            "warned": warned,
            "without_code": without_code,
        }
        exec(compile(writer.source(), f"<reading of {provider}>", "exec"), namespace)  # noqa: S102 - see the module's docstring
        self._make: Callable[..., Any] = namespace["make"]

    def bind(self, frame: Frame, **names: Any) -> Any:
        """The function for one account. `names` are those that its entry lists."""
        memory = Memory(frame.classifier)
        times: tuple[dict[str, Moment], dict[str, Any]] = ({}, {})
        given = (frame.account, memory.verdicts, memory.classify, frame.zone, *times, frame.falls_back)
        return self._make(*given, **names)

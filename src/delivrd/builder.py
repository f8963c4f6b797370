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
from functools import partial
from typing import Any

import msgspec

from delivrd.classify import Classifier
from delivrd.entries import Entry
from delivrd.errors import InputError
from delivrd.memory import Memory
from delivrd.money import recent_amounts
from delivrd.numbers import international
from delivrd.receipt import Receipt
from delivrd.report import Network, Report, Warning
from delivrd.shapes import Reading, wire_fields
from delivrd.times import Moment, remember_time
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

Read = Callable[[Any, "str | None", "datetime | None"], Receipt]
"""Reads one input: (input, asked, received_at)."""

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


class Compiled:
    """The function of one entry for one reading, compiled once and still to be given an account's frame."""

    def __init__(
        self, provider: str, reading: Reading, code_fields: tuple[str, ...], entry: Entry, **constants: Any
    ) -> None:
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
            **constants,
        }
        exec(compile(writer.source(), f"<reading of {provider}>", "exec"), namespace)  # noqa: S102 - see the module's docstring
        self._make: Callable[..., Any] = namespace["make"]

    def bind(self, frame: Frame, *names: Any) -> Any:
        """The function for one account: cheap, for an account may be made for each input.

        Args:
            frame: what the account adds.
            names: what the entry lists, in its order.
        """
        classifier = frame.classifier
        # What codes mean depends on the classifier alone, which nearly all accounts share.
        memory = classifier.memories.get(self)
        if memory is None:
            memory = classifier.memories.setdefault(self, Memory())
        moments: dict[str, Moment] = {}
        together: dict[str, Any] = {}
        classify = partial(memory.classify, classifier)
        return self._make(
            frame.account, memory.verdicts, classify, frame.zone, moments, together, frame.falls_back, *names
        )


def later(make: Callable[[], Read]) -> Read:
    """A reader that is made when it is first needed."""
    read: Read | None = None

    def read_later(input: Any, asked: str | None, received_at: datetime | None) -> Receipt:
        nonlocal read
        if read is None:
            read = make()
        return read(input, asked, received_at)

    return read_later

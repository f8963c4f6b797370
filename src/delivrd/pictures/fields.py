"""What a picture of a provider's codes shows, before anything has a place.

The rule of this module: every line of the provider's tables stands in one box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from delivrd.listing import CodeLine, code_lines
from delivrd.provider import Provider
from delivrd.receipt import AbsenceKind
from delivrd.tables import Consulted
from delivrd.vocabulary import Cause, Status


class Target(msgspec.Struct, frozen=True):
    """Where codes lead: a status, or why there is no report.

    Attributes:
        name: the word.
        kind: the outcome, whose colour it has.
        said: what is said of it.
    """

    name: str
    kind: str
    said: str


class Box(msgspec.Struct, frozen=True):
    """Codes of one field that lead to one place.

    Attributes:
        target: that place; None where they decide nothing.
        lines: the codes; none where it is the want of a code that leads there.
        sure: they lead there by themselves, and not only with a setting or as a qualification.
    """

    target: Target | None
    lines: tuple[CodeLine, ...]
    sure: bool = True


class Field(msgspec.Struct, frozen=True):
    """A field, or what stands beside the fields.

    Attributes:
        mark: its place in the order of authority, if it has one.
        name: the provider's.
        note: what is said of it; empty where there is nothing to say.
        boxes: its codes.
    """

    mark: str
    name: str
    note: str
    boxes: tuple[Box, ...]


def fields_of(provider: Provider) -> Iterator[Field]:
    """The fields in order of authority, each followed by what settings lay over it; last, what leads to no report."""
    lines = list(code_lines(provider))
    for place, table in enumerate(provider.tables, start=1):
        own = [line for line in lines if line.place == place]
        said = [
            "" if table.consulted is Consulted.ALWAYS else table.consulted.meaning,
            "a reason for a failure makes what is pending deferred" if table.reasons else "",
        ]
        always = [line for line in own if line.setting is None]
        sure = table.consulted is not Consulted.QUALIFIES
        yield Field(str(place), table.name, "; ".join(filter(None, said)), tuple(_boxes(always, sure)))
        for setting, offered in groupby((line for line in own if line.setting), lambda line: line.setting):
            note = f"only where the account's setting {setting} is true"
            yield Field("", table.name, note, tuple(_boxes(list(offered), False)))
    if provider.finality is not None:
        yield Field("", provider.finality, "says whether a status is final", ())
    said_by = provider.no_code
    if said_by is not None:
        target = Target(said_by.status, said_by.status.outcome, said_by.status.outcome)
        yield Field("", "no code sent", said_by.meaning, (Box(target, ()),))
    absences = [line for line in lines if line.absence is not None]
    for name, group in groupby(absences, lambda line: line.field):
        yield Field("", name, "codes of answers that hold no report", tuple(_boxes(list(group), True)))


def _boxes(lines: Sequence[CodeLine], sure: bool) -> Iterator[Box]:
    for status in Status:
        found = tuple(line for line in lines if line.status is status)
        if found:
            yield Box(Target(status, status.outcome, status.outcome), found, sure)
    for kind in AbsenceKind:
        found = tuple(line for line in lines if line.absence is kind)
        if found:
            yield Box(Target(kind, "unknown", "no report"), found, sure)
    silent = tuple(line for line in lines if line.status is None and line.absence is None)
    if silent:
        yield Box(None, silent)


def targets_of(fields: Iterable[Field]) -> list[Target]:
    """Where their codes lead: each place once, statuses first, in the order of the vocabulary."""
    led_to = {box.target for field in fields for box in field.boxes if box.target is not None}
    order = [*Status, *AbsenceKind]
    return sorted(led_to, key=lambda target: (target.said == "no report", order.index(target.name)))


def runs_of(lines: Sequence[CodeLine]) -> list[tuple[Cause | None, list[CodeLine]]]:
    """Codes by their cause: those without one first, then as the causes first come."""
    causes = dict.fromkeys(line.cause for line in lines)
    ordered = sorted(causes, key=lambda cause: cause is not None)
    return [(cause, [line for line in lines if line.cause is cause]) for cause in ordered]


def described(fields: Iterable[Field]) -> str:
    """The picture in words."""
    told = []
    for field in fields:
        led = [
            f"{len(box.lines)} to {box.target.name}" if box.lines else f"to {box.target.name}"
            for box in field.boxes
            if box.target is not None
        ]
        if led:
            told.append(f"{field.name}{f' ({field.note})' if field.note and not field.mark else ''}: {', '.join(led)}.")
    return " ".join(told)

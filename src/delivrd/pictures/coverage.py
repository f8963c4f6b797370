"""How many codes of each provider lead to each status and each cause, counted and drawn.

The rule of this module: a row a word, a column a provider; columns that do not fit go on below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import cos, log, radians, sin
from typing import Final

import msgspec

from delivrd.listing import CodeLine, code_lines
from delivrd.pictures.svg import SANS, WIDE, element, number, picture, text, wrapped
from delivrd.provider import Provider
from delivrd.vocabulary import Cause, Status


class CoverageRow(msgspec.Struct, frozen=True):
    """How many codes lead to one word.

    Attributes:
        word: the status or cause.
        counts: one a provider.
    """

    word: Status | Cause
    counts: tuple[int, ...]


def coverage(lines: Iterable[CodeLine], providers: Sequence[str]) -> tuple[CoverageRow, ...]:
    """A row for each status, then one for each cause.

    Args:
        lines: of these providers.
        providers: their names.
    """
    # Each axis for itself: `expired` is a word of both.
    statuses: Counter[tuple[str, str | None]] = Counter()
    causes: Counter[tuple[str, str | None]] = Counter()
    for line in lines:
        statuses[line.provider, line.status] += 1
        causes[line.provider, line.cause] += 1
    return tuple(
        CoverageRow(word, tuple(counted[name, word] for name in providers))
        for words, counted in ((Status, statuses), (Cause, causes))
        for word in words
    )


def draw_coverage(providers: Sequence[Provider], width: int = WIDE) -> str:
    """A picture of how many codes of each provider lead to each status and each cause, as SVG.

    Args:
        providers: a column each.
        width: in pixels; `WIDE` for a page, `NARROW` for a phone.
    """
    names = [provider.name for provider in providers]
    rows = coverage((line for provider in providers for line in code_lines(provider)), names)
    wide = width >= WIDE
    margin = 18 if wide else 10
    longest = max((len(name) for name in names), default=0) * SANS
    # Where there is room, names lean, and the last one leans out beyond its column.
    lean = longest * cos(radians(_ANGLE)) if wide else 0.0
    room = width - 2 * margin - _LABEL - lean
    most = max(1, int(room // _LEAST))
    grid = _Grid(names, rows, margin, min(_MOST, room / min(most, max(1, len(names)))), _ANGLE if wide else 90)
    y = margin + 14.0
    parts = [text(margin, y, "What the codes cover", "ink big")]
    y += 4
    for line in wrapped("How many codes of each provider lead to each status, and to each cause.", width - 2 * margin):
        y += 15
        parts.append(text(margin, y, line, "soft"))
    for at in range(0, len(names), most):
        y = _draw_band(parts, grid, range(at, min(at + most, len(names))), y)
    told = (f"{row.word}: {sum(row.counts)}" for row in rows if isinstance(row.word, Status))
    description = f"Codes of {', '.join(names)}. {', '.join(told)}."
    return picture("Codes of all providers by status and cause", description, width, y + margin, parts)


_ANGLE: Final = 55
"""Degrees by which the names of providers are turned."""

_LABEL: Final = 150
"""Pixels across, kept for the words."""

_LEAST: Final = 34
_MOST: Final = 84
"""Pixels across a cell."""

_TALL: Final = 19
"""Pixels from row to row."""


class _Grid(msgspec.Struct, frozen=True):
    """What all parts of the picture share: the whole table, and the places of its columns."""

    names: Sequence[str]
    rows: Sequence[CoverageRow]
    margin: int
    cell: float
    angle: int

    @property
    def most(self) -> int:
        """The highest count."""
        return max((max(row.counts, default=0) for row in self.rows), default=0)

    def left(self, place: int) -> float:
        """Where a column begins."""
        return self.margin + _LABEL + place * self.cell


def _draw_band(parts: list[str], grid: _Grid, band: range, y: float) -> float:
    """Draw some of the columns from y down; where they end."""
    y += 26 + max(len(grid.names[at]) for at in band) * SANS * sin(radians(grid.angle))
    for place, at in enumerate(band):
        x = grid.left(place) + grid.cell / 2 + 4
        turn = f"rotate(-{grid.angle} {number(x)} {number(y)})"
        parts.append(text(x, y, grid.names[at], "ink", transform=turn))
    kind = None
    for row in grid.rows:
        if type(row.word) is not kind:
            kind = type(row.word)
            y += 20
            parts.append(text(grid.margin, y, kind.__name__.lower(), "soft bold"))
            y += 6
        used = any(row.counts[at] for at in band)
        parts.append(text(grid.margin, y + 13, row.word, "ink" if used else "soft"))
        colour = row.word.outcome if isinstance(row.word, Status) else "cause"
        for place, at in enumerate(band):
            parts += _cell(grid, grid.left(place), y, row.counts[at], colour)
        y += _TALL
    return y


def _cell(grid: _Grid, x: float, y: float, count: int, colour: str) -> Iterator[str]:
    middle = x + grid.cell / 2
    if not count:
        yield element("circle", cx=middle, cy=y + 9, r=1.2, kind="soft")
        return
    # The few beside the many: a table of forty must not make ones pass for none.
    depth = f"{0.14 + 0.36 * log(count + 1) / log(grid.most + 1):.2f}"
    size = {"width": grid.cell - 2, "height": _TALL - 2}
    yield element("rect", x=x + 1, y=y + 1, rx=3, kind=colour, fill_opacity=depth, **size)
    yield text(middle, y + 13, str(count), "ink bold mid")

"""A table as text, for a terminal.

The rule of this module: a row is a line. Where lines are too long, cells are cut; where that would
leave cells that tell nothing, the last columns are left out instead. Nothing wraps.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

_GAP: Final = "  "
_CUT: Final = "…"
_LEAST: Final = 10


def text_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None, least: Sequence[int] = ()
) -> str:
    """Rows under their heads.

    Args:
        head: the names of the columns.
        rows: a cell for each column; cells without line ends.
        width: how long a line may be; None for any length.
        least: how far each column may be cut.
    """
    widths = [max(_width(row[place]) for row in [head, *rows]) for place in range(len(head))]
    if width is not None:
        widths = _fit(widths, width, least or [_LEAST] * len(head))
    lines = [head, ["-" * each for each in widths], *rows]
    # Columns without a width are left out.
    return "\n".join(
        _GAP.join(_cell(cell, each) for cell, each in zip(line, widths, strict=False)).rstrip() for line in lines
    )


def _fit(wanted: Sequence[int], width: int, least: Sequence[int]) -> list[int]:
    widths = [min(pair) for pair in zip(wanted, least, strict=True)]
    while len(widths) > 1 and _total(widths) > width:
        widths.pop()
    widths[0] = min(widths[0], width)
    spare = width - _total(widths)
    # Column by column, so that the short ones come out whole and the long ones share the rest.
    while spare > 0 and (short := [place for place, each in enumerate(widths) if each < wanted[place]]):
        for place in short[:spare]:
            widths[place] += 1
        spare -= len(short[:spare])
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _cell(text: str, width: int) -> str:
    if _width(text) <= width:
        return text + " " * (width - _width(text))
    # From the left and once: a stranger chooses how long a text is.
    end, taken = 0, 0
    for each in text:
        taken += _width(each)
        if taken > width - 1:
            break
        end += 1
    text = text[:end]
    return text + _CUT + " " * (width - 1 - _width(text))


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )

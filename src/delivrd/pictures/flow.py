"""From a provider's codes to what they mean, drawn.

The rule of this module: each field stands in its place of authority, its codes in boxes by where
they lead, and one stroke leads from each box to a status (or to why there is no report). Where there
is no room for strokes, the box itself says where its codes lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Final

import msgspec

from delivrd.listing import CodeLine
from delivrd.pictures.fields import Box, Field, Target, described, fields_of, runs_of, targets_of
from delivrd.pictures.svg import MONO, WIDE, clean, cut, element, number, picture, text, wrapped
from delivrd.provider import Provider

_CHIP: Final = 20
_GAP: Final = 4
_INSET: Final = 8
_CAUSE: Final = 132
"""Pixels kept for the name of a cause, where it stands beside its codes."""

_NUMBER: Final = 24
"""Pixels kept for the number of a box's codes."""

_NOTHING: Final = "decides nothing"


class _Stroke(msgspec.Struct, frozen=True):
    """A stroke that leaves the left side.

    Attributes:
        target: where it goes.
        y: where it begins.
        thick: grows with the number of codes, though not as fast.
        sure: see `Box.sure`.
    """

    target: Target
    y: float
    thick: float
    sure: bool


class _Canvas:
    """A picture in the making.

    Args:
        width: of the whole.
    """

    def __init__(self, width: int) -> None:
        self.flows = width >= WIDE * 3 // 4
        self.width = width
        self.margin = 18 if self.flows else 10
        self.room = width - 2 * self.margin
        self.left = int(self.room * 0.66) if self.flows else self.room
        self.right = 132
        self.parts: list[str] = []
        self.strokes: list[_Stroke] = []

    def add(self, *parts: str) -> None:
        """Draw over what is there."""
        self.parts += parts


def draw_codes(provider: Provider, width: int = WIDE) -> str:
    """A picture of all that a provider's codes mean, as SVG.

    Args:
        provider: any.
        width: in pixels; `WIDE` for a page, `NARROW` for a phone.
    """
    canvas = _Canvas(width)
    fields = list(fields_of(provider))
    y = canvas.margin + 14.0
    for line in wrapped(provider.title, canvas.room * 0.75):
        canvas.add(text(canvas.margin, y, line, "ink big"))
        y += 19
    for line in wrapped("Codes by field, in order of authority, and the status to which each leads.", canvas.room):
        canvas.add(text(canvas.margin, y, line, "soft"))
        y += 15
    y = top = y + 8
    for field in fields:
        y = _draw_field(canvas, field, y)
    if canvas.flows:
        y = _draw_targets(canvas, targets_of(fields), (top, y))
    y = _draw_key(canvas, fields, y + 6)
    return picture(f"{provider.title}: codes and statuses", described(fields), width, y + canvas.margin, canvas.parts)


def _draw_field(canvas: _Canvas, field: Field, y: float) -> float:
    """Draw a field from y down; where it ends."""
    x = float(canvas.margin)
    y += 14
    if field.mark:
        canvas.add(element("circle", cx=x + 8, cy=y - 4, r=8, kind="soft"), text(x + 8, y, field.mark, "onto bold mid"))
    indent = 22 if field.mark else 0
    canvas.add(text(x + indent, y, cut(field.name, canvas.left - indent), "ink mono bold"))
    y += 4
    for line in wrapped(field.note, canvas.left):
        y += 14
        canvas.add(text(x, y, line, "soft"))
    y += 6
    for box in field.boxes:
        y = _draw_box(canvas, box, y) + _GAP
    return y + 12


def _draw_box(canvas: _Canvas, box: Box, y: float) -> float:
    """Draw a box from y down; where it ends."""
    x, left = float(canvas.margin), canvas.left
    target = box.target
    kind = target.kind if target is not None else "unknown"
    count = str(len(box.lines)) if box.lines else ""
    inner: list[str] = []
    bottom = y + _GAP + 1
    name, said = (target.name, target.said) if target is not None else (_NOTHING, "silent")
    end = x + left - _INSET
    if canvas.flows:
        end -= _NUMBER + len(name) * MONO + _INSET
    else:
        inner.append(text(x + _INSET, bottom + 12, name, f"{kind} bold"))
        inner.append(text(end, bottom + 12, f"{said} · {count}" if count else said, f"{kind} end"))
        bottom += 19
    bottom = _draw_runs(canvas, box, (x + _INSET, end), bottom, inner)
    middle = (y + bottom) / 2
    canvas.add(element("rect", x=x, y=y, width=left, height=bottom - y, rx=5, kind=f"{kind} tint"), *inner)
    if canvas.flows:
        # Told here too: where many strokes cross, nobody follows one.
        canvas.add(text(x + left - _INSET - _NUMBER, middle + 4, name, f"{kind} end"))
        if target is not None:
            canvas.strokes.append(_Stroke(target, middle, 1.5 * sqrt(max(1, len(box.lines))) + 1, box.sure))
        canvas.add(text(x + left - _INSET, middle + 4, count, f"{kind} bold end"))
    return bottom


def _draw_runs(canvas: _Canvas, box: Box, between: tuple[float, float], y: float, parts: list[str]) -> float:
    """Draw the codes of a box, cause by cause, from y down; where they end."""
    start, end = between
    if not box.lines:
        parts.append(text(start, y + 14, "where a code could stand, there is none", "soft"))
        return y + _CHIP + _GAP
    runs = runs_of(box.lines)
    caused = any(cause is not None for cause, _ in runs)
    for cause, lines in runs:
        indent = 0
        if caused and canvas.flows:
            parts.append(text(start, y + 14, cause or "no cause", "soft"))
            indent = _CAUSE
        elif caused:
            parts.append(text(start, y + 11, cause or "no cause", "soft"))
            y += 17
        y = _draw_chips(lines, (start + indent, end), y, parts) + _GAP
    return y


def _draw_chips(lines: Sequence[CodeLine], between: tuple[float, float], y: float, parts: list[str]) -> float:
    """Draw codes in rows from y down; where they end."""
    start, end = between
    x = start
    for line in lines:
        shown = cut(line.code, end - start - 10)
        wide = len(shown) * MONO + 10
        if x > start and x + wide > end:
            x, y = start, y + _CHIP + _GAP
        edge = f"s-{line.outcome}" if line.outcome is not None else "rule"
        kind = f"chip {edge}{' open' if line.final is False else ''}"
        box = element("rect", x=x, y=y, width=wide, height=_CHIP, rx=4, kind=kind)
        word = text(x + wide / 2, y + 14, shown, f"ink mono mid{' bold' if line.overrules else ''}")
        parts.append(element("g", f"<title>{clean(_told(line))}</title>{box}{word}"))
        x += wide + _GAP
    return y + _CHIP


def _told(line: CodeLine) -> str:
    """What stands behind a code, for whoever points at it."""
    final = {True: "final", False: "not final", None: ""}[line.final]
    words = [line.status or line.absence or "silent", final, line.evidence, line.cause]
    return f"{line.field} {line.code}: {', '.join(filter(None, words))}. {line.meaning}"


def _draw_targets(canvas: _Canvas, targets: Sequence[Target], span: tuple[float, float]) -> float:
    """Draw the right side, and beneath all else the strokes to it; where both sides end."""
    top, end = span
    coming = {target: [stroke for stroke in canvas.strokes if stroke.target == target] for target in targets}
    thick = {target: sum(stroke.thick + 2 for stroke in coming[target]) for target in targets}
    tall = {target: max(40.0, thick[target] + 8) for target in targets}
    places = spread(
        [sum(each.y for each in coming[target]) / len(coming[target]) - tall[target] / 2 for target in targets],
        [tall[target] + 8 for target in targets],
        (top, end),
    )
    strokes: list[str] = []
    start, x = canvas.margin + canvas.left, canvas.width - canvas.margin - canvas.right
    bend = number((start + x) / 2)
    for target, y in zip(targets, places, strict=True):
        high = tall[target]
        at = y + (high - thick[target]) / 2 + 1
        for stroke in coming[target]:
            begin, arrive = number(stroke.y), number(at + stroke.thick / 2)
            kind = f"flow s-{target.kind}{'' if stroke.sure else ' may'}"
            path = f"M{start} {begin}C{bend} {begin} {bend} {arrive} {x} {arrive}"
            strokes.append(element("path", d=path, kind=kind, stroke_width=stroke.thick))
            at += stroke.thick + 2
        middle = y + high / 2
        canvas.add(
            element("rect", x=x, y=y, width=canvas.right, height=high, rx=5, kind=f"{target.kind} tint"),
            element("rect", x=x, y=y, width=4, height=high, kind=target.kind),
            text(x + 12, middle - 2, target.name, "ink bold"),
            text(x + 12, middle + 13, target.said, target.kind),
        )
        end = max(end, y + high)
    canvas.parts[:0] = strokes
    return end


def spread(wanted: Sequence[float], sizes: Sequence[float], span: tuple[float, float]) -> list[float]:
    """Places in order that do not overlap, by least squares as near to those wanted as they can be.

    Args:
        wanted: where each would stand.
        sizes: how much each takes.
        span: where the first may begin and the last may end; more room is taken below where it is too short.
    """
    top, bottom = span
    before = [sum(sizes[:at]) for at in range(len(sizes))]
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, before, strict=True):
        blocks.append((want - offset, 1))
        # Neighbours that would overlap share the mean of their places.
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (second, many), (first, more) = blocks.pop(), blocks.pop()
            blocks.append(((first * more + second * many) / (more + many), more + many))
    moved = [place for place, count in blocks for _ in range(count)]
    last = max(top, bottom - sum(sizes))
    return [min(max(place, top), last) + offset for place, offset in zip(moved, before, strict=True)]


def _draw_key(canvas: _Canvas, fields: Sequence[Field], y: float) -> float:
    """Draw what the outlines and strokes mean, of those that are there; where it ends."""
    boxes = [box for field in fields for box in field.boxes]
    lines = [line for box in boxes for line in box.lines]
    x, end = float(canvas.margin), canvas.width - canvas.margin
    canvas.add(element("line", x1=x, x2=end, y1=y, y2=y, kind="rule"))
    y += 10
    for kind, words, used in (
        ("chip s-unknown", "final", any(line.final for line in lines)),
        ("chip s-unknown open", "not final", any(line.final is False for line in lines)),
    ):
        if used:
            canvas.add(element("rect", x=x, y=y, width=24, height=14, rx=3, kind=kind))
            canvas.add(text(x + 30, y + 11, words, "soft"))
            x += 30 + len(words) * 6.2 + 16
    if canvas.flows and any(not box.sure for box in boxes if box.target is not None):
        path = f"M{number(x)} {number(y + 7)}h24"
        canvas.add(element("path", d=path, kind="flow s-unknown may", stroke_width=3))
        canvas.add(text(x + 30, y + 11, "on a condition, told at its field", "soft"))
    return y + 14

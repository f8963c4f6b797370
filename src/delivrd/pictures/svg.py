"""The strokes that pictures are made of.

The rule of this module: nothing is measured, since nobody knows the reader's fonts: places are kept
for letters somewhat wider than most are, and no colour stands alone for what a word does not say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from html import escape
from typing import Final

WIDE: Final = 800
"""Pixels across, for a page."""

NARROW: Final = 380
"""Pixels across, for a phone."""

MONO: Final = 7.3
"""Pixels that a letter of a code takes at most, at 12 pixels."""

SANS: Final = 5.9
"""Pixels that a letter of a note takes on average, at 11.5 pixels."""

_LIGHT: Final[Mapping[str, str]] = {
    "back": "#ffffff",
    "chip": "#ffffff",
    "ink": "#1b2330",
    "soft": "#566172",
    "line": "#d9dee6",
    "pending": "#8a6d00",
    "success": "#2f7d4f",
    "failure": "#b3362b",
    "unknown": "#5b6472",
    "cause": "#3f659e",
}
_DARK: Final[Mapping[str, str]] = {
    "back": "#151a22",
    "chip": "#0f1319",
    "ink": "#e7ebf1",
    "soft": "#a3adbb",
    "line": "#323b48",
    "pending": "#e3c04b",
    "success": "#6fcf97",
    "failure": "#ff8a7d",
    "unknown": "#a9b3c1",
    "cause": "#7fa6e0",
}
"""Those of the live page."""

_SHAPES: Final = """\
text{font:11.5px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.mono{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.big{font-size:15px;font-weight:600}
.bold{font-weight:600}
.mid{text-anchor:middle}
.end{text-anchor:end}
.open{stroke-dasharray:3 2.5}
.flow{fill:none;stroke-opacity:.5}
.may{stroke-dasharray:6 4}
.tint{fill-opacity:.1}
"""


def _colours(of: Mapping[str, str]) -> str:
    # Written out: some programs that draw SVG know no variables.
    rules = [
        f".back{{fill:{of['back']}}}",
        f".ink{{fill:{of['ink']}}}",
        f".soft{{fill:{of['soft']}}}",
        f".rule{{stroke:{of['line']}}}",
        f".chip{{fill:{of['chip']}}}",
        f".onto{{fill:{of['back']}}}",
    ]
    for name in ("pending", "success", "failure", "unknown", "cause"):
        rules += [f".{name}{{fill:{of[name]}}}", f".s-{name}{{stroke:{of[name]}}}"]
    return "".join(rules)


def element(name: str, content: str = "", /, **attributes: str | float) -> str:
    """An element; `kind` is its class, and `_` in a name stands for `-`."""
    written = ""
    for key, value in attributes.items():
        known = "class" if key == "kind" else key.replace("_", "-")
        written += f' {known}="{escape(value if isinstance(value, str) else number(value))}"'
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(x: float, y: float, words: str, kind: str = "ink", **attributes: str | float) -> str:
    """Words; y is where they stand."""
    return element("text", clean(words), x=x, y=y, kind=kind, **attributes)


def clean(words: str) -> str:
    """Words as XML takes them; a control character stands as U+FFFD."""
    return escape("".join(each if each.isprintable() else "\ufffd" for each in words), quote=False)


def number(value: float) -> str:
    """A number as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")


def wrapped(words: str, width: float) -> list[str]:
    """Lines of a note that fit a width."""
    return textwrap.wrap(words, max(12, int(width / SANS)))


def cut(words: str, width: float) -> str:
    """A code as long as fits a width."""
    most = max(3, int(width / MONO))
    return words if len(words) <= most else words[: most - 1] + "…"


def picture(title: str, description: str, width: int, height: float, parts: list[str]) -> str:
    """The whole document."""
    tall = number(height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{tall}" viewBox="0 0 {width} {tall}" '
        'role="img" aria-labelledby="title desc">'
    )
    style = f"{_SHAPES}{_colours(_LIGHT)}\n@media (prefers-color-scheme:dark){{{_colours(_DARK)}}}\n"
    frame = element("rect", x=0.5, y=0.5, width=width - 1, height=height - 1, rx=8, kind="back rule")
    lines = [
        head,
        f'<title id="title">{clean(title)}</title>',
        f'<desc id="desc">{clean(description)}</desc>',
        f"<style>\n{style}</style>",
        frame,
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"

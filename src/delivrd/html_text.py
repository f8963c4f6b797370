"""The text of an HTML part of a mail, a line for each block.

The rule of this module: each character is looked at a bounded number of times, whatever was sent.
The standard library's parser takes quadratic time over unclosed tags, and raises over some others;
html2text is built on it, and inscriptis brings lxml and an HTTP client.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

_BREAKS: Final = {
    **dict.fromkeys(("br", "p", "div", "li", "h1", "h2", "h3", "pre"), "\n"),
    # A row ends a line in any case; other line ends beside the mark between two cells are layout.
    **dict.fromkeys(("tr", "table", "dl", "dt"), "\r"),
    **dict.fromkeys(("td", "th", "dd"), "\t"),
}
_ENDS_NOTHING: Final = frozenset({"td", "th", "dt", "dd"})
"""What the end of these is followed by begins a cell or a row of its own."""
_BESIDE_CELLS: Final = re.compile(r"(?<![ \n])[ \n]*+\t[ \n]*+")
_HIDDEN: Final = frozenset({"script", "style", "title"})
_LONGEST_NAME: Final = 10
_LONG_NUMBERS: Final = re.compile(r"&#(?:0*+[1-9][0-9]{7,}+;?|0{7,}+)")
"""Character references that no character has, and zeros before a number; `int` refuses thousands of digits."""


def text_of_html(html: str) -> str:
    """What a reader would see: tags and comments left out, entities resolved, a tab before each cell of a table
    and each description of a list."""
    html = html.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    lowered = html.lower() if html.isascii() else "".join(map(_lower, html))
    pieces: list[str] = []
    position = 0
    while True:
        start = html.find("<", position)
        pieces.append(html[position : start if start >= 0 else len(html)])
        if start < 0:
            break
        if not html[start + 1 : start + 2].isalpha() and html[start + 1 : start + 2] not in ("/", "!", "?"):
            # No tag begins so: a sign of the text.
            pieces.append("<")
            position = start + 1
            continue
        comment = html.startswith("<!--", start)
        end = html.find("-->" if comment else ">", start)
        if end < 0:
            break
        position = end + (3 if comment else 1)
        name = _name(lowered[start + 1 : start + 2 + _LONGEST_NAME])
        if name in _BREAKS and not (name in _ENDS_NOTHING and html[start + 1] == "/"):
            pieces.append(_BREAKS[name])
        if name in _HIDDEN and html[start + 1] != "/":
            position = lowered.find(f"</{name}", position)
            if position < 0:
                break
    text = _BESIDE_CELLS.sub("\t", "".join(pieces)).replace("\r", "\n")
    return unescape(_LONG_NUMBERS.sub(_short_number, text))


def _short_number(found: re.Match[str]) -> str:
    # As HTML has it, a number beyond all characters is this one.
    return "\ufffd" if found[0].strip("&#0;") else "&#0"


def _name(tag: str) -> str:
    name = tag.removeprefix("/")
    length = next((index for index, character in enumerate(name) if not character.isalnum()), len(name))
    return name[:length]


def _lower(character: str) -> str:
    # One character for one, so that places stay the same: some lower cases are longer.
    return character.lower() if character.isascii() else character

"""The text of an HTML part of a mail, a line for each block.

The rule of this module: each character is looked at a bounded number of times, whatever was sent.
The standard library's parser takes quadratic time over unclosed tags, and raises over some others.
"""

from __future__ import annotations

from html import unescape
from typing import Final

_BREAKS: Final = frozenset({"br", "p", "div", "tr", "li", "table", "h1", "h2", "h3", "pre"})
_HIDDEN: Final = frozenset({"script", "style", "title"})
_LONGEST_NAME: Final = 10


def text_of_html(html: str) -> str:
    """What a reader would see, without layout: tags and comments left out, entities resolved."""
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
        if name in _BREAKS:
            pieces.append("\n")
        if name in _HIDDEN and html[start + 1] != "/":
            position = lowered.find(f"</{name}", position)
            if position < 0:
                break
    return unescape("".join(pieces))


def _name(tag: str) -> str:
    name = tag.removeprefix("/")
    length = next((index for index, character in enumerate(name) if not character.isalnum()), len(name))
    return name[:length]


def _lower(character: str) -> str:
    # One character for one, so that places stay the same: some lower cases are longer.
    return character.lower() if character.isascii() else character

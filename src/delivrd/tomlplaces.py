"""Where a value stands in a TOML document.

The rule of this module: TOML's own parser says what a document holds. Only where one statement ends
is found here, so that the parser can be asked about beginnings of the text, and about few of them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: the keys, and the places in lists, from the outermost."""

_PIECE: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]",
    re.DOTALL,
)
"""What can hide or be the end of a statement: strings, comments, brackets, line ends (TOML 1.0)."""


def line_of(text: str, path: Path) -> int:
    """The number of the line, from 1, on which the statement begins that first brings a value into a TOML document.

    Args:
        text: a document that parses, its line ends `\\n`.
        path: the value; where it is not there, the innermost table or list around it that is.
    """
    whole = tomllib.loads(text)
    while path and not holds(whole, path):
        path = path[:-1]
    return _first_line(text, lambda beginning: holds(tomllib.loads(beginning), path)) if path else 1


def line_of_long_number(text: str) -> int:
    """The number of the line, from 1, on which the statement begins with the first number that Python refuses to read.

    Args:
        text: a document over which the parser raises a `ValueError` that is no `TOMLDecodeError`; its line ends `\\n`.
    """

    def refused(beginning: str) -> bool:
        try:
            tomllib.loads(beginning)
        except tomllib.TOMLDecodeError:
            return False
        except ValueError:
            return True
        return False

    return _first_line(text, refused)


def holds(document: Any, path: Path) -> bool:
    """Whether a value is in a document."""
    for key in path:
        if isinstance(document, list) and isinstance(key, int):
            if key >= len(document):
                return False
        elif not (isinstance(document, Mapping) and key in document):
            return False
        document = document[key]
    return True


def _first_line(text: str, found: Callable[[str], bool]) -> int:
    """The line of the first statement with which something is found in the text up to its end: it then stays found."""
    ends = _ends(text)
    low, high = 0, len(ends) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if found(text[: ends[middle]]):
            high = middle
        else:
            low = middle
    return text.count("\n", 0, ends[low]) + 1


def _ends(text: str) -> list[int]:
    """Where each statement, comment or empty line ends, from 0 before the first to the end of the text."""
    ends, depth = [0], 0
    for piece in _PIECE.finditer(text):
        match piece[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if not depth:
                ends.append(piece.end())
    return ends if ends[-1] == len(text) and len(ends) > 1 else [*ends, len(text)]

"""Whether a regular expression can give back what it took, and so cost more than a reading of the text."""

from __future__ import annotations

import re._parser as parser
from typing import Any


def repeats(pattern: str, flags: int = 0) -> list[tuple[str, Any, Any]]:
    """Every repetition in a pattern that may give back what it took."""
    return _repeats(parser.parse(pattern, flags))


def _repeats(tree: Any) -> list[tuple[str, Any, Any]]:
    found = []
    for operation, argument in tree:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] != argument[1]:
            found.append((name, argument[0], argument[1]))
        for part in argument if isinstance(argument, tuple | list) else [argument]:
            for inner in part if isinstance(part, list) else [part]:
                if isinstance(inner, parser.SubPattern):
                    found += _repeats(inner)
    return found

"""Tables and words in Markdown, for the pages that are written from the code.

The rule of this module: how a page looks, and nothing of what it says.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence


def summary(kind: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """A word as code."""
    return f"`{text}`"


def fenced(text: str) -> str:
    """A block of text."""
    return f"```text\n{text}\n```"

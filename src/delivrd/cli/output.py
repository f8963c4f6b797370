"""Where the command line writes.

The rule of this module: what an input holds is shown as text and nothing else. Control characters
reach no terminal, and no encoding makes writing fail.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any, TextIO

import click

_SHOWN = "\n\t"


def put(text: str) -> None:
    """Write text for people to standard output."""
    click.echo(_encodable(plain(text), sys.stdout))


def put_json(document: Any, *, indent: bool = False) -> None:
    """Write one JSON document to standard output, on one line unless `indent` says otherwise."""
    # Only ASCII: any terminal and any encoding takes it, and a lone surrogate stays what it is.
    click.echo(json.dumps(document, indent=2 if indent else None))


def put_exactly(text: str) -> None:
    """Write a text that ends its own lines to standard output: as it is, in UTF-8; for a terminal, as `put` does."""
    if is_terminal():
        put(text.replace("\r\n", "\n").removesuffix("\n"))
    else:
        put_bytes(text.encode("utf-8", "replace"))


def put_bytes(content: bytes) -> None:
    """Write bytes to standard output."""
    click.echo(content, nl=False)


def hand_over(document: Any) -> None:
    """Write one JSON document to standard output, on one line: the whole of it, or raise.

    Raises:
        OSError: it could not be written.
    """
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        put_json(document)
        return
    sys.stdout.flush()
    raw = getattr(stream, "raw", stream)
    left = json.dumps(document).encode() + b"\n"
    while left:
        # A full disk takes a part of a line; the layers above would say nothing of it, or keep the rest for later.
        left = left[_some(raw.write(left)) :]


def _some(count: int | None) -> int:
    if not count:
        raise BlockingIOError("standard output takes nothing")
    return count


def put_note(text: str) -> None:
    """Write one line to standard error."""
    click.echo(_encodable(one_line(text), sys.stderr), err=True)


def plain(text: str) -> str:
    """A text in which each control character stands as U+FFFD; line ends stay."""
    return "".join(each if each.isprintable() or each in _SHOWN else "\ufffd" for each in text)


def one_line(text: str) -> str:
    """A text on one line, without control characters."""
    return plain(" ".join(text.split()))


def columns() -> int | None:
    """How many characters a line may have; None where nobody looks at the lines."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding
    return text.encode(encoding, "replace").decode(encoding, "replace")

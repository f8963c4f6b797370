"""What an IMAP server answers to FETCH, as imaplib hands it on.

The rule of this module: an item counts only for the mail whose UID stands in the same response. A server may
tell of any other mail at any time (RFC 3501, section 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(rb"\\(.)")
_LITERAL: Final = re.compile(rb"\{\d+\}$")
_UID: Final = re.compile(rb"[( ]UID (\d+)", re.IGNORECASE)
_SIZE: Final = re.compile(rb"[( ]RFC822\.SIZE (\d{1,18})\b", re.IGNORECASE)
_BODY: Final = re.compile(rb"[( ]BODY\[\](?:<0>)? \0(\d{1,9})\0", re.IGNORECASE)


def size_of(answer: Sequence[Any], unique: str) -> int:
    """The size of a mail, as the server says it; 0 where it does not."""
    sizes = (_SIZE.search(items) for items, _ in _responses(answer, unique))
    return max((int(size[1]) for size in sizes if size is not None), default=0)


def body_of(answer: Sequence[Any], unique: str) -> bytes | None:
    """The bytes of a mail, sent as a literal or quoted; None where they are not in the answer."""
    for items, strings in _responses(answer, unique):
        body = _BODY.search(items)
        if body is not None:
            return strings[int(body[1])]
    return None


def _responses(answer: Sequence[Any], unique: str) -> Iterator[tuple[bytes, list[bytes]]]:
    """Each response about a mail: its items, with the place of each string among its strings, between NULs."""
    items, strings = b"", list[bytes]()

    def quoted(found: re.Match[bytes]) -> bytes:
        strings.append(_ESCAPED.sub(rb"\1", found[1]))
        return b"\0%d\0" % (len(strings) - 1)

    for piece in answer:
        # A pair is what stands before a literal, and the literal; what is no pair ends a response.
        before = piece[0] if isinstance(piece, tuple) else piece
        if not isinstance(before, bytes):
            continue
        items += _QUOTED.sub(quoted, before.replace(b"\0", b""))
        if isinstance(piece, tuple):
            strings.append(piece[1])
            items = _LITERAL.sub(b"\0%d\0" % (len(strings) - 1), items)
            continue
        uid = _UID.search(items)
        if uid is not None and uid[1] == unique.encode("ascii"):
            yield items, strings
        items, strings = b"", []

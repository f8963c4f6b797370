"""How long a request's head and body are on the wire, and which heads are refused.

Whatever parser reads a request after this, it finds one way to read its length. What RFC 9112
lets a server take in two ways is refused.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from delivrd.receiving.receiver import MOST_TARGET

MOST_HEAD: Final = 64 * 1024
"""Bytes of a request's head."""

MOST_FIELDS: Final = 100
"""Header fields of a request."""

_MOST_CHUNK_LINE: Final = 256
"""Bytes of the line before a chunk; extensions of chunks have no use here."""

_MOST_TRAILERS: Final = 8 * 1024
"""Bytes of the header fields behind a body in chunks."""

_LINE_END: Final = b"\r\n"
_END: Final = _LINE_END * 2
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE: Final = re.compile(rb"(%b) (/[!-~]*) HTTP/1\.([01])" % _TOKEN)
_FIELD: Final = re.compile(rb"(%b):([\t -~\x80-\xff]*)" % _TOKEN)
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[\t ]*(?:;[\t -~\x80-\xff]*)?\r\n")
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n")

_LONGEST_START: Final = MOST_TARGET + 64
"""Bytes of a request line: the target, a method and the version."""

_DECIDING: Final = frozenset({b"content-length", b"transfer-encoding", b"host", b"upgrade"})


class HeadError(Exception):
    """A head is refused.

    Attributes:
        status: of the reply.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Head(NamedTuple):
    """A head that can be read in one way.

    Attributes:
        data: to be passed on.
        length: bytes of the body; None for one in chunks.
    """

    data: bytes
    length: int | None


def find_end(buffer: bytearray, searched: int) -> int | None:
    """Where a head ends, if it does yet.

    Args:
        buffer: what has come since the last request's end.
        searched: bytes of it that a search before this has seen.

    Raises:
        HeadError: it is too long, or its lines end in a way of their own.
    """
    end = buffer.find(_END, max(0, searched - len(_END) + 1))
    if (end if end >= 0 else len(buffer)) > _LONGEST_START and buffer.find(b"\n", 0, _LONGEST_START) < 0:
        raise HeadError(414)
    if end > MOST_HEAD or (end < 0 and len(buffer) > MOST_HEAD):
        raise HeadError(431)
    if end < 0:
        # Another protocol, or another kind of line: its end would never come.
        if not 0x20 < buffer[0] < 0x7F or _BARE_LINE_END.search(buffer, searched):
            raise HeadError(400)
        return None
    return end + len(_END)


def read_head(data: bytes) -> Head:
    """What a whole head says of its request's end.

    Raises:
        HeadError: it is none of HTTP/1, too long, or can be read in two ways.
    """
    lines = data[: -len(_END)].split(_LINE_END)
    start = _REQUEST_LINE.fullmatch(lines[0])
    if start is None:
        raise HeadError(400)
    if len(start[2]) > MOST_TARGET:
        raise HeadError(414)
    if len(lines) - 1 > MOST_FIELDS:
        raise HeadError(431)
    if start[1] == b"CONNECT":
        raise HeadError(501)
    said: dict[bytes, list[bytes]] = {}
    for place, line in enumerate(lines[1:], 1):
        field = _FIELD.fullmatch(line)
        if field is None:
            raise HeadError(400)
        name = field[1].lower()
        if name in _DECIDING:
            value = field[2].strip(b"\t ")
            said.setdefault(name, []).append(value)
            # One parser takes no white space behind a length.
            lines[place] = b"%b: %b" % (field[1], value)
    first_version = start[3] == b"0"
    hosts = len(said.get(b"host", ()))
    if hosts > 1 or (hosts == 0 and not first_version):
        raise HeadError(400)
    length = _body_length(said, first_version)
    if b"upgrade" in said:
        # One parser stops at an offer of another protocol and drops the body. It may be ignored (RFC 9110, 7.8).
        lines = [line for line in lines if line[:8].lower() != b"upgrade:"]
    return Head(_LINE_END.join(lines) + _END, length)


def _body_length(said: dict[bytes, list[bytes]], first_version: bool) -> int | None:
    encodings, lengths = said.get(b"transfer-encoding"), said.get(b"content-length")
    if encodings is not None:
        # RFC 9112, section 6.1: one with a length beside it, or of HTTP/1.0, is to be taken for an attack.
        if lengths is not None or first_version:
            raise HeadError(400)
        if [encoding.lower() for encoding in encodings] != [b"chunked"]:
            raise HeadError(501)
        return None
    if lengths is None:
        return 0
    if len(lengths) != 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise HeadError(400)
    return int(lengths[0])


class Chunks:
    """Finds the end of a body in chunks.

    Attributes:
        ended: it was found.
    """

    def __init__(self) -> None:
        self.ended = False
        self._left = 0
        self._line = bytearray()
        self._trailers = 0
        self._in_trailers = False

    def count(self, data: bytes | bytearray) -> int:
        """How many of these bytes, which follow those before, belong to the body.

        Raises:
            HeadError: they are no chunks, or what stands between them is too long.
        """
        at = 0
        while at < len(data) and not self.ended:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at)
            stop = len(data) if end < 0 else end + 1
            self._line += data[at:stop]
            at = stop
            if len(self._line) > (_MOST_TRAILERS if self._in_trailers else _MOST_CHUNK_LINE):
                raise HeadError(400)
            if end >= 0:
                self._take_line()
        return at

    def _take_line(self) -> None:
        line = bytes(self._line)
        self._line.clear()
        if self._in_trailers:
            self._trailers += len(line)
            if self._trailers > _MOST_TRAILERS or not line.endswith(b"\r\n"):
                raise HeadError(400)
            self.ended = line == b"\r\n"
            return
        chunk = _CHUNK.fullmatch(line)
        if chunk is None:
            raise HeadError(400)
        size = int(chunk[1], 16)
        # A line's end stands behind each chunk but the last.
        self._left = size + 2 if size else 0
        self._in_trailers = not size

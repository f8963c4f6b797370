"""One HTTP message as on the wire, from its bytes and back.

The rule of this module: framing only. The body comes out as its sender made it, chunks undone;
headers stay as they stand. No error shows a line, for targets and headers hold secrets.
"""

from __future__ import annotations

import re
from typing import Final

from delivrd.errors import TooLarge, Unreadable
from delivrd.inputs import Headers, Request, Response, all_headers, header_pairs

_STATUS_LINE: Final = re.compile(r"HTTP/[0-9](?:\.[0-9])? +([0-9]{3})(?: [^\n]*)?")
_VERSION: Final = re.compile(r"HTTP/[0-9](?:\.[0-9])?")
_WHITE: Final = " \t"
_MOST_CODINGS: Final = 2
_LARGEST: Final = 1 << 24
"""Bytes of a body that was packed for its transfer, unpacked: far more than any account takes."""
_CHUNK_SIZE: Final = re.compile(rb"\A[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\n]*)?\Z")


def read_http(data: bytes, *, line: int = 1) -> Request | Response:
    """An HTTP request, or a response where the first line is a status line.

    Lines end with LF or CRLF. The body is what follows the blank line, exactly; where a
    `Content-Length` is given, that many bytes, which only white space may follow.

    Args:
        data: the message.
        line: the number of its first line, for the errors.

    Raises:
        Unreadable: it is none; the message names the line.
    """
    stripped = data.lstrip(b"\r\n")
    line += data[: len(data) - len(stripped)].count(b"\n")
    head, body = _split(stripped)
    first, *rest = head
    headers = _headers(rest, line + 1)
    content = _content(headers, body, line + len(head) + 1)
    status = _STATUS_LINE.fullmatch(first)
    if status is not None:
        return Response(int(status[1]), headers, content)
    method, _, rest_of_line = first.partition(" ")
    target, _, version = rest_of_line.rpartition(" ")
    if not method or not target.strip() or not _VERSION.fullmatch(version):
        raise Unreadable(
            f"line {line}: expected a request line such as 'POST /dlr HTTP/1.1', or a status line such as "
            "'HTTP/1.1 200 OK'"
        )
    return Request(method, target, headers, content)


def write_http(message: Request | Response) -> bytes:
    """The message as `read_http` reads it. What HTTP cannot hold (a line end in a header) comes out garbled."""
    if isinstance(message, Request):
        first = f"{message.method} {message.target} HTTP/1.1"
    else:
        first = f"HTTP/1.1 {message.status} {'OK' if message.status == 200 else 'Status'}"
    lines = [first, *(f"{name}: {value}" for name, value in header_pairs(message.headers))]
    body = message.body
    codings = _codings(message.headers)
    if codings and codings[-1] == "chunked":
        body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    return "".join(line + "\r\n" for line in lines).encode() + b"\r\n" + body


def _split(data: bytes) -> tuple[list[str], bytes]:
    """The lines of the head, and what follows the blank line."""
    lines: list[bytes] = []
    at = 0
    while at < len(data):
        line, at = _line(data, at)
        if not line:
            break
        lines.append(line)
    head = b"\n".join(lines)
    try:
        text = head.decode()
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    return text.split("\n"), data[at:]


def _headers(lines: list[str], first: int) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    for number, line in enumerate(lines, start=first):
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Unreadable(f"line {number}: expected a header such as 'Name: value', or a blank line before the body")
        headers.append((name, value.strip(_WHITE)))
    return tuple(headers)


def _codings(headers: Headers) -> list[str]:
    """The transfer codings of a body, in the order in which its sender applied them."""
    values = ",".join(all_headers(headers, "transfer-encoding")).split(",")
    return [coding for value in values if (coding := value.strip(_WHITE).lower()) not in ("", "identity")]


def _decode(body: bytes, codings: list[str]) -> bytes:
    if len(codings) > _MOST_CODINGS:
        raise Unreadable(f"Transfer-Encoding: expected at most {_MOST_CODINGS} codings", field="Transfer-Encoding")
    for coding in reversed(codings):
        if coding == "chunked":
            body = _unchunk(body)
        elif coding in ("gzip", "x-gzip", "deflate"):
            body = _inflate(body, coding)
        else:
            raise Unreadable("Transfer-Encoding: expected chunked, gzip or deflate", field="Transfer-Encoding")
    return body


def _inflate(body: bytes, coding: str) -> bytes:
    # Loaded here: hardly any sender packs a body for its transfer.
    import zlib

    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        content = inflater.decompress(body, _LARGEST + 1)
    except zlib.error:
        content = b""
    if len(content) > _LARGEST:
        raise TooLarge(f"body: expected at most {_LARGEST} bytes when unpacked (Transfer-Encoding: {coding})")
    if not inflater.eof or inflater.unused_data:
        raise Unreadable(
            f"body: expected one whole stream of {coding}, as Transfer-Encoding says", field="Transfer-Encoding"
        )
    return content


def _content(headers: tuple[tuple[str, str], ...], body: bytes, line: int) -> bytes:
    # RFC 9112, 6.3: chunks outrank a Content-Length.
    if codings := _codings(headers):
        return _decode(body, codings)
    lengths = set(all_headers(headers, "content-length"))
    if not lengths:
        return body
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) <= 12):
        raise Unreadable("Content-Length: expected one whole number of bytes", field="Content-Length")
    size = int(length)
    if len(body) < size:
        raise Unreadable(
            f"line {line}: expected a body of {size} bytes, as Content-Length says, got {len(body)}",
            field="Content-Length",
        )
    if body[size:].strip():
        more = len(body) - size
        raise Unreadable(
            f"line {line}: expected nothing after the {size} bytes that Content-Length says, got {more} more",
            field="Content-Length",
        )
    return body[:size]


def _unchunk(body: bytes) -> bytes:
    parts: list[bytes] = []
    at = 0
    while True:
        line, at = _line(body, at)
        size = _CHUNK_SIZE.match(line)
        if size is None:
            raise _bad_chunk("a line with the chunk's size in hexadecimal")
        length = int(size[1], 16)
        if length == 0:
            break
        if len(body) - at < length:
            raise _bad_chunk(f"{length} bytes, got {len(body) - at}")
        parts.append(body[at : at + length])
        after, at = _line(body, at + length)
        if after:
            raise _bad_chunk("a line end after its bytes")
    # Trailers, up to a blank line, are no part of the body.
    line = b"trailer"
    while line and at < len(body):
        line, at = _line(body, at)
    if body[at:].strip():
        raise _bad_chunk("nothing after the last one")
    return b"".join(parts)


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """The line that begins at a place, without its end, and where the next one begins."""
    end = data.find(b"\n", at)
    if end < 0:
        return data[at:], len(data)
    return data[at:end].removesuffix(b"\r"), end + 1


def _bad_chunk(expected: str) -> Unreadable:
    return Unreadable(f"body: in a chunk (Transfer-Encoding: chunked), expected {expected}", field="Transfer-Encoding")

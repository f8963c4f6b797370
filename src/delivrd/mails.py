"""Mails that carry a report as text: `key=value` and `key: value` lines, or an urlencoded line.

The rule of this module: only the mail's readable text is read (the plain part, else the HTML part
as text), line by line, for the names that the shape declares. Nothing here recurses over a mail
of unchecked depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from typing import Final

from delivrd.errors import TooLarge
from delivrd.forms import read_urlencoded, split_target
from delivrd.html_text import text_of_html
from delivrd.records import DEEPEST, Record, decode_text
from delivrd.report import WarningKind

MOST_PARTS: Final = 50
"""Parts of a mail; more are refused before it is decoded."""


def mail_headers(raw: bytes, name: str) -> list[str]:
    """Each value of a header of a mail, folded lines joined."""
    head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n\n"
    return [str(value) for value in message_from_bytes(head, policy=compat32).get_all(name, [])]


def read_mail(raw: bytes, known: Iterable[str], patterns: Sequence[str] = ()) -> Record:
    """The fields that a mail's text names.

    Args:
        raw: the whole mail.
        known: the names that the shape declares; any letter case is taken.
        patterns: lines as the account's mails write them, with `{name}` where a field stands:
            `Message {trackingid} to {recipient}: {status}`.

    Returns:
        The fields; `subject`, `from` and `text` in its `extras`, for a mail that is no report.

    Raises:
        TooLarge: it has more than `MOST_PARTS` parts, or they are nested too deep.
    """
    message = _parse(raw)
    text, whole = _readable(message)
    names = {name.lower(): name for name in known}
    record = Record({}, {"subject": _subject(message), "from": str(message.get("from", "")), "text": text})
    if not whole:
        record.warn(WarningKind.BAD_TEXT, "text", "")
    for line in text.splitlines():
        for name, value in _fields_of(line.strip(), names, patterns):
            if not value:
                continue
            if name in record.values:
                record.warn(WarningKind.REPEATED_FIELD, name, value)
            else:
                record.values[name] = value
    return record


def _fields_of(line: str, names: dict[str, str], patterns: Sequence[str]) -> list[tuple[str, str]]:
    for pattern in patterns:
        found = _match(line, pattern, names)
        if found:
            return found
    if "&" in line and "=" in line:
        query = split_target(line)[1] or line
        values = read_urlencoded(query, names.values(), keep_unknown=False).values
        if values:
            return list(values.items())
    for mark in ("=", ":"):
        name, found_mark, value = line.partition(mark)
        if found_mark and name.strip().lower() in names:
            return [(names[name.strip().lower()], value.strip())]
    return []


def _match(line: str, pattern: str, names: dict[str, str]) -> list[tuple[str, str]]:
    """The fields of a line that follows a pattern, found left to right without backtracking."""
    found: list[tuple[str, str]] = []
    before, _, rest = pattern.partition("{")
    if not rest or not line.startswith(before):
        return []
    position = len(before)
    while rest:
        name, _, rest = rest.partition("}")
        between, _, rest = rest.partition("{")
        end = line.find(between, position) if between else len(line)
        if end < 0 or name.lower() not in names:
            return []
        found.append((names[name.lower()], line[position:end].strip()))
        position = end + len(between)
    return found


def _parse(raw: bytes) -> Message:
    lowered = raw.lower()
    # The parser recurses once for each multipart and each message inside a message.
    if lowered.count(b"boundary=") + lowered.count(b"message/") > DEEPEST:
        raise TooLarge(f"mail: expected at most {DEEPEST} levels of parts")
    for line in lowered.split(b"boundary=")[1:]:
        boundary = line[:200].split(b"\n", 1)[0].split(b";", 1)[0].strip(b"\"' \r\t")
        if boundary and lowered.count(b"\n--" + boundary) > MOST_PARTS + 1:
            raise TooLarge(f"mail: expected at most {MOST_PARTS} parts")
    return message_from_bytes(raw, policy=compat32)


def _readable(message: Message) -> tuple[str, bool]:
    parts = [
        part for part in message.walk() if not part.is_multipart() and part.get_content_disposition() != "attachment"
    ]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind:
                payload = part.get_payload(decode=True)
                text, whole = decode_text(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
                return (text_of_html(text) if kind == "text/html" else text), whole
    return "", True


def _subject(message: Message) -> str:
    try:
        pieces = decode_header(str(message.get("subject", "")))
    except (MessageError, ValueError, LookupError):
        return str(message.get("subject", ""))
    return "".join(decode_text(piece, charset)[0] if isinstance(piece, bytes) else piece for piece, charset in pieces)

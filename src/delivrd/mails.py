"""Mails that carry a report as text: `key=value` and `key: value` lines, rows of a table, or an urlencoded line.

The rule of this module: only the mail's readable text is read (the plain part, else the HTML part
as text), line by line, for the names that the shape declares. Nothing here recurses over a mail
of unchecked depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Final

from delivrd.errors import TooLarge
from delivrd.forms import read_urlencoded, split_target
from delivrd.html_text import text_of_html
from delivrd.records import DEEPEST, Record, decode_text
from delivrd.report import Warning, WarningKind

MOST_PARTS: Final = 50
"""Parts of a mail; more are refused before it is decoded."""

_LONGEST_HEADER: Final = 4096
"""Characters of a header that is looked into."""

_HEAD_END: Final = re.compile(rb"\n\r?\n")

_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)


def mail_headers(raw: bytes, name: str) -> list[str] | None:
    """Each value of a header of a mail, folded lines joined; what is not ASCII is replaced.

    None where mail programs would not agree on what the head says: it has a CR that ends no line, or a line that
    is no header. A mail server that has checked the sender may have seen another one there. White space before
    the colon (`From :`) is the obsolete way of RFC 5322, section 4.5, and counts.
    """
    values: list[list[bytes]] = []
    current: list[bytes] = []
    for place, ended in enumerate(_HEAD_END.split(b"\n" + raw, maxsplit=1)[0][1:].split(b"\n")):
        line = ended.removesuffix(b"\r")
        field = _FIELD.fullmatch(line)
        if b"\r" in line:
            return None
        if line.startswith((b" ", b"\t")) and place:
            current.append(line)
        elif field is not None:
            current = [field[2]]
            if field[1].lower() == name.lower().encode():
                values.append(current)
        # The envelope's sender, as some programs put it before a mail that they file.
        elif line and not (place == 0 and line.startswith(b"From ")):
            return None
    return [b"".join(value).strip().decode("ascii", "replace") for value in values]


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
    top, leaves = _leaves(raw)
    text, whole = _readable(leaves)
    names = {name.lower(): name for name in known}
    record = Record({}, {"subject": _subject(top), "from": str(top.get("from", "")), "text": text})
    if not whole:
        record.warnings.append(Warning(WarningKind.BAD_TEXT, "text"))
    for line in text.splitlines():
        for name, value in _fields_of(line.strip(), names, patterns, record):
            if not value:
                continue
            if name in record.values:
                record.warn(WarningKind.REPEATED_FIELD, name, value)
            else:
                record.values[name] = value
    return record


def _fields_of(line: str, names: dict[str, str], patterns: Sequence[str], record: Record) -> list[tuple[str, str]]:
    for pattern in patterns:
        found = _match(line, pattern, names)
        if found:
            return found
    if "&" in line and "=" in line:
        query = split_target(line)[1] or line
        form = read_urlencoded(query, names.values(), keep_unknown=False)
        if form.values:
            record.warnings += [warning for warning in form.warnings if warning.kind is WarningKind.BAD_TEXT]
            return [*form.values.items(), *form.repeats]
    for mark in ("=", ":", "\t"):
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


def _leaves(raw: bytes) -> tuple[Message, list[Message]]:
    """The mail's own headers, and its parts that hold no others, in order. Nothing here recurses."""
    raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    leaves: list[Message] = []
    waiting, seen = [(raw, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        inner = _inside(part)
        if max(seen, len(inner)) > MOST_PARTS + 1 or depth > DEEPEST:
            raise TooLarge(f"mail: expected at most {MOST_PARTS} parts")
        if not inner:
            leaves.append(_headers(part))
        waiting.extend((each, depth + 1) for each in reversed(inner))
    return _headers(raw), leaves


def _headers(part: bytes) -> Message:
    """A part with its body unparsed.

    Raises:
        TooLarge: a header is longer than anybody writes; the standard library takes quadratic time over some.
    """
    message = BytesParser(policy=compat32).parsebytes(part, headersonly=True)
    for name in ("content-type", "content-disposition"):
        if len(str(message.get(name, ""))) > _LONGEST_HEADER:
            raise TooLarge(f"mail: expected headers of at most {_LONGEST_HEADER} characters")
    return message


def _inside(part: bytes) -> list[bytes]:
    """The parts that a part holds; none where it is a leaf."""
    message = _headers(part)
    body = b"\n" + (part if part.startswith(b"\n") else part.partition(b"\n\n")[2])
    if message.get_content_type() == "message/rfc822":
        return [body[1:]]
    boundary = message.get_boundary() if message.get_content_maintype() == "multipart" else None
    if not boundary:
        return []
    mark = b"\n--" + boundary.encode("utf-8", "surrogateescape")
    parts = body.split(mark + b"--", 1)[0].split(mark, MOST_PARTS + 2)[1:]
    return [each.partition(b"\n")[2] for each in parts]


def _readable(leaves: Sequence[Message]) -> tuple[str, bool]:
    parts = [part for part in leaves if part.get_content_disposition() != "attachment"]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind:
                payload = part.get_payload(decode=True)
                text, whole = decode_text(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
                return (text_of_html(text) if kind == "text/html" else text), whole
    return "", True


def _subject(message: Message) -> str:
    subject = str(message.get("subject", ""))
    if len(subject) > _LONGEST_HEADER:
        return subject
    try:
        pieces = decode_header(subject)
    except (MessageError, ValueError, LookupError):
        return subject
    return "".join(decode_text(piece, charset)[0] if isinstance(piece, bytes) else piece for piece, charset in pieces)

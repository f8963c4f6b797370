"""Queries and forms, urlencoded or multipart, as records.

The rule of this module: the first value that says something wins, a repeated field is reported,
and a parameter of a query that no shape declares is the gateway's own word (it may be a secret)
and is never kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from delivrd.errors import TooLarge, Unreadable
from delivrd.inputs import Request
from delivrd.records import Record, charset_of, decode_text, decode_value, encodable, parameter_of
from delivrd.report import Warning, WarningKind

MOST_FIELDS: Final = 200
"""Fields of a form or a query; more are refused before they are decoded."""


def split_target(target: str) -> tuple[str, str]:
    """The path (or absolute URL) of a target, and its query; a fragment is left out."""
    path, _, query = target.partition("#")[0].partition("?")
    return path, query


def read_urlencoded(text: str, known: Iterable[str], *, keep_unknown: bool, charset: str | None = None) -> Record:
    """A query or an urlencoded form as a record.

    Args:
        text: without a leading `?`.
        known: the names that the shape declares.
        keep_unknown: keep other names in `extras`.
        charset: of the escaped bytes, where one was declared.

    Raises:
        TooLarge: it has more than `MOST_FIELDS` fields.
    """
    if text.count("&") >= MOST_FIELDS:
        raise TooLarge(f"form: expected at most {MOST_FIELDS} fields")
    record, names = Record({}), frozenset(known)
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if not name:
            continue
        name, _ = _unescape(name, charset)
        value, whole = _unescape(value, charset)
        _add(record, name, value, names, keep_unknown=keep_unknown, whole=whole)
    return record


def first_value(query: str, name: str) -> str:
    """The first value of one field that says something, as `read_urlencoded` has it; empty where there is none.

    Raises:
        TooLarge: as `read_urlencoded`.
    """
    if "%" in query or "+" in query or not query.isascii() or query.count("&") >= MOST_FIELDS:
        return read_urlencoded(query, (name,), keep_unknown=False).values.get(name, "")
    # The commonest form needs no unescaping: a fifth of the general reader's cost.
    start = f"{name}="
    found = (pair for pair in query.split("&") if pair.startswith(start) and pair != start)
    return next(found, "")[len(start) :]


def read_query(request: Request, names: Iterable[str]) -> tuple[dict[str, str], tuple[Warning, ...]]:
    """The fields of a request's query, for a decode function, and what should be known of them.

    Args:
        request: any.
        names: of the fields; all others are the gateway's own, and are left out.

    Raises:
        TooLarge: it has more than `MOST_FIELDS` fields.
    """
    record = read_urlencoded(split_target(request.target)[1], names, keep_unknown=False)
    return record.values, tuple(record.warnings)


def read_form(body: bytes, content_type: str | None, known: Iterable[str], *, keep_unknown: bool) -> Record:
    """An urlencoded body as a record; see `read_urlencoded`."""
    charset = charset_of(content_type)
    text = decode_text(body, charset)[0].strip("\r\n")
    return read_urlencoded(text, known, keep_unknown=keep_unknown, charset=charset)


def read_multipart(body: bytes, content_type: str | None, known: Iterable[str]) -> Record:
    """A multipart form as a record. Its boundary is the declared one, or the first line where that does not occur.

    A body that was cut short, or goes on otherwise than as a form, keeps the fields before that.
    A part is in its own charset, else in the content type's.

    Raises:
        TooLarge: it has more than `MOST_FIELDS` parts, or a part with larger headers than anybody sends.
        Unreadable: it has no boundary.
    """
    # Loaded here: only this kind of body needs it.
    from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

    class Parser(PushMultipartParser):  # type: ignore[misc, unused-ignore]
        def _create_segment(self, headerlist: list[tuple[str, str]]) -> MultipartSegment:
            # A part that is no field loses no other.
            return MultipartSegment(headerlist)

    parts: list[tuple[MultipartSegment, list[bytes]]] = []
    record, names, charset = Record({}), frozenset(known), charset_of(content_type)
    boundary, body = _normalized(body.lstrip(b"\xef\xbb\xbf \t\r\n"), content_type, record)
    parser = Parser(boundary, max_segment_count=MOST_FIELDS, header_charset="latin-1")
    try:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                parts.append((event, []))
            elif event is not None:
                parts[-1][1].append(event)
    except ParserLimitReached:
        raise TooLarge(f"form: expected at most {MOST_FIELDS} fields, with short headers") from None
    except MultipartError:
        record.warn(WarningKind.BAD_VALUE, "body", "expected a multipart form to its end")
    for segment, pieces in parts:
        value, whole = decode_value(b"".join(pieces), (segment.charset or "").lower() or charset)
        name, _ = decode_value((segment.name or "").encode("latin-1"))
        if name:
            _add(record, name, value, names, keep_unknown=True, whole=whole)
    return record


def merge(body: Record, query: Record, spellings: Iterable[Sequence[str]] = ()) -> Record:
    """A body and a query read together: a name in both with different values is a conflict, and the body wins.

    Args:
        body, query: what each holds.
        spellings: the names that mean one field each: the body wins whichever of them it uses.
    """
    asked = dict(query.values)
    merged = Record({}, body.extras, query.warnings + body.warnings, query.repeats + body.repeats)
    for names in spellings:
        said = next((body.values[name] for name in names if body.values.get(name)), None)
        if said is None:
            continue
        for name in names:
            if asked.get(name, said) != said:
                merged.warn(WarningKind.CONFLICT, name, asked[name])
                merged.repeats.append((name, asked[name]))
            asked.pop(name, None)
    for name, value in asked.items():
        if body.values.get(name, value) != value:
            merged.warn(WarningKind.CONFLICT, name, value)
            merged.repeats.append((name, value))
    merged.values = asked | body.values
    return merged


def _add(record: Record, name: str, value: str, known: frozenset[str], *, keep_unknown: bool, whole: bool) -> None:
    if not value or not (name in known or keep_unknown):
        return
    held: dict[str, Any] = record.values if name in known else record.extras
    if name in held:
        record.warn(WarningKind.REPEATED_FIELD, name, value)
        record.repeats.append((name, value))
        return
    held[name] = value
    if not whole:
        record.warn(WarningKind.BAD_TEXT, name, value)


def _unescape(text: str, charset: str | None) -> tuple[str, bool]:
    sent, text = text, encodable(text)
    if "%" not in text and "+" not in text:
        return text, text == sent
    if text[:1] == "+" and text[1:].isdigit():
        # Many senders forget to escape the plus of a number; no number begins with a space.
        return text, True
    return decode_value(unquote_to_bytes(text.replace("+", " ")), charset)


def _normalized(body: bytes, content_type: str | None, record: Record) -> tuple[bytes, bytes]:
    """The boundary of a multipart form, and the form with its boundaries and headers as the parser takes them.

    Raises:
        TooLarge: it has more than `MOST_FIELDS` parts.
        Unreadable: it has no boundary.
    """
    declared = parameter_of(content_type, "boundary").strip().encode("latin-1", "replace")
    first = body.split(b"\n", 1)[0].strip()
    own = first[2:] if first.startswith(b"--") else b""
    if declared and b"\n" not in declared:
        normalized = _normalize_parts(body, b"--" + declared, record)
        if normalized or not own:
            return declared, normalized
        record.warn(WarningKind.BAD_VALUE, "content-type", "expected the boundary of the body")
    if not own:
        raise Unreadable("body: expected a multipart form with a boundary")
    return own, _normalize_parts(body, b"--" + own, record)


def _normalize_parts(body: bytes, mark: bytes, record: Record) -> bytes:
    """A multipart form without blanks behind a boundary, other line ends than CR LF there, and unused headers.

    Values stay as they are, line ends included. What comes before the first boundary is left out.
    """
    before, *pieces = body.split(mark)
    written: list[bytes] = []
    count, at_line, only_headers = 0, before[-1:] in (b"", b"\n"), True
    for piece in pieces:
        head = _HEAD.match(piece) if at_line else None
        at_line_before, at_line = at_line, piece.endswith(b"\n")
        is_last = piece.startswith(b"--") or not piece.strip(b" \t")
        if head is None and not (at_line_before and is_last):
            # In a value, or before the first boundary.
            written += (mark, piece) if count else ()
            continue
        if written:
            # The line's end before a boundary belongs to it.
            written[-1] = written[-1].removesuffix(b"\n").removesuffix(b"\r")
        count += 1
        if count > MOST_FIELDS + 1:
            raise TooLarge(f"form: expected at most {MOST_FIELDS} fields")
        written += (b"\r\n", mark)
        if head is None:
            written.append(piece)
            break
        used = b"".join(_USED_HEADER.findall(head[1]))
        written += (b"\r\n", *(line.removesuffix(b"\r") + b"\r\n" for line in used.split(b"\n")))
        written.append(piece[head.end() :])
        only_headers = only_headers and not _NO_HEADER.search(head[1])
    if not only_headers:
        record.warn(WarningKind.BAD_VALUE, "body", "expected only headers before the value of each part")
    return b"".join(written)


_HEAD: Final = re.compile(rb"[ \t]*+\r?\n((?:(?!\r?\n)[^\n]*+\n)*+)(?:\r?\n)?+")
"""What comes behind a boundary, up to the part's value."""

_USED_HEADER: Final = re.compile(
    rb"^content-(?:disposition|type)[ \t]*+:[^\n]*+\n(?:[ \t]++[^\s][^\n]*+\n)*+", re.MULTILINE | re.IGNORECASE
)

_NO_HEADER: Final = re.compile(rb"^(?![ \t]|[!-9;-~]++[ \t]*+:)[^\n]", re.MULTILINE)

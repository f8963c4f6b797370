"""One item of an input as a flat record, read leniently: each field for itself.

The rule of this module: a bad field never loses a good one. Forms, queries, mails, decode
functions, and JSON that a strict decode refused, all become records of texts by wire name; from
a record the compiled builder makes the report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from delivrd.errors import TooLarge, Unreadable
from delivrd.report import Warning, WarningKind, shorten
from delivrd.shapes import Kind

DEEPEST: Final = 64
"""Levels of nesting that an untyped decode takes: deeper ones can crash threads with small stacks."""

_CHARSETS: Final = frozenset(
    {"utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-15"}
    | {
        "utf-16-le",
        "utf-16-be",
        "latin-1",
        "latin1",
        "windows-1252",
        "cp1252",
        "windows-1251",
        "windows-1257",
        "iso-8859-4",
        "iso-8859-13",
    }
)
"""The charsets that a declaration is believed in; others, ASCII among them, are read as UTF-8."""

_PARAMETER: Final = re.compile(r';[ \t]*+([^ \t;="]++)[ \t]*+=[ \t]*+("(?:[^"\\]|\\.)*+"|[^;]*+)')
"""What is quoted holds no parameter."""

_QUOTED_PAIR: Final = re.compile(r"\\(.)")

_SURROGATES: Final = re.compile("[\ud800-\udfff]")

_ESCAPES: Final = {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)} | {
    # What `surrogateescape` makes of a byte is written as that byte.
    0xDC00 + byte: f"\\x{byte:02x}"
    for byte in range(0x80, 0x100)
}

_MOST_ESCAPED: Final = 32_768
"""Characters of a text in which escapes are written: that is slow, and a stranger chooses how many there are."""


class Record(msgspec.Struct):
    """One item, as texts.

    Attributes:
        values: by wire name; an absent field is left out.
        extras: what no shape declares, as sent.
        warnings: what could not be read.
        repeats: further values of repeated fields, in order.
    """

    values: dict[str, str]
    extras: dict[str, Any] = {}
    warnings: list[Warning] = []
    repeats: list[tuple[str, str]] = []

    def warn(self, kind: WarningKind, field: str, value: str) -> None:
        """Add a warning."""
        self.warnings.append(Warning(kind, field, shorten(value)))

    def whole(self) -> dict[str, str]:
        """Every field as text, for an item that is no report."""
        whole = dict(self.values)
        for name, value in [*((name, as_json(value)) for name, value in self.extras.items()), *self.repeats]:
            if name not in whole:
                whole[name] = value
                continue
            count = 2
            while f"{name}[{count}]" in whole:
                count += 1
            whole[f"{name}[{count}]"] = value
        return whole


class _Number(str):
    """A number of a JSON text, to the letter: no rounding, no limit on digits."""


def decode_text(data: bytes, charset: str | None = None) -> tuple[str, bool]:
    """Bytes as text, without ever failing.

    Returns:
        The text, and whether every byte was text. One that is none is written as its escape (`\\xe9`), so
        that different bytes stay different.
    """
    return decode_value(*_encoded(data, charset))


def decode_value(data: bytes, charset: str | None = None) -> tuple[str, bool]:
    """One value as text, as `decode_text`, but no byte-order mark is looked for."""
    encoding = _trusted(charset)
    try:
        return data.decode(encoding), True
    except UnicodeDecodeError:
        pass
    # An error handler of Python's is called once for each bad byte: half a second for half a megabyte of them.
    if encoding.startswith("utf-16"):
        return data.decode(encoding, "backslashreplace"), False
    if encoding not in ("utf-8", "utf8"):
        for byte in _undefined(encoding):
            data = data.replace(byte, b"\\x" + byte.hex().encode())
        return data.decode(encoding), False
    return encodable(data.decode(encoding, "surrogateescape")), False


def _encoded(data: bytes, charset: str | None) -> tuple[bytes, str | None]:
    """The bytes without their mark, and the charset that it names, else the declared one."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:], "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data, "utf-16"
    return data, (charset or "").strip("\"' ").lower()


def _trusted(charset: str | None) -> str:
    return charset if charset is not None and charset in _CHARSETS else "utf-8"


@cache
def _undefined(encoding: str) -> tuple[bytes, ...]:
    """The bytes that mean nothing in a charset of one byte a character."""
    single = (bytes([value]) for value in range(256))
    return tuple(byte for byte in single if not byte.decode(encoding, "ignore"))


def parameter_of(content_type: str | None, name: str) -> str:
    """A parameter that a content type declares, unquoted; empty where it declares none of that name."""
    for found in _PARAMETER.finditer(content_type or ""):
        if found[1].lower() == name:
            value = found[2]
            return _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value.startswith('"') else value.strip("' ")
    return ""


def charset_of(content_type: str | None) -> str | None:
    """The charset that a content type declares."""
    return parameter_of(content_type, "charset").strip("' ").lower() or None


def decode_json(body: bytes, content_type: str | None = None) -> Any:
    """JSON into plain values, numbers as their own text (`_Number`).

    Raises:
        TooLarge: it is nested too deep.
        Unreadable: it is no JSON.
    """
    text = _json_text(*_encoded(body, charset_of(content_type)))
    check_depth(text)
    try:
        return json.loads(text, parse_float=_Number, parse_int=_whole, parse_constant=_Number, strict=False)
    except (ValueError, RecursionError):
        pass
    # Outside the handler: the error that was caught holds the whole text.
    raise Unreadable("body: expected JSON")


def _json_text(data: bytes, charset: str | None) -> str:
    """As `decode_value`; but bytes that are no text become lone surrogates, for our escapes would be no JSON."""
    encoding = _trusted(charset)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    if encoding.startswith("utf-16"):
        return data.decode(encoding, "replace")
    return data.decode("utf-8", "surrogateescape")


def _whole(digits: str) -> _Number:
    return _Number("0" if digits == "-0" else digits)


def check_depth(text: str) -> None:
    """Refuse a JSON text before an untyped decode of it could exhaust a thread's stack.

    Raises:
        TooLarge: it is nested deeper than `DEEPEST` levels.
    """
    if text.count("{") + text.count("[") <= DEEPEST:
        return
    depth, inside, position = 0, False, 0
    while position < len(text):
        character = text[position]
        if inside:
            if character == "\\":
                position += 1
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
            if depth > DEEPEST:
                raise TooLarge(f"body: expected at most {DEEPEST} levels of nesting")
        elif character in "}]":
            depth -= 1
        position += 1


def flatten(item: object, kinds: Mapping[str, Kind], where: str = "") -> Record:
    """An object of a JSON text as a record.

    Args:
        item: as `decode_json` gives it.
        kinds: of the shape's fields (`kinds_of`). A name that holds a point is one name, and no path.
        where: what an error message begins with.

    Raises:
        Unreadable: the item is no object.
    """
    if not isinstance(item, dict):
        raise Unreadable(f"{where}expected an object of fields, got {kind_of(item)}")
    record = Record({})
    _flatten(item, "", kinds, record)
    return record


def _flatten(item: dict[str, Any], prefix: str, kinds: Mapping[str, Kind], record: Record) -> None:
    for name, value in item.items():
        path, kind = prefix + encodable(name), kinds.get(name)
        if value is None:
            continue
        if kind is None:
            record.extras[path] = _plain(value)
        elif isinstance(kind, dict) and isinstance(value, dict):
            _flatten(value, path + ".", kind, record)
        elif isinstance(value, str) and not isinstance(kind, dict):
            text = record.values[path] = encodable(value)
            if text != value:
                record.warn(WarningKind.BAD_TEXT, path, text)
        elif isinstance(value, bool) and kind == "flag":
            record.values[path] = as_json(value)
        else:
            shown = as_json(value)
            record.warn(WarningKind.BAD_VALUE, path, shown)
            if isinstance(value, list | dict) and kind != "code":
                record.extras[path] = _plain(value)
            if kind == "code":
                # Kept as an unlisted code: a code of the wrong type must not pass for no code.
                record.values[path] = shorten(shown)


def encodable(text: str) -> str:
    """Text without surrogates, which no encoding can write: each becomes its escape; far behind, a question mark."""
    if text.isascii() or not _SURROGATES.search(text):
        return str(text)
    return text[:_MOST_ESCAPED].translate(_ESCAPES) + text[_MOST_ESCAPED:].encode("utf-8", "replace").decode()


def _plain(value: Any) -> Any:
    """A value of `decode_json` for `Report.extras`: numbers as they stood, short of what JSON cannot hold."""
    if isinstance(value, _Number):
        return _plain_number(str(value))
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _plain_number(text: str) -> int | str:
    # Only whole numbers that every JSON reader holds exactly stay numbers; others keep their text.
    whole = text.lstrip("-")
    return int(text) if whole.isdigit() and len(whole) <= 15 else text


def as_json(value: object) -> str:
    """A value of `decode_json` as text: a string as it is, anything else as JSON."""
    return encodable(value) if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)


def kind_of(value: object) -> str:
    """What a value of `decode_json` is called in JSON."""
    if value is None:
        return "null"
    if isinstance(value, _Number):
        return "a number"
    names = {bool: "true or false", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)

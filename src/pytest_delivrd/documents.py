"""The structure of an input's bytes: where its fields and their values stand.

The rule of this module: nothing is learnt from the provider. The kit finds fields in JSON, forms,
queries, XML, mails and receipt text on its own, so that it can change one value and leave every
other byte alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from html import escape as escape_html
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from delivrd import DeliverSm, Input, Mail, Request, Response

Path = tuple[str | int, ...]
"""The way to a value in a JSON tree: names and indices."""


class Field(NamedTuple):
    """A named value: `outer` spans the whole field, `inner` its value alone."""

    name: str
    outer: tuple[int, int]
    inner: tuple[int, int]


class Document(NamedTuple):
    """One structured part of an input.

    Attributes:
        form: `json`, `pairs`, `multipart`, `xml`, `lines`, `tokens`, `parts` or `words`.
        data: its bytes.
        fields: its named values; for JSON see `leaves`.
        put: the input with other bytes in place of these.
    """

    form: str
    data: bytes
    fields: tuple[Field, ...]
    put: Callable[[bytes], Input]

    def tree(self) -> Any:
        """The JSON value, fresh for each call."""
        return json.loads(self.data)

    def value(self, field: Field) -> str:
        """A field's value as text."""
        text = self.data[slice(*field.inner)].decode("utf-8", "replace")
        return unquote(text.replace("+", " ")) if self.form == "pairs" else text.strip()

    def with_value(self, field: Field, value: str) -> Input:
        """The input with another value of one field, escaped as its form wants."""
        return self.spliced(field.inner, _escape(self.form, value))

    def spliced(self, span: tuple[int, int], new: bytes) -> Input:
        """The input with other bytes in place of a span."""
        return self.put(self.data[: span[0]] + new + self.data[span[1] :])


def documents(input: Input) -> list[Document]:
    """The structured parts of an input."""
    match input:
        case Request():
            path, mark, query = input.target.partition("?")
            pairs = _document("pairs", _bytes(query), lambda new: _replace(input, target=f"{path}?{_text(new)}"))
            return [*([pairs, *_inner(pairs)] if mark else []), *_body(input)]
        case Response():
            return _body(input)
        case Mail():
            return [_document("lines", input.raw, lambda new: Mail(new))]
        case DeliverSm():
            return [_document("tokens", input.short_message, lambda new: _replace(input, short_message=new))]


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each value of a JSON tree that holds no other, with the way to it."""
    if isinstance(tree, dict) and tree:
        for name, value in tree.items():
            yield from leaves(value, (*path, name))
    elif isinstance(tree, list) and tree:
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, index))
    else:
        yield path, tree


def lists(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The way to each list of objects in a JSON tree."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from lists(value, (*path, name))
    elif isinstance(tree, list):
        if any(isinstance(item, dict) for item in tree):
            yield path
        for index, value in enumerate(tree):
            yield from lists(value, (*path, index))


def at(tree: Any, path: Iterable[str | int]) -> Any:
    """The value at the end of a way."""
    for step in path:
        tree = tree[step]
    return tree


def with_value(tree: Any, path: Path, value: Any) -> Any:
    """A JSON tree, changed in place, with another value at the end of a way."""
    if not path:
        return value
    at(tree, path[:-1])[path[-1]] = value
    return tree


def to_json(tree: Any) -> bytes:
    """A JSON tree as compact bytes."""
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def places_of(input: Input, name: str, value: str) -> list[Callable[[str], Input]]:
    """Where an input holds a value, each as a function that puts another in its place.

    Places whose field has that name are preferred to those that merely hold the value, and a parameter of SMPP that
    has another name is none of them. A number
    of JSON stays a number where the other value is one too.
    """
    named: list[Callable[[str], Input]] = []
    others: list[Callable[[str], Input]] = []
    last = name.rpartition(".")[2].lower()
    for document in documents(input):
        for found, put in _values(document):
            if found[1] == value:
                (named if found[0].lower() == last else others).append(put)
    if isinstance(input, DeliverSm):
        for tag, held in input.tlvs.items():
            start = len(held) - _NUMBER_BYTES.get(tag, len(held))
            if _TLV_NAMES.get(tag, last) != last or len(held) - start > _LONGEST_NUMBER:
                continue
            if str(int.from_bytes(held[start:])) == value:
                (named if tag in _TLV_NAMES else others).append(_put_tlv(input, tag, start))
    return named or others


def _values(document: Document) -> Iterator[tuple[tuple[str, str], Callable[[str], Input]]]:
    if document.form == "json":
        for path, held in leaves(document.tree()):
            name = next((step for step in reversed(path) if isinstance(step, str)), "")
            text = held if isinstance(held, str) else json.dumps(held)
            yield (name, text), _put_leaf(document, path, isinstance(held, int))
        return
    for field in document.fields:
        yield (field.name, document.value(field)), _put_field(document, field)


def _put_leaf(document: Document, path: Path, number: bool) -> Callable[[str], Input]:
    def put(value: str) -> Input:
        new = int(value) if number and value.isdigit() else value
        return document.put(to_json(with_value(document.tree(), path, new)))

    return put


def _put_field(document: Document, field: Field) -> Callable[[str], Input]:
    return lambda value: document.with_value(field, value)


_TLV_NAMES: Final = {0x0423: "network_error_code", 0x0425: "delivery_failure_reason", 0x0427: "message_state"}
_LONGEST_NUMBER: Final = 8
"""Bytes of the longest parameter that can be a number: a private one can be of any length."""
_NUMBER_BYTES: Final = {0x0423: 2}
"""SMPP's parameters that are codes (3.4, 5.3.2), and the bytes at their end that are the number, if not all."""


def _put_tlv(pdu: DeliverSm, tag: int, start: int) -> Callable[[str], Input]:
    def put(value: str) -> Input:
        head, size = pdu.tlvs[tag][:start], len(pdu.tlvs[tag]) - start
        number = int(value) % 256**size if value.isdigit() else 0xFB
        return _replace(pdu, tlvs={**pdu.tlvs, tag: head + number.to_bytes(size)})

    return put


def _body(input: Request | Response) -> list[Document]:
    body = input.body

    def put(new: bytes) -> Input:
        return _replace(input, body=new)

    start = body.lstrip()[:2]
    if not start:
        return []
    if start[:1] in (b"{", b"["):
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            return [_document("words", body, put)]
        return [Document("json", body, (), put)]
    if start == b"--":
        return [_document("multipart", body, put)]
    if start[:1] == b"<":
        return [_document("xml", body, put)]
    if b"=" in body and b"\n" not in body.strip():
        return [_document("pairs", body, put)]
    return [_document("words", body, put)]


def _inner(pairs: Document) -> Iterator[Document]:
    """The texts with a structure of their own that stand in the fields of a query: a receipt, or parts with slashes."""
    for field in pairs.fields:
        value = pairs.value(field)
        form = "tokens" if len(_TOKEN.findall(_bytes(value))) > 1 else "parts" if "/" in value else None
        if form is not None:
            yield _document(form, _bytes(value), partial(_put_inner, pairs, field))


def _put_inner(pairs: Document, field: Field, new: bytes) -> Input:
    return pairs.with_value(field, _text(new))


def _document(form: str, data: bytes, put: Callable[[bytes], Input]) -> Document:
    return Document(form, data, tuple(_FINDERS[form](data)), put)


def _pairs(data: bytes, offset: int = 0) -> Iterator[Field]:
    for pair in data.split(b"&"):
        name, _, value = pair.partition(b"=")
        end = offset + len(pair)
        yield Field(unquote(_text(name)), (offset, end + 1), (end - len(value), end))
        offset = end + 1


# Each takes time in proportion to the bytes: what is searched can itself be hostile.
_ELEMENT: Final = re.compile(rb"<([A-Za-z_][\w:.-]*)(?:\s[^<>]*)?>([^<>]*)</\1\s*>")
_LINE: Final = re.compile(rb"^([A-Za-z][\w.-]*)[ \t]*[=:]([^\r\n]*)(?:\r?\n|\Z)", re.MULTILINE)
_TOKEN: Final = re.compile(rb"([A-Za-z][A-Za-z ]{0,30}?):(\S*)\s?")
_WORD: Final = re.compile(rb"()([^\s\",:{}\[\]]+)")
_PART: Final = re.compile(rb"()([^/]+)")
_PART_NAME: Final = re.compile(rb'[;\s]name="([^"]{0,200})"')
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


def _found(pattern: re.Pattern[bytes]) -> Callable[[bytes], Iterator[Field]]:
    def find(data: bytes) -> Iterator[Field]:
        for match in pattern.finditer(data):
            yield Field(_text(match[1].rpartition(b":")[2]).strip(), match.span(), match.span(2))

    return find


def _lines(data: bytes) -> Iterator[Field]:
    """Lines that name a value, and the pairs of a query that stands on a line of its own."""
    start = 0
    for line in data.split(b"\n"):
        query = line.rstrip().partition(b"?")[2] or line.rstrip()
        if b"&" in query and b"=" in query and b" " not in query:
            yield from _pairs(query, start + line.index(query))
        start += len(line) + 1
    yield from _found(_LINE)(data)


def _parts(data: bytes) -> Iterator[Field]:
    """The parts of a multipart form, whose first line that is not blank is its boundary."""
    boundary = data.lstrip().split(b"\n", 1)[0].strip()
    start = 0
    for part in data.split(boundary):
        end = start + len(part)
        blank = _BLANK_LINE.search(part)
        named = _PART_NAME.search(part, 0, blank.start()) if blank is not None else None
        if blank is not None and named is not None:
            value = start + blank.end()
            yield Field(_text(named[1]), (start - len(boundary), end), (value, value + len(data[value:end].rstrip())))
        start = end + len(boundary)


_FINDERS: Final[dict[str, Callable[[bytes], Iterable[Field]]]] = {
    "pairs": _pairs,
    "multipart": _parts,
    "xml": _found(_ELEMENT),
    "lines": _lines,
    "tokens": _found(_TOKEN),
    "parts": _found(_PART),
    "words": _found(_WORD),
}


def _escape(form: str, value: str) -> bytes:
    if form == "pairs":
        return quote(value, safe="", errors="surrogatepass").encode()
    return _bytes(escape_html(value) if form == "xml" else value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


_replace = msgspec.structs.replace

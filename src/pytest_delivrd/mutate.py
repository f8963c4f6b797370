"""Mutations: what a hostile, broken or merely different sender makes of an input.

The rule of this module: a mutation is chosen by the random generator that it is given and by
nothing else, so that a seed says everything; and most mutations keep the input's structure, for
bytes at random are refused at the first gate and reach nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

import msgspec

from delivrd import DeliverSm, Input, Mail, Request, Response
from pytest_delivrd.documents import Document, Field, Path, at, documents, leaves, to_json, with_value

DEEP: Final = 10_000
"""Levels of the deepest nesting that is tried."""

_MIB: Final = 1 << 20

_TEXTS: Final = (
    *("", " ", "\t", "\x00", "a\x00b", "\n", "\r\n", "\ud800", "\udfff\ud800", "\ufeff", "\ufffd", "\u202e", "\x1b[31m"),
    *("é☃𝄞", "ſent", "İ", "ß", "０１", "١٢", "𝟙", "null", "None", "true", "NaN", "Infinity", "-Infinity", "-1", "-0", "0"),
    *("00", "+1", "1_000", " 5 ", "1.5", "1e5", "1e999999999", "0x0000000b", "0x", "9" * 25, "9" * 5000, "A" * 3000),
    *("[]", "{}", "[[", "{", '"', "'", "\\", "<", "&", "&amp;", "<a>", "]]>", "%", "%00", "%s%n", "{0}", "${a}", "../..", "=1+1"),
    *("2024-13-45T99:99:99", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2024-02-30T00:00:00", "2024-03-31"),
    *("13/13/2024 13:00:00 PM", "999999999999999999999", "+", "-", ";", ",", "unknown-code", "UNHEARD", "987", "DELIVRD "),
)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1.5, 1e300, 10**18, 10**30, -(10**400)),
    *([], {}, [None], [[]], [{}], {"": ""}, {"a": {"a": None}}, ["x", 1, None], {"\ud800": "\ud800"}),
)
_TOKENS: Final = (
    *(b"1e999999", b"1E400", b"-0", b"-", b"00", b"+1", b".5", b"NaN", b"-Infinity", b"9" * 5000, b"tru", b"'x'", b""),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\x"', b'"\\', b'"\xff\xfe"', b'"\xc3"', b'"a\nb"', b'"\x00"'),
    *(b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b"[" * 65 + b"]" * 65),
)
_DEEP_BODIES: Final = (
    *(b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b'[{"a":' * (DEEP // 2)),
    *(b"<a>" * DEEP, b"<a>" * DEEP + b"</a>" * DEEP, b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;&c;&c;</a>',
)
_BYTES: Final = (b"", b"\x00", b"\xff", b"\xc3", b"\xf0\x9f", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"%", b"%FF", b"%00")
_METHODS: Final = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "", "\u2603", "GET POST", "A" * 200)
_STATUSES: Final = (0, -1, 100, 199, 201, 202, 204, 206, 301, 304, 400, 401, 403, 404, 405, 429, 500, 502, 503, 599, 999, 10**9)
_CONTENT_TYPES: Final = (
    *("", "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "text/html"),
    *("text/xml", "application/soap+xml", "application/octet-stream", "image/png", ";", "/", "json", "\u2603", "A" * 5000),
    *("multipart/form-data; boundary=", 'multipart/form-data; boundary="', "multipart/form-data; boundary=\u2603"),
    *(f"application/json; charset={charset}" for charset in ("utf-8", "utf-16", "utf-7", "idna", "hex", "bogus", "\x00", '"')),
    *(f"application/x-www-form-urlencoded; charset={charset}" for charset in ("latin-1", "utf-16", "base64", "zip", "rot13")),
)
_MAIL_HEADERS: Final = (
    *(b"Content-Type: text/plain; charset=bogus", b"Content-Type: text/plain; charset=\xff", b"Content-Type: multipart/mixed"),
    *(b"Content-Type: text/html", b"Content-Type: ;;;", b"Content-Type: message/rfc822", b"Content-Type: multipart/mixed; boundary=x"),
    *(b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: x-uuencode"),
    *(b"Subject: =?utf-8?b?////?=", b"Subject: =?bogus?q?=FF?=", b"From: " + b"(" * 2000, b"From: \xff", b"To: " + b"a@b," * 500),
)
_DEEP_MAILS: Final = (
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(2000)),
    b"Content-Type: message/rfc822\n\n" * 2000,
    b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 2000,
    b"Content-Type: text/html\n\n" + b"<div>" * DEEP,
    b"Content-Type: text/html\n\n" + b"<!" * 500 + b"<a " * 500,
)

Words = Sequence[str]
"""Codes of the provider's tables: one field's code in another field is a likely mistake."""


def mutate(random: Random, input: Input, words: Words) -> Input:
    """One hostile input, made of a sound one."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        input = random.choice(_CHANGES[type(input)])(random, input, words)
    return input


def hostile_text(random: Random, words: Words) -> str:
    """A text for a place where another one was expected."""
    pool: Sequence[str] = words if words and random.random() < 0.25 else _TEXTS
    return random.choice(pool)


def _structure(random: Random, input: Input, words: Words) -> Input:
    found = documents(input)
    if not found:
        return _raw(random, input, words)
    document = random.choice(found)
    if document.form == "json":
        return _json(random, document, words)
    if document.fields:
        return random.choice(_FIELD_CHANGES)(random, document, words)
    return _raw(random, input, words)


def _json(random: Random, document: Document, words: Words) -> Input:
    tree = document.tree()
    ways = [path for path, _ in leaves(tree)]
    # Now and then a value that holds others.
    path = random.choice(ways)[: random.choice((None, None, None, None, -1))]
    match random.randrange(10):
        case 0 | 1:
            return document.put(to_json(with_value(tree, path, hostile_text(random, words))))
        case 2 | 3:
            return document.put(to_json(with_value(tree, path, random.choice(_VALUES))))
        case 4 | 5:
            marked = to_json(with_value(tree, path, "@kit@"))
            return document.put(marked.replace(b'"@kit@"', random.choice(_TOKENS)))
        case 6:
            return document.put(to_json(_without(tree, path)))
        case 7:
            other = random.choice(ways)
            value = at(tree, path)
            return document.put(to_json(with_value(with_value(tree, path, at(tree, other)), other, value)))
        case 8:
            return document.put(to_json(_renamed(random, tree, path, words)))
        case _:
            return document.put(_other_spelling(random, tree, path, document.data))


def _without(tree: Any, path: Path) -> Any:
    if not path:
        return {}
    del at(tree, path[:-1])[path[-1]]
    return tree


def _renamed(random: Random, tree: Any, path: Path, words: Words) -> Any:
    holder = at(tree, path[:-1]) if path else tree
    if not path or not isinstance(holder, dict):
        return [tree]
    name = str(path[-1])
    new = random.choice((name.upper(), name + " ", "", "\ud800", "a.b", name + "." + name, hostile_text(random, words)))
    holder[new] = holder.pop(name)
    return tree


def _other_spelling(random: Random, tree: Any, path: Path, data: bytes) -> bytes:
    match random.randrange(6):
        case 0:
            return json.dumps(tree).encode(random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig")))
        case 1:
            # A name that stands twice, with another value.
            return b'{"status":"x","id":null,' + data.lstrip()[1:]
        case 2:
            return data + random.choice((b"}", b"\x00", b"\n\n", data, b"\xef\xbb\xbf", b" " * 3000))
        case 3:
            return to_json(random.choice(([tree], [tree, tree], {"a": tree}, [tree] * 50, str(tree))))
        case 4:
            return json.dumps(with_value(tree, path, "\ud800\u2603")).encode()
        case _:
            return data.replace(b'"', b"'")


def _change_value(random: Random, document: Document, words: Words) -> Input:
    return document.with_value(random.choice(document.fields), hostile_text(random, words))


def _splice_value(random: Random, document: Document, words: Words) -> Input:
    field = random.choice(document.fields)
    held = document.data[slice(*field.inner)]
    return document.spliced(field.inner, _bent(random, held))


def _drop_field(random: Random, document: Document, words: Words) -> Input:
    return document.spliced(random.choice(document.fields).outer, b"")


def _repeat_field(random: Random, document: Document, words: Words) -> Input:
    field = random.choice(document.fields)
    whole = document.data[slice(*field.outer)]
    if document.form == "pairs" and not whole.endswith(b"&"):
        whole = b"&" + whole
    start, end = field.inner[0] - field.outer[0], field.inner[1] - field.outer[0]
    other = whole[:start] + hostile_text(random, words).encode("utf-8", "replace") + whole[end:]
    times = random.choice((1, 1, 1, 5, 250))
    return document.spliced((field.outer[1],) * 2, random.choice((whole, other)) * times)


def _swap_fields(random: Random, document: Document, words: Words) -> Input:
    first, second = sorted((random.choice(document.fields), random.choice(document.fields)), key=_start)
    if first.inner[1] > second.inner[0]:
        return _change_value(random, document, words)
    data = document.data
    return document.put(
        data[: first.inner[0]]
        + data[slice(*second.inner)]
        + data[first.inner[1] : second.inner[0]]
        + data[slice(*first.inner)]
        + data[second.inner[1] :]
    )


def _rename_field(random: Random, document: Document, words: Words) -> Input:
    field = random.choice(document.fields)
    head = document.data[field.outer[0] : field.inner[0]]
    new = random.choice((head.upper(), head.lower(), head.swapcase(), b"x" + head, head[1:], b"=", b":", b"&", head * 2))
    return document.spliced((field.outer[0], field.inner[0]), new)


_FIELD_CHANGES: Final[tuple[Callable[[Random, Document, Words], Input], ...]] = (
    _change_value, _change_value, _splice_value, _drop_field, _repeat_field, _swap_fields, _rename_field
)  # fmt: skip


def _bent(random: Random, data: bytes) -> bytes:
    """Some bytes, changed at random places."""
    start, end = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
    match random.randrange(7):
        case 0:
            return data[:start]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:end] + data[start:end] * random.choice((1, 1, 20)) + data[end:]
        case 3:
            return data[:start] + random.randbytes(random.randint(1, 8)) + data[end:]
        case 4:
            return data[:start] + random.choice(_BYTES) + data[start:]
        case 5:
            return data[:start] + bytes([random.randrange(256)]) + data[start + 1 :]
        case _:
            return random.choice(_BYTES) + data


def _raw(random: Random, input: Input, words: Words) -> Input:
    match input:
        case Request() if not input.body or random.random() < 0.2:
            bent = _bent(random, input.target.encode("utf-8", "surrogatepass"))
            return _replace(input, target=bent.decode(*random.choice((("latin-1",), ("utf-8", "surrogateescape")))))
        case Request() | Response():
            return _replace(input, body=_bent(random, input.body))
        case Mail():
            return Mail(_bent(random, input.raw))
        case DeliverSm():
            return _replace(input, short_message=_bent(random, input.short_message))


def _whole(random: Random, input: Input, words: Words) -> Input:
    """Everything in place of the payload at once: nothing, deep nesting, a flood."""
    if random.random() < 0.05:
        payload = random.choice((b"a" * (_MIB + 1), b"a=1&" * 300, b"=" * 5000, b"\n" * 5000, b'{"a":[' * 30))
    else:
        payload = random.choice((b"", b"null", b"{}", b"[]", b"0", b'""', b"x", b"\x00", *_DEEP_BODIES))
    match input:
        case Mail():
            return Mail(random.choice((payload, *_DEEP_MAILS)))
        case DeliverSm():
            return _replace(input, short_message=payload)
        case Request() if random.random() < 0.2:
            target = random.choice(("", "/", "?", "/?", "/?&&==&", "/#?a=b", "http://[::1", "*", "?" + "a=b&" * 300))
            return _replace(input, target=target)
        case _:
            return _replace(input, body=payload)


def _headers(random: Random, input: Input, words: Words) -> Input:
    if not isinstance(input, Request | Response):
        return input
    held = input.headers.items() if isinstance(input.headers, Mapping) else input.headers
    kept = [pair for pair in held if pair[0].lower() != "content-type"]
    match random.randrange(4):
        case 0 | 1:
            return _replace(input, headers=(*kept, ("Content-Type", random.choice(_CONTENT_TYPES))))
        case 2:
            return _replace(input, headers=tuple(kept))
        case _:
            pairs = [(name, hostile_text(random, words)) for name, _ in held]
            return _replace(input, headers=(*pairs, ("", ""), ("Authorization", "Basic \u2603")))


def _line(random: Random, input: Input, words: Words) -> Input:
    """What stands in a message's first line, and where it came from."""
    match input:
        case Request() if random.random() < 0.7:
            return _replace(input, method=random.choice(_METHODS))
        case Request():
            return _replace(input, client=random.choice((None, "", "192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0", "\ud800", "x" * 99)))
        case Response():
            return _replace(input, status=random.choice(_STATUSES))
        case _:
            return input


def _moved(random: Random, input: Input, words: Words) -> Input:
    """The query in the body, or the body in the query."""
    if not isinstance(input, Request):
        return input
    path, _, query = input.target.partition("?")
    if input.body and random.random() < 0.7:
        return _replace(input, target=f"{path}?{input.body.decode('latin-1')}", body=b"")
    return _replace(input, target=path, body=query.encode("utf-8", "surrogatepass"))


def _mail(random: Random, input: Input, words: Words) -> Input:
    if not isinstance(input, Mail):
        return input
    header = random.choice(_MAIL_HEADERS)
    name = header.partition(b":")[0].lower()
    lines = [line for line in input.raw.split(b"\n") if not line.lower().startswith(name)]
    return Mail(b"\n".join([header, *lines]))


def _pdu(random: Random, input: Input, words: Words) -> Input:
    if not isinstance(input, DeliverSm):
        return input
    match random.randrange(5):
        case 0:
            return _replace(input, esm_class=random.randrange(256))
        case 1:
            return _replace(input, data_coding=random.randrange(256))
        case 2:
            return _replace(input, source=hostile_text(random, words), destination=hostile_text(random, words))
        case 3:
            tags = [*input.tlvs, 0x001E, 0x0427, 0x0423, 0x0424, 0x0204, 0, 0xFFFF]
            held = random.choice((b"", b"\x00", b"\xff" * 300, random.randbytes(3), b"9" * 30, b"\x03\x00\x01\x02"))
            return _replace(input, tlvs={**input.tlvs, random.choice(tags): held})
        case _:
            kept = {tag: _bent(random, held) for tag, held in input.tlvs.items() if random.random() < 0.7}
            return _replace(input, tlvs=kept)


def _start(field: Field) -> int:
    return field.outer[0]


_Change = Callable[[Random, Input, Words], Input]
_CHANGES: Final[dict[type[Input], tuple[_Change, ...]]] = {
    Request: (*[_structure] * 10, *[_raw] * 3, _whole, *[_headers] * 2, _line, _moved),
    Response: (*[_structure] * 10, *[_raw] * 3, _whole, *[_headers] * 2, *[_line] * 2),
    Mail: (*[_structure] * 8, *[_raw] * 4, _whole, *[_mail] * 3),
    DeliverSm: (*[_structure] * 8, *[_raw] * 4, _whole, *[_pdu] * 5),
}
"""What can be done to each kind of input; what is listed more often is done more often."""

_replace = msgspec.structs.replace

"""Redaction: secrets are taken out of everything that is stored, shown or logged.

A secret is found in whatever a text decodes to. Percent-encoding, JSON
escapes and character references are undone in every order, `ROUNDS` deep; a secret that is found
in a decoded text is replaced where it was in the original, and nothing else changes.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain, groupby, product
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from delivrd.inputs import DeliverSm, Headers, Input, Mail, Request, Response, header_pairs

BLOT: Final = "***"
"""What stands in place of a secret wherever something is stored, shown or logged."""

ROUNDS: Final = 3
"""How often a text is decoded. A URL in a JSON text in a form field needs three rounds."""

_MARK: Final = BLOT.encode()

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
"""Headers that hold credentials, whoever's they are."""

_Span: TypeAlias = tuple[int, int]
_Pairs: TypeAlias = tuple[tuple[str, str], ...]


class _Coding(NamedTuple):
    """One way in which characters are spelt by others.

    Attributes:
        sign: with it each escape begins.
        escape: one escape.
        value: what an escape stands for, or several together.
        runs: escapes that are decoded together, as one group: where an escape can hold the sign twice.
    """

    sign: bytes
    escape: re.Pattern[bytes]
    value: Callable[[bytes], bytes]
    runs: re.Pattern[bytes] | None = None

    def decode(self, data: bytes) -> bytes | None:
        """The text decoded once; None where it holds no escape."""
        # Each different piece is decoded once. What it is kept in ends with the call: a piece can be a secret.
        if self.runs is not None:
            pieces = self.runs.split(data)
            if len(pieces) == 1:
                return None
            pieces[1::2] = map(_Values(self.value).__getitem__, pieces[1::2])
            return b"".join(pieces)
        if self.escape.search(data) is None:
            return None
        before, *pieces = data.split(self.sign)
        return before + b"".join(map(_Values(self._piece).__getitem__, pieces))

    def spans_before(self, data: bytes, spans: Iterable[_Span]) -> list[_Span]:
        """What spans of the decoded text were before it was decoded; escapes are taken whole."""
        starts, ends, decoded_starts, decoded_ends = [0], [0], [0], [0]
        for found in self.escape.finditer(data):
            length = len(self.value(found[0]))
            decoded_starts.append(decoded_ends[-1] + found.start() - ends[-1])
            decoded_ends.append(decoded_starts[-1] + length)
            starts.append(found.start())
            ends.append(found.end())

        def mapped(span: _Span) -> _Span:
            first, last = span
            # The last escape that begins at or before the span, and the last one that begins within it.
            at = bisect_right(decoded_starts, first) - 1
            start = starts[at] if first < decoded_ends[at] else ends[at] + first - decoded_ends[at]
            at = bisect_left(decoded_starts, last) - 1
            end = ends[at] if last <= decoded_ends[at] else ends[at] + last - decoded_ends[at]
            return start, end

        return [mapped(span) for span in spans]

    def _piece(self, piece: bytes) -> bytes:
        """What stands behind a sign, decoded."""
        # Nearly all escapes are percent-encoded bytes.
        if self.sign == b"%" and (byte := _BYTES.get(piece[:2])) is not None:
            return byte + piece[2:]
        whole = self.sign + piece
        found = self.escape.match(whole)
        return whole if found is None else self.value(found[0]) + whole[found.end() :]


class _Values(dict[bytes, bytes]):
    """What escapes stand for, worked out when one is met."""

    __slots__ = ("_value",)

    def __init__(self, value: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._value = value

    def __missing__(self, escape: bytes) -> bytes:
        value = self[escape] = self._value(escape)
        return value


def _percent(escape: bytes) -> bytes:
    return _BYTES[escape[1:]]


def _json(run: bytes) -> bytes:
    if run in _SIMPLE:
        return _SIMPLE[run]
    text: str = json.loads(b'"%b"' % run)
    return text.encode("utf-8", "surrogatepass")


def _reference(escape: bytes) -> bytes:
    # Loaded here, as in `_codings`.
    from html import unescape

    # Python refuses to read a number of thousands of digits, zeros included.
    return unescape(_ZEROS.sub(rb"\1", escape).decode()).encode("utf-8", "surrogatepass")


def _quoted(escape: bytes) -> bytes:
    return b"" if escape.endswith(b"\n") else _BYTES[escape[1:]]


@cache
def _codings(*, of_mails: bool = False) -> tuple[_Coding, ...]:
    """The ways to decode. They are compiled when the first text comes that holds an escape."""
    # Loaded here: few commands take secrets out of anything, and the names of characters are many.
    from html.entities import html5

    # What HTML knows without a semicolon: the longest first, by first letters, which are quicker to compare.
    names = sorted((name for name in html5 if not name.endswith(";")), key=lambda name: (name[0], -len(name)))
    rests = {first: "|".join(name[1:] for name in same) for first, same in groupby(names, key=itemgetter(0))}
    named = "|".join(f"{first}(?:{rest})" for first, rest in rests.items()).encode()
    reference = rb"&(?=[#A-Za-z])(?:#0*[0-9]{1,7};?|#[xX]0*[0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};|%b)" % named
    # Two escapes together are one character beyond the 65,536 first ones.
    pair = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    escape = rb"\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4})"
    made = (
        _Coding(b"%", re.compile(rb"%[0-9a-fA-F]{2}"), _percent),
        _Coding(
            b"\\",
            re.compile(pair + b"|" + escape),
            _json,
            re.compile(b"(%b(?:%b)*+)" % (escape, escape)),
        ),
        _Coding(b"&", re.compile(reference), _reference),
    )
    quoted = _Coding(b"=", re.compile(rb"=(?:[0-9a-fA-F]{2}|[ \t]*\r?\n)"), _quoted)
    return (*made, quoted) if of_mails else made


_DIGITS: Final = b"0123456789abcdefABCDEF"
_BYTES: Final = {bytes(pair): bytes.fromhex(bytes(pair).decode()) for pair in product(_DIGITS, repeat=2)}
_SIMPLE: Final = {b"\\/": b"/", b'\\"': b'"', b"\\\\": b"\\", b"\\n": b"\n"}
_ZEROS: Final = re.compile(rb"\A(&#[xX]?)0+(?=[0-9a-fA-F])")

_FOLD: Final = bytes.maketrans(b"+", b" ")
_WIDE: Final = re.compile(rb"\0[^\0]\0")
"""Three bytes that any two characters of ASCII have in UTF-16."""

_BASE64_LINES: Final = re.compile(rb"(?m)^[A-Za-z0-9+/]{8,}+(?:\r?\n[A-Za-z0-9+/]++(?=={0,2}\r?$))*+={0,2}(?=\r?$)")
_BASE64_WORD: Final = re.compile(rb"(=\?[^?\s]+\?[bB]\?)([A-Za-z0-9+/]+={0,2})\?=")


class Blotter:
    """Takes certain secrets out. It lives with the account whose secrets they are: nothing else holds them.

    A `+` is a space wherever a form is read, so a secret with one is found with the other in its place. Beside UTF-8,
    a secret is found in Latin-1 and in UTF-16, and in a mail also in quoted-printable and base64.

    Args:
        secrets: empty ones are left aside.
    """

    __slots__ = ("_folds", "_forms", "_secrets", "_shortest")

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(filter(None, secrets))
        self._forms: tuple[bytes, ...] | None = None
        self._folds = False
        self._shortest = 0

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, text: str) -> str:
        """A text without the secrets."""
        if not self._secrets:
            return text
        data = text.encode("utf-8", "surrogatepass")
        redacted = self._redacted(data)
        if redacted is data:
            return text
        try:
            return redacted.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            # A secret in Latin-1 was found in the bytes of a longer character.
            return redacted.decode("utf-8", "replace")

    def data(self, data: bytes) -> bytes:
        """Bytes without the secrets; whatever else they hold comes back byte for byte."""
        return self._of_any_width(self._redacted(data)) if self._secrets else data

    def input(self, input: Input) -> Input:
        """An input without the secrets, and without the values of headers that hold credentials."""
        match input:
            case Request():
                pairs = _without_credentials(input.headers)
                body = self.data(input.body)
                beside = (input.method, input.client or "", *chain.from_iterable(pairs))
                if self._finds_none(beside):
                    return Request(input.method, self.text(input.target), pairs, body, input.client)
                client = input.client and self.text(input.client)
                return Request(self.text(input.method), self.text(input.target), self._pairs(pairs), body, client)
            case Response():
                return Response(input.status, self._pairs(_without_credentials(input.headers)), self.data(input.body))
            case Mail():
                return Mail(self._mail(input.raw))
            case DeliverSm():
                return DeliverSm(
                    input.esm_class,
                    self.text(input.source),
                    self.text(input.destination),
                    self.data(input.short_message),
                    {tag: self.data(value) for tag, value in input.tlvs.items()},
                    input.data_coding,
                    self.data(input.trailing),
                )

    def _finds_none(self, texts: Iterable[str]) -> bool:
        """Whether no text holds a secret: one search over all of them, for nearly always there is nothing to find."""
        joined = "\n".join(texts)
        return self.text(joined) is joined

    def _pairs(self, pairs: _Pairs) -> _Pairs:
        return tuple((self.text(name), self.text(value)) for name, value in pairs)

    def _mail(self, raw: bytes) -> bytes:
        if not self._secrets:
            return raw
        # What is encoded in base64 is encoded again without the secret: the rest of it stays readable.
        raw = _BASE64_LINES.sub(self._encoded_lines, raw)
        raw = _BASE64_WORD.sub(self._encoded_word, raw)
        return self._of_any_width(self._redacted(raw, of_mails=True))

    def _encoded_lines(self, found: re.Match[bytes]) -> bytes:
        inner, redacted = self._inside_base64(found[0])
        if redacted is inner:
            return found[0]
        lines = binascii.b2a_base64(redacted, newline=False)
        width = max(map(len, found[0].split()))
        end = b"\r\n" if b"\r\n" in found[0] else b"\n"
        return end.join(lines[at : at + width] for at in range(0, len(lines), width))

    def _encoded_word(self, found: re.Match[bytes]) -> bytes:
        inner, redacted = self._inside_base64(found[2])
        return found[0] if redacted is inner else found[1] + b64encode(redacted) + b"?="

    def _inside_base64(self, encoded: bytes) -> tuple[bytes, bytes]:
        try:
            inner = binascii.a2b_base64(encoded)
        except binascii.Error:
            # Cut short: what is whole is decoded.
            plain = encoded.translate(None, b"\r\n=")
            inner = binascii.a2b_base64(plain[: len(plain) // 4 * 4])
        return inner, self.data(inner)

    def _of_any_width(self, data: bytes) -> bytes:
        """Bytes without the secrets in what is UTF-16 of them."""
        if b"\0" not in data or _WIDE.search(data) is None:
            return data
        for codec in ("utf-16-le", "utf-16-be"):
            for start in (0, 1):
                end = start + (len(data) - start) // 2 * 2
                text = data[start:end].decode(codec, "surrogatepass")
                redacted = self.text(text)
                if redacted is not text:
                    data = data[:start] + redacted.encode(codec, "surrogatepass") + data[end:]
        return data

    def _redacted(self, data: bytes, *, of_mails: bool = False) -> bytes:
        spans = self._found(data)
        if b"%" in data or b"&" in data or b"\\" in data or (of_mails and b"=" in data):
            spans += self._found_decoded(data, _codings(of_mails=of_mails))
        return _replaced(data, spans) if spans else data

    def _found_decoded(self, data: bytes, codings: Sequence[_Coding]) -> list[_Span]:
        """Where a text decodes to a secret. A text that several orders of decoding come to is looked at once."""
        spans: list[_Span] = []
        seen = {data}
        texts: list[tuple[bytes, tuple[tuple[bytes, _Coding], ...]]] = [(data, ())]
        for _ in range(ROUNDS):
            decoded_texts: list[tuple[bytes, tuple[tuple[bytes, _Coding], ...]]] = []
            for text, steps in texts:
                for coding in codings:
                    decoded = coding.decode(text) if coding.sign in text else None
                    if decoded is None or len(decoded) < self._shortest or decoded in seen:
                        continue
                    seen.add(decoded)
                    taken = (*steps, (text, coding))
                    decoded_texts.append((decoded, taken))
                    if found := self._found(decoded):
                        for encoded, made_by in reversed(taken):
                            found = made_by.spans_before(encoded, found)
                        spans += found
            texts = decoded_texts
        return spans

    def _found(self, data: bytes) -> list[_Span]:
        """Where secrets stand in a text as they are."""
        forms = self._forms
        if forms is None:
            forms = self._prepare()
        if self._folds:
            data = data.translate(_FOLD)
        spans: list[_Span] = []
        for form in forms:
            if form not in data:
                continue
            at = data.find(form)
            while at >= 0:
                spans.append((at, at + len(form)))
                at = data.find(form, at + len(form))
        return spans

    def _prepare(self) -> tuple[bytes, ...]:
        """The bytes to look for. They are made when the first text comes, and are in no cache: not in `re`'s either."""
        found: dict[bytes, None] = {}
        for secret in self._secrets:
            plain = secret.encode("utf-8", "surrogatepass")
            found[plain] = None
            if not secret.isascii():
                # Servers give the bytes of a header as Latin-1; forms and mails are written in it.
                found[plain.decode("latin-1").encode()] = None
                for codec in ("latin-1", "cp1252", "utf-16-le", "utf-16-be"):
                    try:
                        found[secret.encode(codec)] = None
                    except UnicodeEncodeError:
                        continue
        self._folds = any(b"+" in form or b" " in form for form in found)
        forms = tuple(dict.fromkeys(form.translate(_FOLD) for form in found)) if self._folds else tuple(found)
        self._shortest = min(map(len, forms), default=0)
        self._forms = forms
        return forms


def blot_values(value: Any, blot: Callable[[str], str]) -> Any:
    """A plain value with the secrets in its texts taken out by `blot`."""
    if isinstance(value, str):
        return blot(value)
    if isinstance(value, dict):
        return {blot(name): blot_values(inner, blot) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [blot_values(inner, blot) for inner in value]
    return value


def _without_credentials(headers: Headers) -> _Pairs:
    return tuple([(name, BLOT if name.lower() in _CREDENTIALS else value) for name, value in header_pairs(headers)])


def _replaced(data: bytes, spans: list[_Span]) -> bytes:
    """Bytes with the mark in place of each span; of spans that overlap, one mark."""
    pieces: list[bytes] = []
    done = 0
    start, end = -1, -1
    for first, last in [*sorted(spans), (len(data), len(data))]:
        if first < end:
            end = max(end, last)
            continue
        if end >= 0:
            pieces += (data[done:start], _MARK)
            done = end
        start, end = first, last
    pieces.append(data[done:])
    return b"".join(pieces)

"""One input as one line of JSON (`.jsonl`), and back.

The rule of this module: the types below are the format. The same declaration reads a line and
writes it, and no error shows a value, for a line can hold secrets.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, timezone, tzinfo
from typing import Any, Final, TypeAlias

import msgspec

from delivrd.accounts import Account, without_value
from delivrd.errors import AccountError
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response, header_pairs
from delivrd.records import DEEPEST, check_depth, decode_text


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every line may hold beside its input.

    Attributes:
        asked: the id that the input answers.
        account: as `Account.from_dict` takes it.
        received_at: ISO 8601, with its zone.
        source: where the input comes from.
        reason: why it could not be read, where that was written down; not read back.
    """

    asked: str | None = None
    account: dict[str, Any] | None = None
    received_at: str | None = None
    source: str | None = None
    reason: str | None = None


class RequestLine(Line, frozen=True, kw_only=True, omit_defaults=True, tag="request"):
    """A `Request`; its body as text, or as base64 where it is no text."""

    method: str
    target: str
    headers: list[tuple[str, str]] | dict[str, str] = []
    body: str | None = None
    body_base64: str | None = None
    client: str | None = None

    def input(self) -> Request:
        body = held("body", self.body, self.body_base64)
        return Request(self.method, self.target, _pairs(self.headers), body, self.client)


class ResponseLine(Line, frozen=True, kw_only=True, omit_defaults=True, tag="response"):
    """A `Response`."""

    status: int
    headers: list[tuple[str, str]] | dict[str, str] = []
    body: str | None = None
    body_base64: str | None = None

    def input(self) -> Response:
        return Response(self.status, _pairs(self.headers), held("body", self.body, self.body_base64))


class MailLine(Line, frozen=True, kw_only=True, omit_defaults=True, tag="mail"):
    """A `Mail`."""

    raw: str | None = None
    raw_base64: str | None = None

    def input(self) -> Mail:
        return Mail(held("raw", self.raw, self.raw_base64))


class DeliverSmLine(Line, frozen=True, kw_only=True, omit_defaults=True, tag="deliver_sm"):
    """A `DeliverSm`; its TLVs in hexadecimal, by their tags: `{"0x001e": "3132"}`, and so what trails them."""

    esm_class: int
    source_addr: str
    destination_addr: str
    short_message: str | None = None
    short_message_base64: str | None = None
    tlvs: dict[str, str] = {}
    data_coding: int = 0
    trailing: str = ""

    def input(self) -> DeliverSm:
        message = held("short_message", self.short_message, self.short_message_base64)
        try:
            tlvs = {int(tag, 0): bytes.fromhex(value) for tag, value in self.tlvs.items()}
        except ValueError:
            raise ValueError("tlvs: expected tags such as '0x001e' with values in hexadecimal") from None
        try:
            trailing = bytes.fromhex(self.trailing)
        except ValueError:
            raise ValueError("trailing: expected bytes in hexadecimal") from None
        source, destination = self.source_addr, self.destination_addr
        return DeliverSm(self.esm_class, source, destination, message, tlvs, self.data_coding, trailing)


class FileLine(Line, frozen=True, kw_only=True, omit_defaults=True, tag="file"):
    """A whole file, or a line of one, that could not be read as an input; `name` says what it was.

    Reading the line tries again.
    """

    name: str
    raw: str | None = None
    raw_base64: str | None = None

    def content(self) -> bytes:
        """The file's bytes."""
        return held("raw", self.raw, self.raw_base64)


AnyLine: TypeAlias = RequestLine | ResponseLine | MailLine | DeliverSmLine | FileLine
InputLine: TypeAlias = RequestLine | ResponseLine | MailLine | DeliverSmLine


_KINDS: Final[Mapping[str, type[Line]]] = {
    str(kind.__struct_config__.tag): kind for kind in (RequestLine, ResponseLine, MailLine, DeliverSmLine, FileLine)
}


_LINES: Final[msgspec.json.Decoder[AnyLine]] = msgspec.json.Decoder(AnyLine)


def parse_line(data: bytes) -> AnyLine:
    """One line.

    Raises:
        ValueError: it is none; the message names the field, and shows no value.
    """
    # An account is decoded untyped: only where it cannot be nested too deep is it read the quick way.
    if data.count(b"{") + data.count(b"[") <= DEEPEST:
        try:
            return _LINES.decode(data)
        except (msgspec.MsgspecError, UnicodeError):
            pass
    # Outside the handler, so that no error carries what the strict one quoted.
    return line_from(parse_object(data))


def line_from(document: Mapping[str, Any]) -> AnyLine:
    """A line, already taken out of its JSON.

    Raises: as `parse_line`.
    """
    kind = _KINDS.get(str(document.get("kind")))
    if kind is None:
        raise ValueError(f"kind: expected one of {', '.join(_KINDS)}")
    unknown = sorted(set(document) - {"kind", *kind.__struct_fields__})
    if unknown:
        raise ValueError(f"no field {', '.join(unknown)}; expected: {', '.join(kind.__struct_fields__)}")
    try:
        line: AnyLine = msgspec.convert(document, AnyLine)
    except msgspec.ValidationError as error:
        raise ValueError(without_value(error)) from None
    return line


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: it is none.
    """
    try:
        text = decode_text(data)[0]
        check_depth(text)
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("expected a JSON object") from None
    if isinstance(document, dict):
        return document
    raise ValueError("expected a JSON object")


def line_of(input: Input, **beside: Any) -> InputLine:
    """The line that holds an input.

    Args:
        input: any.
        beside: the fields of `Line`.
    """
    match input:
        case Request():
            pairs = header_pairs(input.headers)
            body = _hold("body", input.body)
            return RequestLine(
                method=input.method, target=input.target, headers=pairs, client=input.client, **body, **beside
            )
        case Response():
            pairs = header_pairs(input.headers)
            return ResponseLine(status=input.status, headers=pairs, **_hold("body", input.body), **beside)
        case Mail():
            return MailLine(**_hold("raw", input.raw), **beside)
        case _:
            return DeliverSmLine(
                esm_class=input.esm_class,
                source_addr=input.source,
                destination_addr=input.destination,
                tlvs={f"{tag:#06x}": value.hex() for tag, value in input.tlvs.items()},
                data_coding=input.data_coding,
                trailing=input.trailing.hex(),
                **_hold("short_message", input.short_message),
                **beside,
            )


def file_line(name: str, content: bytes, reason: str) -> FileLine:
    """The line that keeps what could not be read as an input."""
    return FileLine(name=name, reason=reason, **_hold("raw", content))


def write_line(line: AnyLine) -> bytes:
    """A line, with its end. Only ASCII, so that a lone surrogate stays what it is."""
    return json.dumps(msgspec.to_builtins(line)).encode() + b"\n"


def account_of(document: Mapping[str, Any]) -> Account:
    """`Account.from_dict`, with errors that name the account.

    Raises:
        ValueError: names the field.
    """
    try:
        return Account.from_dict(document)
    except AccountError as error:
        raise ValueError(f"account, {error}") from None


def account_document(account: Account) -> dict[str, Any]:
    """An account as `account_of` takes it, defaults left out."""
    plain = Account()
    fields = {
        field: value
        for field in Account.__struct_fields__
        if (value := getattr(account, field)) != getattr(plain, field)
    }
    if isinstance(account.zone, tzinfo):
        fields["zone"] = _zone_name(account.zone)
    document: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(fields)))
    return document


def held(field: str, text: str | None, base64: str | None) -> bytes:
    """The bytes that a line holds as text or as base64.

    Raises:
        ValueError: it holds both, or no base64.
    """
    if base64 is None:
        return (text or "").encode()
    if text is not None:
        raise ValueError(f"{field}: expected either {field} or {field}_base64, got both")
    try:
        return b64decode(base64, validate=True)
    except ValueError:
        raise ValueError(f"{field}_base64: expected base64") from None


def _hold(field: str, data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    try:
        return {field: data.decode()}
    except UnicodeDecodeError:
        return {f"{field}_base64": b64encode(data).decode()}


def _pairs(headers: list[tuple[str, str]] | dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(headers.items()) if isinstance(headers, dict) else tuple(headers)


def _zone_name(zone: tzinfo) -> str:
    name = str(zone)
    return name.removeprefix("UTC") or "UTC" if isinstance(zone, timezone) and zone is not UTC else name

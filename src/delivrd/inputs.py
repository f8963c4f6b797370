"""What arrived, already read from the wire, untouched: the four kinds of input.

The rule of this module: an input is bytes and names as they were sent. Nothing is decoded here,
and no `repr` shows a body, a query or a header, for they hold secrets and phone numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import msgspec

Headers: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]] | Sequence[tuple[bytes, bytes]]
"""Names, in any case, and values: a mapping or pairs; of texts, or of bytes as ASGI servers give them."""


class Request(msgspec.Struct, frozen=True):
    """An HTTP request: a provider's push, or a question to make.

    Attributes:
        method: in capitals, as on the wire.
        target: what stands after the method: a path with its query, or an absolute URL.
        headers: names in any case.
        body: the raw bytes, before any framework parses them.
        client: the sender's network address, where the caller knows it for certain.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    client: str | None = None

    def __post_init__(self) -> None:
        _require_bytes("Request.body", self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        return first_header(self.headers, name)

    def __repr__(self) -> str:
        return f"Request({self.method}, target of {len(self.target)} characters, body of {len(self.body)} bytes)"


class Response(msgspec.Struct, frozen=True):
    """The answer to a poll.

    Attributes:
        status: the HTTP status.
        headers: names in any case.
        body: the raw bytes.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""

    def __post_init__(self) -> None:
        _require_bytes("Response.body", self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        return first_header(self.headers, name)

    def __repr__(self) -> str:
        return f"Response({self.status}, body of {len(self.body)} bytes)"


class Mail(msgspec.Struct, frozen=True):
    """A mail as fetched: headers and body, raw."""

    raw: bytes

    def __post_init__(self) -> None:
        _require_bytes("Mail.raw", self.raw)

    def __repr__(self) -> str:
        return f"Mail({len(self.raw)} bytes)"


class DeliverSm(msgspec.Struct, frozen=True):
    """An SMPP `deliver_sm` (or `data_sm`), taken from its PDU.

    Attributes:
        esm_class: says whether it is a receipt.
        source: `source_addr`; in a receipt the handset.
        destination: `destination_addr`; in a receipt the original sender.
        short_message: the raw bytes.
        tlvs: optional parameters, raw, by tag.
        data_coding: how `short_message` is encoded.
        trailing: bytes behind the last optional parameter that is whole.
    """

    esm_class: int
    source: str
    destination: str
    short_message: bytes
    tlvs: Mapping[int, bytes] = {}
    data_coding: int = 0
    trailing: bytes = b""

    def __post_init__(self) -> None:
        _require_bytes("DeliverSm.short_message", self.short_message)

    def __repr__(self) -> str:
        return f"DeliverSm(esm_class=0x{self.esm_class:02x}, {len(self.short_message)} bytes, {len(self.tlvs)} TLVs)"


Input: TypeAlias = Request | Response | Mail | DeliverSm
"""What arrived, already read from the wire, untouched."""


def first_header(headers: Headers, name: str) -> str | None:
    """The first value of a header, whatever the case of its name; None if there is none."""
    return next(iter(all_headers(headers, name)), None)


def all_headers(headers: Headers, name: str) -> list[str]:
    """Each value of a header, whatever the case of its name, in order."""
    wanted, as_bytes, length = _spellings(name)
    # What is none is asked first: to ask whether something is a mapping costs as much as the whole search.
    pairs = headers if isinstance(headers, (tuple, list)) or not isinstance(headers, Mapping) else headers.items()
    # Comparing lengths first spares most names their lower case.
    return [
        _text(value)
        for header, value in pairs
        # Each is compared with its own kind: Python can be told to take anything else for an error.
        if len(header) == length and header.lower() == (wanted if isinstance(header, str) else as_bytes)
    ]


@lru_cache(maxsize=256)
def _spellings(name: str) -> tuple[str, bytes, int]:
    """A header's name in lower case, as text and as bytes, and its length."""
    wanted = name.lower()
    return wanted, wanted.encode("latin-1"), len(wanted)


def header_pairs(headers: Headers) -> list[tuple[str, str]]:
    """Headers as pairs of texts, in order."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(_text(name), _text(value)) for name, value in pairs]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _require_bytes(field: str, value: object) -> None:
    if not isinstance(value, bytes):
        raise TypeError(f"{field}: expected the raw bytes, got {type(value).__name__}; do not decode it first")

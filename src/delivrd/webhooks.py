"""Reports as signed webhooks, by Standard Webhooks 1.0 (standardwebhooks.com).

    hook = Webhook("https://customer.example/dlr", ["whsec_…"])
    request = hook.request(report, at=datetime.now(UTC))

The rule of this module: what is signed is what is sent, byte for byte, and no error and no `repr` shows a
secret. Sending, and sending again, is the gateway's: an attempt is one request, with a time of its own.

It needs no extra: the tests verify what it signs with the standard's own library.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from hmac import digest
from math import floor
from typing import Any, Final

import msgspec

from delivrd.events import PREFIX, Hide, checked_prefix, checked_uri, content_of
from delivrd.inputs import Request
from delivrd.report import Report

_SIGN: Final = "whsec_"
"""How a secret begins."""

_SHORTEST, _LONGEST = 24, 64
"""Bytes of a secret (Standard Webhooks, signature scheme)."""


class Webhook:
    """One endpoint that reports are handed on to.

    A request has the report's `key` as its `webhook-id`: who takes it can tell a repetition. Its body is
    `{"type": …, "timestamp": …, "data": …}`: `<prefix>.<status>`, the time of the event (else of its arrival;
    left out where nobody knows it), and `Report.to_dict`.

    Args:
        url: where requests go: absolute, http or https.
        secrets: of this endpoint alone, each `whsec_` and 24 to 64 bytes in base64. Each signs, so that they can
            be rotated: give both until the other side knows the new one.
        prefix: what types begin with.
        hide: gives the report that others may see, such as `delivrd.phones.Phones(key).report`.

    Raises:
        ValueError: an argument cannot be meant.
    """

    def __init__(self, url: str, secrets: Iterable[str], *, prefix: str = PREFIX, hide: Hide | None = None) -> None:
        self._url = checked_uri("url", url, schemes=("https", "http"))
        if isinstance(secrets, str):
            raise ValueError("secrets: expected a list; put it in brackets")
        self._keys = [_key(place, secret) for place, secret in enumerate(secrets)]
        if not self._keys:
            raise ValueError("secrets: expected at least one; nobody could verify what is not signed")
        self._prefix = checked_prefix(prefix)
        self._hide = hide

    def request(self, report: Report, *, at: datetime) -> Request:
        """One attempt to hand a report on.

        Args:
            report: to hand on.
            at: the time of this attempt; aware. The other side refuses one that is minutes off.

        Raises:
            ValueError: `at` or a time of the report has no zone, or `at` lies before 1970.
        """
        if at.utcoffset() is None:
            raise ValueError("at: expected an aware time, such as datetime.now(UTC)")
        seconds = floor(at.timestamp())
        if seconds < 0:
            raise ValueError("at: expected the time of the attempt, not one before 1970")
        said = content_of(report, self._prefix, self._hide)
        payload: dict[str, Any] = {"type": said.type, "timestamp": said.time, "data": said.data}
        if said.time is None:
            del payload["timestamp"]
        body = msgspec.json.encode(payload)
        # The id is hexadecimal and the time a number, so neither can hold the dot that parts them.
        signed = b"%b.%d.%b" % (said.id.encode(), seconds, body)
        headers = (
            ("content-type", "application/json"),
            ("webhook-id", said.id),
            ("webhook-timestamp", str(seconds)),
            ("webhook-signature", " ".join(_signature(key, signed) for key in self._keys)),
        )
        return Request("POST", self._url, headers, body)

    def __repr__(self) -> str:
        return f"Webhook({len(self._keys)} secrets)"


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + b64encode(digest(key, signed, "sha256")).decode("ascii")


def _key(place: int, secret: str) -> bytes:
    """The bytes of a secret; some write them without the `=` at their end."""
    text = secret.removeprefix(_SIGN).rstrip("=") if secret.startswith(_SIGN) else ""
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _SHORTEST <= len(key) <= _LONGEST:
        # Raised outside the handler, whose context holds the text.
        raise ValueError(
            f"secrets[{place}]: expected {_SIGN} and {_SHORTEST} to {_LONGEST} bytes of chance in base64: "
            "'whsec_' + base64.b64encode(secrets.token_bytes(32)).decode()"
        )
    return key

"""What an event about a report says, in whatever form it is handed on.

The rule of this module: an event is a function of its report and of nothing else. The same report, handed
on again, has the same id, type, time and data, so that who takes it can tell a repetition.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from delivrd.report import Report

PREFIX: Final = "delivrd.report"
"""What the types of events begin with, where the gateway has no name of its own for them."""

Hide: TypeAlias = Callable[[Report], Report]
"""Gives the report that others may see, such as `delivrd.phones.Phones(key).report`."""

_TYPE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_URI: Final = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
"""The letters of RFC 3986, section 2."""


class Content(NamedTuple):
    """What an event says of a report.

    Attributes:
        report: as others may see it.
        id: its `key`.
        type: the prefix and the status.
        time: when it happened, else when the gateway heard of it, in RFC 3339; None where nobody says.
        data: `Report.to_dict`.
    """

    report: Report
    id: str
    type: str
    time: str | None
    data: dict[str, Any]


def content_of(report: Report, prefix: str, hide: Hide | None) -> Content:
    """What an event says of a report.

    Raises:
        ValueError: a time of the report has no zone, so that no other clock could read it.
    """
    shown = report if hide is None else hide(report)
    for field in ("occurred_at", "received_at", "submitted_at"):
        at: datetime | None = getattr(shown, field)
        if at is not None and at.utcoffset() is None:
            raise ValueError(f"{field}: expected an aware time; reports that were read have them in UTC")
    data = shown.to_dict()
    time = data.get("occurred_at", data.get("received_at"))
    return Content(shown, data["key"], f"{prefix}.{shown.status.value}", time, data)


def checked_prefix(prefix: str) -> str:
    """A prefix of types.

    Raises:
        ValueError: it is none.
    """
    if not _TYPE.fullmatch(prefix):
        raise ValueError("prefix: expected words of letters, digits, '_' and '-', joined by '.': com.example.sms")
    return prefix


def checked_uri(field: str, uri: str, *, schemes: tuple[str, ...] | None = None) -> str:
    """A URI, or a reference to one, as RFC 3986 writes it.

    Args:
        field: the name of it, for the error.
        uri: which one.
        schemes: those that it may have; None for any, or none.

    Raises:
        ValueError: it is none. The message does not show it: it can hold a secret.
    """
    try:
        parts = urlsplit(uri) if _URI.fullmatch(uri) and uri.count("#") < 2 else None
    except ValueError:
        parts = None
    if parts is None:
        raise ValueError(f"{field}: expected a URI without spaces and other letters than RFC 3986 has; escape them")
    if schemes is not None and (parts.scheme not in schemes or not parts.netloc):
        raise ValueError(f"{field}: expected an absolute URL that begins with {' or '.join(schemes)}://")
    return uri

"""Reports as CloudEvents 1.0: in structured, binary and batched mode over HTTP, or as plain values.

    events = Events("https://gateway.example/sms")
    request = events.structured(report, "https://broker.example/")

The rule of this module: outside its data an event says only what brokers choose by: words of the vocabulary,
the provider's name, the message's id and a time. Recipient, sender and texts stand in the data alone.

It needs no extra: the tests read what it writes with the CloudEvents project's own SDK. To read an event, use
that SDK: `Report.from_dict` takes its data.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

import msgspec

from delivrd.events import PREFIX, Content, Hide, checked_prefix, checked_uri, content_of
from delivrd.inputs import Request
from delivrd.report import Report

VERSION: Final = "1.0"
"""Of the CloudEvents specification."""

JSON: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"

_LONGEST_SUBJECT: Final = 256
"""Characters. Servers refuse headers of some thousand bytes, and each letter can come to twelve of them."""

_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""What stands in a header as it is (CloudEvents HTTP binding, section 3.1.3.2)."""


class Events:
    """Writes reports as events of one gateway.

    An event has the report's `key` as its `id`, `<prefix>.<status>` as its `type`, the message's id (else the
    gateway's own) as its `subject`, and the time of the event (else of its arrival) as its `time`; whatever of
    it nobody knows is left out. Its extension attributes are `provider`, `outcome` and `resend`, for brokers
    that choose by attributes and do not look into the data, which is `Report.to_dict`.

    Args:
        source: the gateway, as a URI of its own.
        prefix: what types begin with. Give your domain, backwards, if others send events to the same broker.
        dataschema: the URI at which you publish `delivrd schema`, if you do.
        hide: gives the report that others may see, such as `delivrd.phones.Phones(key).report`.

    Raises:
        ValueError: an argument cannot be meant.
    """

    def __init__(
        self, source: str, *, prefix: str = PREFIX, dataschema: str | None = None, hide: Hide | None = None
    ) -> None:
        self._source = checked_uri("source", source)
        self._prefix = checked_prefix(prefix)
        self._schema = dataschema
        self._hide = hide
        if dataschema is not None and ":" not in checked_uri("dataschema", dataschema).partition("/")[0]:
            raise ValueError("dataschema: expected an absolute URI")

    def event(self, report: Report) -> dict[str, Any]:
        """An event as plain values, as JSON has them.

        Raises:
            ValueError: a time of the report has no zone.
        """
        said = content_of(report, self._prefix, self._hide)
        return {**self._attributes(said), "data": said.data}

    def structured(self, report: Report, target: str) -> Request:
        """A request to make, with the whole event in its body.

        Args:
            report: of the event.
            target: where it goes: an absolute URL.

        Raises: as `event`.
        """
        return _post(target, STRUCTURED, (), self.event(report))

    def binary(self, report: Report, target: str) -> Request:
        """A request to make, with the data in its body and all else in its headers.

        Args, raises: as `structured`.
        """
        said = content_of(report, self._prefix, self._hide)
        attributes = self._attributes(said)
        kind = attributes.pop("datacontenttype")
        headers = tuple((f"ce-{name}", quote(value, safe=_PLAIN)) for name, value in attributes.items())
        return _post(target, kind, headers, said.data)

    def batch(self, reports: Iterable[Report], target: str) -> Request:
        """A request to make, with many events in its body, for those who have said that they take it.

        Args, raises: as `structured`.
        """
        return _post(target, BATCH, (), [self.event(report) for report in reports])

    def _attributes(self, said: Content) -> dict[str, str]:
        report = said.report
        attributes = {
            "specversion": VERSION,
            "id": said.id,
            "source": self._source,
            "type": said.type,
            "subject": _subject(report),
            "time": said.time,
            "datacontenttype": JSON,
            "dataschema": self._schema,
            "provider": report.provider,
            "outcome": report.outcome.value,
            "resend": report.resend.value,
        }
        return {name: value for name, value in attributes.items() if value is not None}


def _subject(report: Report) -> str | None:
    """The message's id, where an attribute can hold it (CloudEvents, type system, String)."""
    subject = report.message_id or report.reference
    if not subject or len(subject) > _LONGEST_SUBJECT or not all(map(_allowed, subject)):
        return None
    return subject


def _allowed(letter: str) -> bool:
    code = ord(letter)
    # The last two of each plane and a run of 32 are no characters, and will never be.
    is_none = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return not is_none and unicodedata.category(letter) not in ("Cc", "Cs")


def _post(target: str, kind: str, headers: tuple[tuple[str, str], ...], body: Any) -> Request:
    return Request("POST", target, (("content-type", kind), *headers), msgspec.json.encode(body))

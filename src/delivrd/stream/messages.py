"""What goes through topics: inputs as lines of JSON, and what comes of them.

The rule of this module: a message says by itself whose it is. Headers hold nothing but printable ASCII of bounded
length, for brokers differ in what else they carry; and no header holds a value that came with an input, but for
the words of the vocabulary and the report's key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from delivrd.files import Sample, sample_line, sample_of
from delivrd.inputs import Input
from delivrd.report import Report
from delivrd.samplelines import FileLine, line_from, parse_object
from delivrd.vocabulary import Word

LONGEST_HEADER: Final = 500
"""Characters. Servers of NATS refuse heads of some thousand bytes."""

_MOST_HEADERS: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Place(Word):
    """Where an outgoing message goes."""

    REPORTS = "reports", "a canonical report"
    DEAD = "dead", "an input that could not be read, or not wholly, as it came"
    OTHERS = "others", "what was no report: why there is none, messages from handsets, what the provider is to be told"


class Fault(Word):
    """Why an input was put aside, where no error of delivrd's has that name."""

    BAD_MESSAGE = "BadMessage", "the message holds no input, or names nobody that it could come from"
    UNKNOWN_ACCOUNT = "UnknownAccount", "it names an account that is not among the gateway's"
    UNREADABLE_ITEMS = "UnreadableItems", "some of its items could not be read; the others' reports were published"
    TOO_LARGE_FOR_BROKER = "TooLargeForBroker", "the broker takes no message as large as what came of it"


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of a broker: streams of Redis, queues of RabbitMQ, topics of Kafka, subjects of NATS.

    Attributes:
        inputs: where inputs come from.
        reports: where reports go.
        dead: where inputs go that could not be read.
        others: where what is no report goes; None to leave it out, messages from handsets too.

    Raises:
        ValueError: two are the same: what is published would come back.
    """

    inputs: str
    reports: str
    dead: str
    others: str | None = None

    def __post_init__(self) -> None:
        names = [name for name in (self.inputs, self.reports, self.dead, self.others) if name is not None]
        if not all(names):
            raise ValueError("topics: expected names; to leave `others` out, say None")
        if len(set(names)) < len(names):
            raise ValueError("topics: expected a name of its own for each; what is published would come back")

    def of(self, place: Place) -> str | None:
        """The topic of a place."""
        return {Place.REPORTS: self.reports, Place.DEAD: self.dead, Place.OTHERS: self.others}[place]


class Outgoing(msgspec.Struct, frozen=True):
    """A message to publish.

    Attributes:
        place: where it goes.
        body: its bytes.
        content_type: of the body.
        key: for brokers that keep messages of one key in order; None where it stands alone.
        headers: names and values, printable ASCII.
    """

    place: Place
    body: bytes
    content_type: str
    key: bytes | None = None
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Outgoing({self.place}, {len(self.body)} bytes)"


class Encoded(NamedTuple):
    """A report as the body of a message.

    Attributes:
        body: its bytes.
        content_type: of the body.
        headers: more of them, beside those that every report has.
    """

    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Encoded({len(self.body)} bytes, {self.content_type})"


Encode: TypeAlias = Callable[[Report], Encoded]
"""Writes a report."""


def as_json(report: Report) -> Encoded:
    """A report as `Report.to_json` writes it."""
    return Encoded(report.to_json())


def write_message(
    input: Input,
    *,
    provider: str | None = None,
    account: str | None = None,
    asked: str | None = None,
    received_at: datetime | None = None,
) -> bytes:
    """The message that holds an input: a line of JSON, as in `.jsonl` files, with the names beside it.

    Args:
        input: as it arrived.
        provider: its name; an account's says it too.
        account: name of the account it came for.
        asked: the id that it answers, if it is the answer to a question.
        received_at: when it arrived; aware.

    Raises:
        ValueError: the time is naive.
    """
    if received_at is not None and received_at.tzinfo is None:
        raise ValueError("received_at: expected a time with its zone, got a naive one; give it tzinfo=UTC, say")
    line = sample_line(Sample(input, asked=asked, received_at=received_at))
    names = {name: value for name, value in (("provider", provider), ("account", account)) if value is not None}
    # Only ASCII, so that a lone surrogate stays what it is.
    return json.dumps({**msgspec.to_builtins(line), **names}).encode()


class Read(NamedTuple):
    """A message's input and the names that it gives."""

    sample: Sample
    provider: str | None
    account: str | None


def read_message(body: bytes, headers: Mapping[str, Any]) -> Read:
    """What a message holds.

    Raises:
        ValueError: it holds no input; the error names the field, and shows no value.
    """
    document = parse_object(body)
    names = {}
    for name in ("provider", "account"):
        given = [each for each in (document.pop(name, None), text_header(headers, name)) if each is not None]
        if not all(isinstance(each, str) for each in given):
            raise ValueError(f"{name}: expected a name; a message brings no account of its own, the gateway has it")
        if len(set(given)) > 1:
            raise ValueError(f"{name}: the header and the line name two; name one")
        names[name] = given[0] if given else None
    line = line_from(document)
    if isinstance(line, FileLine):
        raise ValueError("kind: expected an input, got a file")
    return Read(sample_of(line), names["provider"], names["account"])


def text_header(headers: Mapping[str, Any], name: str) -> str | None:
    """A header as text, however the broker's library gives it; None where it is none."""
    value = headers.get(name)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return value or None if isinstance(value, str) else None


def plain(text: str) -> str:
    """A text as a header's value: one line of printable ASCII, cut where it is long."""
    line = " ".join(text.encode("ascii", "backslashreplace").decode().split())
    shown = "".join(char if char.isprintable() else "?" for char in line)
    return shown if len(shown) <= LONGEST_HEADER else shown[: LONGEST_HEADER - 3] + "..."


def carried(headers: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a message as they are sent on; what only its own journey needs is left out."""
    kept: dict[str, str] = {}
    for name in headers:
        value = text_header(headers, name) if _NAME.fullmatch(name) else None
        if value is not None and name.lower() not in _OF_THE_JOURNEY and len(kept) < _MOST_HEADERS:
            kept[name] = plain(value)
    return kept


_OF_THE_JOURNEY: Final = frozenset({"reply_to", "correlation_id", "message_id", "content-type"})
"""What FastStream writes for each message anew."""

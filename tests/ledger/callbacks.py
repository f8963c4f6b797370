"""A provider for the tests of the ledger: it says everything that a report can say, by itself or together."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from delivrd import (
    Account,
    BodyKind,
    Cause,
    Code,
    CodeTable,
    Count,
    Evidence,
    Fields,
    Provider,
    Push,
    Reading,
    Request,
    Row,
    Shape,
    Source,
    Status,
    Text,
)
from delivrd.ledger import Arrival

PAGE = Source("Acme's manual")
ROWS = (
    Row("ACC", Status.ACCEPTED, False, Evidence.PROVIDER, meaning="taken"),
    Row("SENT", Status.SENT, False, Evidence.CARRIER, meaning="handed over"),
    Row("TRY", Status.DEFERRED, False, Evidence.CARRIER, Cause.ABSENT_SUBSCRIBER, "tried"),
    Row("OK", Status.DELIVERED, True, Evidence.HANDSET, meaning="delivered"),
    Row("BAD", Status.UNDELIVERED, True, Evidence.CARRIER, Cause.UNKNOWN_SUBSCRIBER, "not delivered"),
    Row("OLD", Status.EXPIRED, True, Evidence.PROVIDER, Cause.EXPIRED, "expired"),
)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Callback(Shape):
    id: Code = None
    ref: Code = None
    group: Code = None
    stat: Code = None
    at: Text = None
    to: Text = None
    price: Text = None
    currency: Text = None
    parts: Count = None


READING = Reading(
    shape=Callback,
    fields=Fields(
        message_id="id",
        reference="ref",
        group_id="group",
        recipient="to",
        occurred_at="at",
        total_price="price",
        currency="currency",
        parts="parts",
    ),
)


def provider(rows: tuple[Row, ...] = ROWS, name: str = "acme", **more) -> Provider:
    """The provider, with these rows in its table."""
    return Provider(
        name=name,
        vendor="Acme",
        title="Acme",
        docs=PAGE,
        tables=(CodeTable("stat", rows, PAGE),),
        ways=(Push(reading=READING, bodies=(BodyKind.JSON,)),),
        **more,
    )


ACME = provider()


def at(minutes: float) -> datetime:
    """A time, so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def arrival(
    minutes: float, account: Account | None = None, *, by: Provider = ACME, target: str = "/dlr", **sent
) -> Arrival:
    """What comes of a callback with these fields, received so many minutes after noon."""
    fields = {name: value for name, value in sent.items() if value is not None}
    request = Request("POST", target, {"Content-Type": "application/json"}, json.dumps(fields).encode())
    return Arrival(by, request, by.read(request, account, received_at=at(minutes)), at(minutes), account)

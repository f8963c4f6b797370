"""Teli: a POST for each change of status, which names the outcome, its cause and the carrier's code; or a receipt.

The vendor advises to take the outcome from `send_status` and the cause from `status`, because
`error` varies with the carrier. The content type is not documented: JSON and forms are taken. Over SMPP
it sends a standard receipt.
"""

from __future__ import annotations

from functools import partial

from delivrd import (
    AllowedAddresses,
    BodyKind,
    Cause,
    Code,
    CodeTable,
    Compare,
    Consulted,
    Evidence,
    Fields,
    Pdu,
    Provider,
    Push,
    Reading,
    Row,
    Shape,
    Source,
    Status,
    Text,
    UrlSecret,
)
from delivrd_smpp import (
    DELIVERY_FAILURE_REASON,
    ESM_CLASS,
    MESSAGE_STATE,
    NETWORK_ERROR,
    RECEIPT_FIELDS,
    RECEIPT_TIMES,
    STAT,
    ReceiptSettings,
    ReceiptShape,
    quick_receipts,
    read_receipt,
)

PAGE = Source("Teli API, SMS delivery notifications", "https://apidocs.teleapi.net/api/sms/delivery-notifications")

S, E, C = Status, Evidence, Cause

SEND_STATUS = CodeTable(
    "send_status",
    (
        # code, status, final, evidence, cause, what Teli says of it
        Row("delivered", S.DELIVERED, True, E.CARRIER, None, "delivered"),
        Row("carrier-reject", S.REJECTED, True, E.CARRIER, C.CARRIER_REJECTED, "the carrier rejected it"),
        Row("failed", S.FAILED, True, None, None, "it failed"),
    ),
    PAGE,
    compare=Compare.ANY_CASE,
)

STATUS = CodeTable(
    "status",
    (
        Row("DELIVRD", S.DELIVERED, True, None, None, "delivered"),
        Row("EXPIRED", S.EXPIRED, True, None, C.EXPIRED, "its validity ended"),
        Row("DELETED", S.DELETED, True, None, None, "deleted"),
        Row("UNDELIV", S.UNDELIVERED, True, None, None, "undeliverable"),
        Row("UNKNOWN", S.UNKNOWN, False, None, None, "unknown"),
        Row("REJECTD", S.REJECTED, True, None, None, "rejected"),
    ),
    PAGE,
    compare=Compare.ANY_CASE,
)

ERROR = CodeTable(
    "error",
    (
        Row("000", S.DELIVERED, True, None, None, "delivered"),
        Row("002", S.DELIVERED, True, None, None, "delivered, with some carriers"),
        Row("003", S.EXPIRED, True, None, C.EXPIRED, "its validity ended"),
        Row("004", S.DELETED, True, None, None, "deleted"),
        Row("005", S.UNDELIVERED, True, None, None, "undeliverable"),
        Row("007", S.UNKNOWN, False, None, None, "unknown"),
        Row("008", S.REJECTED, True, None, None, "rejected"),
    ),
    PAGE,
    compare=Compare.NUMBER,
    consulted=Consulted.NOTHING_SENT,
)


class Notification(Shape):
    id: Code = None
    send_status: Code = None
    status: Code = None
    error: Code = None
    # Echoes the gateway's own URL, which holds its secret: declared so that it is dropped.
    url: Text = None


class TeliReceipt(ReceiptShape):
    """A receipt over SMPP, whose `err` is Teli's `error`."""

    error: Code = None


NAMES = {"err": "error"}

TELI = Provider(
    name="teli",
    vendor="Teli",
    title="Teli SMS delivery notifications",
    docs=PAGE,
    # Over SMPP the state's own words decide; ERROR lies over them as over `status`, where nothing else was sent.
    tables=(SEND_STATUS, STATUS, MESSAGE_STATE, STAT, ERROR, NETWORK_ERROR, DELIVERY_FAILURE_REASON, ESM_CLASS),
    ways=(
        Push(
            reading=Reading(shape=Notification, fields=Fields(message_id="id")),
            bodies=(BodyKind.JSON, BodyKind.FORM, BodyKind.MULTIPART),
        ),
        Pdu(
            reading=Reading(shape=TeliReceipt, fields=RECEIPT_FIELDS, times=RECEIPT_TIMES, own_ids=True),
            decode=partial(read_receipt, names=NAMES, states=("message_state", "stat", "error")),
            quick=quick_receipts(NAMES),
        ),
    ),
    settings=ReceiptSettings,
    auth=(UrlSecret(), AllowedAddresses()),
    notes=(
        "Nothing is signed: put a secret into the URL that you give to Teli and into the account.",
        "Not every message gets a notification, and one can come very late.",
        "`error` varies with the carrier: it is kept, and consulted only where nothing else was sent.",
        "No time, recipient, sender or count of parts is sent.",
        "Over SMPP, ask for receipts with `registered_delivery = 1`. They are standard receipts, which name times and "
        "addresses too; the `err` of each is Teli's `error`.",
    ),
)

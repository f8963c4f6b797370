"""Messente Omnichannel API: one signed JSON POST for every change of status, and a question about a group.

`message_id` is one message on one channel; `omnimessage_id` is the group of messages that the
API tries one after another. `timestamp` is when the API received the status, not the handset.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from delivrd import (
    AbsenceKind,
    AbsenceRow,
    AbsenceTable,
    AccountError,
    AllowedAddresses,
    Answer,
    Asking,
    BodyKind,
    Cause,
    Code,
    CodeTable,
    Compare,
    Count,
    Errors,
    Evidence,
    Fallback,
    Fields,
    HmacBody,
    NoCode,
    Provider,
    Push,
    Question,
    Reading,
    Request,
    Row,
    Shape,
    Source,
    Status,
    Text,
    basic_authorization,
)

PAGE = Source(
    "Messente Omnichannel API, delivery report", "https://messente.com/documentation/omnichannel-api/delivery-report"
)
OPENAPI = Source(
    "Messente's OpenAPI description, in the documents of its Python client",
    "https://github.com/messente/messente-api-python",
)

S, E, C = Status, Evidence, Cause

STATUS = CodeTable(
    "status",
    (
        # code, status, final, evidence, cause, what Messente says of it
        Row("ACK", S.SENT, False, E.CARRIER, None, "the operator accepted the message for delivery"),
        Row("ACCEPTD", S.SENT, False, E.CARRIER, None, "accepted, in the operator's delivery queue"),
        Row("DELIVRD", S.DELIVERED, True, E.CARRIER, None, "delivered; in some countries the operator's acceptance"),
        Row("SEEN", S.READ, True, E.RECIPIENT, None, "seen by the recipient"),
        Row("UNDELIV", S.UNDELIVERED, True, E.CARRIER, None, "cannot be delivered to the handset"),
        Row("FAILED", S.FAILED, True, None, None, "failed to deliver to the handset"),
        Row("REJECTD", S.REJECTED, True, E.CARRIER, None, "rejected by the operator"),
        Row("NACK", S.REJECTED, True, None, None, "the delivery was rejected"),
        Row("EXPIRED", S.EXPIRED, True, None, C.EXPIRED, "delivery expired"),
        Row("DELETED", S.DELETED, True, None, None, "deleted from the delivery queue", OPENAPI),
        Row("UNKNOWN", S.UNKNOWN, False, None, None, "the operator reported an unknown status"),
    ),
    PAGE,
    compare=Compare.ANY_CASE,
)

ERR = CodeTable(
    "err",
    (
        Row("0", None, meaning="no error"),
        Row("1", S.FAILED, True, None, None, "delivery failure"),
        Row("2", S.EXPIRED, True, None, C.EXPIRED, "sending expired"),
        Row("3", S.FAILED, True, None, C.INVALID_NUMBER, "invalid number"),
        Row("4", S.REJECTED, True, None, C.NO_CREDIT, "error crediting the account"),
        Row("5", S.FAILED, True, None, C.INVALID_NUMBER, "invalid number format"),
        Row("6", S.REJECTED, True, None, C.DUPLICATE, "too many identical messages"),
        Row("7", S.REJECTED, True, None, C.SENDER_REJECTED, "sender name not allowed"),
        Row("8", S.REJECTED, True, None, C.BLACKLISTED, "blacklisted by the operator"),
        Row("9", S.FAILED, True, None, C.UNROUTABLE, "unroutable"),
        Row("10", S.READ, True, E.RECIPIENT, None, "seen: not an error"),
        Row("999", S.FAILED, True, None, C.TEMPORARY, "general temporary error"),
    ),
    OPENAPI,
    compare=Compare.NUMBER,
    reasons=True,
)

ERRORS = AbsenceTable(
    "errors.code",
    (
        AbsenceRow("101", AbsenceKind.NOT_FOUND, "not found"),
        AbsenceRow("102", AbsenceKind.REFUSED, "forbidden"),
        AbsenceRow("103", AbsenceKind.REFUSED, "unauthorized"),
        AbsenceRow("104", AbsenceKind.UNAVAILABLE, "internal error"),
        AbsenceRow("105", AbsenceKind.BAD_QUESTION, "invalid data"),
        AbsenceRow("106", AbsenceKind.BAD_QUESTION, "missing data"),
        AbsenceRow("107", AbsenceKind.BAD_QUESTION, "method not allowed"),
    ),
    OPENAPI,
)


class PriceInfo(Shape):
    part_price: Text = None
    parts_count: Count = None
    total_price: Text = None


class Delivery(Shape):
    message_id: Text = None
    omnimessage_id: Text = None
    status: Code = None
    err: Code = None
    error: Text = None
    timestamp: Text = None
    to: Text = None
    sender: Text = None
    channel: Text = None
    price_info: PriceInfo | None = None


DELIVERY = Reading(
    shape=Delivery,
    fields=Fields(
        message_id="message_id",
        group_id="omnimessage_id",
        recipient="to",
        sender="sender",
        channel="channel",
        text="error",
        occurred_at="timestamp",
        parts="price_info.parts_count",
        part_price="price_info.part_price",
        total_price="price_info.total_price",
    ),
    zone="UTC",
    # A message from a handset, which the same URL may get (Messente Omnichannel API, inbound messages).
    other_if="msg_id",
    fallback=Fallback(last="sms", setting="fallback"),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account's own settings.

    Attributes:
        fallback: the account sends to groups of channels, so that a failure on one of them may be
            followed by the next. False: each message has one channel.
    """

    fallback: bool = True


def ask_status(asking: Asking) -> Request:
    """The question about one group of messages, with HTTP Basic."""
    account = asking.account
    if not account.username or not account.password:
        raise AccountError("username, password: expected those of the Messente API key, to ask for statuses")
    authorization = basic_authorization(account.username, account.password)
    return Request(
        "GET",
        f"{asking.host}/v1/omnimessage/{quote(asking.id, safe='').replace('.', '%2E')}/status",
        {"Authorization": authorization},
    )


OMNICHANNEL = Provider(
    name="messente-omnichannel",
    vendor="Messente",
    title="Messente Omnichannel API",
    docs=PAGE,
    tables=(STATUS, ERR),
    ways=(
        Push(reading=DELIVERY, bodies=(BodyKind.JSON,)),
        Answer(
            reading=DELIVERY,
            items="statuses",
            # An item as the OpenAPI description has it names neither.
            inherit=("to", "omnimessage_id"),
            errors=Errors(ERRORS, items="errors", code="code", text=("title", "detail")),
        ),
    ),
    auth=(HmacBody("X-Messente-Signature"), AllowedAddresses()),
    questions=(
        Question(
            operation="status",
            meaning="The statuses of one group of messages, one for each channel tried, in sending order.",
            make=ask_status,
            hosts=("https://api.messente.com",),
            about="group (omnimessage_id)",
        ),
    ),
    settings=Settings,
    no_code=NoCode(Status.ACCEPTED, False, Evidence.PROVIDER, "still being processed: status and err are null"),
    absences=(ERRORS,),
    notes=(
        "A secret of the account is the password of the HTTP API key that sent the message: it keys the signature.",
        "The signature holds no time: it does not stop somebody from sending a report again.",
        "DELIVRD is the carrier's word; in some countries it is only the operator's acceptance. SEEN may follow it.",
        "A failure on a channel other than SMS may be followed by the next channel of its group, so its `resend` is "
        "`wait`. An account that uses no fallback says so: `settings={'fallback': False}`.",
        "The currency of prices is not sent. The vendor advises against polling.",
        "Messages from handsets (`msg_id`) can come to the same URL: they are answered as received and come back whole "
        "in `others`. They are signed with the shared secret of the inbound number: add it to the account's secrets.",
    ),
)

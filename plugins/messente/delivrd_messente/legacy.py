"""Messente, legacy HTTP API: a GET callback for each change of status, and a question about one message.

The vendor calls this API deprecated, supports it still, and recommends Omnichannel. No time,
recipient, sender, price or network is sent.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from delivrd import (
    Absence,
    AbsenceKind,
    AbsenceRow,
    AbsenceTable,
    AccountError,
    AllowedAddresses,
    Answer,
    Asking,
    Cause,
    Code,
    CodeTable,
    Compare,
    Context,
    Decoded,
    Evidence,
    Fields,
    Provider,
    Push,
    Question,
    Reading,
    Request,
    Response,
    Row,
    Shape,
    Source,
    Status,
    UrlSecret,
    decode_text,
)

PAGE = Source("Messente SMS API, delivery report", "https://messente.com/documentation/sms-messaging/delivery-report")
CODES_PAGE = Source("Messente support, delivery reports", "https://support.messente.com/article/137-delivery-reports")
ERRORS_PAGE = Source("Messente, delivery status and error codes", "https://messente.com/documentation/faq/error-codes")
NEWER_PAGE = Source(
    "Messente support, delivery report statuses and error codes",
    "https://support.messente.com/delivery-report-statuses-and-error-codes",
)

S, E, C = Status, Evidence, Cause

STAT = CodeTable(
    "stat",
    (
        # code, status, final, evidence, cause, what Messente says of it
        Row("DELIVRD", S.DELIVERED, True, E.CARRIER, None, "delivered, by the carrier's signal"),
        Row("UNDELIV", S.UNDELIVERED, True, E.CARRIER, None, "cannot be delivered to this number"),
        Row("FAILED", S.FAILED, True, None, None, "failed to deliver to this number"),
        Row("UNKNOWN", S.UNKNOWN, False, None, None, "an unknown error occurred while delivering"),
        Row("ACCEPTD", S.ACCEPTED, False, E.PROVIDER, None, "accepted for delivery"),
        Row("REJECTD", S.REJECTED, True, None, None, "delivery to this number was rejected"),
        Row("DELETED", S.DELETED, True, None, None, "deleted from the delivery queue"),
        Row("EXPIRED", S.EXPIRED, True, None, C.EXPIRED, "delivery expired"),
        Row("NACK", S.REJECTED, True, None, None, "not accepted for delivery"),
    ),
    CODES_PAGE,
    compare=Compare.ANY_CASE,
)

MASK = CodeTable(
    "dlr-mask",
    (
        Row("1", S.DELIVERED, True, E.CARRIER, None, "DELIVERED, as a number", dashboard="Delivered"),
        Row("2", S.FAILED, True, None, None, "FAILED, as a number", dashboard="Failed"),
        Row("4", S.SENT, False, E.CARRIER, None, "SENT, as a number", dashboard="Sent"),
        Row("8", S.SENT, False, E.CARRIER, None, "SENT, as a number", dashboard="Sent"),
        Row("16", S.REJECTED, True, None, None, "FAILED, as a number: refused", dashboard="Failed"),
    ),
    CODES_PAGE,
    compare=Compare.NUMBER,
)

WORDS = (
    Row("DELIVERED", S.DELIVERED, True, E.CARRIER, None, "delivered, by the carrier's signal", dashboard="Delivered"),
    Row("FAILED", S.FAILED, True, None, None, "delivery failed", dashboard="Failed"),
    Row("SENT", S.SENT, False, E.CARRIER, None, "submitted; no word on delivery yet", dashboard="Sent"),
)

# The number can arrive under this name too.
STATUS = CodeTable("status", (*WORDS, *MASK.rows), CODES_PAGE, compare=Compare.ANY_CASE)

ERR = CodeTable(
    "err",
    (
        Row("000", None, meaning="no error"),
        Row("001", S.FAILED, True, None, None, "failed to deliver to this number", dashboard="Failed"),
        Row("002", S.EXPIRED, True, None, C.EXPIRED, "sending expired in six hours", dashboard="Failed"),
        Row("003", S.FAILED, True, None, C.INVALID_NUMBER, "invalid number", dashboard="Failed"),
        Row("004", S.REJECTED, True, None, C.NO_CREDIT, "out of credit: stop sending", dashboard="Rejected"),
        # Either the country or operator is not known or the number is malformed; a false "permanent" would be worse.
        Row(
            "005",
            S.FAILED,
            True,
            None,
            C.UNROUTABLE,
            "country or operator not determined, or invalid number format",
            dashboard="Failed",
        ),
        Row("006", S.REJECTED, True, None, C.DUPLICATE, "too many identical messages", dashboard="Rejected"),
        Row("007", S.REJECTED, True, None, C.SENDER_REJECTED, "sender name not allowed", dashboard="Rejected"),
        Row("008", S.REJECTED, True, None, C.BLACKLISTED, "the number is in a blacklist", dashboard="Rejected"),
        Row("009", S.REJECTED, True, None, None, "rejected; no wording known", source=NEWER_PAGE, dashboard="Rejected"),
        Row("999", S.FAILED, True, None, C.TEMPORARY, "general temporary error: resend"),
    ),
    ERRORS_PAGE,
    compare=Compare.NUMBER,
    reasons=True,
)

ANSWERS = AbsenceTable(
    "answer",
    (
        AbsenceRow("FAILED 102", AbsenceKind.NOT_YET, "no report yet: ask again later; not a failure of delivery"),
        AbsenceRow("FAILED 209", AbsenceKind.UNAVAILABLE, "the server failed: ask again, or ask the backup host"),
        AbsenceRow("ERROR 101", AbsenceKind.REFUSED, "wrong credentials"),
        AbsenceRow("ERROR 102", AbsenceKind.BAD_QUESTION, "parameters wrong or missing"),
        AbsenceRow("ERROR 103", AbsenceKind.REFUSED, "the caller's address is not allowed"),
        AbsenceRow("ERROR 107", AbsenceKind.NOT_FOUND, "no message with that id"),
    ),
    ERRORS_PAGE,
)


class Callback(Shape, rename={"dlr_mask": "dlr-mask"}):
    sms_unique_id: Code = None
    stat: Code = None
    status: Code = None
    dlr_mask: Code = None
    err: Code = None


CALLBACK = Reading(shape=Callback, fields=Fields(message_id="sms_unique_id"))


def ask_status(asking: Asking) -> Request:
    """The question about one message; the credentials stand in its URL."""
    account = asking.account
    if not account.username or not account.password:
        raise AccountError("username, password: expected those of the Messente API key, to ask for a report")
    query = urlencode({"username": account.username, "password": account.password, "sms_unique_id": asking.id})
    return Request("GET", f"{asking.host}/get_dlr_response?{query}")


def read_answer(response: Response, context: Context) -> Decoded:
    """One line of text: `OK` and a status, or the code of an absence. The id is the one asked for."""
    line = decode_text(response.body)[0].strip()
    first, _, rest = line.partition(" ")
    if response.status != 200:
        return Decoded(absence=Absence(AbsenceKind.UNAVAILABLE, str(response.status), line or None))
    if first == "OK" and rest in {row.code for row in WORDS}:
        return Decoded(records=[{"sms_unique_id": context.asked, "status": rest}])
    if first in ("ERROR", "FAILED") and len(rest) == 3 and rest.isdecimal():
        return Decoded(absence=Absence(ANSWERS.kind(line), line))
    return Decoded(absence=Absence(AbsenceKind.UNAVAILABLE, None, line or None))


LEGACY = Provider(
    name="messente-legacy",
    vendor="Messente",
    title="Messente SMS API (legacy)",
    docs=PAGE,
    tables=(STAT, STATUS, MASK, ERR),
    ways=(
        Push(reading=CALLBACK, methods=("GET",), query=True),
        Answer(reading=CALLBACK, decode=read_answer),
    ),
    auth=(UrlSecret(), AllowedAddresses()),
    questions=(
        Question(
            operation="get_dlr_response",
            meaning="The coarse status of one message.",
            make=ask_status,
            hosts=("https://api2.messente.com", "https://api3.messente.com"),
            about="message (sms_unique_id)",
            kept=timedelta(hours=48),
        ),
    ),
    absences=(ANSWERS,),
    notes=(
        "Messente calls this API deprecated (still supported) and recommends Omnichannel.",
        "Nothing is signed: put a secret into the URL that you give as `dlr-url` (`?secret=…`, or as the last "
        "segment of its path) and into the account.",
        "A reply other than 200, or none within 10 seconds, is a failure to Messente: it tries five times more.",
        "The dashboard's words: Delivered is `delivered` (by the carrier's signal), Sent is `sent` (submitted, the "
        "carrier still retries), Failed is a failure, Rejected is `rejected` (not accepted, not charged). "
        "Delivered, Failed and Rejected are final, Sent is not.",
        "Reports can be asked for during 48 hours, one message at a time; the password stands in the question's URL.",
    ),
)

"""Kannel: a GET of the `dlr-url` that the operator wrote, for each event of a message.

The operator names the parameters, so an account says which escape code stands behind which name.
`%A` carries what the message centre said, in its own words: it is read as a receipt's text, and what
it says outranks the number, for Kannel turns every word that it does not know into 2.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from delivrd import (
    AllowedAddresses,
    Cause,
    Code,
    CodeTable,
    Compare,
    Consulted,
    Context,
    Decoded,
    Evidence,
    Fields,
    Meanings,
    Offer,
    Provider,
    Push,
    Reading,
    Request,
    Row,
    Shape,
    Source,
    Status,
    Text,
    TooLarge,
    UrlSecret,
    Warning,
    WarningKind,
    read_query,
    shorten,
)
from delivrd_smpp import COMMAND_STATUS, ERR, MAP, MAP_ERRORS, RECEIPT_TIMES, STAT, read_receipt_text

GUIDE = Source(
    "Kannel 1.4.5 user guide, SMS delivery reports",
    "https://www.kannel.org/download/1.4.5/userguide-1.4.5/userguide.html",
)
SOURCES = Source("Kannel's source, gw/dlr.h and gw/smsc/smsc_smpp.c of 1.4.5", "https://www.kannel.org/")

S, E, C = Status, Evidence, Cause
NEVER, QUALIFIES = Consulted.NEVER, Consulted.QUALIFIES

TYPE = CodeTable(
    "type",
    (
        # code, status, final, evidence, cause, what Kannel says of it
        Row("1", S.DELIVERED, True, E.CARRIER, None, "delivered to the phone"),
        # A word that Kannel does not know becomes 2 too: beside a listed word it says nothing.
        Row("2", S.FAILED, True, E.CARRIER, None, "not delivered; or a word that Kannel does not know", beside=NEVER),
        Row("4", S.ACCEPTED, False, E.CARRIER, None, "queued at the message centre"),
        Row("8", S.ACCEPTED, False, E.CARRIER, None, "accepted by the message centre"),
        Row("16", S.REJECTED, True, E.CARRIER, None, "refused by the message centre"),
        Row("32", S.ACCEPTED, False, E.CARRIER, None, "an intermediate notification", SOURCES, beside=QUALIFIES),
        Row("34", S.EXPIRED, True, E.CARRIER, C.EXPIRED, "not delivered: expired", source=SOURCES),
        Row("66", S.UNKNOWN, True, E.CARRIER, None, "not delivered: unknown", source=SOURCES),
        # Several bits of the mask in one number: a failure among them is the end.
        Row("6", S.FAILED, True, E.CARRIER, None, "queued, and not delivered"),
        Row("10", S.FAILED, True, E.CARRIER, None, "accepted, and not delivered"),
        Row("14", S.FAILED, True, E.CARRIER, None, "queued and accepted, and not delivered"),
        Row("18", S.REJECTED, True, E.CARRIER, None, "not delivered: refused by the message centre"),
        Row("20", S.REJECTED, True, E.CARRIER, None, "queued, and refused"),
        Row("22", S.REJECTED, True, E.CARRIER, None, "queued, not delivered and refused"),
        Row("24", S.REJECTED, True, E.CARRIER, None, "accepted, and refused"),
        Row("26", S.REJECTED, True, E.CARRIER, None, "accepted, not delivered and refused"),
        Row("28", S.REJECTED, True, E.CARRIER, None, "queued and accepted, and refused"),
        Row("30", S.REJECTED, True, E.CARRIER, None, "queued and accepted, not delivered and refused"),
    ),
    GUIDE,
    compare=Compare.NUMBER,
    consulted=Consulted.CHECKED,
)

_SECONDS: Final = 11
"""Digits of the largest count of seconds that is believed: it ends in the year 5138."""
_READ_HERE: Final = frozenset({"ts", "date", "reply"})
_SHAPED: Final = {"sender": "from"}
_REFUSED: Final = re.compile(r"(0x[0-9a-f]{8})(?:/(.*))?+", re.IGNORECASE | re.DOTALL)
"""What Kannel writes behind `NACK/` where a message centre refused by SMPP: the command status and its words. Anything
else is in a vendor's own words."""
_UCS2: Final = re.compile(r"(?:i\0d|s\0t\0a\0t|e\0r\0r)\0:", re.IGNORECASE)
_TWICE: Final = re.compile(
    r"N?+ACK%2F|(?:(?:submit|done)[^:]{1,4}date|delivrd|dlvrd|stat|sub|err|id)%3A", re.IGNORECASE
)
"""What shows that a reply is percent-encoded still."""


class Callback(Shape, rename={"submit_date": "submit date", "done_date": "done date"}):
    id: Code = None
    type: Code = None
    fid: Code = None
    to: Text = None
    # Its wire name is a keyword of Python.
    sender: Text = msgspec.field(default=None, name="from")
    smsc: Text = None
    ts: Text = None
    # The parts of `reply`.
    receipt_id: Code = None
    stat: Code = None
    err: Code = None
    command_status: Code = None
    sub: Text = None
    dlvrd: Text = None
    submit_date: Text = None
    done_date: Text = None
    text: Text = None


_RECORD: Final = frozenset({*Callback.__struct_encode_fields__, "reported_at"})


class Names(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={
        "type": "%d",
        "fid": "%F",
        "to": "%p",
        "sender": "%P",
        "smsc": "%i",
        "ts": "%T",
        "date": "%t",
        "reply": "%A",
    },
):
    """The parameters of an account's `dlr-url`: for each escape code the name before it; and that of your own id.

    Attributes:
        date: absent unless the URL has it: the recommended one has `%T`.
    """

    id: str = "id"
    type: str = "type"
    fid: str = "fid"
    to: str = "to"
    sender: str = "from"
    smsc: str = "smsc"
    ts: str = "ts"
    reply: str = "reply"
    date: str | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account may say of its Kannel.

    Attributes:
        names: the parameters of its `dlr-url`: for each escape code the name before it, in `id` that of your own id;
            those of the recommended one by default.
        err_is_map: the `err` in `%A` carries GSM MAP errors.
    """

    names: Names = Names()
    err_is_map: bool = False


def read_callback(request: Request, context: Context) -> Decoded:
    """The fields of a callback, and those of the receipt in its `%A`."""
    names: Names = context.settings.names
    wanted = {getattr(names, field): field for field in Names.__struct_fields__ if getattr(names, field)}
    sent, told = read_query(request, wanted)
    fields = {wanted[name]: value for name, value in sent.items()}
    warnings = list(told)
    record = {_SHAPED.get(field, field): value for field, value in fields.items() if field not in _READ_HERE}
    record |= _read_reply(fields, names.reply, warnings)
    if record.get("receipt_id") == record.get("fid"):
        # One id, told twice.
        record.pop("receipt_id", None)
    made = _made_at(fields, names, warnings)
    if made is not None:
        if "done date" in record and not record["done date"].isdigit():
            warnings.append(Warning(WarningKind.BAD_VALUE, "done date", shorten(record.pop("done date"))))
        # The receipt's own date is the event's; this is when Kannel told of it.
        record["reported_at" if "done date" in record else "ts"] = made
    return Decoded(records=[record], warnings={0: warnings})


def _read_reply(fields: dict[str, str], name: str, warnings: list[Warning]) -> dict[str, str]:
    """What the message centre said: a receipt, `ACK/…` on acceptance, `NACK/0x0000000b/…` on refusal, or `NACK/…`."""
    reply = fields.get("reply", "")
    if ":" not in reply and _TWICE.match(reply):
        reply = unquote_plus(reply, errors="backslashreplace")
    kind, slash, words = reply.partition("/")
    if slash and kind == "ACK":
        return {"text": words}
    if slash and kind == "NACK":
        refused = _REFUSED.fullmatch(words)
        return {"text": words} if refused is None else {"command_status": refused[1], "text": refused[2] or ""}
    try:
        # Kannel forwards what it cannot read as it came: in UCS-2, a NUL stands beside each letter of a label.
        told = read_receipt_text(
            reply.replace("\0", "") if _UCS2.search(reply) else reply,
            id_known=bool(fields.get("id") or fields.get("fid")),
        )
    except TooLarge:
        # What it says beside it still counts.
        warnings.append(Warning(WarningKind.BAD_VALUE, name, shorten(reply)))
        return {}
    warnings += told.warnings
    values = told.values | told.others_beside(_RECORD)
    if "id" in values:
        values["receipt_id"] = values.pop("id")
    return values or {"text": reply}


def _made_at(fields: dict[str, str], names: Names, warnings: list[Warning]) -> str | None:
    """When Kannel made the report, as ISO 8601; `%T` counts UNIX seconds, `%t` is in UTC."""
    seconds = fields.get("ts", "")
    if not seconds:
        return f"{fields['date']}Z" if fields.get("date") else None
    if seconds.isascii() and seconds.isdigit() and len(seconds) <= _SECONDS:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    warnings.append(Warning(WarningKind.BAD_VALUE, names.ts, shorten(seconds)))
    return None


KANNEL = Provider(
    name="kannel",
    vendor="Kannel",
    title="Kannel delivery reports (dlr-url)",
    docs=GUIDE,
    tables=(STAT, TYPE, COMMAND_STATUS, ERR),
    ways=(
        Push(
            reading=Reading(
                shape=Callback,
                fields=Fields(
                    message_id=("id", "fid", "receipt_id"),
                    other_ids=("fid", "receipt_id"),
                    recipient="to",
                    sender="from",
                    text="text",
                    occurred_at=("done date", "ts"),
                    submitted_at="submit date",
                    extras=("smsc", "sub", "dlvrd"),
                ),
                times=RECEIPT_TIMES,
                own_ids=True,
            ),
            methods=("GET",),
            decode=read_callback,
        ),
    ),
    auth=(UrlSecret(), AllowedAddresses()),
    settings=Settings,
    offers=(Offer("err_is_map", Meanings(ERR.name, MAP_ERRORS), MAP),),
    notes=(
        "Write the URL so: `…?id=YOUR-ID&type=%d&fid=%F&to=%p&from=%P&smsc=%i&ts=%T&reply=%A`, and a secret into it "
        "(`&secret=…`), for nothing is signed. Those are the names that are read by default; an account whose URL has "
        'others says so in its setting `names`: `{"%d": "status", "%A": "answer"}`.',
        "`%A` is what makes a report good: Kannel compares a receipt's word by exact letters and turns all that it "
        "does not know into 2. Where `%A` holds a listed word, that word decides; a number that contradicts it is told "
        "as a conflict, but for 2.",
        "32 is an intermediate notification: never final, and a failure in its `%A` is `deferred`.",
        "`type` is one event, not the mask that was asked for; 16 can come when only 2 was asked for. Debian's "
        "1.4.5-12 tells of EXPIRED and UNKNOWN by 2, and only `%A` says which.",
        "Without an id of your own in the URL, `%F`, the message centre's, names the message, and without that the id "
        "of the receipt in `%A`. `%I` is an id of the report and of no message: leave it out.",
        "`NACK/` and a status as SMPP's, with eight hexadecimal digits (`NACK/0x0000000b/…`), is a refusal with its "
        "cause. Behind `NACK/`, anything else is in the vendor's own words: it is kept as `text` and never judged.",
        "A number of several bits, such as 18, is a final failure where one of them is 2 or 16.",
        "`%A` names no zone for its dates: give the account its message centre's (`zone`). Where it has no date, "
        "`%T` is the time of the event.",
        "Kannel asks again only where `http-request-retry` is set, and its default is never: a receiver that is down "
        "loses reports.",
        "Numbers alone do not make a Kannel: other vendors send 1, 2, 4, 8 and 16 with other meanings.",
    ),
)

"""The codes of SMPP receipts: message states, the words of receipt texts, GSM MAP errors, command statuses.

The rule of this module: what SMPP's specification says, and what message centres are known to say.
Which of it a vendor means otherwise, that vendor's provider or an account says.
"""

from __future__ import annotations

from typing import Final

import msgspec

from delivrd import Cause, CodeTable, Compare, Consulted, Evidence, Row, Source, Status

SMPP_34: Final = Source("SMPP 3.4, issue 1.2, section 5.2.28 and appendix B", "https://smpp.org/SMPP_v3_4_Issue1_2.pdf")
SMPP_34_STATUSES: Final = Source("SMPP 3.4, issue 1.2, section 5.1.3", "https://smpp.org/SMPP_v3_4_Issue1_2.pdf")
SMPP_34_CLASS: Final = Source("SMPP 3.4, issue 1.2, section 5.2.12", "https://smpp.org/SMPP_v3_4_Issue1_2.pdf")
SMPP_50: Final = Source("SMPP 5.0, section 4.7.15", "https://smpp.org/SMPP_v5.pdf")
CENTRES: Final = Source("message centres, in public captures")
MAP: Final = Source("3GPP TS 29.002, section 17.6.6")
"""Where GSM MAP errors are written down."""

S, E, C = Status, Evidence, Cause
CARRIER = E.CARRIER

MESSAGE_STATE: Final = CodeTable(
    "message_state",
    (
        # code, status, final, evidence, cause, what SMPP says of it
        Row("0", S.ACCEPTED, False, CARRIER, None, "SCHEDULED: it will be delivered later", source=SMPP_50),
        Row("1", S.SENT, False, CARRIER, None, "ENROUTE: on its way"),
        Row("2", S.DELIVERED, True, CARRIER, None, "DELIVERED"),
        Row("3", S.EXPIRED, True, CARRIER, C.EXPIRED, "EXPIRED: its validity ended"),
        Row("4", S.DELETED, True, CARRIER, None, "DELETED"),
        Row("5", S.UNDELIVERED, True, CARRIER, None, "UNDELIVERABLE"),
        Row("6", S.ACCEPTED, False, CARRIER, None, "ACCEPTED; centres disagree (buffered, delivered, accepted)"),
        Row("7", S.UNKNOWN, False, CARRIER, None, "UNKNOWN; centres disagree (failed, pending)"),
        Row("8", S.REJECTED, True, CARRIER, None, "REJECTED"),
        Row("9", S.FAILED, True, CARRIER, None, "SKIPPED: accepted, and never sent", source=SMPP_50),
    ),
    SMPP_34,
    compare=Compare.NUMBER,
)
"""The parameter `message_state`: a number for each state."""

STAT: Final = CodeTable(
    "stat",
    (
        Row("SCHEDLD", S.ACCEPTED, False, CARRIER, None, "scheduled", source=SMPP_50),
        Row("ENROUTE", S.SENT, False, CARRIER, None, "on its way"),
        Row("DELIVRD", S.DELIVERED, True, CARRIER, None, "delivered"),
        Row("EXPIRED", S.EXPIRED, True, CARRIER, C.EXPIRED, "its validity ended"),
        Row("DELETED", S.DELETED, True, CARRIER, None, "deleted"),
        Row("UNDELIV", S.UNDELIVERED, True, CARRIER, None, "undeliverable"),
        Row("ACCEPTD", S.ACCEPTED, False, CARRIER, None, "accepted; centres disagree (buffered, delivered, accepted)"),
        Row("UNKNOWN", S.UNKNOWN, False, CARRIER, None, "unknown; centres disagree (failed, pending)"),
        Row("REJECTD", S.REJECTED, True, CARRIER, None, "rejected"),
        Row("SKIPPED", S.FAILED, True, CARRIER, None, "accepted, and never sent", source=SMPP_50),
        # Spelt out.
        Row("SCHEDULED", S.ACCEPTED, False, CARRIER, None, "SCHEDLD, spelt out", source=CENTRES),
        Row("DELIVERED", S.DELIVERED, True, CARRIER, None, "DELIVRD, spelt out", source=CENTRES),
        Row("UNDELIVERABLE", S.UNDELIVERED, True, CARRIER, None, "UNDELIV, spelt out", source=CENTRES),
        Row("ACCEPTED", S.ACCEPTED, False, CARRIER, None, "ACCEPTD, spelt out", source=CENTRES),
        Row("REJECTED", S.REJECTED, True, CARRIER, None, "REJECTD, spelt out", source=CENTRES),
        # Words of centres' own.
        Row("BUFFRED", S.ACCEPTED, False, CARRIER, None, "buffered", source=CENTRES),
        Row("BUFFERD", S.ACCEPTED, False, CARRIER, None, "buffered", source=CENTRES),
        Row("QUEUED", S.ACCEPTED, False, CARRIER, None, "queued", source=CENTRES),
        Row("SENT", S.SENT, False, CARRIER, None, "sent on", source=CENTRES),
        Row("ACKED", S.SENT, False, CARRIER, None, "sent on, and acknowledged", source=CENTRES),
        Row("FAILED", S.FAILED, True, CARRIER, None, "it failed", source=CENTRES),
        Row("NACK", S.REJECTED, True, CARRIER, None, "refused", source=CENTRES),
        Row("DENIED", S.REJECTED, True, CARRIER, None, "refused", source=CENTRES),
        Row("DND", S.REJECTED, True, CARRIER, C.OPTED_OUT, "on a do-not-disturb register", source=CENTRES),
    ),
    SMPP_34,
    compare=Compare.ANY_CASE,
)
"""The field `stat` of a receipt's text, with the spellings that centres have."""

# The same number means different things with different vendors: only the account can say what it is.
ERR: Final = CodeTable("err", (), SMPP_34, compare=Compare.NUMBER, consulted=Consulted.NEVER, reasons=True)
"""The field `err` of a receipt's text. Every centre has its own codes: an account says what its centre's mean."""

NETWORK_ERROR: Final = CodeTable(
    ("network_type", "network_error_code"),
    (),
    Source("SMPP 3.4, issue 1.2, section 5.3.2.31", SMPP_34.url),
    compare=Compare.NUMBER,
    consulted=Consulted.NEVER,
    reasons=True,
)
"""The parameter `network_error_code`, by the kind of network. As with `ERR`, an account says what they mean."""

ESM_CLASS: Final = CodeTable(
    "esm_class",
    (
        Row("0x00", None, meaning="no bit of a receipt: taken for one by its parameters, or because the account says"),
        Row("0x04", None, meaning="a delivery receipt of the message centre"),
        Row("0x08", None, False, E.HANDSET, None, "an acknowledgement of the handset"),
        Row("0x10", None, False, E.RECIPIENT, None, "an acknowledgement of its user"),
        Row("0x20", S.DEFERRED, False, None, None, "an intermediate notification: never final"),
    ),
    SMPP_34_CLASS,
    consulted=Consulted.QUALIFIES,
)
"""The kind of message: it decides nothing, and says whose word the other codes are."""


def _map(code: int, cause: Cause, meaning: str) -> Row:
    # A reason and no state: it ends nothing by itself.
    return Row(str(code), S.FAILED, False, CARRIER, cause, meaning, map_error=code)


MAP_ERRORS: Final = (
    Row("0", None, meaning="no error"),
    _map(1, C.UNKNOWN_SUBSCRIBER, "unknown subscriber"),
    _map(5, C.UNKNOWN_SUBSCRIBER, "unidentified subscriber"),
    _map(6, C.ABSENT_SUBSCRIBER, "absent subscriber"),
    _map(8, C.BARRED, "roaming not allowed"),
    _map(9, C.NOT_PROVISIONED, "illegal subscriber"),
    _map(11, C.NOT_PROVISIONED, "teleservice not provisioned"),
    _map(12, C.HANDSET_UNSUPPORTED, "illegal equipment"),
    _map(13, C.BARRED, "call barred"),
    _map(21, C.CARRIER_ERROR, "facility not supported"),
    _map(27, C.ABSENT_SUBSCRIBER, "absent subscriber"),
    _map(31, C.HANDSET_BUSY, "subscriber busy"),
    _map(32, C.CARRIER_ERROR, "SM delivery failure"),
    _map(33, C.ABSENT_SUBSCRIBER, "message waiting list full"),
    _map(34, C.CARRIER_ERROR, "system failure"),
    _map(35, C.CARRIER_ERROR, "data missing"),
    _map(36, C.CARRIER_ERROR, "unexpected data value"),
)
"""GSM MAP errors, for a field of which somebody says that it carries them."""

_GSM: Final = "3"

NETWORK_MAP_ERRORS: Final = tuple(msgspec.structs.replace(row, code=(_GSM, row.label)) for row in MAP_ERRORS)
"""The same for `network_error_code`, where the network's type is GSM."""


def _refused(code: int, cause: Cause | None, meaning: str) -> Row:
    return Row(f"0x{code:08x}", S.REJECTED, True, CARRIER, cause, meaning)


COMMAND_STATUS: Final = CodeTable(
    "command_status",
    (
        Row("0x00000000", None, meaning="no error"),
        _refused(0x01, C.CONTENT_REJECTED, "the message's length is invalid"),
        _refused(0x02, C.BAD_REQUEST, "the command's length is invalid"),
        _refused(0x03, C.BAD_REQUEST, "the command is invalid"),
        _refused(0x04, C.PROVIDER_ERROR, "wrong bind status for the command"),
        _refused(0x05, C.PROVIDER_ERROR, "already bound"),
        _refused(0x06, C.BAD_REQUEST, "the priority is invalid"),
        _refused(0x07, C.BAD_REQUEST, "the registered delivery flag is invalid"),
        _refused(0x08, C.PROVIDER_ERROR, "a system error"),
        _refused(0x0A, C.SENDER_REJECTED, "the source address is invalid"),
        _refused(0x0B, C.INVALID_NUMBER, "the destination address is invalid"),
        _refused(0x0C, C.BAD_REQUEST, "the message's id is invalid"),
        _refused(0x0D, C.ACCOUNT_REJECTED, "the bind failed"),
        _refused(0x0E, C.ACCOUNT_REJECTED, "the password is invalid"),
        _refused(0x0F, C.ACCOUNT_REJECTED, "the system id is invalid"),
        _refused(0x14, C.THROTTLED, "the message queue is full"),
        _refused(0x15, C.BAD_REQUEST, "the service type is invalid"),
        _refused(0x33, C.BAD_REQUEST, "the number of destinations is invalid"),
        _refused(0x40, C.BAD_REQUEST, "the destination flag is invalid"),
        _refused(0x42, C.BAD_REQUEST, "submit with replace is invalid"),
        _refused(0x43, C.BAD_REQUEST, "the esm_class is invalid"),
        _refused(0x45, None, "the submission failed"),
        _refused(0x48, C.BAD_REQUEST, "the source address's type of number is invalid"),
        _refused(0x49, C.BAD_REQUEST, "the source address's numbering plan is invalid"),
        _refused(0x50, C.BAD_REQUEST, "the destination address's type of number is invalid"),
        _refused(0x51, C.BAD_REQUEST, "the destination address's numbering plan is invalid"),
        _refused(0x53, C.BAD_REQUEST, "the system type is invalid"),
        _refused(0x54, C.BAD_REQUEST, "the replace_if_present flag is invalid"),
        _refused(0x58, C.THROTTLED, "more messages than are allowed"),
        _refused(0x61, C.BAD_REQUEST, "the scheduled delivery time is invalid"),
        _refused(0x62, C.BAD_REQUEST, "the validity period is invalid"),
        _refused(0x64, C.TEMPORARY, "a temporary error of the receiving application"),
        _refused(0x65, None, "a permanent error of the receiving application"),
        _refused(0x66, None, "refused by the receiving application"),
        _refused(0xC0, C.BAD_REQUEST, "an error in the optional part of the PDU"),
        _refused(0xC1, C.BAD_REQUEST, "an optional parameter is not allowed"),
        _refused(0xC2, C.BAD_REQUEST, "a parameter's length is invalid"),
        _refused(0xC3, C.BAD_REQUEST, "an expected optional parameter is missing"),
        _refused(0xC4, C.BAD_REQUEST, "an optional parameter's value is invalid"),
        _refused(0xFE, None, "the delivery failed"),
        _refused(0xFF, None, "an unknown error"),
    ),
    SMPP_34_STATUSES,
    compare=Compare.HEX_NUMBER,
    reasons=True,
)
"""Why a message centre refused a message; of use wherever its answer to `submit_sm` is told on."""

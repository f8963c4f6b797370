"""The codes of SMPP receipts: message states, the words of receipt texts, GSM MAP errors, command statuses.

The rule of this module: what SMPP's specification says, and what message centres are known to say.
Which of it a vendor means otherwise, that vendor's provider or an account says.
"""

from __future__ import annotations

from typing import Final

import msgspec

from delivrd import Cause, CodeTable, Compare, Consulted, Evidence, Permanence, Row, Source, Status

SMPP_34: Final = Source("SMPP 3.4, issue 1.2, section 5.2.28 and appendix B", "https://smpp.org/SMPP_v3_4_Issue1_2.pdf")
SMPP_34_STATUSES: Final = Source("SMPP 3.4, issue 1.2, section 5.1.3", "https://smpp.org/SMPP_v3_4_Issue1_2.pdf")
SMPP_34_CLASS: Final = Source("SMPP 3.4, issue 1.2, section 5.2.12", "https://smpp.org/SMPP_v3_4_Issue1_2.pdf")
SMPP_50: Final = Source("SMPP 5.0, section 4.7.15", "https://smpp.org/SMPP_v5.pdf")
SMPP_50_STATUSES: Final = Source("SMPP 5.0, section 4.7.6", SMPP_50.url)
CENTRES: Final = Source("message centres, in public captures")
CM: Final = Source("CM.com, SMPP", "https://developers.cm.com/messaging/docs/smpp")
SMS_CENTRAL: Final = Source(
    "SMS Central, SMPP: receive DLRs", "https://www.smscentral.com.au/sms-api/smpp/receive-dlrs/"
)
UNIFONIC: Final = Source(
    "Unifonic, SMPP DLR status codes", "https://support.unifonic.com/hc/en-us/articles/207744519-SMPP-DLR-Status-Codes"
)
JASMIN: Final = Source("Jasmin, issue 181: states in full", "https://github.com/jookies/jasmin/issues/181")
MBLOX: Final = Source("jSMPP, issue 9: Mblox's states", "https://github.com/opentelecoms-org/jsmpp/issues/9")
KANNEL: Final = Source("Kannel's source, gw/smsc/smsc_smpp.c", "https://www.kannel.org/")
OZEKI: Final = Source("Ozeki, SMPP error codes", "https://www.voip-sip-sdk.com/p_2628-smpp-error-codes.html")
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
        # Spelt out, and misspelt.
        Row("SCHEDULED", S.ACCEPTED, False, CARRIER, None, "SCHEDLD, spelt out", source=UNIFONIC),
        Row("DELIVERED", S.DELIVERED, True, CARRIER, None, "DELIVRD, spelt out", source=JASMIN),
        Row("DELIVERD", S.DELIVERED, True, CARRIER, None, "DELIVRD, in eight letters", source=CM),
        Row("UNDELIVERABLE", S.UNDELIVERED, True, CARRIER, None, "UNDELIV, spelt out", source=JASMIN),
        Row("ACCEPTED", S.ACCEPTED, False, CARRIER, None, "ACCEPTD, spelt out", source=JASMIN),
        Row("REJECTED", S.REJECTED, True, CARRIER, None, "REJECTD, spelt out", source=JASMIN),
        # Words of centres' own.
        Row("BUFFERED", S.ACCEPTED, False, CARRIER, None, "buffered", source=CENTRES),
        Row("BUFFRED", S.ACCEPTED, False, CARRIER, None, "buffered", source=SMS_CENTRAL),
        Row("BUFFERD", S.ACCEPTED, False, CARRIER, None, "buffered", source=KANNEL),
        Row("QUEUED", S.ACCEPTED, False, CARRIER, None, "queued", source=CENTRES),
        Row("SENT", S.SENT, False, CARRIER, None, "sent on", source=CENTRES),
        Row("ACKED", S.SENT, False, CARRIER, None, "sent on, and acknowledged", source=MBLOX),
        Row("FAILED", S.FAILED, True, CARRIER, None, "it failed", source=MBLOX),
        Row("SYSERR", S.FAILED, True, CARRIER, C.CARRIER_ERROR, "an error of the carrier's system", source=SMS_CENTRAL),
        Row("NACK", S.REJECTED, True, CARRIER, None, "refused", source=OZEKI),
        Row("DENIED", S.REJECTED, True, CARRIER, None, "refused", source=CENTRES),
        Row("NOCRED", S.REJECTED, True, CARRIER, C.NO_CREDIT, "the account has no credit", source=SMS_CENTRAL),
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


def _map(code: int, cause: Cause | None, meaning: str) -> Row:
    # A reason and no state: it ends nothing by itself.
    return Row(str(code), S.UNDELIVERED, False, CARRIER, cause, meaning, map_error=code)


MAP_ERRORS: Final = (
    Row("0", None, meaning="no error"),
    _map(1, C.UNKNOWN_SUBSCRIBER, "unknown subscriber"),
    _map(3, C.CARRIER_ERROR, "unknown MSC"),
    _map(5, C.UNKNOWN_SUBSCRIBER, "unidentified subscriber"),
    _map(6, C.ABSENT_SUBSCRIBER, "absent subscriber"),
    _map(7, C.HANDSET_UNSUPPORTED, "unknown equipment"),
    _map(8, C.BARRED, "roaming not allowed"),
    _map(9, C.NOT_PROVISIONED, "illegal subscriber"),
    _map(10, C.NOT_PROVISIONED, "bearer service not provisioned"),
    _map(11, C.NOT_PROVISIONED, "teleservice not provisioned"),
    _map(12, C.HANDSET_UNSUPPORTED, "illegal equipment"),
    _map(13, C.BARRED, "call barred"),
    _map(14, None, "forwarding violation"),
    _map(15, C.BARRED, "closed user group: rejected"),
    _map(16, None, "illegal supplementary service operation"),
    _map(17, None, "supplementary service: error in its status"),
    _map(18, None, "supplementary service not available"),
    _map(19, None, "supplementary service: subscription violation"),
    _map(20, None, "supplementary service: incompatibility"),
    _map(21, C.CARRIER_ERROR, "facility not supported"),
    _map(22, None, "ongoing group call"),
    _map(25, None, "no handover number available"),
    _map(26, None, "subsequent handover failure"),
    _map(27, C.ABSENT_SUBSCRIBER, "absent subscriber"),
    _map(28, C.HANDSET_UNSUPPORTED, "incompatible terminal"),
    _map(29, C.TEMPORARY, "short-term denial"),
    _map(30, None, "long-term denial"),
    _map(31, C.HANDSET_BUSY, "subscriber busy"),
    _map(32, C.CARRIER_ERROR, "SM delivery failure"),
    _map(33, C.ABSENT_SUBSCRIBER, "message waiting list full"),
    _map(34, C.CARRIER_ERROR, "system failure"),
    _map(35, C.CARRIER_ERROR, "data missing"),
    _map(36, C.CARRIER_ERROR, "unexpected data value"),
    _map(37, None, "password registration failure"),
    _map(38, None, "negative password check"),
    _map(39, None, "no roaming number available"),
    _map(40, None, "tracing buffer full"),
    _map(42, None, "target cell outside the group call's area"),
    _map(43, None, "too many attempts at a password"),
    _map(44, C.UNKNOWN_SUBSCRIBER, "number changed"),
    _map(45, C.HANDSET_BUSY, "busy subscriber"),
    _map(46, C.ABSENT_SUBSCRIBER, "no reply of the subscriber"),
    _map(47, None, "forwarding failed"),
    _map(48, None, "optimal routing not allowed"),
    _map(49, None, "any-time interrogation not allowed"),
    _map(50, None, "no group call number available"),
    _map(51, C.CARRIER_ERROR, "resource limitation"),
    _map(52, None, "unauthorized requesting network"),
    _map(53, None, "unauthorized client of the location service"),
    _map(54, None, "position method failure"),
    _map(58, None, "unknown or unreachable client of the location service"),
    _map(59, None, "mobility event not supported"),
    _map(60, None, "any-time subscription interrogation not allowed"),
    _map(61, None, "any-time modification not allowed"),
    _map(62, None, "information not available"),
    _map(71, None, "unknown alphabet"),
    _map(72, None, "USSD busy"),
)
"""GSM MAP errors, for a field of which somebody says that it carries them."""

_GSM: Final = "3"

NETWORK_MAP_ERRORS: Final = tuple(msgspec.structs.replace(row, code=(_GSM, row.label)) for row in MAP_ERRORS)
"""The same for `network_error_code`, where the network's type is GSM."""


SM_DELIVERY_FAILURE: Final = 32
"""The MAP error that has causes of its own."""


def _failure(code: int, cause: Cause, meaning: str) -> Row:
    return Row(str(code), S.UNDELIVERED, False, CARRIER, cause, meaning, map_error=SM_DELIVERY_FAILURE)


MAP_FAILURE_CAUSES: Final = (
    _failure(0, C.HANDSET_FULL, "memory capacity exceeded"),
    _failure(1, C.CARRIER_ERROR, "equipment protocol error"),
    _failure(2, C.HANDSET_UNSUPPORTED, "equipment not equipped for short messages"),
    _failure(3, C.CARRIER_ERROR, "unknown service centre"),
    _failure(4, C.CARRIER_ERROR, "congestion of the service centre"),
    _failure(5, C.INVALID_NUMBER, "invalid address"),
    _failure(6, C.NOT_PROVISIONED, "the subscriber is none of the service centre's"),
)
"""The causes inside MAP error 32 (3GPP TS 29.002, 17.7.6), for a field of which somebody says that it carries them:
some vendors send them beside the error."""


def _refused(code: int, cause: Cause | None, meaning: str) -> Row:
    return Row(_status(code), S.REJECTED, True, CARRIER, cause, meaning)


def _refused_50(code: int, cause: Cause, meaning: str) -> Row:
    return Row(_status(code), S.REJECTED, True, CARRIER, cause, meaning, source=SMPP_50_STATUSES)


def _status(code: int) -> str:
    return f"0x{code:08x}"


COMMAND_STATUS: Final = CodeTable(
    "command_status",
    (
        Row(_status(0x00), S.SENT, False, CARRIER, None, "no error: it was taken"),
        _refused(0x01, C.CONTENT_REJECTED, "the message's length is invalid"),
        _refused(0x02, C.PROVIDER_ERROR, "the command's length is invalid"),
        _refused(0x03, C.PROVIDER_ERROR, "the command is invalid"),
        _refused(0x04, C.PROVIDER_ERROR, "wrong bind status for the command"),
        _refused(0x05, C.PROVIDER_ERROR, "already bound"),
        _refused(0x06, C.BAD_REQUEST, "the priority is invalid"),
        _refused(0x07, C.BAD_REQUEST, "the registered delivery flag is invalid"),
        _refused(0x08, C.CARRIER_ERROR, "a system error"),
        _refused(0x0A, C.SENDER_REJECTED, "the source address is invalid"),
        _refused(0x0B, C.INVALID_NUMBER, "the destination address is invalid"),
        _refused(0x0C, C.BAD_REQUEST, "the message's id is invalid"),
        _refused(0x0D, C.ACCOUNT_REJECTED, "the bind failed"),
        _refused(0x0E, C.ACCOUNT_REJECTED, "the password is invalid"),
        _refused(0x0F, C.ACCOUNT_REJECTED, "the system id is invalid"),
        # Of what was asked about a message, and not of the message.
        Row(_status(0x11), None, meaning="cancelling failed"),
        Row(_status(0x13), None, meaning="replacing failed"),
        _refused(0x14, C.THROTTLED, "the message queue is full"),
        _refused(0x15, C.BAD_REQUEST, "the service type is invalid"),
        _refused(0x33, C.BAD_REQUEST, "the number of destinations is invalid"),
        _refused(0x34, C.BAD_REQUEST, "the distribution list's name is invalid"),
        _refused(0x40, C.BAD_REQUEST, "the destination flag is invalid"),
        _refused(0x42, C.BAD_REQUEST, "submit with replace is invalid"),
        _refused(0x43, C.BAD_REQUEST, "the esm_class is invalid"),
        _refused(0x44, C.BAD_REQUEST, "a distribution list cannot be submitted to"),
        _refused(0x45, C.CARRIER_REJECTED, "the submission failed"),
        _refused(0x48, C.SENDER_REJECTED, "the source address's type of number is invalid"),
        _refused(0x49, C.SENDER_REJECTED, "the source address's numbering plan is invalid"),
        _refused(0x50, C.INVALID_NUMBER, "the destination address's type of number is invalid"),
        _refused(0x51, C.INVALID_NUMBER, "the destination address's numbering plan is invalid"),
        _refused(0x53, C.ACCOUNT_REJECTED, "the system type is invalid"),
        _refused(0x54, C.BAD_REQUEST, "the replace_if_present flag is invalid"),
        _refused(0x55, C.BAD_REQUEST, "the number of messages is invalid"),
        _refused(0x58, C.THROTTLED, "more messages than are allowed"),
        _refused(0x61, C.BAD_REQUEST, "the scheduled delivery time is invalid"),
        _refused(0x62, C.BAD_REQUEST, "the validity period is invalid"),
        _refused(0x63, C.CONTENT_REJECTED, "the predefined message is invalid or was not found"),
        _refused(0x64, C.CARRIER_ERROR, "a temporary error of the receiving application"),
        _refused(0x65, C.CARRIER_REJECTED, "a permanent error of the receiving application"),
        _refused(0x66, C.CARRIER_REJECTED, "refused by the receiving application"),
        Row(_status(0x67), None, meaning="the query failed"),
        _refused(0xC0, C.BAD_REQUEST, "an error in the optional part of the PDU"),
        _refused(0xC1, C.BAD_REQUEST, "an optional parameter is not allowed"),
        _refused(0xC2, C.BAD_REQUEST, "a parameter's length is invalid"),
        _refused(0xC3, C.BAD_REQUEST, "an expected optional parameter is missing"),
        _refused(0xC4, C.BAD_REQUEST, "an optional parameter's value is invalid"),
        Row(_status(0xFE), S.UNDELIVERED, True, CARRIER, C.CARRIER_ERROR, "the delivery failed"),
        _refused(0xFF, None, "an unknown error"),
        _refused_50(0x100, C.ACCOUNT_REJECTED, "not authorised for the service type"),
        _refused_50(0x101, C.ACCOUNT_REJECTED, "the operation is prohibited"),
        _refused_50(0x102, C.ACCOUNT_REJECTED, "the service type is unavailable"),
        _refused_50(0x103, C.ACCOUNT_REJECTED, "the service type is denied"),
        _refused_50(0x104, C.BAD_REQUEST, "the data coding is invalid"),
        _refused_50(0x105, C.BAD_REQUEST, "the source address's sub-unit is invalid"),
        _refused_50(0x106, C.BAD_REQUEST, "the destination address's sub-unit is invalid"),
        _refused_50(0x107, C.BAD_REQUEST, "the broadcast's frequency interval is invalid"),
        _refused_50(0x108, C.BAD_REQUEST, "the broadcast's alias name is invalid"),
        _refused_50(0x109, C.BAD_REQUEST, "the format of the broadcast's area is invalid"),
        _refused_50(0x10A, C.BAD_REQUEST, "the number of the broadcast's areas is invalid"),
        _refused_50(0x10B, C.BAD_REQUEST, "the broadcast's type of content is invalid"),
        _refused_50(0x10C, C.BAD_REQUEST, "the broadcast's message class is invalid"),
        _refused_50(0x10D, C.CARRIER_REJECTED, "the broadcast failed"),
        Row(_status(0x10E), None, meaning="the query of a broadcast failed", source=SMPP_50_STATUSES),
        Row(_status(0x10F), None, meaning="cancelling a broadcast failed", source=SMPP_50_STATUSES),
        _refused_50(0x110, C.BAD_REQUEST, "the broadcast's number of repetitions is invalid"),
        _refused_50(0x111, C.BAD_REQUEST, "the broadcast's service group is invalid"),
        _refused_50(0x112, C.BAD_REQUEST, "the broadcast's channel indicator is invalid"),
    ),
    SMPP_34_STATUSES,
    version="2",
    compare=Compare.HEX_NUMBER,
    reasons=True,
)
"""Why a message centre refused a message; of use wherever its answer to `submit_sm` is told on."""

DELIVERY_FAILURE_REASON: Final = CodeTable(
    "delivery_failure_reason",
    (
        # A reason and no state: it ends nothing by itself.
        Row("0", S.UNDELIVERED, False, CARRIER, C.ABSENT_SUBSCRIBER, "the destination is unavailable"),
        Row("1", S.UNDELIVERED, False, CARRIER, C.INVALID_NUMBER, "the destination's address is invalid"),
        Row(
            "2",
            S.UNDELIVERED,
            False,
            CARRIER,
            C.CARRIER_REJECTED,
            "a permanent error of the network",
            permanence=Permanence.PERMANENT,
        ),
        Row(
            "3",
            S.UNDELIVERED,
            False,
            CARRIER,
            C.CARRIER_ERROR,
            "a temporary error of the network",
            permanence=Permanence.TEMPORARY,
        ),
    ),
    Source("SMPP 3.4, issue 1.2, section 5.3.2.33", SMPP_34.url),
    compare=Compare.NUMBER,
    reasons=True,
)
"""The parameter `delivery_failure_reason`: why a message was not delivered."""

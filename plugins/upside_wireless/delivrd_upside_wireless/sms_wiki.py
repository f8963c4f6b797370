"""Upside Wireless ("SMS Wiki"): a POST or a mail for each change of status, and a SOAP inbox to ask.

A status is a word; there are no numeric codes, and UNDELIV is no end: the vendor goes on trying.
What a push calls `trackingid` and `recipient` was called `mtid` and `number` in 2011.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal

import msgspec

from delivrd import (
    Absence,
    AbsenceKind,
    Account,
    AccountError,
    AccountName,
    AllowedAddresses,
    AllowedSender,
    Answer,
    BodyKind,
    Code,
    CodeTable,
    Compare,
    Context,
    Decoded,
    Evidence,
    Fields,
    InputError,
    MailText,
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
    Text,
    TimeForm,
    UrlSecret,
    charset_of,
    decode_text,
)
from delivrd_upside_wireless.inbox import Told, read_inbox
from delivrd_upside_wireless.soap import read_fault, read_xml, write_envelope

WIKI: Final = "http://docs.upsidewireless.com/index.php?title="
INTRO = Source("SMS Wiki, DLRIntro", WIKI + "DLRIntro")
PUSH_PAGE = Source("SMS Wiki, DLRPost, revision of September 2011", WIKI + "DLRPost&oldid=3282")

S, E = Status, Evidence

STATUS = CodeTable(
    "status",
    (
        # code, status, final, evidence, cause, what Upside Wireless says of it
        Row("DELIVRD", S.DELIVERED, True, E.HANDSET, None, "terminal; a receipt is the handset's own word", INTRO),
        Row("ERROR", S.FAILED, True, None, None, "terminal"),
        Row("FAILED", S.FAILED, True, None, None, "terminal"),
        Row("REJECTD", S.REJECTED, True, None, None, "terminal"),
        Row("SENT", S.SENT, False, None, None, "in progress; may have been delivered without a receipt"),
        # Not final, unlike SMPP's.
        Row("UNDELIV", S.DEFERRED, False, None, None, "cannot be delivered, and will keep trying"),
        Row("UNDETRM", S.DEFERRED, False, None, None, "undetermined; keeps trying"),
        Row("UNIDNTFY", S.UNKNOWN, True, None, None, "terminal, without a meaning"),
        Row("UNKNOWN", S.UNKNOWN, True, None, None, "terminal"),
    ),
    PUSH_PAGE,
    compare=Compare.ANY_CASE,
)
WORDS: Final = frozenset(row.label for row in STATUS.rows)


class Pushed(Shape):
    name: Text = None
    trackingid: Code = None
    mtid: Code = None
    status: Code = None
    recipient: Text = None
    number: Text = None
    # Of a message from a handset, which the same URL or mailbox may get.
    sender: Text = None
    data: Text = None
    carriercode: Text = None
    inboundnumber: Text = None


ID, RECIPIENT = ("trackingid", "mtid"), ("recipient", "number")

PUSHED = Reading(
    shape=Pushed,
    fields=Fields(
        message_id=ID, recipient=RECIPIENT, extras=("name", "sender", "data", "carriercode", "inboundnumber")
    ),
    international=True,
    report_if="status",
)
TOLD = Reading(
    shape=Told,
    fields=Fields(
        message_id=ID,
        recipient=RECIPIENT,
        other_ids=("messageid",),
        occurred_at="utcTime",
        extras=("name", "sender", "inboundnumber", "carriercode"),
    ),
    zone="UTC",
    times=(TimeForm.ISO, TimeForm.US),
    international=True,
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account's own settings.

    Attributes:
        token, signature: what the vendor's authentication service gave the account, for questions.
        soap_version: of the questions.
        mail_patterns: lines of the account's mails with a field's name where it stands, such as
            `Message {trackingid} to {recipient}: {status}`.
        messageid_element, trackingid_element: what the questions about one message call its id.
            The second is not documented: it follows the vendor's other names.
    """

    token: str = ""
    signature: str = ""
    soap_version: Literal["1.1", "1.2"] = "1.1"
    mail_patterns: tuple[str, ...] = ()
    messageid_element: str = "messageId"
    trackingid_element: str = "trackingId"

    def __repr__(self) -> str:
        return f"Settings(SOAP {self.soap_version}, {len(self.mail_patterns)} patterns)"

    def blot(self, text: str | None) -> str | None:
        """Words of an answer, bounded, and without the credentials that a fault may echo."""
        for secret in filter(None, (self.token, self.signature)):
            text = (text or "").replace(secret, "***")
        return (text or "").strip()[:200] or None


def read_answer(response: Response, context: Context) -> Decoded:
    """The records of an inbox, wherever they stand; or one status, or why there is none."""
    failed = not 200 <= response.status < 300
    try:
        root = read_xml(response.body, charset_of(response.header("content-type")))
    except InputError:
        if not failed:
            raise
        return _no_report(context, str(response.status), decode_text(response.body)[0])
    fault = read_fault(root)
    if fault is not None:
        return _no_report(context, *fault)
    inbox = read_inbox(root, WORDS)
    if inbox is not None:
        return inbox
    words = [leaf.text().strip() for leaf in root.leaves()]
    if failed:
        return _no_report(context, str(response.status), " ".join(words))
    if any(node.name.startswith("SetMessageReadFlag") for node in root.nodes()):
        kind = AbsenceKind.UNAVAILABLE if "false" in words else AbsenceKind.NOT_A_REPORT
        return Decoded(absence=Absence(kind, None, context.settings.blot(" ".join(words))))
    if not words:
        return Decoded(absence=Absence(AbsenceKind.NOT_YET))
    # An error page may be well-formed, and say nothing but ERROR.
    if len(words) == 1 and words[0] in WORDS and root.name.lower() != "html":
        return Decoded(records=[{"trackingid": context.asked, "status": words[0]}])
    return _no_report(context, None, " ".join(words))


def _no_report(context: Context, code: str | None, words: str | None) -> Decoded:
    settings: Settings = context.settings
    return Decoded(absence=Absence(AbsenceKind.UNAVAILABLE, settings.blot(code), settings.blot(words)))


def _question(
    operation: str, meaning: str, about: str | None = None, element: str | None = None, **fixed: str
) -> Question:
    """One SOAP operation. `element` is the setting that names the element of the id."""

    def make(id: str | None, account: Account, host: str) -> Request:
        UPSIDE_WIRELESS.check(account)
        settings = msgspec.convert(account.settings or {}, Settings, from_attributes=True)
        if not settings.token or not settings.signature:
            raise AccountError("settings: expected the account's token and signature, to ask for reports")
        parameters = {"token": settings.token, "signature": settings.signature}
        if element is not None:
            parameters[getattr(settings, element)] = id or ""
        headers, body = write_envelope(settings.soap_version, NAMESPACE, operation, parameters | fixed)
        return Request("POST", host + "/soap/SMS.asmx", headers, body)

    return Question(
        operation=operation,
        meaning=meaning,
        make=make,
        hosts=("http://moapi.upsidewireless.com",),
        about=about,
        shortest_interval=timedelta(minutes=2),
    )


NAMESPACE: Final = "http://upsidewireless.com/webservice/sms"

UPSIDE_WIRELESS = Provider(
    name="upside-wireless",
    vendor="Upside Wireless",
    title="Upside Wireless SMS Wiki",
    docs=INTRO,
    tables=(STATUS,),
    ways=(
        Push(reading=PUSHED, query=True, bodies=(BodyKind.FORM,)),
        MailText(reading=PUSHED, patterns_setting="mail_patterns"),
        Answer(reading=TOLD, decode=read_answer),
    ),
    auth=(UrlSecret(), AccountName("name"), AllowedAddresses(), AllowedSender()),
    questions=(
        # First, because asking it loses nothing: the record stays unread until its flag is set.
        _question("GetTopMessageNoReset", "The newest unread record of the inbox, which stays unread."),
        _question(
            "SetMessageReadFlag",
            "Marks a record as read, after its report was handed over.",
            "record (messageid)",
            "messageid_element",
            flag="true",
        ),
        _question("GetNewInboxMessages", "All unread records, at most 300; it marks them as read."),
        _question("GetTopMessage", "The newest unread record; it marks it as read."),
        _question("GetDLR", "The status of one message.", "message (trackingid)", "trackingid_element"),
    ),
    settings=Settings,
    notes=(
        "Networks of the USA, Canada and Mexico often give no receipts: nothing may ever follow a SENT.",
        "UNDELIV is not final here, unlike in SMPP: the vendor keeps trying, so its `resend` is `wait`.",
        "Nothing is signed: put a secret into the URL that you give to Upside Wireless and into the account. "
        "The account's `username`, where it has one, must be the `name` of each push.",
        "The form of the mails is not documented. What is read is reconstructed from the push: `key=value` and "
        "`key: value` lines and an urlencoded line, of the same fields. An account whose mails look otherwise "
        "gives its own patterns (`mail_patterns`).",
        "The same mails can be fetched over POP3, from the account's own host and port. Delete a mail from the "
        "mailbox only after its report was handed over.",
        "Ask no more often than every 2 minutes. Ask for GetTopMessageNoReset, hand the report over, and only then "
        "mark the record (SetMessageReadFlag with its `messageid`, the first of the report's `other_ids`). The "
        "operations that mark at once lose what is not handed over; messages from handsets come back in `others`.",
        "The documented endpoint is plain HTTP, and the token and the signature stand in the question's body.",
        "GetDLR's parameter and its answer are not documented: the id is sent as `trackingId` (setting "
        "`trackingid_element`), and its result counts when it is one of the status words.",
    ),
)

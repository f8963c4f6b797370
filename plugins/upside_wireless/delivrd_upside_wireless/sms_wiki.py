"""Upside Wireless ("SMS Wiki"): a POST or a mail for each change of status, and a SOAP inbox to ask.

A status is a word; there are no numeric codes, and UNDELIV is no end: the vendor goes on trying.
What a push calls `trackingid` and `recipient` was called `mtid` and `number` in 2011.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from delivrd import (
    AccountName,
    AllowedAddresses,
    AllowedSender,
    Answer,
    BodyKind,
    Code,
    CodeTable,
    Compare,
    Fields,
    MailText,
    Provider,
    Push,
    Reading,
    Row,
    Shape,
    Source,
    Status,
    Text,
    TimeForm,
    UrlSecret,
)
from delivrd_upside_wireless.asking import MARK, UNRESET, Settings, question, read_answer
from delivrd_upside_wireless.inbox import Told

WIKI: Final = "http://docs.upsidewireless.com/index.php?title="
INTRO = Source("SMS Wiki, DLRIntro", WIKI + "DLRIntro")
PUSH_PAGE = Source("SMS Wiki, DLRPost, revision of September 2011", WIKI + "DLRPost&oldid=3282")

S = Status

STATUS = CodeTable(
    "status",
    (
        # code, status, final, evidence, cause, what Upside Wireless says of it
        Row("DELIVRD", S.DELIVERED, True, None, None, "terminal: delivered"),
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


UPSIDE_WIRELESS = Provider(
    name="upside-wireless",
    vendor="Upside Wireless",
    title="Upside Wireless SMS Wiki",
    docs=INTRO,
    tables=(STATUS,),
    ways=(
        Push(reading=PUSHED, query=True, bodies=(BodyKind.FORM,)),
        MailText(reading=PUSHED, patterns_setting="mail_patterns"),
        Answer(reading=TOLD, decode=partial(read_answer, WORDS)),
    ),
    auth=(UrlSecret(), AccountName("name"), AllowedAddresses(), AllowedSender()),
    questions=(
        # First, because asking it loses nothing: the record stays unread until its flag is set.
        question(UNRESET, "The newest unread record of the inbox, which stays unread."),
        question(
            MARK,
            "Marks a record as read, after its report was handed over.",
            "record (messageid)",
            "messageid_element",
            flag="true",
        ),
        question("GetNewInboxMessages", "All unread records, at most 300; it marks them as read."),
        question("GetTopMessage", "The newest unread record; it marks it as read."),
        question("GetDLR", "The status of one message.", "message (trackingid)", "trackingid_element"),
    ),
    silent_after=(Status.SENT,),
    settings=Settings,
    secret_settings=("token", "signature"),
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
        "Ask no more often than every 2 minutes; marking a record is taken for no poll. Ask for GetTopMessageNoReset, "
        "hand the report over, and only then mark the record: the receipt's `follow_up` names SetMessageReadFlag and "
        "the record's `messageid`. The operations that mark at once lose what is not handed over; messages from "
        "handsets come back in `others`.",
        "The documented endpoint is plain HTTP, and the token and the signature stand in the question's body.",
        "GetDLR's parameter and its answer are not documented: the id is sent as `trackingId` (setting "
        "`trackingid_element`), and its result counts when it is one of the status words.",
    ),
)

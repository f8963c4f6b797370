"""Questions to the SOAP service, and what its answers say.

The rule of this module: an answer is records, one status, or the reason why there is neither, in
the provider's own words.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final, Literal

import msgspec

from delivrd import (
    Absence,
    AbsenceKind,
    AccountError,
    Asking,
    Context,
    Decoded,
    InputError,
    Question,
    Request,
    Response,
    charset_of,
    decode_text,
)
from delivrd_upside_wireless.inbox import read_inbox
from delivrd_upside_wireless.soap import read_fault, read_xml, write_envelope

NAMESPACE: Final = "http://upsidewireless.com/webservice/sms"
UNRESET: Final = "GetTopMessageNoReset"
"""Answers a record and leaves it unread."""
MARK: Final = "SetMessageReadFlag"
"""Marks a record as read."""


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


def read_answer(words: Collection[str], response: Response, context: Context) -> Decoded:
    """The records of an inbox, wherever they stand; or one status, or why there is none.

    Args:
        words: the listed status words.
        response: the answer, or what came in its place.
        context: with the id that was asked for, and the account's settings.
    """
    failed = not 200 <= response.status < 300
    try:
        root = read_xml(response.body, charset_of(response.header("content-type")))
    except InputError:
        if not failed:
            raise
        return _no_report(str(response.status), decode_text(response.body)[0])
    fault = read_fault(root)
    if fault is not None:
        return _no_report(*fault)
    unread = any(node.name.startswith(UNRESET) for node in root.nodes())
    inbox = read_inbox(root, words, MARK if unread else None)
    if inbox is not None:
        return inbox
    said = [leaf.text().strip() for leaf in root.leaves()]
    if failed:
        return _no_report(str(response.status), " ".join(said))
    if any(node.name.startswith(MARK) for node in root.nodes()):
        if "false" in said:
            return _no_report(None, " ".join(said))
        answered = {leaf.name: leaf.text().strip() for leaf in root.leaves()}
        return Decoded(others=[answered], absence=Absence(AbsenceKind.NOT_A_REPORT, None, " ".join(said)))
    if not said:
        return Decoded(absence=Absence(AbsenceKind.NOT_YET))
    # An error page may be well-formed, and say nothing but ERROR.
    if len(said) == 1 and said[0] in words and root.name.lower() != "html":
        return Decoded(records=[{"trackingid": context.asked, "status": said[0]}])
    return _no_report(None, " ".join(said))


def _no_report(code: str | None, words: str | None) -> Decoded:
    return Decoded(absence=Absence(AbsenceKind.UNAVAILABLE, code, (words or "").strip() or None))


def question(
    operation: str, meaning: str, about: str | None = None, element: str | None = None, **fixed: str
) -> Question:
    """One SOAP operation. `element` is the setting that names the element of the id.

    The vendor's interval is between polls; marking a record asks for nothing, so it has to wait for none.
    """

    def make(asking: Asking) -> Request:
        settings: Settings = asking.settings
        if not settings.token or not settings.signature:
            raise AccountError("settings: expected the account's token and signature, to ask for reports")
        parameters = {"token": settings.token, "signature": settings.signature}
        if element is not None:
            parameters[getattr(settings, element)] = asking.id
        headers, body = write_envelope(settings.soap_version, NAMESPACE, operation, parameters | fixed)
        return Request("POST", asking.host + "/soap/SMS.asmx", headers, body)

    return Question(
        operation=operation,
        meaning=meaning,
        make=make,
        hosts=("http://moapi.upsidewireless.com",),
        about=about,
        shortest_interval=None if operation == MARK else timedelta(minutes=2),
    )

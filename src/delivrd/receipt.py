"""What comes of reading one input: reports, problems, what was no report, and the reply owed.

The rule of this module: nothing of an input is lost. What is no report says why, and what could
not be read stands beside what could.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from delivrd.report import Report
from delivrd.vocabulary import Word


class AbsenceKind(Word):
    """Why a receipt holds no report."""

    NOT_YET = "not_yet", "there is no report yet: ask again later"
    NOT_FOUND = "not_found", "the provider knows no such message"
    REFUSED = "refused", "credentials, address or permission were refused"
    BAD_QUESTION = "bad_question", "the question was missing something or malformed"
    UNAVAILABLE = "unavailable", "the provider failed, or said something that is in no table"
    NOT_A_REPORT = "not_a_report", "the input is no delivery report; it stands whole in `Receipt.others`"
    UNREADABLE_ITEMS = "unreadable_items", "every item of the input stands in `Receipt.problems`"


class Absence(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Why a receipt holds no report, with the provider's own code and words, if it gave any."""

    kind: AbsenceKind
    code: str | None = None
    text: str | None = None


class Problem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One item that could not be read, while the others were.

    Attributes:
        index: its place in the input, from 0.
        field: the provider's name of the field that was wrong, where it was one field.
        reason: what was expected, and the remedy.
        item: the item as sent, shortened where it is long.
    """

    index: int
    reason: str
    field: str | None = None
    item: str | None = None


class Reply(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the sender of an input counts as received.

    Attributes:
        status: the HTTP status; for SMPP the `command_status`.
        body: the exact body.
        headers: names and values.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


SMPP_TAKEN: Final = Reply(0)
"""The `command_status` for every receipt, readable or not: a refusal makes a message centre resend it for
ever, and can block the bind."""


class FollowUp(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the provider is to be told once the receipt has been handed over: another of its questions.

    Attributes:
        operation: of the provider's question (`Question.operation`).
        id: what it is about, for `Provider.ask`.
    """

    operation: str
    id: str


class Receipt(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything that came of reading one input.

    Attributes:
        reports: the canonical reports, in the order sent.
        reply: what the sender counts as received; None where nobody waits.
        problems: the items that could not be read.
        absence: why there is no report; None where there is one.
        others: what the input held that is no report, whole: each a mapping of fields as sent.
        follow_up: what to tell the provider, in this order, after everything above was handed over and
            not before: an inbox's record is marked as read, say.
    """

    reports: tuple[Report, ...] = ()
    reply: Reply | None = None
    problems: tuple[Problem, ...] = ()
    absence: Absence | None = None
    others: tuple[dict[str, str], ...] = ()
    follow_up: tuple[FollowUp, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, reports as published, empty fields left out."""
        stored: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        if self.reports:
            stored["reports"] = [report.to_dict() for report in self.reports]
        return stored

"""The canonical report: one statement about one message, and what is derived from it.

The rule of this module: absent is `None`, never an empty text, a zero or the current time; and
what can be worked out from the other fields is derived, never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from delivrd.digests import digest_of
from delivrd.vocabulary import Cause, Evidence, Outcome, Permanence, Resend, Status, Word, advise_resend

SCHEMA_VERSION: Final = 1
"""Counted up whenever a field of the report changes its meaning or goes."""


class WarningKind(Word):
    """What a reader of a report should know, though it did not stop the reading."""

    UNLISTED_CODE = "unlisted_code", "a code that is in no table. It decided nothing"
    CONFLICT = "conflict", "two fields contradict each other; the one of higher authority was believed"
    BAD_VALUE = "bad_value", "a value that could not be read; its field is absent from the report"
    BAD_TEXT = "bad_text", "bytes that are no text in the input's encoding; written as escapes, and the rest kept"
    ASSUMED_ZONE = "assumed_zone", "a time without a zone, and nobody says which: taken as UTC"
    AMBIGUOUS_TIME = "ambiguous_time", "a local time that its zone has twice; the first was taken"
    IMAGINARY_TIME = "imaginary_time", "a local time that its zone never had; read with the offset before the gap"
    REPEATED_FIELD = (
        "repeated_field",
        "a field of a query, a form or a text that was sent more than once; the first was taken",
    )
    OTHER_FORM = (
        "other_form",
        "the fields came by another method, in the query in place of the body, or in a body of another kind than its "
        "content type says; they were read",
    )
    ACCOUNT_MEANING = "account_meaning", "the account's own meaning of a code was used in place of the provider's"


LONGEST_SHOWN: Final = 200
"""Characters of a value that a warning, a problem or an error message shows."""


def shorten(value: str) -> str:
    """A value as warnings show it."""
    return value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"


class Warning(msgspec.Struct, frozen=True, gc=False):  # noqa: A001 - the word of the published schema
    """What a reader should know, but which did not stop the reading.

    Attributes:
        kind: what happened.
        field: the provider's name of the field; joint fields are joined by `+`.
        value: what was sent, shortened where it is long.
    """

    kind: WarningKind
    field: str
    value: str | None = None


class Network(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The recipient's network, as the provider names it. MCC and MNC are text: `05` is not `5`."""

    mcc: str | None = None
    mnc: str | None = None
    carrier: str | None = None
    country: str | None = None


class TableUse(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A code table that was consulted.

    Attributes:
        field: the provider's field whose codes it lists.
        version: the table's version.
        changed: the codes for which the account's own meanings were used.
        replaced: the account's meanings took the place of the whole table.
    """

    field: str
    version: str
    changed: tuple[str, ...] = ()
    replaced: bool = False


class Report(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One canonical statement about one message. Equal by value; not hashable, use `key`.

    Attributes:
        provider: name of the provider that said it.
        message_id: the provider's id of the message, exactly as sent. None only where the provider
            echoes nothing but the gateway's own id (then in `reference`).
        status: where the message has got to.
        final: the provider will not change it (a `read` may still follow `delivered`).
        evidence: the furthest party whose word the status is.
        cause: why it was not delivered. None for a success.
        permanence: how long the cause lasts: the provider's own word, else the cause's.
        map_error: GSM MAP error, where the provider or the account says that it is one.
        codes: each code as sent, by the provider's own field name; empty ones are left out.
        text: the provider's own words.
        occurred_at: the provider's time of the event; aware, in UTC.
        submitted_at: when the message was handed to the provider; aware, in UTC.
        received_at: when the gateway received the report; only if the caller gave it.
        account: name of the account it was read for.
        other_ids: further ids as sent.
        group_id: the fallback or multi-part group that the message belongs to, as sent.
        reference: the gateway's own id, echoed back.
        recipient: the phone, as sent but for surrounding white space; with `+` where it is
            international for certain (E.164).
        sender: likewise; it can be a name.
        channel: as sent (`sms`, `viber`, …).
        network: the recipient's network.
        parts: how many parts the message was sent in.
        part_price: price of one part.
        total_price: price of the message.
        currency: ISO 4217, or `credits`. None where the provider does not say.
        continues: the provider itself goes on to another channel of the group.
        extras: what the provider sent and nothing above holds, by its own names.
        tables: the tables that classified it.
        warnings: what a reader should know.
    """

    provider: str
    message_id: str | None
    status: Status
    final: bool
    evidence: Evidence | None = None
    cause: Cause | None = None
    permanence: Permanence | None = None
    map_error: int | None = None
    codes: dict[str, str] = {}
    text: str | None = None
    occurred_at: datetime | None = None
    submitted_at: datetime | None = None
    received_at: datetime | None = None
    account: str | None = None
    other_ids: tuple[str, ...] = ()
    group_id: str | None = None
    reference: str | None = None
    recipient: str | None = None
    sender: str | None = None
    channel: str | None = None
    network: Network | None = None
    parts: int | None = None
    part_price: Decimal | None = None
    total_price: Decimal | None = None
    currency: str | None = None
    continues: bool = False
    extras: dict[str, Any] = {}
    tables: tuple[TableUse, ...] = ()
    warnings: tuple[Warning, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What the status comes to."""
        return self.status.outcome

    @property
    def resend(self) -> Resend:
        """May the gateway send the message again?"""
        return advise_resend(self.status, self.final, self.cause, self.continues)

    @property
    def key(self) -> str:
        """A digest (32 hexadecimal digits): equal for a re-delivered report, different for a new event.

        It covers provider, account, message id (the reference, where there is none), recipient,
        codes, and the event's time in UTC, each with its length. Where a provider sends no time, an
        equal code sent again cannot be told from a re-delivery.
        """
        parts = [
            "r:" + (self.reference or "") if self.message_id is None else "m:" + self.message_id,
            self.provider,
            self.account or "",
            self.recipient or "",
            "" if self.occurred_at is None else self.occurred_at.astimezone(UTC).isoformat(),
        ]
        for field in sorted(self.codes):
            parts += (field, self.codes[field])
        return digest_of(parts).hex()

    def to_dict(self) -> dict[str, Any]:
        """The report as published: plain values, absent fields left out, derived ones included."""
        stored: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return {"schema": SCHEMA_VERSION, **stored, **self._derived()}

    def to_json(self) -> bytes:
        """`to_dict`, as one line of JSON."""
        return msgspec.json.encode(self.to_dict())

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Report:
        """The report that `to_dict` wrote. Derived fields are worked out again, not believed.

        Raises:
            msgspec.ValidationError: a field is missing or of the wrong type, or the schema version
                is one that this release does not know.
        """
        if document.get("schema", SCHEMA_VERSION) != SCHEMA_VERSION:
            raise msgspec.ValidationError(f"schema: expected {SCHEMA_VERSION}; read it with the release that wrote it")
        return msgspec.convert(document, cls)

    def _derived(self) -> dict[str, str]:
        return {"outcome": self.outcome.value, "resend": self.resend.value, "key": self.key}


DERIVED_FIELDS: Final = {
    "outcome": Outcome,
    "resend": Resend,
    "key": str,
}
"""The derived fields of a published report, and their types; the JSON Schema reads them here."""

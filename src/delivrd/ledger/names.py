"""By what a message is known in a store.

The rule of this module: a message has one row for each of its names, found by a digest of the
name, so that two processes that hear of one message at the same time meet in one row.

A name is the provider's id, in the one spelling that stands for all that the account allows, or
the gateway's own reference. Where a provider gives one id to many recipients, the recipient
belongs to the name.
"""

from __future__ import annotations

from typing import NamedTuple

from delivrd.accounts import Account
from delivrd.digests import digest_of
from delivrd.ledger.checks import check_texts
from delivrd.message_ids import AS_TEXT, MessageIds
from delivrd.phones import number_of
from delivrd.provider import Provider
from delivrd.report import Report


class Names(NamedTuple):
    """The rows of a message.

    Attributes:
        main: the row that is the message: that of the provider's id, else that of the reference.
        other: the row of the reference, where there is an id too.
    """

    main: bytes
    other: bytes | None = None


class Caller(NamedTuple):
    """Whose messages they are: a provider, and the account's name and spelling."""

    provider: Provider
    account: Account | None

    @property
    def account_name(self) -> str:
        """The account's name; empty for none."""
        return "" if self.account is None else self.account.name

    @property
    def later_wins(self) -> bool:
        """Whether the later of final reports that contradict each other decides."""
        return self.account is not None and self.account.later_final_wins

    def of_report(self, report: Report) -> Names:
        """The rows of the message that a report is about."""
        spelt = None if report.message_id is None else self._ids().canonical_reported(report.message_id)
        return self._names(spelt, report.reference, report.recipient, report.key)

    def of_message(self, message_id: str | None, reference: str | None, recipient: str | None) -> Names:
        """The rows of a message, by the names that the gateway has for it.

        Args:
            message_id: as the provider gave it when it took the message.
            reference: the gateway's own id.
            recipient: where the provider gives one id to many recipients.

        Raises:
            ValueError: there is neither an id nor a reference, one of them is no text, or the recipient is missing.
        """
        check_texts(message_id=message_id, reference=reference, recipient=recipient)
        if not message_id and not reference:
            raise ValueError("message_id, reference: expected at least one of them")
        if self.provider.many_recipients and not recipient:
            raise ValueError(f"recipient: {self.provider.name} gives one id to many recipients; say which is meant")
        spelt = None if not message_id else self._ids().canonical_sent(message_id)
        return self._names(spelt, reference or None, recipient, "")

    def _ids(self) -> MessageIds:
        return AS_TEXT if self.account is None else self.account.message_ids

    def _names(self, spelt: str | None, reference: str | None, recipient: str | None, nameless: str) -> Names:
        phone = ""
        if self.provider.many_recipients and recipient:
            phone = number_of(recipient) or recipient
        if spelt is None:
            # A report that names no message at all is of a message of its own.
            return Names(self._digest("k", nameless, "") if reference is None else self._digest("r", reference, phone))
        other = None if reference is None else self._digest("r", reference, phone)
        return Names(self._digest("m", spelt, phone), other)

    def _digest(self, kind: str, name: str, phone: str) -> bytes:
        return digest_of((kind, self.provider.name, self.account_name, name, phone))

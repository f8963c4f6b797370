"""Collecting the reports of a mailbox: each mail is read, handed over, and only then forgotten.

The rule of this module: a mail that is not known to be handed over stays where it is. Whoever can write to
the mailbox can write anything, so a mail proves where it comes from before it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeAlias

import msgspec

from delivrd.accounts import Account
from delivrd.errors import InputError, NotAuthentic, PluginError
from delivrd.inputs import Mail
from delivrd.mailbox.box import Box
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from delivrd.vocabulary import Word

MailHandler: TypeAlias = Callable[[Mail, Receipt], None]
"""Takes over what came of a mail. What it returns from without an exception is handed over."""


class Fate(Word):
    """What became of a mail."""

    HANDED_OVER = "handed_over", "its report was handed over, and it was deleted or marked"
    NO_REPORT = "no_report", "it is no report: it was handed over as it is, and stays unless others are to go too"
    NOT_AUTHENTIC = "not_authentic", "it does not prove that it comes from the provider: it stays"
    UNREADABLE = "unreadable", "it, or a part of it, could not be fetched or read: it stays"
    NOT_HANDED_OVER = "not_handed_over", "the handler failed: it stays"


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one mail.

    Attributes:
        id: what the mailbox knows the mail by.
        fate: what became of it.
        receipt: what was read, if it was.
        reason: why it stays, in words.
        error: what the handler raised.
    """

    id: str
    fate: Fate
    receipt: Receipt | None = None
    reason: str = ""
    error: Exception | None = None


def collect(
    box: Box,
    provider: Provider,
    account: Account,
    handler: MailHandler,
    *,
    now: Callable[[], datetime] | None = None,
    forget_others: bool = False,
) -> Iterator[Collected]:
    """Read the mails of an open mailbox, one after the other, as the iterator is followed.

    Args:
        box: the mailbox, entered.
        provider: whose reports they are.
        account: with what a mail has to prove (`addresses`: the allowed senders), or `open`.
        handler: takes each receipt over, what is no report too.
        now: the time, aware, for the reports' `received_at`.
        forget_others: delete or mark what is no report too, once it was handed over.

    Raises:
        MailboxError: the mailbox could not be read any further. Nothing is lost: what it had not forgotten
            comes again, with the same `Report.key`.
        AccountError: the account does not fit the provider.
    """
    provider.check(account)
    for letter in box.letters(account.max_body):
        if letter.raw is None:
            yield Collected(id=letter.id, fate=Fate.UNREADABLE, reason=letter.problem)
            continue
        mail = Mail(letter.raw)
        made = _read(letter.id, mail, provider, account, now)
        if made.receipt is None:
            yield made
            continue
        try:
            handler(mail, made.receipt)
        except Exception as error:
            reason = f"the handler raised {type(error).__name__}"
            yield msgspec.structs.replace(made, fate=Fate.NOT_HANDED_OVER, reason=reason, error=error)
            continue
        if made.fate is Fate.HANDED_OVER or (made.fate is Fate.NO_REPORT and forget_others):
            box.forget(letter)
        yield made


def _read(id: str, mail: Mail, provider: Provider, account: Account, now: Callable[[], datetime] | None) -> Collected:
    try:
        receipt = provider.receive(mail, account, received_at=None if now is None else now())
    except NotAuthentic as error:
        return Collected(id=id, fate=Fate.NOT_AUTHENTIC, reason=str(error))
    except (InputError, PluginError) as error:
        reason = provider.blot(f"{type(error).__name__}: {error}", account)
        return Collected(id=id, fate=Fate.UNREADABLE, reason=reason)
    # Anybody can write to a mailbox: whatever one mail brings about must not hold up those behind it.
    except Exception as error:
        return Collected(id=id, fate=Fate.UNREADABLE, reason=f"reading it raised {type(error).__name__}")
    if receipt.problems:
        reason = "; ".join(problem.reason for problem in receipt.problems)
        return Collected(id=id, fate=Fate.UNREADABLE, receipt=receipt, reason=reason)
    return Collected(id=id, fate=Fate.HANDED_OVER if receipt.reports else Fate.NO_REPORT, receipt=receipt)

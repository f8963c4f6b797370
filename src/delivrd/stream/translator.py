"""From one message to those that are to be published: the whole of the work, without a broker.

The rule of this module: nothing is lost and nothing comes for ever. Whatever a message holds, something is
published for it, and nothing that it holds raises: what could not be read goes aside, byte for byte, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from delivrd.accountfile import Accounts
from delivrd.accounts import Account
from delivrd.errors import DelivrdError, InputError, UnknownProvider
from delivrd.files import Sample
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from delivrd.report import Report
from delivrd.stream.messages import (
    Encode,
    Fault,
    Outgoing,
    Place,
    as_json,
    carried,
    plain,
    read_message,
)


class _Refused(Exception):
    """A message to put aside.

    Attributes:
        error: a word for what is wrong.
        field: the field that was wrong, where it was one.
    """

    def __init__(self, error: str, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.error, self.field = error, field


class Translator:
    """Reads the inputs of messages, and says what to publish for each.

    A message names its account, in its headers or in its line, and is received for it: what does not prove itself
    is put aside. Where the inputs were proven before they were published, `trusted` says so; then a message can
    also name nothing but a provider.

    Args:
        accounts: the gateway's. A message cannot bring one of its own.
        trusted: whoever can publish inputs is trusted: nothing is proven again.
        providers: by name, for trusted messages that name no account.
        encode: writes a report; as JSON, unless it is given. `Report.key` stands in a header whatever it writes.

    Raises:
        TypeError, ValueError: the arguments cannot be meant.
    """

    def __init__(
        self,
        accounts: Accounts | None = None,
        *,
        trusted: bool = False,
        providers: Mapping[str, Provider] | None = None,
        encode: Encode = as_json,
    ) -> None:
        if accounts is not None and not isinstance(accounts, Accounts):
            raise TypeError("accounts: expected delivrd.Accounts; make them of pairs of a provider and an account")
        if providers is not None and not trusted:
            raise ValueError("providers: without an account nothing can be proven; say trusted=True, or give accounts")
        if not accounts and not providers:
            raise ValueError("accounts: expected one or more, or trusted=True with providers; nothing could be read")
        self._accounts: Mapping[str, tuple[Provider, Account]] = accounts or {}
        self._trusted = trusted
        self._providers = providers
        self._encode = encode

    def translate(self, body: bytes, headers: Mapping[str, Any] | None = None) -> tuple[Outgoing, ...]:
        """What to publish for a message, in this order. It raises nothing, whatever the message holds.

        Args:
            body: the message's bytes, as `write_message` writes them.
            headers: of the message; `provider` and `account` are read.
        """
        headers = headers or {}
        try:
            return self._translate(body, headers)
        except _Refused as refused:
            return (self.put_aside(body, headers, refused.error, str(refused), refused.field),)
        # A plugin is a stranger's code, and so is `encode`: a fault of theirs must not come back for ever. Only its
        # type is told, for its message can hold what the input held.
        except Exception as error:
            kind = type(error).__name__
            reason = f"{kind} while it was read or written; a fault of the plugin, of `encode` or of delivrd"
            return (self.put_aside(body, headers, kind, reason),)

    def put_aside(
        self, body: bytes, headers: Mapping[str, Any], error: str, reason: str, field: str | None = None
    ) -> Outgoing:
        """The message that keeps one that could not be read: its bytes as they came, and why, in the headers.

        Args:
            body: the message's bytes.
            headers: of the message; they are kept.
            error: a word for what is wrong.
            reason: what was expected, and the remedy; without secrets.
            field: the field that was wrong, where it was one.
        """
        kept = {name: value for name, value in carried(headers).items() if name not in ("error", "reason", "field")}
        said = {"error": plain(error), "reason": plain(reason)}
        if field is not None:
            said["field"] = plain(field)
        return Outgoing(Place.DEAD, body, "application/json", None, {**kept, **said})

    def _translate(self, body: bytes, headers: Mapping[str, Any]) -> tuple[Outgoing, ...]:
        try:
            sample, provider_name, account_name = read_message(body, headers)
        except ValueError as error:
            raise _Refused(Fault.BAD_MESSAGE, str(error)) from None
        provider, account = self._whose(provider_name, account_name)
        receipt = self._read(sample, provider, account)
        names = {"provider": provider.name, **({"account": plain(account.name)} if account and account.name else {})}
        made = [self._report(report, names) for report in receipt.reports]
        made.extend(_others(receipt, names, sample))
        if receipt.problems:
            reason = _blot(provider, account)(_problems(receipt))
            field = receipt.problems[0].field
            made.append(self.put_aside(body, {**headers, **names}, Fault.UNREADABLE_ITEMS, reason, field))
        return tuple(made)

    def _whose(self, provider_name: str | None, account_name: str | None) -> tuple[Provider, Account | None]:
        """The provider that a message comes from, and the account that it comes for."""
        if account_name is not None:
            if account_name not in self._accounts:
                known = ", ".join(self._accounts) or "none"
                reason = f"account: the gateway has none of this name; expected: {known}"
                raise _Refused(Fault.UNKNOWN_ACCOUNT, reason, "account")
            provider, account = self._accounts[account_name]
            if provider_name not in (None, provider.name):
                reason = f"provider: the account is one of {provider.name}; name that, or nothing but the account"
                raise _Refused(Fault.BAD_MESSAGE, reason, "provider")
            return provider, account
        if self._providers is None:
            raise _Refused(
                Fault.BAD_MESSAGE, "account: expected the name of one, in a header or in the line", "account"
            )
        if provider_name is None:
            raise _Refused(Fault.BAD_MESSAGE, "provider: expected a name, or that of an account", "provider")
        if provider_name not in self._providers:
            known = ", ".join(self._providers) or "none"
            reason = f"provider: none of this name is installed; expected: {known}"
            raise _Refused(UnknownProvider.__name__, reason, "provider")
        return self._providers[provider_name], None

    def _read(self, sample: Sample, provider: Provider, account: Account | None) -> Receipt:
        if sample.asked is not None and not self._trusted:
            reason = "asked: an answer that is read beside its question proves nothing; say trusted=True for it"
            raise _Refused(Fault.BAD_MESSAGE, reason, "asked")
        try:
            if account is None or self._trusted:
                return provider.read(sample.input, account, asked=sample.asked, received_at=sample.received_at)
            return provider.receive(sample.input, account, received_at=sample.received_at)
        except DelivrdError as error:
            field = error.field if isinstance(error, InputError) else None
            raise _Refused(type(error).__name__, _blot(provider, account)(str(error)), field) from None

    def _report(self, report: Report, names: Mapping[str, str]) -> Outgoing:
        encoded = self._encode(report)
        message = report.reference if report.message_id is None else report.message_id
        key = None if message is None else message.encode("utf-8", "backslashreplace")
        own = {name: plain(value) for name, value in encoded.headers.items()}
        headers = {**own, **names, "key": report.key, "status": report.status.value}
        return Outgoing(Place.REPORTS, encoded.body, encoded.content_type, key, headers)


def _others(receipt: Receipt, names: Mapping[str, str], sample: Sample) -> Iterator[Outgoing]:
    """What an input held beside reports, as one message; problems stand elsewhere."""
    absence = None if receipt.problems and not receipt.others else receipt.absence
    if absence is None and not receipt.others and not receipt.follow_up:
        return
    told = msgspec.structs.replace(receipt, reports=(), problems=(), reply=None, absence=absence)
    beside = {"asked": sample.asked, "received_at": sample.received_at}
    body = {**names, **{name: value for name, value in beside.items() if value is not None}, **told.to_dict()}
    headers = dict(names) if absence is None else {**names, "absence": absence.kind.value}
    yield Outgoing(Place.OTHERS, msgspec.json.encode(body), "application/json", None, headers)


def _problems(receipt: Receipt) -> str:
    items = "; ".join(f"item {problem.index}: {problem.reason}" for problem in receipt.problems)
    return f"{len(receipt.problems)} items could not be read: {items}"


def _blot(provider: Provider, account: Account | None) -> Callable[[str], str]:
    return lambda text: text if account is None else provider.blot(text, account)

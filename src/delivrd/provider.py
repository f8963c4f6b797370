"""A provider: one way of being told about deliveries, as a value.

The rule of this module: a provider only declares; what is done with the declaration is the same
for all. It is checked when it is made, and compiled when it is first used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from delivrd.accounts import Account
from delivrd.admission import check_input, check_size, refuse_method
from delivrd.auth import Scheme
from delivrd.backlog import read_each_input
from delivrd.blots import blotter
from delivrd.builder import frame_of
from delivrd.classify import Classifier, code_fields
from delivrd.errors import AccountError, InputError, NotAuthentic, Unreadable
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response
from delivrd.questions import Asking, Question
from delivrd.readers import CompiledWay, Read, Terms
from delivrd.receipt import SMPP_TAKEN, Receipt, Reply
from delivrd.settings import NoSettings, read_settings, require_settings
from delivrd.tables import AbsenceTable, CodeTable, Offer, Source, check_table
from delivrd.verdicts import NoCode
from delivrd.vocabulary import Status
from delivrd.ways import Push, Way

_ACCOUNTS_KEPT: Final = 1024
"""Accounts for which a provider keeps its readers ready."""

_RECEIVED: Final = Reply(200)

_RESPOND: Final[Mapping[type[Input], bool]] = {Request: True, DeliverSm: True, Response: False, Mail: False}
"""Whether somebody waits for a reply to this kind of input."""


class _Bound(msgspec.Struct, frozen=True):
    """A provider made ready for one account.

    Attributes:
        account: held, so that its id stays its own.
        classifier: the tables with the account's meanings.
        settings: the account's, checked.
        readers: for each kind of input.
        proofs: how each kind of input has to prove itself.
        provable: the kinds for which one of these proves something alone.
    """

    account: Account | None
    classifier: Classifier
    settings: Any
    readers: dict[type[Input], Read]
    proofs: dict[type[Input], tuple[Scheme, ...]]
    provable: frozenset[type[Input]]


_FOR_NOBODY: Final = _Bound(Account(), Classifier(()), None, {}, {}, frozenset())
"""What a provider has ready until it meets its first account."""


class Provider:
    """One way of being told about deliveries.

    Args:
        name: lower case, words joined by `-`: `acme-legacy`.
        vendor: the company.
        title: for people.
        docs: the provider's own documentation.
        tables: its code tables, in order of authority.
        ways: how each kind of input that it takes is read; one of a kind.
        auth: how an input proves that it comes from the provider. Those that an account is
            configured for must all agree.
        reply: what the sender of a request counts as received.
        questions: what it can be asked; the first is asked by default.
        settings: the shape of an account's own settings.
        secret_settings: those of them that nobody may see.
        no_code: what it means that no code was sent; None where such an input is unreadable.
        finality: its field that says whether a status is final, if it has one.
        absences: the codes by which it says that it gives no report.
        silent_after: the statuses after which it may never say anything more, as on networks that send no receipts.
        many_recipients: it gives one id to many recipients.
        offers: meanings that an account can take by a setting.
        notes: what a gateway must know of it, a sentence or two each.

    Raises:
        ValueError, TypeError: the declaration contradicts itself.
    """

    def __init__(
        self,
        *,
        name: str,
        vendor: str,
        title: str,
        docs: Source,
        tables: tuple[CodeTable, ...],
        ways: tuple[Way, ...],
        auth: tuple[Scheme, ...] = (),
        reply: Reply = _RECEIVED,
        questions: tuple[Question, ...] = (),
        settings: type[msgspec.Struct] = NoSettings,
        secret_settings: tuple[str, ...] = (),
        no_code: NoCode | None = None,
        finality: str | None = None,
        absences: tuple[AbsenceTable, ...] = (),
        silent_after: tuple[Status, ...] = (),
        many_recipients: bool = False,
        offers: tuple[Offer, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        if not name or name != name.lower() or not name.replace("-", "").isalnum():
            raise ValueError(f"name {name!r}: expected lower case words joined by '-'")
        if not tables:
            raise ValueError(f"{name}: expected at least one code table")
        for table in tables:
            check_table(table)
        self.name = name
        self.vendor = vendor
        self.title = title
        self.docs = docs
        self.tables = tables
        self.ways = {way.takes: way for way in ways}
        self.auth = auth
        self.reply = reply
        self.questions = questions
        self.settings = settings
        self.secret_settings = secret_settings
        self.no_code = no_code
        self.finality = finality
        self.absences = absences
        self.silent_after = silent_after
        self.many_recipients = many_recipients
        self.offers = offers
        self.notes = notes
        self.code_fields = code_fields(tables, finality)
        if len(self.ways) != len(ways):
            raise ValueError(f"{name}: expected one way of reading for each kind of input")
        push = self.ways.get(Request)
        self._methods = push.methods if isinstance(push, Push) else ()
        require_settings(f"{name}, secret_settings", settings, secret_settings)
        require_settings(f"{name}, offers", settings, [offer.setting for offer in offers])
        self._compiled: dict[type[Input], CompiledWay] | None = None
        self._accounts: dict[int, _Bound] = {}
        # Most gateways have one account of a provider: it is found without looking for it.
        self._latest = _FOR_NOBODY

    def read(
        self,
        input: Input,
        account: Account | None = None,
        *,
        asked: str | None = None,
        received_at: datetime | None = None,
    ) -> Receipt:
        """Read a trusted input.

        Args:
            input: as it arrived.
            account: whose zone, meanings and settings count.
            asked: the id that the question was about, if the input is its answer.
            received_at: when it arrived; aware. It stands in the reports, in UTC.

        Raises:
            InputError: it could not be taken; the error holds the reply.
            AccountError: the account does not fit this provider.
            PluginError: the provider's decode function broke its contract.
            TypeError, ValueError: `input` is no input, or `received_at` has no zone.
        """
        if received_at is not None:
            received_at = _aware(received_at)
        try:
            bound = self._latest
            if bound.account is not account:
                bound = self._latest = self._accounts.get(id(account)) or self._ready(account)
            return bound.readers[input.__class__](input, asked, received_at)
        except InputError as error:
            error.reply = self._refusal(input, error)
            raise
        except KeyError:
            _require_input(input)
            raise

    def read_many(
        self, inputs: Iterable[Input], account: Account | None = None, *, received_at: datetime | None = None
    ) -> Iterator[Receipt | InputError]:
        """Read trusted inputs, one after the other, as they are asked for.

        Args:
            inputs: as they arrived; any number.
            account, received_at: as for `read`, of them all.

        Returns:
            For each input, in order, its receipt; or, in its place, the error that `read` would raise.

        Raises:
            AccountError, ValueError: as `read`, at once; `PluginError` and `TypeError` when the input's turn comes.
        """
        at = None if received_at is None else _aware(received_at)
        return read_each_input(inputs, self._ready(account).readers, at, self._refusal, _require_input)

    def receive(self, input: Input, account: Account, *, received_at: datetime | None = None) -> Receipt:
        """Authenticate an input, then read it. Size and method are checked before, decoding comes after.

        Args:
            input: as it arrived.
            account: its secrets are what the input is checked by; its zone, meanings and settings count.
            received_at: when it arrived; aware. It stands in the reports, in UTC.

        Raises:
            NotAuthentic: the input does not prove its sender, or the account is configured for no proof and does not
                say `open`.
            InputError, AccountError, PluginError: as from `read`.
            TypeError, ValueError: also where no account is given.
        """
        if not isinstance(account, Account):
            raise TypeError("account: expected an Account; to read without authentication, use read()")
        bound = self._latest
        if bound.account is not account:
            bound = self._latest = self._accounts.get(id(account)) or self._ready(account)
        kind = input.__class__
        if kind not in _RESPOND:
            _require_input(input)
        if received_at is not None:
            received_at = _aware(received_at)
        try:
            most = account.max_body
            if not isinstance(input, Request) or len(input.body) > most or len(input.target) > most:
                check_input(input, most)
            elif self._methods and input.method not in self._methods:
                refuse_method(self._methods)
            if kind not in bound.provable and not account.open:
                raise NotAuthentic(
                    f"{self.name}: the account is configured for no proof of this kind of input; "
                    "give it secrets or addresses, or say open=True"
                )
            for scheme in bound.proofs[kind]:
                if not scheme.authentic(input, account, received_at):
                    raise self._not_authentic()
            return bound.readers[kind](input, None, received_at)
        except InputError as error:
            error.reply = self._refusal(input, error)
            raise

    def check_head(self, request: Request, account: Account) -> None:
        """Refuse a request before its body is read, where `receive` would refuse it whatever the body is.

        It accepts nothing: once the body is there, `receive` checks everything.

        Args:
            request: without its body.
            account: as for `receive`.

        Raises:
            TooLarge, WrongMethod, NotAuthentic: as from `receive`.
        """
        try:
            check_size(request.target, account.max_body)
            if self._methods and request.method not in self._methods:
                refuse_method(self._methods)
            for scheme in self.proofs(Request, account):
                at_head = getattr(scheme, "at_head", None)
                if at_head is not None and not at_head(request, account):
                    raise self._not_authentic()
        except InputError as error:
            error.reply = self._refusal(request, error)
            raise

    def ask(
        self,
        id: str | None = None,
        account: Account | None = None,
        *,
        operation: str | None = None,
        host: str | None = None,
    ) -> Request:
        """The request that asks the provider; read its `Response` with `read(..., asked=id)`.

        Args:
            id: what is asked about, where the question needs it.
            account: with the credentials that the question needs.
            operation: which question; the provider's first by default.
            host: which of the question's hosts; its first by default.

        Raises:
            ValueError: the provider cannot be asked this, or the id is missing.
            AccountError: the account lacks credentials.
        """
        question = self.question(operation)
        if question.about is not None and not (id or "").strip():
            raise ValueError(f"{self.name}, {question.operation}: expected the id of the {question.about}")
        if host is not None and host not in question.hosts:
            raise ValueError(
                f"{self.name}, {question.operation}: expected one of the hosts {', '.join(question.hosts)}"
            )
        settings = self._ready(account).settings
        return question.make(Asking(id or "", account or Account(), settings, host or question.hosts[0]))

    def question(self, operation: str | None = None) -> Question:
        """One of the provider's questions, the first by default.

        Raises:
            ValueError: it cannot be asked this.
        """
        for question in self.questions:
            if operation in (None, question.operation):
                return question
        known = ", ".join(question.operation for question in self.questions) or "nothing"
        raise ValueError(f"{self.name} cannot be asked {operation or 'anything'}; it can be asked: {known}")

    def classifier(self, account: Account | None = None) -> Classifier:
        """The tables, with the account's meanings laid over them."""
        return self._ready(account).classifier

    def compiled(self) -> Mapping[type[Input], CompiledWay]:
        """Each way of reading, compiled.

        Raises:
            TypeError, ValueError: the declaration contradicts itself.
        """
        if self._compiled is None:
            made = {kind: CompiledWay(self.name, way, self.code_fields) for kind, way in self.ways.items()}
            sent = {name for compiled in made.values() for name in compiled.kinds}
            missing = [field for field in self.code_fields if field not in sent]
            if missing:
                raise ValueError(f"{self.name}: no shape has the code field {', '.join(missing)}; is it spelt right?")
            self._compiled = made
        return self._compiled

    def check(self, account: Account | None = None) -> None:
        """Refuse a declaration, or an account, that does not fit, before the first input comes.

        Raises:
            AccountError: the account does not fit.
            TypeError, ValueError: the declaration contradicts itself.
        """
        self._ready(account)

    def blot(self, text: str, account: Account) -> str:
        """A text without the account's secrets, its secret settings among them."""
        return blotter(self._secrets(account)).text(text)

    def blotted(self, input: Input, account: Account) -> Input:
        """An input without the account's secrets, for whatever is stored, shown or logged.

        Headers that hold credentials are blotted whoever's they are.
        """
        return blotter(self._secrets(account)).input(input)

    def _secrets(self, account: Account) -> tuple[str, ...]:
        # As given, not as checked: a secret is one even where the settings do not fit.
        given = account.settings
        own = [given.get(n) if isinstance(given, Mapping) else getattr(given, n, None) for n in self.secret_settings]
        return tuple(each for each in (*account.secrets, account.password, *own) if isinstance(each, str) and each)

    def proofs(self, input: type[Input], account: Account) -> Iterator[Scheme]:
        """The ways in which an input of this kind has to prove itself for this account."""
        return (scheme for scheme in self.auth if scheme.takes is input and scheme.configured(account))

    def __repr__(self) -> str:
        return f"<Provider {self.name}>"

    def _not_authentic(self) -> NotAuthentic:
        return NotAuthentic(f"{self.name}: the input does not prove that it comes from the provider")

    def _read_nothing(self, input: Input, asked: str | None, received_at: datetime | None) -> Receipt:
        kinds = " or ".join(kind.__name__ for kind in self.ways)
        raise Unreadable(f"{self.name} reads {kinds}, not {type(input).__name__}")

    def _refusal(self, input: Input, error: InputError) -> Reply | None:
        if not _RESPOND.get(type(input), False):
            return None
        return SMPP_TAKEN if isinstance(input, DeliverSm) else error.reply

    def _ready(self, account: Account | None) -> _Bound:
        # One dictionary and no second beside it: what is found under an id holds the account whose id it is, so
        # that no thread can meet the id of one account with the readers of another.
        bound = self._accounts.get(id(account))
        if bound is None:
            made = self._bind(account)
            if len(self._accounts) >= _ACCOUNTS_KEPT:
                self._accounts.clear()
            bound = self._accounts[id(account)] = made
        return bound

    def _bind(self, given: Account | None) -> _Bound:
        account = given or Account()
        settings = read_settings(self.name, self.settings, account.settings)
        taken = [offer.meanings for offer in self.offers if getattr(settings, offer.setting)]
        meanings = (*taken, *account.meanings)
        try:
            classifier = Classifier(self.tables, finality=self.finality, no_code=self.no_code, meanings=meanings)
        except ValueError as error:
            raise AccountError(f"{self.name}: {error}") from error
        secrets = self._secrets(account)
        hide = blotter(secrets).text if secrets else None
        readers: dict[type[Input], Read] = dict.fromkeys(_RESPOND, self._read_nothing)
        for kind, compiled in self.compiled().items():
            frame = frame_of(account, compiled.reading, settings, classifier)
            reply = None if not _RESPOND[kind] else SMPP_TAKEN if kind is DeliverSm else self.reply
            readers[kind] = compiled.open(Terms(self.name, frame, settings, account.max_body, reply, hide))
        proofs = {kind: tuple(self.proofs(kind, account)) for kind in _RESPOND}
        provable = frozenset(kind for kind, schemes in proofs.items() if any(scheme.sufficient for scheme in schemes))
        return _Bound(given, classifier, settings, readers, proofs, provable)


def _aware(received_at: datetime) -> datetime:
    if getattr(received_at, "tzinfo", None) is None:
        raise ValueError("received_at: expected a datetime with its zone")
    return received_at if received_at.tzinfo is UTC else received_at.astimezone(UTC)


def _require_input(input: object) -> None:
    if type(input) not in _RESPOND:
        kinds = ", ".join(kind.__name__ for kind in _RESPOND)
        raise TypeError(f"input: expected one of {kinds}, got {type(input).__name__}")

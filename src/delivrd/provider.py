"""A provider: one way of being told about deliveries, as a value.

The rule of this module: a provider only declares; what is done with the declaration is the same
for all. It is checked when it is made, and compiled when it is first used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from delivrd.accounts import Account
from delivrd.admission import accepted_methods, check_input, check_size, reads_either_place, refuse_method
from delivrd.auth import Scheme
from delivrd.backlog import read_each_input
from delivrd.binding import Binder, Ready
from delivrd.builder import Read
from delivrd.classify import Classifier, code_fields
from delivrd.errors import InputError, NotAuthentic, Unreadable
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response
from delivrd.questions import Asking, Question
from delivrd.readers import CompiledWay, Terms, check_way
from delivrd.receipt import SMPP_TAKEN, Receipt, Reply
from delivrd.settings import NoSettings, require_settings
from delivrd.tables import AbsenceTable, CodeTable, Offer, Source, check_table
from delivrd.verdicts import NoCode
from delivrd.vocabulary import Status
from delivrd.ways import Push, Way

_RECEIVED: Final = Reply(200)

_RESPOND: Final[Mapping[type[Input], bool]] = {Request: True, DeliverSm: True, Response: False, Mail: False}
"""Whether somebody waits for a reply to this kind of input."""


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
        for way in ways:
            check_way(name, way)
        named: dict[str, tuple[str, ...]] = {}
        for table in tables:
            if named.setdefault(table.name, table.fields) != table.fields:
                raise ValueError(
                    f"{name}: the tables of {named[table.name]} and {table.fields} have one name, {table.name!r}; "
                    "give the field that holds a '+' another name in its shape, and fill it in a decode function"
                )
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
        self._methods = accepted_methods(push, auth) if isinstance(push, Push) else ()
        self._either_place = isinstance(push, Push) and reads_either_place(push, auth)
        require_settings(f"{name}, secret_settings", settings, secret_settings)
        require_settings(f"{name}, offers", settings, [offer.setting for offer in offers])
        self._compiled: dict[type[Input], CompiledWay] | None = None
        self._binder = Binder(
            name,
            settings=settings,
            secret_settings=secret_settings,
            auth=auth,
            tables=tables,
            finality=finality,
            no_code=no_code,
            offers=offers,
        )
        self._key = self._binder.key
        self._nobody = Account()

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
            read = (self._nobody if account is None else account).ready[self._key].readers[input.__class__]
        except KeyError:
            given = self._nobody if account is None else account
            read = self._reader(input, given, self._binder.ready(given))
        try:
            return read(input, asked, received_at)  # type: ignore[no-any-return]
        except InputError as error:
            error.reply = self._refusal(input, error)
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
        self.check(account)
        given = self._nobody if account is None else account
        ready = self._binder.ready(given)
        return read_each_input(inputs, ready.readers, at, self._refusal, lambda each: self._reader(each, given, ready))

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
        kind = input.__class__
        ready = account.ready.get(self._key) or self._binder.ready(account)
        read = ready.readers.get(kind) or self._reader(input, account, ready)
        proofs, provable = ready.proofs.get(kind) or self._binder.proofs(kind, account, ready)
        if received_at is not None:
            received_at = _aware(received_at)
        try:
            most = account.max_body
            if not isinstance(input, Request) or len(input.body) > most or len(input.target) > most:
                check_input(input, most)
            elif self._methods and input.method not in self._methods:
                refuse_method(self._methods)
            if not provable and not account.open:
                raise self._unconfigured()
            for scheme in proofs:
                if not scheme.authentic(input, account, received_at):
                    raise self._not_authentic()
            return read(input, None, received_at)
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
            ready = self._binder.ready(account)
            proofs, provable = ready.proofs.get(Request) or self._binder.proofs(Request, account, ready)
            if not provable and not account.open:
                raise self._unconfigured()
            for scheme in proofs:
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
        settings = self.terms(account).settings
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
        return self.terms(account).classifier

    def compiled(self) -> Mapping[type[Input], CompiledWay]:
        """Each way of reading, compiled.

        Raises:
            TypeError, ValueError: the declaration contradicts itself.
        """
        if self._compiled is None:
            made = {
                kind: CompiledWay(
                    self.name, way, self.code_fields, self._reply_to(kind), self._methods, self._either_place
                )
                for kind, way in self.ways.items()
            }
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
        self.terms(account)
        self.compiled()

    def terms(self, account: Account | None = None) -> Terms:
        """What an account adds to the ways of reading.

        Raises:
            AccountError: the account does not fit.
        """
        given = self._nobody if account is None else account
        return self._binder.terms(given, self._binder.ready(given))

    def blot(self, text: str, account: Account) -> str:
        """A text without the account's secrets, its secret settings among them."""
        return self._binder.ready(account).blotter.text(text)

    def blotted(self, input: Input, account: Account) -> Input:
        """An input without the account's secrets, for whatever is stored, shown or logged.

        Headers that hold credentials are blotted whoever's they are.
        """
        return self._binder.ready(account).blotter.input(input)

    def proofs(self, input: type[Input], account: Account) -> Iterator[Scheme]:
        """The ways in which an input of this kind has to prove itself for this account."""
        return (scheme for scheme in self.auth if scheme.takes is input and scheme.configured(account))

    def __repr__(self) -> str:
        return f"<Provider {self.name}>"

    def _unconfigured(self) -> NotAuthentic:
        return NotAuthentic(
            f"{self.name}: the account is configured for no proof of this kind of input; "
            "give it secrets or addresses, or say open=True"
        )

    def _not_authentic(self) -> NotAuthentic:
        return NotAuthentic(f"{self.name}: the input does not prove that it comes from the provider")

    def _refusal(self, input: Input, error: InputError) -> Reply | None:
        if not _RESPOND.get(type(input), False):
            return None
        return SMPP_TAKEN if isinstance(input, DeliverSm) else error.reply

    def _reply_to(self, kind: type[Input]) -> Reply | None:
        """What the sender of an input of this kind counts as received."""
        return None if not _RESPOND[kind] else SMPP_TAKEN if kind is DeliverSm else self.reply

    def _reader(self, input: Input, account: Account, ready: Ready) -> Read:
        """What reads inputs of one kind for an account.

        Raises:
            AccountError: the account does not fit.
            TypeError: the input is none.
        """
        kind = type(input)
        terms = self._binder.terms(account, ready)
        compiled = (self._compiled or self.compiled()).get(kind)
        if compiled is not None:
            read = ready.readers[kind] = compiled.open(terms)
            return read
        _require_input(input)
        return ready.readers.setdefault(kind, _reads_nothing(self.name, tuple(self.ways)))


def _reads_nothing(name: str, takes: tuple[type[Input], ...]) -> Read:
    """Refuses inputs of a kind that the provider does not send."""
    kinds = " or ".join(kind.__name__ for kind in takes)

    def refuse(input: Input, asked: str | None, received_at: datetime | None) -> Receipt:
        raise Unreadable(f"{name} reads {kinds}, not {type(input).__name__}")

    return refuse


def _aware(received_at: datetime) -> datetime:
    if getattr(received_at, "tzinfo", None) is None:
        raise ValueError("received_at: expected a datetime with its zone")
    return received_at if received_at.tzinfo is UTC else received_at.astimezone(UTC)


def _require_input(input: object) -> None:
    if type(input) not in _RESPOND:
        kinds = ", ".join(kind.__name__ for kind in _RESPOND)
        raise TypeError(f"input: expected one of {kinds}, got {type(input).__name__}")

"""How each kind of input is read: `Push`, `Answer`, `MailText`, and what they share.

The rule of this module: first the strict typed decode; only where that fails, or where the form
has no strict decode, the lenient one. Whatever cannot be read is a problem of its own and loses
nothing else. No provider writes any of this: it declares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final, NoReturn, Protocol, TypeAlias

import msgspec

from delivrd.builder import Build, Frame, compile_builder
from delivrd.classify import shorten
from delivrd.errors import InputError, PluginError, TooLarge, Unreadable, UnsupportedMediaType, WrongMethod
from delivrd.forms import MOST_FIELDS, merge, read_multipart, read_urlencoded, split_target
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response
from delivrd.mails import read_mail
from delivrd.receipt import Absence, AbsenceKind, Problem, Receipt, Reply
from delivrd.records import Record, as_json, charset_of, decode_json, decode_text, flatten
from delivrd.shapes import Reading, Shape, nested_shapes, wire_fields
from delivrd.tables import AbsenceTable

_NOT_STRICT: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What a strict typed decode can raise."""


class BodyKind(StrEnum):
    """How a request's body is written."""

    JSON = "json"
    FORM = "form"
    """`application/x-www-form-urlencoded`."""
    MULTIPART = "multipart"


class Decoded(msgspec.Struct, frozen=True):
    """What a decode function gives: items as fields, never reports; the core makes those.

    Attributes:
        records: delivery reports, each a mapping from the shape's wire names to texts; None and
            empty texts are absent.
        others: what is no report, whole.
        problems: items that could not be read.
        absence: why there is no report.
    """

    records: Sequence[Mapping[str, str | None]] = ()
    others: Sequence[dict[str, str]] = ()
    problems: Sequence[Problem] = ()
    absence: Absence | None = None


class Context(msgspec.Struct, frozen=True):
    """What a decode function may know besides the input.

    Attributes:
        asked: the id that the question was about, if the input answers one.
        settings: the account's, checked against the provider's settings.
    """

    asked: str | None
    settings: Any


Decode: TypeAlias = Callable[[Any, Context], Decoded]
"""A provider's own decode function, for what no declaration can say. It is pure."""


class Errors(msgspec.Struct, frozen=True):
    """How a JSON answer says that there is no report.

    Attributes:
        table: what its codes mean.
        items: the field that lists the errors; the first counts.
        code: the field of an error that holds its code.
        text: the fields of an error that hold words.
    """

    table: AbsenceTable
    items: str
    code: str
    text: tuple[str, ...] = ()


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request by which a provider reports.

    Attributes:
        reading: what it carries.
        methods: the HTTP methods that the provider uses.
        query: the query holds fields.
        bodies: how the body may be written; empty where only the query counts.
        items: for batches, the JSON field that lists the items; empty where the body itself is
            the list. None where a body is one report.
        inherit: fields of the outer object that an item takes where it has none of its own.
        decode: the provider's own function, in place of all this.
    """

    reading: Reading
    methods: tuple[str, ...] = ("POST",)
    query: bool = False
    bodies: tuple[BodyKind, ...] = ()
    items: str | None = None
    inherit: tuple[str, ...] = ()
    decode: Decode | None = None

    takes: ClassVar[type[Input]] = Request


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The response to a question; JSON unless `decode` says otherwise. Attributes as in `Push`."""

    reading: Reading
    items: str | None = None
    inherit: tuple[str, ...] = ()
    errors: Errors | None = None
    decode: Decode | None = None

    takes: ClassVar[type[Input]] = Response


class MailText(msgspec.Struct, frozen=True, kw_only=True):
    """A mail whose text names the fields.

    Attributes:
        reading: what it carries.
        patterns_setting: the account's setting that holds patterns of lines, if there is one.
        decode: the provider's own function, in place of all this.
    """

    reading: Reading
    patterns_setting: str | None = None
    decode: Decode | None = None

    takes: ClassVar[type[Input]] = Mail


class Pdu(msgspec.Struct, frozen=True, kw_only=True):
    """An SMPP receipt, read by the provider's own function."""

    reading: Reading
    decode: Decode

    takes: ClassVar[type[Input]] = DeliverSm


Way: TypeAlias = Push | Answer | MailText | Pdu


class Terms(msgspec.Struct, frozen=True):
    """What a provider and one account add to a way of reading.

    Attributes:
        provider: its name.
        frame: for the builder.
        settings: the account's, checked.
        max_body: bytes of the largest input that is decoded.
        reply: what the sender counts as received.
    """

    provider: str
    frame: Frame
    settings: Any
    max_body: int
    reply: Reply | None


class Read(Protocol):
    """Reads one input."""

    def __call__(self, input: Any, asked: str | None, received_at: datetime | None, /) -> Receipt: ...


class CompiledWay:
    """One way of reading, compiled once from its declaration; `open` readies it for an account."""

    def __init__(self, provider: str, way: Way, code_fields: Iterable[str]) -> None:
        reading, fields = way.reading, tuple(code_fields)
        self.way = way
        self.reading = reading
        nested = nested_shapes(reading.shape)
        leaves = {name: kind for name, (_, kind) in wire_fields(reading.shape).items() if name not in nested}
        self.kinds = leaves | dict.fromkeys(nested, "shape")
        feeding = {name for name, _ in reading.fields.feeds()} | set(fields)
        if reading.report_if is not None:
            feeding.add(reading.report_if)
        unknown = sorted(feeding - set(self.kinds) - set(fields))
        if unknown:
            raise ValueError(f"{reading.shape.__name__} has no field {', '.join(unknown)}; declare it in the shape")
        self.dropped = frozenset(
            name
            for name in self.kinds
            if name not in feeding and not any(fed.startswith(name + ".") for fed in feeding)
        )
        self._shape_builder = compile_builder(provider, reading, fields, records=False)
        self._record_builder = compile_builder(provider, reading, fields, records=True)

    def open(self, terms: Terms) -> Read:
        """The function that reads this kind of input for one account."""
        desk = _Desk(self, terms, self._shape_builder(terms.frame), self._record_builder(terms.frame))
        if self.way.decode is not None:
            return desk.with_decode(self.way.decode)
        match self.way:
            case Push() as push:
                return desk.push(push)
            case Answer() as answer:
                return desk.answer(answer)
            case MailText() as mail:
                return desk.mail(mail)
            case _:
                raise TypeError("this kind of input needs a decode function")


class _Desk:
    """Where one account's inputs of one kind are read."""

    def __init__(self, compiled: CompiledWay, terms: Terms, build_shape: Build, build_record: Build) -> None:
        self.compiled = compiled
        self.terms = terms
        self.build_shape = build_shape
        self.build_record = build_record
        self.mark = compiled.reading.report_if

    def push(self, push: Push) -> Read:
        if push.query and not push.bodies:
            return self._query_push(push)
        if push.bodies == (BodyKind.JSON,) and not push.query and self.mark is None:
            return self._json_push(push)
        return self._any_push(push)

    def answer(self, answer: Answer) -> Read:
        strict = self._strict_items(answer.items, answer.inherit)

        def read_answer(response: Response, asked: str | None, received_at: datetime | None) -> Receipt:
            self._check_size(response.body)
            if response.status == 200:
                try:
                    reports = strict(response.body, received_at)
                    return Receipt(reports) if reports else Receipt(absence=Absence(AbsenceKind.NOT_YET))
                except (*_NOT_STRICT, InputError):
                    pass
            return self._lenient_answer(answer, response, received_at)

        return read_answer

    def mail(self, mail: MailText) -> Read:
        names = [name for name, kind in self.compiled.kinds.items() if kind != "shape"]
        patterns: Sequence[str] = getattr(self.terms.settings, mail.patterns_setting or "", ())

        def read_text(mail: Mail, asked: str | None, received_at: datetime | None) -> Receipt:
            self._check_size(mail.raw)
            record = read_mail(mail.raw, names, patterns)
            if self.mark is not None and not record.values.get(self.mark):
                return self._no_report(record)
            record.extras = {}
            return self._one(record, received_at)

        return read_text

    def with_decode(self, decode: Decode) -> Read:
        methods = self.compiled.way.methods if isinstance(self.compiled.way, Push) else ()

        def read_decoded(input: Input, asked: str | None, received_at: datetime | None) -> Receipt:
            self._check_size(payload(input))
            if isinstance(input, Request) and input.method not in methods:
                refuse_method(methods)
            try:
                decoded = decode(input, Context(asked, self.terms.settings))
            except InputError:
                raise
            except Exception as error:
                raise PluginError(
                    f"{self.terms.provider}: its decode function raised {type(error).__name__}; "
                    "on any bytes it may raise nothing but InputError"
                ) from error
            records = [Record({k: v for k, v in record.items() if v}) for record in decoded.records]
            return self._many(records, received_at, decoded.problems, decoded.others, decoded.absence)

        return read_decoded

    def _json_push(self, push: Push) -> Read:
        """The hot path: one strict decode, one build, one receipt."""
        methods, reply, limit, build = push.methods, self.terms.reply, self.terms.max_body, self.build_shape
        if push.items is not None:
            strict = self._strict_items(push.items, push.inherit)
        else:
            decode = msgspec.json.Decoder(self.compiled.reading.shape).decode

            def strict(body: bytes, received_at: datetime | None) -> tuple[Any, ...]:
                return (build(decode(body), received_at, None, None),)

            def read_one(request: Request, asked: str | None, received_at: datetime | None) -> Receipt:
                body = request.body
                if len(body) > limit:
                    self._check_size(body)
                if request.method not in methods:
                    refuse_method(methods)
                try:
                    report = build(decode(body), received_at, None, None)
                except _NOT_STRICT:
                    return self._lenient_push(push, request, received_at)
                return Receipt((report,), (), None, (), reply)

            return read_one

        def read_batch(request: Request, asked: str | None, received_at: datetime | None) -> Receipt:
            self._check_size(request.body)
            if request.method not in methods:
                refuse_method(methods)
            try:
                reports = strict(request.body, received_at)
            except (*_NOT_STRICT, InputError):
                return self._lenient_push(push, request, received_at)
            return Receipt(reports, (), None, (), reply) if reports else self._many([], received_at)

        return read_batch

    def _query_push(self, push: Push) -> Read:
        methods, reply, limit, build = push.methods, self.terms.reply, self.terms.max_body, self.build_record
        mark = self.mark

        def read_query(request: Request, asked: str | None, received_at: datetime | None) -> Receipt:
            target = request.target
            if len(target) > limit:
                self._check_size(target)
            if request.method not in methods:
                refuse_method(methods)
            query = target.partition("?")[2]
            if "%" not in query and "+" not in query and "#" not in query and query.isascii():
                pairs = [pair.split("=", 1) for pair in query.split("&", MOST_FIELDS)]
                try:
                    # The commonest form needs no unescaping, at a third of the general reader's cost.
                    values = dict(pairs)
                except ValueError:
                    return self._lenient_push(push, request, received_at)
                if len(values) == len(pairs) < MOST_FIELDS and (mark is None or values.get(mark)):
                    return Receipt((build(values, received_at, None, None),), (), None, (), reply)
            return self._lenient_push(push, request, received_at)

        return read_query

    def _any_push(self, push: Push) -> Read:
        def read_any(request: Request, asked: str | None, received_at: datetime | None) -> Receipt:
            self._check_size(request.body)
            self._check_size(request.target)
            if request.method not in push.methods:
                refuse_method(push.methods)
            return self._lenient_push(push, request, received_at)

        return read_any

    def _lenient_push(self, push: Push, request: Request, received_at: datetime | None) -> Receipt:
        query: Record | None = None
        if push.query:
            query = read_urlencoded(split_target(request.target)[1], self.compiled.kinds, keep_unknown=False)
        if not push.bodies or (query is not None and not request.body.strip()):
            return self._one_or_other(query or Record({}), received_at)
        content_type = request.header("content-type")
        kind = body_kind(request.body, content_type, push.bodies)
        if kind is BodyKind.JSON:
            document = decode_json(request.body, content_type)
            if push.items is not None:
                return self._batch(document, push.items, push.inherit, received_at)
            record = flatten(document, self.compiled.kinds, self.compiled.dropped)
        elif kind is BodyKind.MULTIPART:
            record = read_multipart(request.body, content_type, self.compiled.kinds)
        else:
            charset = charset_of(content_type)
            text, _ = decode_text(request.body, charset)
            record = read_urlencoded(text.strip("\r\n"), self.compiled.kinds, keep_unknown=True, charset=charset)
        return self._one_or_other(record if query is None else merge(record, query), received_at)

    def _lenient_answer(self, answer: Answer, response: Response, received_at: datetime | None) -> Receipt:
        try:
            document = decode_json(response.body, response.header("content-type"))
        except TooLarge:
            raise
        except InputError:
            if 200 <= response.status < 300:
                raise
            document = None
        if answer.errors is not None and isinstance(document, dict):
            absence = _absence(answer.errors, document)
            if absence is not None:
                return Receipt(absence=absence)
        if not 200 <= response.status < 300:
            words = shorten(decode_text(response.body)[0].strip())
            return Receipt(absence=Absence(AbsenceKind.UNAVAILABLE, str(response.status), words or None))
        if answer.items is None:
            return self._one_or_other(flatten(document, self.compiled.kinds, self.compiled.dropped), received_at)
        return self._batch(document, answer.items, answer.inherit, received_at, AbsenceKind.NOT_YET)

    def _batch(
        self,
        document: Any,
        items: str,
        inherit: tuple[str, ...],
        received_at: datetime | None,
        when_empty: AbsenceKind = AbsenceKind.NOT_A_REPORT,
    ) -> Receipt:
        outer: Record | None = None
        listed = document
        if items:
            if not isinstance(document, dict) or not isinstance(document.get(items), list):
                raise Unreadable(f"{items}: expected a list of reports", field=items)
            listed = document[items]
            outer = flatten({name: document.get(name) for name in inherit}, self.compiled.kinds)
        elif isinstance(document, dict):
            listed = [document]
        if not isinstance(listed, list):
            raise Unreadable("body: expected a list of reports")
        reports, problems, others = [], [], []
        for index, item in enumerate(listed):
            try:
                record = flatten(item, self.compiled.kinds, self.compiled.dropped)
                if outer is not None:
                    record.values = outer.values | {name: value for name, value in record.values.items() if value}
                if self.mark is not None and not record.values.get(self.mark):
                    others.append(record.whole())
                else:
                    reports.append(self._build(record, received_at))
            except InputError as error:
                problems.append(Problem(index, str(error), error.field, shorten(as_json(item))))
        return self._receipt(reports, problems, others, when_empty=when_empty)

    def _strict_items(
        self, items: str | None, inherit: tuple[str, ...]
    ) -> Callable[[bytes, datetime | None], tuple[Any, ...]]:
        """A strict decode of a whole batch, for when every item of it is sound."""
        shape, build = self.compiled.reading.shape, self.build_shape
        if items is None or self.mark is not None:
            decode_one = msgspec.json.Decoder(shape).decode

            def one(body: bytes, received_at: datetime | None) -> tuple[Any, ...]:
                if self.mark is not None:
                    raise msgspec.ValidationError("read each item for itself: some may be no reports")
                return (build(decode_one(body), received_at, None, None),)

            return one
        if not items:
            decode_list = msgspec.json.Decoder(list[shape]).decode  # type: ignore[valid-type]
            return lambda body, at: tuple([build(item, at, None, None) for item in decode_list(body)])
        attributes = {name: wire_fields(shape)[name][0][-1] for name in inherit}
        outer = msgspec.defstruct(
            "Batch",
            [("items", list[shape]), *((attribute, str | None, None) for attribute in attributes.values())],  # type: ignore[valid-type]
            rename={"items": items} | {attribute: name for name, attribute in attributes.items()},
        )
        decode_outer = msgspec.json.Decoder(outer).decode

        def batch(body: bytes, received_at: datetime | None) -> tuple[Any, ...]:
            found: Any = decode_outer(body)
            given = {name: getattr(found, name) for name in attributes.values()}
            return tuple([build(_inherit(item, given), received_at, None, None) for item in found.items])

        return batch

    def _one_or_other(self, record: Record, received_at: datetime | None) -> Receipt:
        if self.mark is not None and not record.values.get(self.mark):
            return self._no_report(record)
        return self._one(record, received_at)

    def _no_report(self, record: Record) -> Receipt:
        whole = record.whole()
        if not whole:
            raise Unreadable("expected fields, found none; is this the right provider?")
        return self._receipt([], [], [whole])

    def _one(self, record: Record, received_at: datetime | None) -> Receipt:
        return self._receipt([self._build(record, received_at)], [], [])

    def _many(
        self,
        records: Sequence[Record],
        received_at: datetime | None,
        problems: Sequence[Problem] = (),
        others: Sequence[dict[str, str]] = (),
        absence: Absence | None = None,
    ) -> Receipt:
        reports, found = [], list(problems)
        for index, record in enumerate(records):
            try:
                reports.append(self._build(record, received_at))
            except InputError as error:
                if len(records) == 1 and not problems and not others:
                    raise
                found.append(Problem(index, str(error), error.field, shorten(as_json(record.values))))
        return self._receipt(reports, found, others, absence)

    def _build(self, record: Record, received_at: datetime | None) -> Any:
        return self.build_record(record.values, received_at, record.warnings, record.extras)

    def _receipt(
        self,
        reports: Sequence[Any],
        problems: Sequence[Problem],
        others: Sequence[dict[str, str]],
        absence: Absence | None = None,
        when_empty: AbsenceKind = AbsenceKind.NOT_A_REPORT,
    ) -> Receipt:
        if reports:
            absence = None
        elif absence is None:
            kind = AbsenceKind.NOT_A_REPORT if others else AbsenceKind.UNREADABLE_ITEMS if problems else when_empty
            absence = Absence(kind)
        return Receipt(tuple(reports), tuple(problems), absence, tuple(others), self.terms.reply)

    def _check_size(self, data: bytes | str) -> None:
        check_size(data, self.terms.max_body)


def check_size(data: bytes | str, limit: int) -> None:
    """Refuse what is larger than the account allows.

    Raises:
        TooLarge: it is.
    """
    if len(data) > limit:
        raise TooLarge(f"input: expected at most {limit} bytes, got {len(data)}")


def refuse_method(methods: tuple[str, ...]) -> NoReturn:
    """Refuse a request by its method; the reply names those that the provider uses.

    Raises:
        WrongMethod: always.
    """
    allowed = ", ".join(methods)
    raise WrongMethod(f"method: expected {allowed}", reply=Reply(WrongMethod.status, b"", (("Allow", allowed),)))


def payload(input: Input) -> bytes:
    """The bytes of an input that its limit counts."""
    match input:
        case Mail():
            return input.raw
        case DeliverSm():
            return input.short_message
        case _:
            return input.body


def body_kind(body: bytes, content_type: str | None, bodies: tuple[BodyKind, ...]) -> BodyKind:
    """How a body is written: its first byte says so, else the content type, else it is a form.

    Raises:
        UnsupportedMediaType: in a way that is not among `bodies`.
    """
    media = (content_type or "").split(";")[0].strip().lower()
    start = body[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    if start.startswith((b"{", b"[")):
        kind = BodyKind.JSON
    elif start.startswith(b"--"):
        kind = BodyKind.MULTIPART
    elif "json" in media:
        kind = BodyKind.JSON
    elif media.startswith("multipart/"):
        kind = BodyKind.MULTIPART
    elif media in _SAYS_NOTHING:
        kind = BodyKind.FORM if BodyKind.FORM in bodies else bodies[0]
    elif media == "application/x-www-form-urlencoded":
        kind = BodyKind.FORM
    else:
        raise _unsupported(bodies)
    if kind not in bodies:
        raise _unsupported(bodies)
    return kind


_SAYS_NOTHING: Final = frozenset({"", "text/plain", "application/octet-stream"})


def _unsupported(bodies: tuple[BodyKind, ...]) -> UnsupportedMediaType:
    return UnsupportedMediaType(f"content type: expected a body in {' or '.join(bodies)}")


def _inherit(item: Shape, given: dict[str, Any]) -> Shape:
    lacking = {name: value for name, value in given.items() if value and not getattr(item, name)}
    return msgspec.structs.replace(item, **lacking) if lacking else item


def _absence(errors: Errors, document: dict[str, Any]) -> Absence | None:
    listed = document.get(errors.items)
    if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
        return None
    first: dict[str, Any] = listed[0]
    code = first.get(errors.code)
    words = [as_json(first[name]) for name in errors.text if first.get(name)]
    shown = None if code is None else shorten(as_json(code))
    return Absence(errors.table.kind(shown), shown, shorten(": ".join(words)) or None)

"""How each kind of input is read: `Push`, `Answer`, `MailText`, and what they share.

The rule of this module: first the strict typed decode; only where that fails, or where the form
has no strict decode, the lenient one. Whatever cannot be read is a problem of its own and loses
nothing else. No provider writes any of this: it declares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import msgspec

from delivrd.admission import body_kind, check_input, check_size, refuse_method
from delivrd.batches import NOT_STRICT, strict_reader
from delivrd.blots import blot_values
from delivrd.builder import Build, Compiled, Frame
from delivrd.entries import FROM_JSON, FROM_JSON_OR_OTHER, FROM_RECORD, FROM_SHAPE
from delivrd.errors import InputError, TooLarge, Unreadable, broken
from delivrd.forms import merge, read_form, read_multipart, read_urlencoded, split_target
from delivrd.inputs import Input, Mail, Request, Response
from delivrd.queries import QueryReader
from delivrd.quick import QuickReader
from delivrd.receipt import Absence, AbsenceKind, Problem, Receipt, Reply
from delivrd.records import Record, as_json, decode_json, decode_text, flatten
from delivrd.redaction import without_secrets
from delivrd.report import Report, Warning, shorten
from delivrd.shapes import nested_shapes, wire_fields
from delivrd.ways import Answer, BodyKind, Context, Decode, Errors, MailText, Pdu, Push, Way


class Terms(msgspec.Struct, frozen=True):
    """What a provider and one account add to a way of reading.

    Attributes:
        provider: its name.
        frame: for the builder.
        settings: the account's, checked.
        max_body: bytes of the largest input that is decoded.
        reply: what the sender counts as received.
        blot: hides the account's secrets in a text; None where it has none.
    """

    provider: str
    frame: Frame
    settings: Any
    max_body: int
    reply: Reply | None
    blot: Callable[[str], str] | None = None


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
        if not (reading.fields.message_id or reading.fields.reference):
            raise ValueError(f"{reading.shape.__name__}: say which field holds the message's id (`message_id`)")
        unknown = sorted(feeding - set(self.kinds) - set(fields))
        if unknown:
            raise ValueError(f"{reading.shape.__name__} has no field {', '.join(unknown)}; declare it in the shape")
        self.dropped = frozenset(
            name
            for name in self.kinds
            if name not in feeding and not any(fed.startswith(name + ".") for fed in feeding)
        )
        self.spellings = [
            names for field in reading.fields.__struct_fields__ if len(names := reading.fields.names(field)) > 1
        ]
        self._shape_builder = Compiled(provider, reading, fields, FROM_SHAPE)
        self._record_builder = Compiled(provider, reading, fields, FROM_RECORD)
        self._fast = self._fast_entry(provider, fields)
        quick = way.quick if isinstance(way, Pdu) else ()
        self._quick = [QuickReader(provider, reading, fields, each) for each in quick]

    def open(self, terms: Terms) -> Read:
        """The function that reads this kind of input for one account."""
        read = self._open(terms)
        return read if terms.blot is None else without_secrets(read, terms.blot)

    def _open(self, terms: Terms) -> Read:
        desk = _Desk(self, terms, self._shape_builder.bind(terms.frame), self._record_builder.bind(terms.frame))
        if self.way.decode is not None:
            read = desk.with_decode(self.way.decode)
            own = partial(broken, terms.provider)
            for quick in reversed(self._quick):
                read = quick.bind(terms.frame, limit=terms.max_body, reply=terms.reply, lenient=read, broken=own)
            return read
        match self.way:
            case Push() as push:
                return desk.push(push, self._fast)
            case Answer() as answer:
                return desk.answer(answer)
            case MailText() as mail:
                return desk.mail(mail)
            case _:
                raise TypeError("this kind of input needs a decode function")

    def _fast_entry(self, provider: str, fields: tuple[str, ...]) -> Compiled | QueryReader | None:
        """The one function from request to receipt, for the two forms in which nearly all reports come."""
        way = self.way
        if not isinstance(way, Push) or way.decode is not None or way.items is not None:
            return None
        if way.query and not way.bodies:
            return QueryReader(provider, self.reading, fields)
        if BodyKind.JSON in way.bodies and not way.query and self.reading.report_if is None:
            entry = FROM_JSON if way.bodies == (BodyKind.JSON,) else FROM_JSON_OR_OTHER
            return Compiled(provider, self.reading, fields, entry)
        return None


class _Desk:
    """Where one account's inputs of one kind are read."""

    def __init__(self, compiled: CompiledWay, terms: Terms, build_shape: Build, build_record: Build) -> None:
        self.compiled = compiled
        self.terms = terms
        self.build_shape = build_shape
        self.build_record = build_record
        self.mark = compiled.reading.report_if

    def push(self, push: Push, fast: Compiled | QueryReader | None) -> Read:
        def lenient(request: Request, received_at: datetime | None) -> Receipt:
            return self._lenient_push(push, request, received_at)

        names: dict[str, Any] = {
            "LIMIT": self.terms.max_body,
            "METHODS": push.methods,
            "REPLY": self.terms.reply,
            "check_size": check_size,
            "lenient": lenient,
            "refuse_method": refuse_method,
        }
        if fast is not None and push.bodies:
            decode = msgspec.json.Decoder(self.compiled.reading.shape).decode
            return fast.bind(self.terms.frame, NOT_STRICT=NOT_STRICT, decode=decode, **names)  # type: ignore[no-any-return]
        if fast is not None:
            return fast.bind(self.terms.frame, **names)  # type: ignore[no-any-return]
        strict = self._strict(push) if push.items is not None else None

        def read_push(request: Request, asked: str | None, received_at: datetime | None) -> Receipt:
            check_input(request, self.terms.max_body)
            if request.method not in push.methods:
                refuse_method(push.methods)
            if strict is not None:
                try:
                    reports = strict(request.body, received_at)
                    return self._receipt(reports, [], [])
                except (*NOT_STRICT, InputError):
                    pass
            return lenient(request, received_at)

        return read_push

    def answer(self, answer: Answer) -> Read:
        strict = self._strict(answer)

        def read_answer(response: Response, asked: str | None, received_at: datetime | None) -> Receipt:
            check_input(response, self.terms.max_body)
            if response.status == 200 and strict is not None:
                try:
                    reports = strict(response.body, received_at)
                    return Receipt(reports) if reports else Receipt(absence=Absence(AbsenceKind.NOT_YET))
                except (*NOT_STRICT, InputError):
                    pass
            return self._lenient_answer(answer, response, received_at)

        return read_answer

    def mail(self, mail: MailText) -> Read:
        # Loaded here: mails are rare, and the standard library's mail modules bring sockets with them.
        from delivrd.mails import read_mail

        names = [name for name, kind in self.compiled.kinds.items() if kind != "shape"]
        patterns: Sequence[str] = getattr(self.terms.settings, mail.patterns_setting or "", ())

        def read_text(mail: Mail, asked: str | None, received_at: datetime | None) -> Receipt:
            check_input(mail, self.terms.max_body)
            record = read_mail(mail.raw, names, patterns)
            if not self._is_report(record.values):
                return self._no_report(record)
            record.extras = {}
            return self._one(record, received_at)

        return read_text

    def with_decode(self, decode: Decode) -> Read:
        methods = self.compiled.way.methods if isinstance(self.compiled.way, Push) else ()
        ids = (" or ".join(self.compiled.reading.fields.names("message_id")),)

        def read_decoded(input: Input, asked: str | None, received_at: datetime | None) -> Receipt:
            check_input(input, self.terms.max_body)
            if isinstance(input, Request) and input.method not in methods:
                refuse_method(methods)
            try:
                decoded = decode(input, Context(asked, self.terms.settings))
            except InputError:
                raise
            except Exception as error:
                raise broken(self.terms.provider, "decode", error) from error
            records = [
                self._record(record, decoded.warnings.get(index, ())) for index, record in enumerate(decoded.records)
            ]
            try:
                made = self._many(records, received_at, decoded.problems, decoded.others, decoded.absence)
                follow_up = tuple(decoded.follow_up)
                return msgspec.structs.replace(made, follow_up=follow_up) if follow_up else made
            except Unreadable as error:
                if asked is None and isinstance(input, Response) and error.field in ids:
                    raise Unreadable(f"{error.field}: the answer does not repeat it; say what was asked for") from None
                raise

        return read_decoded

    def _record(self, fields: Mapping[str, str | None], warnings: Sequence[Warning]) -> Record:
        sent = {name: value for name, value in fields.items() if value}
        record = flatten(sent, self.compiled.kinds, self.compiled.dropped)
        record.warnings = [*warnings, *record.warnings]
        return record

    def _strict(self, way: Push | Answer) -> Callable[[bytes, datetime | None], tuple[Report, ...]] | None:
        """The strict decode of a whole body; none where each item has to be looked at for itself."""
        if self.mark is not None:
            return None
        return strict_reader(self.compiled.reading.shape, self.build_shape, way.items, way.inherit)

    def _is_report(self, values: Mapping[str, str]) -> bool:
        return self.mark is None or bool(values.get(self.mark))

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
            record = flatten(document, self.compiled.kinds, self.compiled.dropped, "body: ")
        elif kind is BodyKind.MULTIPART:
            record = read_multipart(request.body, content_type, self.compiled.kinds)
        else:
            record = read_form(request.body, content_type, self.compiled.kinds, keep_unknown=True)
        return self._one_or_other(
            record if query is None else merge(record, query, self.compiled.spellings), received_at
        )

    def _lenient_answer(self, answer: Answer, response: Response, received_at: datetime | None) -> Receipt:
        try:
            document = decode_json(response.body, response.header("content-type"))
        except TooLarge:
            raise
        except InputError:
            if 200 <= response.status < 300:
                raise
            document = None
        if answer.errors is not None and isinstance(document, dict) and not document.get(answer.items or ""):
            absence = _absence(answer.errors, document)
            if absence is not None:
                return self._receipt([], [], [], absence)
        if not 200 <= response.status < 300:
            words = decode_text(response.body)[0].strip()
            return self._receipt([], [], [], Absence(AbsenceKind.UNAVAILABLE, str(response.status), words or None))
        if answer.items is None:
            record = flatten(document, self.compiled.kinds, self.compiled.dropped, "body: ")
            return self._one_or_other(record, received_at)
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
            outer = self._outer({name: value for name, value in document.items() if name != items}, inherit)
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
                    record.extras = outer.extras | record.extras
                if not self._is_report(record.values):
                    others.append(record.whole())
                else:
                    reports.append(self._build(record, received_at))
            except InputError as error:
                problems.append(Problem(index, str(error), error.field, self._shown(as_json(item))))
        return self._receipt(reports, problems, others, when_empty=when_empty)

    def _outer(self, document: dict[str, Any], inherit: tuple[str, ...]) -> Record:
        """The outer object of a batch: what its items inherit, and what no shape declares."""
        inherited = {name: self.compiled.kinds[name] for name in inherit}
        return flatten(document, inherited, self.compiled.dropped)

    def _one_or_other(self, record: Record, received_at: datetime | None) -> Receipt:
        if not self._is_report(record.values):
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
                found.append(Problem(index, str(error), error.field, self._shown(as_json(record.values))))
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
        elif absence.code is not None or absence.text is not None:
            absence = Absence(absence.kind, self._shown(absence.code), self._shown(absence.text))
        if self.terms.blot is not None and others:
            others = [blot_values(other, self.terms.blot) for other in others]
        return Receipt(tuple(reports), self.terms.reply, tuple(problems), absence, tuple(others))

    def _shown(self, text: str | None) -> str | None:
        """What a stranger sent, without the account's secrets, and short."""
        if text is None:
            return None
        return shorten(text if self.terms.blot is None else self.terms.blot(text))


def _absence(errors: Errors, document: dict[str, Any]) -> Absence | None:
    listed = document.get(errors.items)
    if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
        return None
    first: dict[str, Any] = listed[0]
    code = first.get(errors.code)
    words = [as_json(first[name]) for name in errors.text if first.get(name)]
    shown = None if code is None else as_json(code)
    return Absence(errors.table.kind(shown), shown, ": ".join(words) or None)

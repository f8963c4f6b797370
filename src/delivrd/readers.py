"""How each kind of input is read: `Push`, `Answer`, `MailText`, and what they share.

The rule of this module: first the strict typed decode; only where that fails, or where the form
has no strict decode, the lenient one. Whatever cannot be read is a problem of its own and loses
nothing else. No provider writes any of this: it declares.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, TypeVar

import msgspec

from delivrd.admission import as_declared, body_kind, check_input, check_size, refuse_method
from delivrd.batches import NOT_STRICT, DecodeItems, check_batch, item_decoder
from delivrd.blots import blot_values
from delivrd.builder import Build, Compiled, Frame, Read, later
from delivrd.classify import Classifier
from delivrd.entries import FROM_JSON, FROM_JSON_OR_OTHER, FROM_RECORD, FROM_SHAPE
from delivrd.errors import InputError, TooLarge, Unreadable, broken
from delivrd.forms import merge, read_form, read_multipart, read_urlencoded, split_target
from delivrd.inputs import Input, Mail, Request, Response
from delivrd.queries import QueryReader
from delivrd.quick import QuickReader
from delivrd.receipt import Absence, AbsenceKind, Problem, Receipt, Reply
from delivrd.records import Record, as_json, decode_json, decode_text, encodable, flatten
from delivrd.redaction import without_secrets
from delivrd.report import Report, Warning, WarningKind, shorten
from delivrd.shapes import Kind, kinds_of, wire_fields
from delivrd.times import read_zone
from delivrd.ways import Answer, BodyKind, Context, Decode, Errors, MailText, Pdu, Push, Way


class Terms(msgspec.Struct, frozen=True):
    """What one account adds to a provider's ways of reading.

    The account itself is not among it: an account keeps what is made of it, and must not be kept by that.

    Attributes:
        account: its name, or None.
        classifier: the tables with the account's meanings.
        zone: the account's own, of times that name none.
        settings: the account's, checked.
        max_body: bytes of the largest input that is decoded.
        blot: hides the account's secrets in a text; None where it has none.
    """

    account: str | None
    classifier: Classifier
    zone: tzinfo | None
    settings: Any
    max_body: int
    blot: Callable[[str], str] | None = None


def check_way(provider: str, way: Way) -> None:
    """Refuse a declaration of a way of reading that no reader can follow.

    Raises:
        TypeError, ValueError: two fields of its shape have one path, or it is no declaration of a shape or a batch.
    """
    wire_fields(way.reading.shape)
    if isinstance(way, Push | Answer):
        check_batch(provider, way.reading.shape, way.items, way.inherit)


class CompiledWay:
    """One way of reading, compiled once from its declaration; `open` readies it for an account.

    Args:
        provider: its name.
        way: as declared.
        code_fields: the provider's, in order of authority.
        reply: what the sender counts as received.
        accepted: the HTTP methods that are read.
        either_place: read the fields of a request without a body from its query.
    """

    def __init__(
        self,
        provider: str,
        way: Way,
        code_fields: Iterable[str],
        reply: Reply | None,
        accepted: tuple[str, ...],
        either_place: bool,
    ) -> None:
        reading, fields = way.reading, tuple(code_fields)
        self.provider = provider
        self.way = way
        self.reading = reading
        self.reply = reply
        self.accepted = accepted
        self.either_place = either_place
        self._zone = read_zone(reading.zone) if reading.zone else None
        self.kinds = {name: kind for name, (_, kind) in wire_fields(reading.shape).items()}
        self.tree = kinds_of(reading.shape)
        self.leaves: dict[str, Kind] = {name: kind for name, kind in self.kinds.items() if kind != "shape"}
        feeding = {name for name, _ in reading.fields.feeds()} | set(fields)
        if reading.report_if is not None:
            feeding.add(reading.report_if)
        if not (reading.fields.message_id or reading.fields.reference):
            raise ValueError(f"{reading.shape.__name__}: say which field holds the message's id (`message_id`)")
        if reading.other_if in self.kinds:
            raise ValueError(f"{reading.shape.__name__}: `other_if` names a field that no report has; leave it out")
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
        self.shape_builder = Compiled(provider, reading, fields, FROM_SHAPE)
        self.record_builder = Compiled(provider, reading, fields, FROM_RECORD)
        self.fast = self._fast_entry(provider, fields)
        self.decode_items = self._item_decoder()
        quick = way.quick if isinstance(way, Pdu) else ()
        self._quick = [QuickReader(provider, reading, fields, each, reply) for each in quick]

    def open(self, terms: Terms) -> Read:
        """The function that reads this kind of input for one account: cheap, since all that costs is done before."""
        read = self._open(terms)
        return read if terms.blot is None else without_secrets(read, terms.blot)

    def _open(self, terms: Terms) -> Read:
        desk = _Desk(self, terms)
        if self.way.decode is not None:
            if not self._quick:
                return desk.with_decode(self.way.decode)
            read = later(partial(desk.with_decode, self.way.decode))
            first, *others = self._quick
            for quick in reversed(others):
                read = later(partial(quick.bind, desk.frame, terms.max_body, read))
            return first.bind(desk.frame, terms.max_body, read)  # type: ignore[no-any-return]
        match self.way:
            case Push() as push:
                return desk.push(push)
            case Answer() as answer:
                return desk.answer(answer)
            case MailText() as mail:
                return desk.mail(mail)
            case _:
                raise TypeError("this kind of input needs a decode function")

    def frame(self, terms: Terms) -> Frame:
        """What an account adds to the reading: its own zone, or else the documented one; and whether it falls back."""
        fallback = self.reading.fallback
        falls_back = fallback is not None and bool(getattr(terms.settings, fallback.setting, True))
        return Frame(terms.account, terms.classifier, self._zone if terms.zone is None else terms.zone, falls_back)

    def _fast_entry(self, provider: str, fields: tuple[str, ...]) -> Compiled | QueryReader | None:
        """The one function from request to receipt, for the two forms in which nearly all reports come."""
        way = self.way
        if not isinstance(way, Push) or way.decode is not None or way.items is not None:
            return None
        names: dict[str, Any] = {
            "METHODS": way.methods,
            "REPLY": self.reply,
            "check_size": check_size,
        }
        if way.query and not way.bodies:
            return QueryReader(provider, self.reading, fields, **names)
        if BodyKind.JSON in way.bodies and not way.query and self.reading.report_if is None:
            entry = FROM_JSON if way.bodies == (BodyKind.JSON,) else FROM_JSON_OR_OTHER
            decode = msgspec.json.Decoder(self.reading.shape).decode
            return Compiled(provider, self.reading, fields, entry, NOT_STRICT=NOT_STRICT, decode=decode, **names)
        return None

    def _item_decoder(self) -> DecodeItems | None:
        """The strict decode of a whole body; none where each item has to be looked at for itself, or none is JSON."""
        way = self.way
        if not isinstance(way, Push | Answer) or way.decode is not None or self.reading.report_if is not None:
            return None
        if isinstance(way, Push) and way.items is None:
            return None
        return item_decoder(self.reading.shape, way.items, way.inherit)


class _Desk:
    """Where one account's inputs of one kind are read."""

    def __init__(self, compiled: CompiledWay, terms: Terms) -> None:
        self.compiled = compiled
        self.terms = terms
        self.frame = compiled.frame(terms)
        self.mark = compiled.reading.report_if
        self._build_record: Build | None = None

    def push(self, push: Push) -> Read:
        def lenient(request: Request, received_at: datetime | None) -> Receipt:
            return self._lenient_push(push, request, received_at)

        fast = self.compiled.fast
        if fast is not None:
            return fast.bind(self.frame, self.terms.max_body, lenient)  # type: ignore[no-any-return]
        strict = self._strict()

        def read_push(request: Request, asked: str | None, received_at: datetime | None) -> Receipt:
            check_input(request, self.terms.max_body)
            if request.method not in push.methods:
                return lenient(request, received_at)
            if strict is not None:
                try:
                    reports = strict(request.body, received_at)
                    return self._receipt(reports, [], [])
                except (*NOT_STRICT, InputError):
                    pass
            return lenient(request, received_at)

        return read_push

    def answer(self, answer: Answer) -> Read:
        strict = self._strict()

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
            if not self._is_report(record):
                return self._no_report(record)
            record.extras = {}
            return self._one(record, received_at)

        return read_text

    def with_decode(self, decode: Decode) -> Read:
        push = self.compiled.way if isinstance(self.compiled.way, Push) else None
        ids = (" or ".join(self.compiled.reading.fields.names("message_id")),)

        def read_decoded(input: Input, asked: str | None, received_at: datetime | None) -> Receipt:
            check_input(input, self.terms.max_body)
            if push is not None and isinstance(input, Request) and input.method not in push.methods:
                return self._other_method(push, input, lambda changed: read_decoded(changed, asked, received_at))
            try:
                decoded = decode(input, Context(asked, self.terms.settings))
            except InputError:
                raise
            except Exception as error:
                raise broken(self.compiled.provider, "decode", error) from error
            records = [
                self._record(record, decoded.warnings.get(index, ())) for index, record in enumerate(decoded.records)
            ]
            try:
                problems = [_encodable(problem) for problem in decoded.problems]
                made = self._many(records, received_at, problems, decoded.others, decoded.absence)
                follow_up = tuple(_encodable(each) for each in decoded.follow_up)
                return msgspec.structs.replace(made, follow_up=follow_up) if follow_up else made
            except Unreadable as error:
                if asked is None and isinstance(input, Response) and error.field in ids:
                    raise Unreadable(f"{error.field}: the answer does not repeat it; say what was asked for") from None
                raise

        return read_decoded

    def _record(self, fields: Mapping[str, str | None], warnings: Sequence[Warning]) -> Record:
        sent = {name: value for name, value in fields.items() if value}
        record = flatten(sent, self.compiled.leaves)
        record.warnings = [*map(_encodable, warnings), *record.warnings]
        return record

    def _strict(self) -> Callable[[bytes, datetime | None], tuple[Report, ...]] | None:
        """From a body, one whose items are all sound, to their reports; None where bodies are not read so."""
        decode = self.compiled.decode_items
        if decode is None:
            return None
        build = self.compiled.shape_builder.bind(self.frame)
        return lambda body, at: tuple([build(item, at, None, None) for item in decode(body)])

    def _is_report(self, record: Record) -> bool:
        reading = self.compiled.reading
        if reading.other_if in record.extras:
            return any(record.values.get(name) for name in reading.fields.names("message_id"))
        return self.mark is None or bool(record.values.get(self.mark))

    def _other_method(self, push: Push, request: Request, read: Callable[[Request], Receipt]) -> Receipt:
        """What is read of a request by a method that the provider does not use; each report says so."""
        if request.method not in self.compiled.accepted:
            refuse_method(self.compiled.accepted)
        check_input(request, self.terms.max_body)
        result = read(as_declared(request, push, self.compiled.kinds))
        told = Warning(WarningKind.OTHER_FORM, "method", request.method)
        reports = [msgspec.structs.replace(each, warnings=(*each.warnings, told)) for each in result.reports]
        return msgspec.structs.replace(result, reports=tuple(reports))

    def _lenient_push(self, push: Push, request: Request, received_at: datetime | None) -> Receipt:
        if request.method not in push.methods:
            return self._other_method(push, request, lambda changed: self._lenient_push(push, changed, received_at))
        query: Record | None = None
        misplaced = not push.query and self.compiled.either_place and not request.body.strip()
        if push.query or misplaced:
            query = read_urlencoded(split_target(request.target)[1], self.compiled.kinds, keep_unknown=False)
        if query is not None and misplaced:
            query.warn(WarningKind.OTHER_FORM, "target", "query")
        if not push.bodies or (query is not None and not request.body.strip()):
            return self._one_or_other(query or Record({}), received_at)
        content_type = request.header("content-type")
        kind, contradicts = body_kind(request.body, content_type, push.bodies)
        if kind is BodyKind.JSON:
            document = decode_json(request.body, content_type)
            if push.items is not None:
                return self._batch(document, push.items, push.inherit, received_at)
            record = flatten(document, self.compiled.tree, "body: ")
        elif kind is BodyKind.MULTIPART:
            record = read_multipart(request.body, content_type, self.compiled.kinds)
        else:
            record = read_form(request.body, content_type, self.compiled.kinds, keep_unknown=True)
            if contradicts:
                record.warn(WarningKind.OTHER_FORM, "content-type", encodable(content_type or ""))
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
            record = flatten(document, self.compiled.tree, "body: ")
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
            outer = self._outer(document, (items, *self.compiled.dropped.difference(inherit)), inherit)
        elif isinstance(document, dict):
            listed = [document]
        if not isinstance(listed, list):
            raise Unreadable("body: expected a list of reports")
        reports, problems, others = [], [], []
        for index, item in enumerate(listed):
            try:
                record = flatten(item, self.compiled.tree)
                if outer is not None:
                    record.values = outer.values | {name: value for name, value in record.values.items() if value}
                    record.extras = outer.extras | record.extras
                if not self._is_report(record):
                    others.append(record.whole())
                else:
                    reports.append(self._build(record, received_at))
            except InputError as error:
                problems.append(Problem(index, str(error), error.field, self._shown(as_json(item))))
        return self._receipt(reports, problems, others, when_empty=when_empty)

    def _outer(self, document: dict[str, Any], left_out: Collection[str], inherit: tuple[str, ...]) -> Record:
        """The outer object of a batch: what its items inherit, and what no shape declares."""
        inherited = {name: self.compiled.tree[name] for name in inherit}
        return flatten({name: value for name, value in document.items() if name not in left_out}, inherited)

    def _one_or_other(self, record: Record, received_at: datetime | None) -> Receipt:
        if not self._is_report(record):
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
        if self._build_record is None:
            self._build_record = self.compiled.record_builder.bind(self.frame)
        return self._build_record(record.values, received_at, record.warnings, record.extras)

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
        others = [{encodable(name): encodable(text) for name, text in other.items()} for other in others]
        if self.terms.blot is not None:
            others = [blot_values(other, self.terms.blot) for other in others]
        return Receipt(tuple(reports), self.compiled.reply, tuple(problems), absence, tuple(others))

    def _shown(self, text: str | None) -> str | None:
        """What a stranger sent, without the account's secrets, and short."""
        if text is None:
            return None
        text = encodable(text)
        return shorten(text if self.terms.blot is None else self.terms.blot(text))


_Said = TypeVar("_Said", bound=msgspec.Struct)


def _encodable(said: _Said) -> _Said:
    """What a decode function gave, with texts that every encoding can write."""
    texts = ((name, getattr(said, name)) for name in said.__struct_fields__)
    return msgspec.structs.replace(said, **{name: encodable(text) for name, text in texts if type(text) is str})


def _absence(errors: Errors, document: dict[str, Any]) -> Absence | None:
    listed = document.get(errors.items)
    if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
        return None
    first: dict[str, Any] = listed[0]
    code = first.get(errors.code)
    words = [as_json(first[name]) for name in errors.text if first.get(name)]
    shown = None if code is None else as_json(code)
    return Absence(errors.table.kind(shown), shown, ": ".join(words) or None)

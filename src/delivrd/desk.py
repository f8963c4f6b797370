"""Where one account's inputs of one kind are read: strictly, and where that fails, field by field.

The rule of this module: whatever cannot be read is a problem of its own and loses nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import msgspec

from delivrd.admission import body_kind, check_input, refuse_method
from delivrd.batches import NOT_STRICT
from delivrd.blots import blot_values
from delivrd.builder import Build, Read
from delivrd.classify import Classifier
from delivrd.errors import InputError, TooLarge, Unreadable, broken
from delivrd.forms import merge, read_form, read_multipart, read_urlencoded, split_target
from delivrd.inputs import Input, Mail, Request, Response
from delivrd.receipt import Absence, AbsenceKind, Problem, Receipt
from delivrd.records import Record, as_json, decode_json, decode_text, flatten
from delivrd.report import Report, Warning, shorten
from delivrd.ways import Answer, BodyKind, Context, Decode, Errors, MailText, Push

if TYPE_CHECKING:
    from delivrd.readers import CompiledWay


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


class Desk:
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
                raise broken(self.compiled.provider, "decode", error) from error
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
        record = flatten(sent, self.compiled.leaves)
        record.warnings = [*warnings, *record.warnings]
        return record

    def _strict(self) -> Callable[[bytes, datetime | None], tuple[Report, ...]] | None:
        """From a body, one whose items are all sound, to their reports; None where bodies are not read so."""
        decode = self.compiled.decode_items
        if decode is None:
            return None
        build = self.compiled.shape_builder.bind(self.frame)
        return lambda body, at: tuple([build(item, at, None, None) for item in decode(body)])

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
            record = flatten(document, self.compiled.tree, "body: ")
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
                if not self._is_report(record.values):
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
        extras = record.extras
        if self.terms.blot is not None and extras:
            # A provider can echo the URL that it called, secret included.
            extras = {name: blot_values(value, self.terms.blot) for name, value in extras.items()}
        if self._build_record is None:
            self._build_record = self.compiled.record_builder.bind(self.frame)
        return self._build_record(record.values, received_at, record.warnings, extras)

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
        return Receipt(tuple(reports), self.compiled.reply, tuple(problems), absence, tuple(others))

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

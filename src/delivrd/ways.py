"""How each kind of input is written, as a provider declares it: `Push`, `Answer`, `MailText`, `Pdu`.

The rule of this module: nothing is done here. A way names the reading and the form; what is done
with it is the same for every provider (`delivrd.readers`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from delivrd.inputs import DeliverSm, Input, Mail, Request, Response
from delivrd.receipt import Absence, FollowUp, Problem, Reply
from delivrd.report import Warning
from delivrd.shapes import Reading
from delivrd.tables import AbsenceTable


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
            empty texts are absent, and what the shape does not declare goes to `extras`.
        others: what is no report, whole.
        problems: items that could not be read.
        absence: why there is no report.
        warnings: what the readers of records should know, by the record's place in `records`.
        follow_up: what to tell the provider once all this has been handed over.
    """

    records: Sequence[Mapping[str, str | None]] = ()
    others: Sequence[dict[str, str]] = ()
    problems: Sequence[Problem] = ()
    absence: Absence | None = None
    warnings: Mapping[int, Sequence[Warning]] = {}
    follow_up: Sequence[FollowUp] = ()


class Context(msgspec.Struct, frozen=True):
    """What a decode function may know besides the input.

    Attributes:
        asked: the id that the question was about, if the input answers one.
        settings: the account's, checked against the provider's settings.
    """

    asked: str | None
    settings: Any

    def __repr__(self) -> str:
        return f"Context(asked={self.asked!r})"


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


_SEND_AGAIN: Final = Reply(503)
"""No documented provider takes it for a success, and none stops at it that goes on after another failure."""


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
        again: the reply that makes the provider send a request again, where it was ours to take and we failed.
    """

    reading: Reading
    methods: tuple[str, ...] = ("POST",)
    query: bool = False
    bodies: tuple[BodyKind, ...] = ()
    items: str | None = None
    inherit: tuple[str, ...] = ()
    decode: Decode | None = None
    again: Reply = _SEND_AGAIN

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


class Together(msgspec.Struct, frozen=True):
    """Codes that stand side by side in a text and are looked up by the text of them all.

    Attributes:
        form: the form of that text; its groups are the fields, each in every match, and none of them empty. Where the
            text is of no such form, the PDU is not of the commonest.
        fields: their wire names, in order; they feed no field of the report.

    Raises:
        ValueError: the form has another number of groups, or fewer than two.
    """

    form: re.Pattern[str]
    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.form.groups != len(self.fields) or len(self.fields) < 2:
            raise ValueError(f"fields: expected two or more, one for each of the form's {self.form.groups} groups")


class Quick(msgspec.Struct, frozen=True, kw_only=True):
    """A common form of a receipt, declared so that it is read without `Pdu.decode`, which would say the same.

    Attributes:
        esm_class: the bits that are looked at, and what they are.
        text: the text's form, whole.
        groups: the wire names of the pattern's groups, in order. A group can hold several fields (`Together`).
        blank: those of them that can be empty or take no part in a match, and are absent then; all others are in every
            match, and say something.
        addresses: the wire names of `source` and `destination`.
        given: what every receipt of this form says, by wire name.
        parameters: the wire names of what `read_parameters` gives.
        read_parameters: from the optional parameters, where there are any, and the match of the text to
            values (texts or None); or None for `decode` to read the PDU.
    """

    esm_class: tuple[int, int]
    text: re.Pattern[str]
    groups: tuple[str | Together, ...]
    blank: tuple[str, ...] = ()
    addresses: tuple[str, str]
    given: Mapping[str, str] = {}
    parameters: tuple[str, ...]
    read_parameters: Callable[[Mapping[int, bytes], re.Match[str]], tuple[str | None, ...] | None]

    def __post_init__(self) -> None:
        if self.text.groups != len(self.groups):
            raise ValueError(f"groups: expected a name for each of the pattern's {self.text.groups} groups")
        held = [name for group in self.groups for name in ([group] if isinstance(group, str) else group.fields)]
        names = [*held, *self.addresses, *self.given, *self.parameters]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"groups: expected each field once, found {', '.join(twice)} again")


class Pdu(msgspec.Struct, frozen=True, kw_only=True):
    """An SMPP receipt, read by the provider's own function.

    Attributes:
        reading: what it carries.
        decode: reads every receipt.
        quick: the commonest forms, each tried in turn before `decode` is asked.
    """

    reading: Reading
    decode: Decode
    quick: tuple[Quick, ...] = ()

    takes: ClassVar[type[Input]] = DeliverSm


Way: TypeAlias = Push | Answer | MailText | Pdu

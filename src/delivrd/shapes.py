"""The one declaration from a provider's shape to the canonical report.

The rule of this module: a provider says once which field of its shape feeds which field of the
report. The strict reader, the lenient reader, `explain` and the documentation's field table are
all made from that declaration. Fields are named as they stand on the wire; a field inside another
is named `outer.inner`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias, get_args, get_origin

import msgspec

from delivrd.times import TimeForm

Code: TypeAlias = str | int | None
"""The type of an id or a code in a shape. Never an enumeration: an unlisted code is no error."""

Text: TypeAlias = str | None
"""The type of words, numbers of phones, times and prices in a shape; the core reads them."""

LARGEST_COUNT: Final = 999_999_999

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)] | None
"""The type of a whole number, such as the count of parts, in a shape."""

Flag: TypeAlias = bool | None
"""The type of a field that is true or false in a shape, such as one that says whether a status is final."""

Kind: TypeAlias = "str | dict[str, Kind]"
"""What a field is: `code`, `text`, `count` or `flag`; or the kinds of the fields inside it, by their own names."""

Names: TypeAlias = str | tuple[str, ...]
"""A field as named on the wire; or several, of which the first that was sent counts."""


class Shape(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The base of every shape: what a provider sends, field by field, each absent by default.

    Fields are `Code`, `Text`, `Count`, `Flag`, or another shape or None. Where names on the wire are no
    identifiers, say so with msgspec's `rename`. A field that is declared and feeds nothing is
    dropped on purpose; one that a body holds and no shape declares is kept in `Report.extras`.
    """


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Which fields of a shape feed which fields of the report; names are the report's.

    Attributes:
        other_ids: each of these fields adds an id.
        extras: each of these fields is kept under its own name.
    """

    message_id: Names = ()
    other_ids: tuple[str, ...] = ()
    group_id: Names = ()
    reference: Names = ()
    recipient: Names = ()
    sender: Names = ()
    channel: Names = ()
    text: Names = ()
    occurred_at: Names = ()
    submitted_at: Names = ()
    mcc: Names = ()
    mnc: Names = ()
    carrier: Names = ()
    country: Names = ()
    parts: Names = ()
    part_price: Names = ()
    total_price: Names = ()
    currency: Names = ()
    extras: tuple[str, ...] = ()

    def names(self, field: str) -> tuple[str, ...]:
        """The wire names that feed one field of the report, in order."""
        names: Names = getattr(self, field)
        return (names,) if isinstance(names, str) else names

    def feeds(self) -> Iterator[tuple[str, str]]:
        """Each wire name with the field of the report that it feeds."""
        for field in self.__struct_fields__:
            for name in self.names(field):
                yield name, field


class Fallback(msgspec.Struct, frozen=True):
    """How a provider tries one channel after another for one group of messages.

    A failure on another channel than the last may be followed by the next: its `resend` is `wait`.

    Attributes:
        last: the channel after which no other follows, in lower case.
        setting: the name of the account's setting (true by default) that says fallback is used.
    """

    last: str
    setting: str


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How one shape becomes a report.

    Attributes:
        shape: what is sent.
        fields: what feeds what.
        zone: the documented zone of times that name none (`UTC`, `Europe/Tallinn`); None where
            nobody says.
        times: how times are written.
        international: the recipient's number is documented as international without its `+`.
        report_if: only an input with this field is a delivery report; others are kept whole.
        other_if: a body with this field, and without the message's id, is no delivery report (but a message from a
            handset, say), and is kept whole. No shape declares it.
        fallback: how one channel follows another, if they do.
        own_ids: the fields of the message's id are ids of their own and no spellings of one: the first
            that was sent counts, and that they differ is no contradiction.
    """

    shape: type[Shape]
    fields: Fields
    zone: str | None = None
    times: tuple[TimeForm, ...] = (TimeForm.ISO,)
    international: bool = False
    report_if: str | None = None
    other_if: str | None = None
    fallback: Fallback | None = None
    own_ids: bool = False


_LEAVES: Final[Mapping[frozenset[object], str]] = {
    frozenset((str, int, types.NoneType)): "code",
    frozenset((str, types.NoneType)): "text",
    frozenset((int, types.NoneType)): "count",
    frozenset((bool, types.NoneType)): "flag",
}


def wire_fields(shape: type[Shape]) -> dict[str, tuple[tuple[str, ...], str]]:
    """Each field of a shape by its name on the wire: its attributes, outermost first, and its kind.

    The kinds are `code`, `text`, `count`, `flag` and `shape`.

    Raises:
        TypeError: a field has another type, or is required.
        ValueError: two fields have the same path.
    """
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    for name, attributes, kind in _walk(shape, (), ""):
        if name in found:
            first, second = (".".join(each) for each in (found[name][0], attributes))
            raise ValueError(
                f"{shape.__name__}: the fields {first} and {second} both have the path {name!r}; "
                "declare one of them: what no shape declares is kept in `Report.extras`"
            )
        found[name] = (attributes, kind)
    return found


def kinds_of(shape: type[Shape]) -> dict[str, Kind]:
    """The kind of each field of a shape by its own name; or the kinds inside it."""
    return {name: kind if inner is None else kinds_of(inner) for name, _, kind, inner in _own_fields(shape)}


def _walk(shape: type[Shape], attributes: tuple[str, ...], prefix: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for name, attribute, kind, inner in _own_fields(shape):
        path, where = prefix + name, (*attributes, attribute)
        yield path, where, kind
        if inner is not None:
            yield from _walk(inner, where, path + ".")


def _own_fields(shape: type[Shape]) -> Iterator[tuple[str, str, str, type[Shape] | None]]:
    """Each field of a shape itself: its name on the wire, its attribute, its kind, and the shape that it holds."""
    hints = typing.get_type_hints(shape)
    for field in msgspec.structs.fields(shape):
        if field.default is not None:
            raise TypeError(f"{shape.__name__}.{field.name}: a shape's fields are absent by default; write `= None`")
        parts = _union(hints[field.name])
        kind = _LEAVES.get(parts)
        inner = next((part for part in parts if isinstance(part, type) and issubclass(part, Shape)), None)
        if kind is not None:
            yield field.encode_name, field.name, kind, None
        elif inner is not None and len(parts) == 2 and types.NoneType in parts:
            yield field.encode_name, field.name, "shape", inner
        else:
            raise TypeError(f"{shape.__name__}.{field.name}: expected Code, Text, Count, Flag, or a Shape or None")


def _union(hint: Any) -> frozenset[object]:
    if get_origin(hint) in (types.UnionType, typing.Union):
        return frozenset(get_args(hint))
    return frozenset((hint,))

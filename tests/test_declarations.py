"""Declarations of any shape: the strict reader, the lenient reader and a walk of the JSON say the same."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import event as event_
from hypothesis import strategies as st

from delivrd import (
    Account,
    BodyKind,
    Code,
    CodeTable,
    Count,
    Fields,
    Flag,
    Provider,
    Push,
    Reading,
    Request,
    Row,
    Shape,
    Source,
    Status,
    Text,
)
from delivrd.shapes import kinds_of, wire_fields

PAGE = Source("a page")
ROW = Row("1", Status.SENT, meaning="sent")
ODD = ["a", "b", "c", "a.b", "a_b", "b.c", "a.b.c", "a+b", "class", "None", "é", "ﬁ", "a b", "a-b", "%61", "a=b", "a&b"]
ODD += ["'", "{a}", "REPORT", "MARK", "own", "item", "inner0", "code0", "status", "items", "[0]", "$", "?a"]
# msgspec refuses control characters, backslashes and double quotes.
LETTERS = st.characters(exclude_categories=["Cs"], min_codepoint=32, exclude_characters='\\"')
NAMES = st.sampled_from(ODD) | st.text(LETTERS, min_size=1, max_size=4)
ATTRIBUTES = ["a", "b", "a_b", "class", "fi", "é", "item", "own", "status", "in_a", "x_", "lambda_", "items"]
KINDS = {"code": Code, "text": Text, "count": Count, "flag": Flag}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5) | st.sampled_from(["1", "0", " ", ""])
VALUES = {
    "code": TEXTS | st.integers(-5, 10**20),
    "text": TEXTS,
    "count": st.integers(0, 999),
    "flag": st.booleans(),
}
SINGLE = ("group_id", "channel", "text", "currency", "recipient", "sender", "mcc", "carrier", "parts")


@st.composite
def shapes(draw: st.DrawFn, depth: int = 2) -> type[Shape]:
    """A shape whose fields have any names, and can hold shapes."""
    attributes = draw(st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=5, unique=True))
    names = draw(st.lists(NAMES, min_size=len(attributes), max_size=len(attributes), unique=True))
    fields = []
    for attribute in attributes:
        kind: Any = KINDS[draw(st.sampled_from([*KINDS, "code", "text"]))]
        if depth and draw(st.booleans()):
            kind = draw(shapes(depth - 1)) | None
        fields.append((attribute, kind, None))
    return msgspec.defstruct("Any", fields, bases=(Shape,), rename=dict(zip(attributes, names, strict=True)))


def leaves(shape: type[Shape]) -> dict[str, str]:
    return {path: kind for path, (_, kind) in wire_fields(shape).items() if kind != "shape"}


@st.composite
def declarations(draw: st.DrawFn) -> tuple[Provider, type[Shape], Fields]:
    """A provider of one shape, whose fields feed any fields of the report."""
    shape = draw(shapes())
    try:
        known = leaves(shape)
    except ValueError:
        assume(False)
    assume(len(known) >= 3)
    paths = st.sampled_from([*known])
    first, second = draw(paths), draw(paths)
    fed: dict[str, Any] = {"message_id": (first, second) if first != second else first}
    for field in draw(st.lists(st.sampled_from(SINGLE), max_size=5, unique=True)):
        fed[field] = draw(paths)
    fed["extras"] = tuple(draw(st.lists(paths, max_size=2, unique=True)))
    fed["other_ids"] = tuple(draw(st.lists(paths, max_size=2, unique=True)))
    codes = draw(st.lists(paths, min_size=1, max_size=3, unique=True))
    own = [name for name, kind in kinds_of(shape).items() if isinstance(kind, str) and name != "items"]
    items = draw(st.sampled_from([None, "", "items"]))
    inherit = tuple(draw(st.lists(st.sampled_from(own), max_size=2, unique=True))) if items and own else ()
    fields = Fields(**fed)
    reading = Reading(shape=shape, fields=fields, own_ids=draw(st.booleans()))
    provider = Provider(
        name="any",
        vendor="A",
        title="A",
        docs=PAGE,
        tables=tuple(CodeTable(path, (ROW,), PAGE) for path in codes),
        ways=(Push(reading=reading, bodies=(BodyKind.JSON,), items=items, inherit=inherit),),
    )
    return provider, shape, fields


@st.composite
def events(
    draw: st.DrawFn, kinds: dict[str, Any], sure: frozenset[str] = frozenset(), prefix: str = ""
) -> dict[str, Any]:
    """An event of a shape. Most fields say something; those that are sure all do."""
    event = {}
    for name, kind in kinds.items():
        path = prefix + name
        if isinstance(kind, dict):
            if any(each.startswith(path + ".") for each in sure) or draw(st.integers(0, 7)):
                event[name] = draw(events(kind, sure, path + "."))
        elif path in sure:
            event[name] = draw(VALUES[kind].filter(lambda value: str(value).strip()))
        elif draw(st.integers(0, 7)):
            event[name] = draw(VALUES[kind] | st.none())
    return event


def walk(event: dict[str, Any], kinds: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Each declared leaf that says something, as text: the trivial reading of an event."""
    found = {}
    for name, value in event.items():
        if isinstance(kinds[name], dict):
            found |= walk(value or {}, kinds[name], f"{prefix}{name}.")
        elif value not in (None, ""):
            found[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return found


def read(provider: Provider, body: Any) -> Any:
    from delivrd import InputError

    try:
        receipt = provider.read(Request("POST", "/", (), json.dumps(body).encode()), Account("main"))
    except InputError as error:
        return str(error)
    return receipt


@given(declarations(), st.data())
def test_each_field_of_any_declaration_is_read_from_its_own_place(
    declared: tuple[Provider, type[Shape], Fields], data: st.DataObject
) -> None:
    provider, shape, fields = declared
    (way,) = provider.ways.values()
    assert isinstance(way, Push)
    sure = frozenset((fields.names("message_id")[0], provider.code_fields[0])) if data.draw(st.integers(0, 7)) else ()
    event = data.draw(events(kinds_of(shape), frozenset(sure)))
    outer = data.draw(events({name: kind for name, kind in kinds_of(shape).items() if name in way.inherit}))
    body: Any = event if way.items is None else [event] if not way.items else {way.items: [event], **outer}
    expected = walk(outer, kinds_of(shape)) | walk(event, kinds_of(shape))
    strict = read(provider, body)
    # What no shape declares takes the event to the lenient reader; wherever it is, it is kept.
    lenient = read(provider, _with_stranger(body, event))
    event_("not read" if isinstance(strict, str) or strict.problems else "read")
    if isinstance(strict, str) or strict.problems:
        assert isinstance(lenient, str) or [each.reason for each in lenient.problems] == [
            each.reason for each in strict.problems
        ]
        return
    (report,), (again,) = strict.reports, lenient.reports
    assert again.extras.pop("a stranger") == "x"
    assert msgspec.structs.replace(again, extras=report.extras) == report
    assert again.extras == report.extras
    assert report.codes == {
        field: expected[field] for field in provider.code_fields if expected.get(field, " ").strip()
    }
    ids = [expected[name] for name in fields.names("message_id") if expected.get(name, " ").strip()]
    assert report.message_id == ids[0]
    assert report.extras == {name: expected[name] for name in fields.extras if name in expected}
    for field in SINGLE:
        names = fields.names(field)
        if not names or field == "parts":
            continue
        value = expected.get(names[0])
        if field in ("recipient", "sender"):
            value = (value or "").strip() or None
        held = getattr(report.network, field, None) if field in ("mcc", "carrier") else getattr(report, field)
        assert held == value


def _with_stranger(body: Any, event: dict[str, Any]) -> Any:
    told = event | {"a stranger": "x"}
    if isinstance(body, list):
        return [told]
    return told if body is event else body | {"items": [told]}


class Inner(Shape):
    b: Code = None


class Flat(Shape, rename={"flat": "a.b"}):
    a: Inner | None = None
    flat: Code = None
    id: Code = None


class Both(Shape):
    a: Inner | None = None
    a_b: Inner | None = None
    id: Code = None


def provider(shape: type[Shape], **more: Any) -> Provider:
    fields = Fields(message_id="id", **more.pop("fields", {}))
    push = Push(reading=Reading(shape=shape, fields=fields), bodies=(BodyKind.JSON,), **more)
    return Provider(
        name="any", vendor="A", title="A", docs=PAGE, tables=(CodeTable("a.b", (ROW,), PAGE),), ways=(push,)
    )


def test_two_fields_of_one_path_are_refused_when_the_provider_is_made() -> None:
    with pytest.raises(ValueError, match=r"the fields a\.b and flat both have the path 'a\.b'; declare one of them"):
        provider(Flat)


def test_a_name_with_a_point_is_no_path() -> None:
    (report,) = provider(Both).read(Request("POST", "/", (), b'{"id": 1, "a": {"b": "1"}, "a.b": "2"}')).reports
    assert report.codes == {"a.b": "1"}
    assert report.extras == {"a.b": "2"}


class Deep(Shape):
    b: Code = None


class Nested(Shape):
    b: Deep | None = None


class Whole(Shape):
    a: Nested | None = None
    a_b: Deep | None = None
    id: Code = None


def test_names_that_are_joined_alike_keep_their_values() -> None:
    push = Push(
        reading=Reading(shape=Whole, fields=Fields(message_id="id", text="a_b.b", channel="a.b.b")),
        bodies=(BodyKind.JSON,),
    )
    made = Provider(
        name="any", vendor="A", title="A", docs=PAGE, tables=(CodeTable("a.b.b", (ROW,), PAGE),), ways=(push,)
    )
    (report,) = made.read(Request("POST", "/", (), b'{"id": 1, "a": {"b": {"b": "1"}}, "a_b": {"b": "2"}}')).reports
    assert (report.codes, report.text, report.channel) == ({"a.b.b": "1"}, "2", "1")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"items": "items", "inherit": ("a.b",)}, r"inherit: expected fields of Both itself \(id\), got a\.b"),
        ({"items": "items", "inherit": ("a",)}, "got a$"),
        ({"items": "id", "inherit": ("id",)}, "got id$"),
        ({"inherit": ("id",)}, "inherit: expected `items`"),
    ],
)
def test_what_a_batch_cannot_inherit_is_refused_when_the_provider_is_made(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        provider(Both, **more)

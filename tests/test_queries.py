"""Queries: read the same whatever their order, what stands around them, and which reader takes them."""

from __future__ import annotations

from typing import Any

import pytest
from backtracking import repeats
from hypothesis import given
from hypothesis import strategies as st

from delivrd import InputError, Request
from delivrd.forms import MOST_FIELDS
from delivrd.queries import in_order
from delivrd.shapes import wire_fields
from delivrd_messente.legacy import LEGACY

NAMES = tuple(wire_fields(LEGACY.ways[Request].reading.shape))
VALUES = st.sampled_from(["DELIVRD", "UNDELIV", "1", "8", "000", "", "a=b", "a?b", "a b", "%41", "a+b", "é", "\t"])
OWN = st.lists(st.tuples(st.sampled_from(["account", "secret", "Stat", "x-stat", ""]), VALUES), max_size=10)


def said(pairs: list[tuple[str, str]], path: str = "/dlr") -> Any:
    try:
        query = "&".join(f"{name}={value}" for name, value in pairs)
        return LEGACY.read(Request("GET", f"{path}?{query}")).to_dict()
    except InputError as error:
        return type(error), str(error)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), OWN, st.sampled_from(["/dlr", "/d%2fr/é", ""]), st.data())
def test_a_query_says_the_same_in_any_order_and_among_any_parameters(
    fields: dict[str, str], own: list[tuple[str, str]], path: str, data: st.DataObject
) -> None:
    declared = [(name, fields[name]) for name in NAMES if name in fields]
    assert said(own + declared, path) == said(data.draw(st.permutations(declared + own)), path)


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "account"]), VALUES | st.just("#")), max_size=8))
def test_a_query_says_the_same_to_the_reader_that_unescapes(pairs: list[tuple[str, str]]) -> None:
    # An escape that stands for nothing else hands the query over.
    assert said(pairs) == said([("account", "%61"), *pairs])


def test_the_documented_query_is_of_the_declared_order() -> None:
    match = in_order(NAMES).match
    assert match("/dlr?sms_unique_id=1&stat=DELIVRD&err=000")
    assert match("/dlr?account=5&tenant=a?b&sms_unique_id=1&stat=DELIVRD")
    for other in ("stat=1&sms_unique_id=1", "stat=1&stat=2", "stat=a%20b", "stat=1&", "stat=1#x", "", "stat"):
        assert match(f"/dlr?{other}") is None
    assert match("/dlr") is None


def test_a_query_of_too_many_fields_is_refused_in_any_order() -> None:
    many = [(f"own{index}", "1") for index in range(MOST_FIELDS)]
    known = [("sms_unique_id", "1"), ("stat", "DELIVRD")]
    assert said([*many, *known]) == said([*known, *many])
    assert said([*many, *known])[1].startswith("form: expected at most")


@pytest.mark.parametrize("names", [NAMES, ("a",), ("a.b", "a|b", "(")])
def test_the_form_of_a_query_cannot_backtrack(names: tuple[str, ...]) -> None:
    form = in_order(names)
    assert form.groups == len(names)
    assert repeats(form.pattern) == []
    assert form.match("/?" + "&".join(f"{name}=1" for name in names))

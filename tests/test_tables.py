"""Tables refuse to contradict themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import AbsenceKind, AbsenceRow, AbsenceTable, Cause, CodeTable, Compare, Meanings, Row, Source, Status
from delivrd.classify import Classifier
from delivrd.tables import check_table, join_code, split_code

PAGE = Source("a page", "https://example.com/codes")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((Row("A", Status.SENT, meaning="x"), Row("a", Status.SENT, meaning="x")), "listed twice, as 'A' and 'a'"),
        ((Row("A", Status.SENT),), "say what the provider means"),
        ((Row("A", Status.DELIVERED, True, None, Cause.EXPIRED, "x"),), "has a cause"),
        ((Row("A", None, True, meaning="x"),), "a silent code decides nothing"),
        ((Row("A", "sent", meaning="x"),), "expected members of Status"),
        ((Row(11, Status.SENT, meaning="x"),), "write codes as texts"),
        ((Row(("A", "B"), Status.SENT, meaning="x"),), "expected 1 value"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused_by_its_code(rows, said):
    with pytest.raises(ValueError, match="table stat, code ") as refused:
        check_table(CodeTable("stat", rows, PAGE, compare=Compare.ANY_CASE))
    assert said in str(refused.value)


def test_a_table_without_a_field_is_refused():
    with pytest.raises(ValueError, match="must name its field"):
        check_table(CodeTable("", (), PAGE))


def test_a_meaning_for_a_field_that_no_table_has_is_refused():
    with pytest.raises(ValueError, match="no field 'err'; expected one of: stat"):
        Classifier([CodeTable("stat", (), PAGE)], meanings=[Meanings("err", ())])


def test_a_code_of_no_absence_row_is_unavailable():
    table = AbsenceTable("answer", (AbsenceRow("101", AbsenceKind.NOT_FOUND, "no such message"),), PAGE)
    assert [table.kind(code) for code in ("101", "999", None)] == [
        AbsenceKind.NOT_FOUND,
        AbsenceKind.UNAVAILABLE,
        AbsenceKind.UNAVAILABLE,
    ]


def test_a_source_reads_as_its_title_and_address():
    assert str(PAGE) == "a page (https://example.com/codes)"
    assert str(Source("a page")) == "a page"


PARTS = st.lists(st.none() | st.text("ab+\\\n", min_size=1, max_size=4), min_size=2, max_size=3)


@given(PARTS, PARTS)
def test_the_label_of_a_code_of_several_fields_is_of_no_other_code(first, second):
    assert (join_code(first) == join_code(second)) is (first == second)
    assert split_code(join_code(first)) == [part or "" for part in first]


def test_a_code_of_one_field_is_its_own_label():
    assert join_code("a+b\\") == join_code(["a+b\\"]) == "a+b\\"
    assert join_code(("a+b", "c")) == "a\\+b+c"
    assert join_code(("a", "b+c")) == "a+b\\+c"
    assert join_code((None, "c")) == "+c"


def test_an_empty_part_of_a_code_is_refused():
    rows = (Row(("a", ""), Status.SENT, meaning="m"),)
    with pytest.raises(ValueError, match="a part is empty; write None"):
        check_table(CodeTable(("x", "y"), rows, Source("a page")))

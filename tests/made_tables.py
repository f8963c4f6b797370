"""Code tables made at random, for properties of whatever classifies."""

from __future__ import annotations

from hypothesis import strategies as st

from delivrd import Cause, CodeTable, Evidence, Outcome, Row, Source, Status
from delivrd.classify import Classifier

PAGE = Source("a page")
LETTERS = "ABCDEFGH"


def row(code: str, status: Status | None = None, final: bool = False, cause: Cause | None = None, **more) -> Row:
    return Row(code, status, final, more.pop("evidence", None), cause, "as documented", **more)


def table(field: str, *rows: Row, **more) -> CodeTable:
    return CodeTable(field, rows, PAGE, **more)


@st.composite
def rows(draw: st.DrawFn) -> tuple[Row, ...]:
    made = []
    for letter in LETTERS:
        status = draw(st.sampled_from([None, *Status]))
        if status is None:
            made.append(row(letter))
            continue
        failed = status.outcome is not Outcome.SUCCESS
        cause = draw(st.sampled_from([None, *Cause])) if failed else None
        evidence = draw(st.sampled_from([None, *Evidence]))
        made.append(row(letter, status, draw(st.booleans()), cause, evidence=evidence))
    return tuple(made)


@st.composite
def classifiers(draw: st.DrawFn) -> Classifier:
    fields = ["first", "second", "third"]
    return Classifier([table(field, *draw(rows()), reasons=draw(st.booleans())) for field in fields])


codes = st.dictionaries(st.sampled_from(["first", "second", "third"]), st.sampled_from(LETTERS), min_size=1)

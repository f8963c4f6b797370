"""What readers remember of verdicts."""

from __future__ import annotations

from hypothesis import given
from made_tables import classifiers, codes, row, table

from delivrd import Compare, Status
from delivrd.classify import Classifier
from delivrd.memory import Memory


@given(classifiers(), codes)
def test_what_is_remembered_is_what_was_worked_out(classifier, sent):
    memory = Memory(classifier)
    values = tuple(sent.get(field) for field in classifier.fields)
    first = memory.classify(values)
    level = memory.verdicts
    for value in values:
        level = level[value]
    assert level is first
    assert first[:8] == classifier.judge(sent)[:8]
    assert first[8] == sent


def test_unlisted_codes_are_never_remembered():
    memory = Memory(Classifier([table("stat", row("A", Status.SENT))]))
    for number in range(100):
        memory.classify((f"strange {number}",))
    assert memory.verdicts == {}


def test_what_is_remembered_is_bounded():
    memory = Memory(Classifier([table("err", row("1", Status.FAILED, True), compare=Compare.NUMBER)]))
    # One code, in more spellings than are remembered.
    for number in range(5000):
        space = format(number, "b").translate({ord("0"): " ", ord("1"): "\t"})
        assert memory.classify((f"{space}1",))[0] is Status.FAILED
        assert 0 < len(memory.verdicts) <= 4096
    assert len(memory.verdicts) == 5000 - 4096


def test_what_is_remembered_is_forgotten_when_it_is_too_much_and_works_on():
    rows = [row(str(number), Status.FAILED, True) for number in range(5000)]
    memory = Memory(Classifier([table("err", *rows, compare=Compare.NUMBER)]))
    for number in range(5000):
        assert memory.classify((str(number),))[0] is Status.FAILED
        assert len(memory.verdicts) <= 4096
    assert len(memory.verdicts) == 5000 - 4096


def test_a_code_of_any_length_is_never_remembered():
    listed = row("LONG" * 100, Status.SENT)
    memory = Memory(Classifier([table("stat", listed, compare=Compare.ANY_CASE)]))
    for spelt in ("LONG" * 100, " " * 10_000 + "LONG" * 100):
        assert memory.classify((spelt,))[0] is Status.SENT
    assert memory.verdicts == {}


def test_white_space_of_any_length_beside_a_listed_code_is_never_remembered():
    memory = Memory(Classifier([table("stat", row("A", Status.SENT)), table("err", row("1", Status.FAILED))]))
    assert memory.classify(("A", " " * 10_000))[0] is Status.SENT
    assert memory.verdicts == {}


@given(classifiers(), codes)
def test_what_a_verdict_is_remembered_by_changes_nothing_in_it(classifier, sent):
    values = tuple(sent.get(name) for name in classifier.fields)
    by_values, by_whole = Memory(classifier), Memory(classifier)
    assert by_whole.classify(values, ("whole",)) == by_values.classify(values)
    if by_values.verdicts:
        level = by_values.verdicts
        for value in values:
            level = level[value]
        assert by_whole.verdicts == {"whole": level}

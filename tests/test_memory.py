"""What readers remember of verdicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from made_tables import classifiers, codes, row, table

from delivrd import Compare, Status
from delivrd.classify import Classifier
from delivrd.memory import Memory, Recent


@given(classifiers(), codes)
def test_what_is_remembered_is_what_was_worked_out(classifier, sent):
    memory = Memory()
    values = tuple(sent.get(field) for field in classifier.fields)
    first = memory.classify(classifier, values)
    level = memory.verdicts
    for value in values:
        level = level[value]
    assert level is first
    assert first[:8] == classifier.judge(sent)[:8]
    assert first[8] == sent


def test_unlisted_codes_are_never_remembered():
    classifier, memory = Classifier([table("stat", row("A", Status.SENT))]), Memory()
    for number in range(100):
        memory.classify(classifier, (f"strange {number}",))
    assert memory.verdicts == {}


def test_what_is_remembered_is_bounded():
    classifier, memory = Classifier([table("err", row("1", Status.FAILED, True), compare=Compare.NUMBER)]), Memory()
    # One code, in more spellings than are remembered.
    for number in range(5000):
        space = format(number, "b").translate({ord("0"): " ", ord("1"): "\t"})
        assert memory.classify(classifier, (f"{space}1",))[0] is Status.FAILED
    assert len(memory.verdicts) == 4096


def test_when_it_is_full_the_oldest_goes_and_nothing_else():
    rows = [row(str(number), Status.FAILED, True) for number in range(5000)]
    classifier = Classifier([table("err", *rows, compare=Compare.NUMBER), table("stat", row("A", Status.FAILED))])
    memory = Memory()
    for number in range(5000):
        assert memory.classify(classifier, (str(number), "A"))[0] is Status.FAILED
        assert 0 in (len(memory.verdicts) - 4096, len(memory.verdicts) - number - 1)
    # No dictionary is left empty behind what went.
    assert {key: [*level] for key, level in memory.verdicts.items()} == {str(n): ["A"] for n in range(904, 5000)}


def test_of_several_verdicts_below_one_key_each_goes_in_its_turn(monkeypatch):
    monkeypatch.setattr("delivrd.memory._MOST", 2)
    rows = [row(str(number), Status.FAILED, True) for number in range(3)]
    classifier, memory = Classifier([table("stat", row("A", Status.FAILED)), table("err", *rows)]), Memory()
    for number in range(3):
        memory.classify(classifier, ("A", str(number)))
        # Another thread can have kept the same in the meantime.
        memory.classify(classifier, ("A", str(number)))
    assert [*memory.verdicts["A"]] == ["2"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())), st.integers(1, 4))
def test_the_newest_of_what_was_kept_is_held(pairs, most):
    recent, expected = Recent(most), {}
    for key, value in pairs:
        recent.keep(key, value)
        expected[key] = value
        while len(expected) > most:
            del expected[next(iter(expected))]
    assert dict(recent) == expected


def test_a_code_of_any_length_is_never_remembered():
    listed = row("LONG" * 100, Status.SENT)
    classifier, memory = Classifier([table("stat", listed, compare=Compare.ANY_CASE)]), Memory()
    for spelt in ("LONG" * 100, " " * 10_000 + "LONG" * 100):
        assert memory.classify(classifier, (spelt,))[0] is Status.SENT
    assert memory.verdicts == {}


def test_white_space_of_any_length_beside_a_listed_code_is_never_remembered():
    classifier, memory = (
        Classifier([table("stat", row("A", Status.SENT)), table("err", row("1", Status.FAILED))]),
        Memory(),
    )
    assert memory.classify(classifier, ("A", " " * 10_000))[0] is Status.SENT
    assert memory.verdicts == {}


@given(classifiers(), codes)
def test_what_a_verdict_is_remembered_by_changes_nothing_in_it(classifier, sent):
    values = tuple(sent.get(name) for name in classifier.fields)
    by_values, by_whole = Memory(), Memory()
    assert by_whole.classify(classifier, values, ("whole",)) == by_values.classify(classifier, values)
    if by_values.verdicts:
        level = by_values.verdicts
        for value in values:
            level = level[value]
        assert by_whole.verdicts == {"whole": level}

"""The text of a receipt: any order, case, padding and subset of labels; what stands between; what no text may do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from backtracking import repeats
from hypothesis import given
from hypothesis import strategies as st
from receipts import PHONE, SENDER, TEXTBOOK, VALUES, VISIBLE, pdu, read, written

from delivrd import DeliverSm, Status, Together, TooLarge, WarningKind
from delivrd_smpp import SMPP, alphabets, parameters, read_receipt_text, text
from delivrd_smpp.text import UNLABELLED, read_any_text
from delivrd_teli.notifications import TELI


@given(written())
def test_what_was_put_in_comes_out_in_any_order_case_padding_and_subset(made: tuple[str, dict[str, str]]) -> None:
    told = read_receipt_text(made[0])
    assert (told.values, told.warnings) == (made[1], ())


@given(written(), st.text(max_size=200))
def test_no_text_behind_its_label_changes_anything_else(made: tuple[str, dict[str, str]], words: str) -> None:
    told = read_receipt_text(f"{made[0]}text:{words}")
    assert told.values | {"text": ""} == made[1] | {"text": ""}
    assert told.warnings == ()
    assert told.values.get("text", "") in (words.rstrip("\0"), "")


@given(written(), st.sampled_from(sorted(VALUES)), st.text(VISIBLE, max_size=20))
def test_every_field_survives_whatever_another_one_is_like(
    made: tuple[str, dict[str, str]], name: str, value: str
) -> None:
    values = {field: kept for field, kept in made[1].items() if field != name}
    joined = "".join(f"{field}:{kept} " for field, kept in values.items())
    told = read_receipt_text(f"{name}:{value} {joined}")
    assert {field: told.values.get(field) for field in values} == values


NEARLY = st.sampled_from(["", " ", "0", "id:", " stat:X", "\0", "\x1b", "é", ":", ",", "text:", "_", "DELIVRD", "-1"])


COMMON = [
    TEXTBOOK,
    "id:1a-b.c sub:1 dlvrd:0 submit date:240131120000 done date:240131120500 stat:UNDELIV err:21b",
    "id:1 submit date:202401311200 done date:20240131120500 stat:ENROUTE err:0 Text:",
]


@given(st.sampled_from(COMMON), st.integers(0, len(TEXTBOOK)), NEARLY, st.integers(0, 3))
def test_the_commonest_forms_are_read_at_once_as_field_by_field(form: str, at: int, put: str, cut: int) -> None:
    nearly = form[:at] + put + form[at + cut :]
    assert read_receipt_text(nearly) == read_any_text(nearly)


@pytest.mark.parametrize("common", COMMON)
def test_what_the_commonest_forms_take_is_their_own(common: str) -> None:
    assert text.SHORTER.pattern.match(common)
    assert (text.TEXTBOOK.pattern.match(common) is None) == (common != TEXTBOOK)


@given(st.lists(st.sampled_from([*"\0\t :_ ", "id", "ID:", "stat", "sub", "submit", "date", "text:", "done ", "x1"])))
def test_any_pieces_give_texts_and_no_error(pieces: list[str]) -> None:
    told = read_receipt_text("".join(pieces))
    assert all(value and isinstance(value, str) for value in told.values.values())


@pytest.mark.parametrize("reason", ["Mob. Abst.|out", "err:005", "id:7", "IMSI=5", "a:b mcc:1", ""])
@pytest.mark.parametrize("word", ["FAILED", "failed", "Undeliv"])
def test_a_reason_behind_a_listed_state_is_no_part_of_it_and_no_field(word: str, reason: str) -> None:
    told = read_receipt_text(f"id:1 stat:{word}:{reason} err:100 text:Hello")
    assert told.values == {"id": "1", "stat": word, "err": "100", "text": "Hello"}
    assert told.others == ({UNLABELLED: reason} if reason else {})
    assert told.warnings == ()


def test_a_word_of_a_centres_own_is_kept_with_its_colon() -> None:
    assert read_receipt_text("id:1 stat:ODD:1 err:100").values["stat"] == "ODD:1"


@pytest.mark.parametrize(
    ("date", "behind"),
    [
        ("2013-02-17 01:04:29 PM", ""),
        ("2013-02-17 00:04:29Z", ""),
        ("2013-02-17 00:04:29 +0000", ""),
        ("2013-02-17T00:04:29 +0530", ""),
        ("2013-02-17 00:04:29 UTC", ""),
        ("2013-02-17", " 05 apples"),
        ("2013-02-17 00:04", " Zebra"),
    ],
)
def test_a_date_is_one_value_with_whatever_tells_its_hour(date: str, behind: str) -> None:
    told = read_receipt_text(f"id:1 done date:{date}{behind} stat:DELIVRD")
    assert told.values == {"id": "1", "done date": date, "stat": "DELIVRD"}
    assert told.others == ({UNLABELLED: behind.strip()} if behind else {})


@pytest.mark.parametrize("date", ["0000000000", "000000000000000+", "0000-00-00 00:00:00", "0"])
def test_zeros_are_no_date_however_they_are_written(date: str) -> None:
    assert read_receipt_text(f"id:1 done date:{date} stat:DELIVRD").values == {"id": "1", "stat": "DELIVRD"}


@pytest.mark.parametrize("date", ["180711070003912+", "180711070003912-"])
def test_a_label_that_is_glued_to_an_absolute_time_takes_nothing_of_it(date: str) -> None:
    told = read_receipt_text(f"id:1 submit date:{date}done date:{date}stat:DELIVRD")
    assert told.values == {"id": "1", "submit date": date, "done date": date, "stat": "DELIVRD"}


@pytest.mark.parametrize(
    "fields",
    [
        "stat:DELIVRD err:000 text: ",
        "stat:DELIVRD err:000 text:  a ",
        "stat:DELIVRD err:000 text:é",
        "stat:DELIVRD err:000, text:",
        "stat:DELIVRD err:0;text:",
        "stat:X, err:1 text:",
        "stat:FAILED:x err:1",
    ],
)
@pytest.mark.parametrize("submitted", ["2401311200", "0000000000", "00000000000000", "0131120000", "24013112001"])
@pytest.mark.parametrize("done", ["2401311205", "0000000000", "-401311205"])
def test_what_is_nearly_of_a_common_form_is_read_field_by_field(fields: str, submitted: str, done: str) -> None:
    for counters in ("", "sub:001 dlvrd:001 ", "sub:001 "):
        nearly = f"id:1 {counters}submit date:{submitted} done date:{done} {fields}"
        assert read_receipt_text(nearly) == read_any_text(nearly)


def test_a_value_ends_where_the_next_label_begins_and_only_there() -> None:
    told = read_receipt_text("id:grid:7 stat:DELIVRD acid:9 err:000")
    assert told.values == {"id": "grid:7", "stat": "DELIVRD", "err": "000"}
    assert told.others == {"acid": "9"}
    separated = read_receipt_text("id:grid:7 stat:DELIVRD,err:x acid:9 err:000")
    assert separated.values == {"id": "grid:7", "stat": "DELIVRD", "err": "x"}
    assert [warning.field for warning in separated.warnings] == ["err"]


SPELT: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    # What a label that is not known, or words, do to the value before them: nothing.
    "id:1 stat:DELIVRD mcc:244": ({"id": "1", "stat": "DELIVRD"}, {"mcc": "244"}),
    "id:1 vp:5 stat:DELIVRD": ({"id": "1", "stat": "DELIVRD"}, {"vp": "5"}),
    "id: 1 err: 006 mcc: 244": ({"id": "1", "err": "006"}, {"mcc": "244"}),
    "id:1 done date:2401311205 vp:1": ({"id": "1", "done date": "2401311205"}, {"vp": "1"}),
    "id:1 sub:1 a dlvrd:2 b:3 c": ({"id": "1", "sub": "1", "dlvrd": "2"}, {"b": "3", UNLABELLED: "a c"}),
    "Receipt: msgid:7 id:1": ({"id": "1"}, {"msgid": "7", UNLABELLED: "Receipt:"}),
    "id:1 status:DELIVRD date:7": ({"id": "1"}, {"status": "DELIVRD", "date": "7"}),
    "id:1 txt:hi stat:X": ({"id": "1", "stat": "X"}, {"txt": "hi"}),
    "id:1 unlabelled:x y": ({"id": "1"}, {"unlabelled": "x", "unlabelled in text": "y"}),
    # Dates in other spellings of their label, and in other forms.
    "id:1 submit  date:2401311200 stat:X": ({"id": "1", "submit date": "2401311200", "stat": "X"}, {}),
    "id:1 submit-date:2401311200 stat:X": ({"id": "1", "submit date": "2401311200", "stat": "X"}, {}),
    "id:1 donedate:2401311205 stat:X": ({"id": "1", "done date": "2401311205", "stat": "X"}, {}),
    "id:1 done date:24-01-31 12:05 a": ({"id": "1", "done date": "24-01-31 12:05"}, {UNLABELLED: "a"}),
    # Without white space.
    "id:12345sub:001dlvrd:001": ({"id": "12345", "sub": "001", "dlvrd": "001"}, {}),
    "id:72b8-a8f1-bsub:1 stat:DELIVRDerr:0": ({"id": "72b8-a8f1-b", "sub": "1", "stat": "DELIVRD", "err": "0"}, {}),
    "id:1 done date:2401311205stat:WEIRD": ({"id": "1", "done date": "2401311205", "stat": "WEIRD"}, {}),
    "id:grid:7 stat:WEIRDerr:1": ({"id": "grid:7", "stat": "WEIRDerr:1"}, {}),
    # Separators, quotes, a byte that is no text.
    "id:1; stat:DELIVRD, err:000;": ({"id": "1", "stat": "DELIVRD", "err": "000"}, {}),
    "id:1,stat:DELIVRD|err:000/sub:1": ({"id": "1", "stat": "DELIVRD", "err": "000", "sub": "1"}, {}),
    "id:1,mcc:244,stat:X": ({"id": "1", "stat": "X"}, {"mcc": "244"}),
    "\"id:1 stat:'DELIVRD'\"": ({"id": "1", "stat": "DELIVRD"}, {}),
    "(id:1 stat:DELIVRD)": ({"id": "1", "stat": "DELIVRD"}, {}),
    "-id:1 stat:X": ({"id": "1", "stat": "X"}, {UNLABELLED: "-"}),
    "id:1\\xa0stat:X\\xa0err:1\\xfftext:y": ({"id": "1", "stat": "X", "err": "1", "text": "y"}, {}),
    "id:1\0\0 stat:X\0err:1": ({"id": "1", "stat": "X", "err": "1"}, {}),
    "xid:1 stat:X": ({"stat": "X"}, {"xid": "1"}),
    # A state without its label is a listed word, and behind an id it stands alone.
    "id:1 sub:0 DELIVRD 000": ({"id": "1", "sub": "0", "stat": "DELIVRD"}, {UNLABELLED: "000"}),
    "id:1 sub:001 hello there": ({"id": "1", "sub": "001"}, {UNLABELLED: "hello there"}),
    "my id:1 SENT ok": ({"id": "1"}, {UNLABELLED: "my SENT ok"}),
    # No field, no text of a receipt.
    "Your message: arrived": ({}, {}),
}


@pytest.mark.parametrize("words", SPELT)
def test_each_value_ends_where_it_ends_and_what_follows_is_kept(words: str) -> None:
    told = read_receipt_text(words)
    assert (told.values, told.others) == SPELT[words]


def test_a_label_of_a_centres_own_that_is_repeated_is_told() -> None:
    told = read_receipt_text("id:1 mcc:244 mcc:248")
    assert told.others == {"mcc": "244"}
    assert [(warning.kind, warning.field, warning.value) for warning in told.warnings] == [
        (WarningKind.REPEATED_FIELD, "mcc", "248")
    ]


GLUED = [*" ,;|/.-_(\"'0\n\0\x1b\x1c\xa0\x85é", "", " ,", "b", "\\xa0", "\\xff", " x:y"]


@pytest.mark.parametrize("label", ["text:", "Text:", "text :", "text\t:", "TEXT\0:", "text="])
@pytest.mark.parametrize("before", GLUED)
def test_no_word_of_the_message_speaks_whatever_its_label_is_glued_to(label: str, before: str) -> None:
    told = read_receipt_text(f"id:1 stat:UNDELIV err:21{before}{label}hi stat:DELIVRD id:2")
    assert told.values["id"] == "1"
    assert told.values["text"] == "hi stat:DELIVRD id:2"
    assert told.values["stat"] == "UNDELIV"


@pytest.mark.parametrize("label", ["text:", "Text:", "text :", "text\t:", "TEXT\0:", "text="])
@pytest.mark.parametrize("before", GLUED)
def test_fields_behind_text_count_where_no_state_stands_before_it(label: str, before: str) -> None:
    told = read_receipt_text(f"id:1 err:21{before}{label}hi stat:DELIVRD sub:2 mcc:244 id:2")
    assert {name: told.values[name] for name in ("id", "text", "stat", "sub")} == {
        "id": "1",
        "text": "hi",
        "stat": "DELIVRD",
        "sub": "2",
    }
    assert told.others["mcc"] == "244"
    assert [(each.kind, each.field, each.value) for each in told.warnings] == [(WarningKind.REPEATED_FIELD, "id", "2")]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("id:X text: stat:DELIVRD err:000", {"id": "X", "stat": "DELIVRD", "err": "000"}),
        ("id:X text: stat:DELIVRD text:Hi", {"id": "X", "stat": "DELIVRD", "text": "Hi"}),
        ("id:X text:Hi stat: err:000", {"id": "X", "text": "Hi stat: err:000"}),
        ("id:X text:DELIVRD err:000", {"id": "X", "text": "DELIVRD err:000"}),
        ("id:X sub:1 DELIVRD text:stat:UNDELIV", {"id": "X", "sub": "1", "stat": "DELIVRD", "text": "stat:UNDELIV"}),
        ("text:id:1 stat:DELIVRD", {"text": "id:1 stat:DELIVRD"}),
    ],
)
def test_what_stands_behind_text_is_a_receipts_where_a_state_stands_there(words: str, values: dict[str, str]) -> None:
    assert read_receipt_text(words).values == values


def test_a_state_behind_text_counts_without_a_label_before_it_where_the_id_is_known() -> None:
    told = read_receipt_text("text:Hi stat:DELIVRD err:000", id_known=True)
    assert told.values == {"text": "Hi", "stat": "DELIVRD", "err": "000"}
    assert read_receipt_text("text:Hi stat:", id_known=True).values == {"text": "Hi stat:"}


def test_nothing_behind_text_counts_where_the_state_is_known() -> None:
    told = read_receipt_text("id:1 err:000 text:stat:REJECTD id:2", state_known=True)
    assert told.values == {"id": "1", "err": "000", "text": "stat:REJECTD id:2"}


@given(written(), st.integers(0, 3))
def test_a_text_says_the_same_when_a_form_has_written_its_spaces(made: tuple[str, dict[str, str]], more: int) -> None:
    values = {name: value for name, value in made[1].items() if "+" not in value}
    spaced = (" " * (more + 1)).join(f"{name}:{value}" for name, value in values.items())
    # Behind the last field no label shows that a plus is a space, and an id can end with one.
    written_by_a_form = spaced.replace(" ", "+") + ("" if [*values][-1:] == ["id"] else "+" * more)
    assert read_receipt_text(written_by_a_form).values == values


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (
            "sub:001+dlvrd:001+submit+date:2509041917+done+date:2509041917+stat:DELIVRD+err:000+text:",
            {
                "sub": "001",
                "dlvrd": "001",
                "submit date": "2509041917",
                "done date": "2509041917",
                "stat": "DELIVRD",
                "err": "000",
            },
        ),
        ("id:1 submit+date:2401311200 stat:DELIVRD+", {"id": "1", "submit date": "2401311200", "stat": "DELIVRD"}),
        ("id:1+stat:DELIVRD+text:Hello+World", {"id": "1", "stat": "DELIVRD", "text": "Hello World"}),
        (
            "id:1+submit+date:180711070003912++stat:DELIVRD",
            {"id": "1", "submit date": "180711070003912+", "stat": "DELIVRD"},
        ),
        (
            "id:1+ sub:001+ submit+date:2401011200+ done+date:180711070003912+ stat:DELIVRD+ err:000+ text:x+ y",
            {
                "id": "1",
                "sub": "001",
                "submit date": "2401011200",
                "done date": "180711070003912+",
                "stat": "DELIVRD",
                "err": "000",
                "text": "x+ y",
            },
        ),
        ("id:a+b+ stat:DELIVRD+", {"id": "a+b", "stat": "DELIVRD"}),
        ("id:1++sub:001 stat:ODD", {"id": "1", "sub": "001", "stat": "ODD"}),
        ("id:123456789012345++stat:ODD", {"id": "123456789012345", "stat": "ODD"}),
        ("sub:1 text: id:1+ stat:DELIVRD+", {"sub": "1", "id": "1", "stat": "DELIVRD"}),
        ("id:1+ submit+date:2401011200+ DELIVRD+", {"id": "1", "submit date": "2401011200", "stat": "DELIVRD"}),
        # No space of a form: an id of a centre's own, the sign of a time, a message's own words.
        ("id:a+b+ stat:DELIVRD", {"id": "a+b+", "stat": "DELIVRD"}),
        (
            "id:1 done date:180711070003912+ stat:DELIVRD",
            {"id": "1", "done date": "180711070003912+", "stat": "DELIVRD"},
        ),
        (
            "id:a+,submit_date:180711070003912+stat:DELIVRD",
            {"id": "a+", "submit date": "180711070003912+", "stat": "DELIVRD"},
        ),
        ("id:a+ stat:DELIVRD text:x+stat:DELIVRD+", {"id": "a+", "stat": "DELIVRD", "text": "x+stat:DELIVRD+"}),
        ("id:1 stat:DELIVRD text:1+1 +id:2", {"id": "1", "stat": "DELIVRD", "text": "1+1 +id:2"}),
    ],
)
def test_a_plus_is_a_space_where_a_form_wrote_it_and_only_there(words: str, values: dict[str, str]) -> None:
    assert read_receipt_text(words).values == values


def test_a_label_that_ends_with_text_begins_no_message() -> None:
    told = read_receipt_text("id:1 context:x sub_text:y stat:DELIVRD")
    assert (told.values, told.others) == ({"id": "1", "stat": "DELIVRD"}, {"context": "x", "sub_text": "y"})


def test_no_label_of_a_text_passes_for_another_field_of_the_report() -> None:
    report = read(pdu("id:1 source_addr:1 message_state:2 receipted_message_id:9 mcc:244 stat:UNDELIV"))
    assert (report.recipient, report.message_id, report.status) == (PHONE, "1", Status.UNDELIVERED)
    names = ("source_addr", "message_state", "receipted_message_id")
    assert report.extras == {"mcc": "244"} | {
        f"{name} in text": value for name, value in zip(names, "129", strict=True)
    }
    over_teli = TELI.read(pdu("id:1 error:5 stat:UNDELIV")).reports[0]
    assert (over_teli.codes.get("error"), over_teli.extras) == (None, {"error in text": "5"})


@pytest.mark.parametrize("size", [4097, 65536])
def test_a_text_that_is_too_long_is_refused_before_it_is_read(size: int) -> None:
    with pytest.raises(TooLarge):
        read_receipt_text("id:1 " * size)
    with pytest.raises(TooLarge) as caught:
        SMPP.read(DeliverSm(4, PHONE, SENDER, b"", {0x0424: b"i" * size}))
    assert caught.value.reply is not None
    assert caught.value.reply.status == 0
    with pytest.raises(TooLarge):
        SMPP.read(DeliverSm(4, PHONE, SENDER, b"x" * size))


@pytest.mark.parametrize("module", [text, alphabets, parameters])
def test_no_regular_expression_can_backtrack(module: Any) -> None:
    held = [*vars(module).values()]
    forms = [value for value in held if isinstance(value, text.TextForm)]
    pairs = [group for form in forms for group in form.groups if isinstance(group, Together)]
    patterns = [*(form.pattern for form in forms), *(pair.form for pair in pairs)]
    patterns += [value for value in held if isinstance(value, re.Pattern)]
    assert patterns
    for pattern in patterns:
        assert repeats(pattern.pattern, pattern.flags) == [], pattern.pattern
    assert repeats("(?:a|(b*))*")

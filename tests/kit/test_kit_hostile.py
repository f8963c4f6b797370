"""Hostile inputs: what is tried, how it is decided, and what is kept of a failure."""

from __future__ import annotations

from random import Random

import pytest

from delivrd import Absence, AbsenceKind, DeliverSm, Mail, Receipt, Report, Request, Response, Status, read_samples
from pytest_delivrd.documents import documents, places_of
from pytest_delivrd.hostile import judge_receipt
from pytest_delivrd.mutate import Mutator

KEY_ERROR = """
    def decode(request, context):
        document = load(request)
        return Decoded(records=[{"id": text(document["id"]), "status": text(document.get("status"))}])
"""

INPUTS = {
    "json": Request(
        "POST", "/?a=1", {"Content-Type": "application/json"}, b'{"id":1,"price":{"a":"0.1"},"list":[{"b":null},2]}'
    ),
    "form": Request("POST", "/", (("Content-Type", "application/x-www-form-urlencoded"),), b"id=1&status=a%20b+c&"),
    "multipart": Request("POST", "/", (), b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n--x--\r\n'),
    "late": Request("POST", "/", (), b'\r\n--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n--x--\r\n'),
    "query": Request("GET", "/dlr?id=1&status=OK"),
    "bare": Request("GET", "/"),
    "xml": Response(200, (), b"<a:r xmlns:a='u'><a:id>1</a:id><status x='1'>O&amp;K</status></a:r>"),
    "text": Response(200, (), b"OK DELIVERED"),
    "broken": Response(200, (), b"{no json"),
    "empty": Response(204),
    "mail": Mail(b"From: a@b.example\nSubject: s\n\nid: 1\nstatus=OK\nhttp://x.example/?id=1&status=OK\n"),
    "pdu": DeliverSm(
        4, "1", "2", b"id:1 sub:001 submit date:2401011200 stat:DELIVRD err:000", {0x1E: b"1", 0x427: b"\x02"}
    ),
}


def test_a_failure_is_written_in_the_form_of_a_fixture_and_fails_again_from_there(bench, failures) -> None:
    bench.plugin(KEY_ERROR)
    bench.fixtures()
    bench.accepted("-k", "delivered")
    (kept,) = (bench.pytester.path / ".delivrd" / "failures").iterdir()
    (sample,) = read_samples(kept.name, kept.read_bytes())
    assert sample.source == "derived from acme/delivered.http by the conformance kit"
    bench.fixtures({f"again{kept.suffix}": kept.read_bytes()})
    result = bench.run("fixtures/acme/" + f"again{kept.suffix}", hostile=0)
    assert failures(result) == {"snapshot"}
    result.stdout.fnmatch_lines(["acme/again.* raised PluginError*"])


def test_the_same_seed_tries_the_same_inputs_and_another_seed_others(bench) -> None:
    bench.plugin(KEY_ERROR)
    bench.fixtures()
    folder = bench.pytester.path / ".delivrd" / "failures"
    found = []
    for seed in (1, 1, 2):
        bench.run("-k", "hostile", f"--delivrd-seed={seed}")
        found.append({path.name: path.read_bytes() for path in folder.iterdir()})
        for path in folder.iterdir():
            path.unlink()
    assert found[0] == found[1] != found[2]


def test_no_hostile_input_is_tried_where_none_is_asked_for(bench) -> None:
    bench.plugin(KEY_ERROR)
    bench.fixtures()
    result = bench.run("-k", "hostile", hostile=0)
    result.assert_outcomes(passed=3, deselected=14)
    result.stdout.no_fnmatch_line("*hostile inputs tried*")


def test_the_summary_counts_what_was_tried_and_names_the_seed(bench) -> None:
    bench.plugin()
    bench.fixtures()
    result = bench.run("-k", "hostile", "--delivrd-seed=7", hostile=40)
    result.stdout.fnmatch_lines(["*delivrd conformance kit*", "1,200 hostile inputs tried (seed 7)"])


def test_what_receiving_raises_is_found(bench, failures) -> None:
    bench.plugin(
        """
        class Fragile(UrlSecret, frozen=True):
            def authentic(self, input, account, at):
                input.target.encode()
                return super().authentic(input, account, at)
        """,
        auth="Fragile(),",
    )
    bench.fixtures()
    result = bench.accepted("-k", "hostile", hostile=200)
    assert failures(result) == {"hostile"}
    result.stdout.fnmatch_lines(["acme/*: receive raised UnicodeEncodeError, and only InputError may come out: *"])


def test_an_input_that_cannot_be_signed_is_no_failure(bench, failures) -> None:
    bench.plugin(
        """
        class Strict(UrlSecret, frozen=True):
            def sign(self, input, account):
                if input.method != "POST":
                    raise RuntimeError("only what is sound is signed")
                return super().sign(input, account)
        """,
        auth="Strict(),",
    )
    bench.fixtures()
    assert failures(bench.accepted()) == set()


REPORT = Report("acme", "1", Status.DELIVERED, True)


@pytest.mark.parametrize(
    ("receipt", "complaint"),
    [
        (Receipt((REPORT,)), None),
        (Receipt(absence=Absence(AbsenceKind.NOT_YET)), None),
        (Receipt(), "it is None exactly where there are any"),
        (Receipt((REPORT,), absence=Absence(AbsenceKind.NOT_YET)), "it is None exactly where there are any"),
        (Receipt((Report("acme", "\ud800", Status.DELIVERED, True),)), "does not encode to JSON: UnicodeEncodeError"),
        (Receipt(absence=Absence(AbsenceKind.NOT_YET, "\udfff")), "does not encode to JSON: UnicodeEncodeError"),
    ],
)
def test_a_receipt_is_judged_whatever_it_holds(receipt, complaint) -> None:
    found = judge_receipt(receipt)
    assert found is None if complaint is None else complaint in str(found)


@pytest.mark.parametrize("name", INPUTS)
def test_every_mutation_is_an_input_of_its_kind_and_its_seed_decides_it(name) -> None:
    sound = INPUTS[name]
    made = [[Mutator(Random(seed), ["OK"]).mutate(sound) for seed in range(1500)] for _ in range(2)]
    assert made[0] == made[1]
    assert {type(input) for input in made[0]} == {type(sound)}
    # Most of them are no longer what they were made of.
    assert sum(input != sound for input in made[0]) > 1000


@pytest.mark.parametrize(
    ("name", "forms", "fields"),
    [
        ("json", ["pairs", "json"], ["a"]),
        ("form", ["pairs"], ["id", "status", ""]),
        ("multipart", ["multipart"], ["id"]),
        ("late", ["multipart"], ["id"]),
        ("query", ["pairs"], ["id", "status"]),
        ("bare", [], []),
        ("xml", ["xml"], ["id", "status"]),
        ("text", ["words"], ["", ""]),
        ("broken", ["words"], ["", ""]),
        ("empty", [], []),
        ("mail", ["lines"], ["id", "status", "From", "Subject", "id", "status"]),
        ("pdu", ["tokens"], ["id", "sub", "submit date", "stat", "err"]),
    ],
)
def test_the_structure_of_every_form_is_found(name, forms, fields) -> None:
    found = documents(INPUTS[name])
    assert [document.form for document in found] == forms
    assert [field.name for document in found for field in document.fields if field.name != "http"] == fields


@pytest.mark.parametrize(
    "unit", ["a", "a ", "a:", "=", "&", "\n", "--x\n", '--x\nname="a"\n\n', "<a>", "<a", "A.", "?a=b&"]
)
@pytest.mark.parametrize("start", ["", "--", "<"])
def test_every_field_of_a_flood_stands_inside_it(start, unit) -> None:
    # Long enough that a search of each byte from each other would not come to its end.
    data = (start + unit * (100_000 // len(unit))).encode()
    inputs = (Mail(data), Response(200, (), data), DeliverSm(4, "1", "2", data), Request("GET", "/?" + data.decode()))
    for document in (found for input in inputs for found in documents(input)):
        for field in document.fields:
            # The last field of a query counts the separator that would follow it.
            assert 0 <= field.outer[0] <= field.inner[0] <= field.inner[1] <= field.outer[1] <= len(document.data) + 1


@pytest.mark.parametrize(
    ("name", "field", "value", "new", "changed"),
    [
        ("json", "id", "1", "7", b'{"id":7,"price":{"a":"0.1"},"list":[{"b":null},2]}'),
        ("json", "price.a", "0.1", "x", b'{"id":1,"price":{"a":"x"},"list":[{"b":null},2]}'),
        ("form", "status", "a b c", "x&y", b"id=1&status=x%26y&"),
        ("xml", "status", "O&amp;K", "a<b", b"<a:r xmlns:a='u'><a:id>1</a:id><status x='1'>a&lt;b</status></a:r>"),
        ("text", "status", "DELIVERED", "NEW", b"OK NEW"),
    ],
)
def test_one_value_is_changed_and_every_other_byte_is_left_alone(name, field, value, new, changed) -> None:
    (put,) = places_of(INPUTS[name], field, value)
    assert put(new).body == changed


def test_a_value_of_a_pdu_is_changed_in_its_text_and_in_its_tlvs() -> None:
    pdu = INPUTS["pdu"]
    (put,) = places_of(pdu, "stat", "DELIVRD")
    assert put("KITCODE").short_message == b"id:1 sub:001 submit date:2401011200 stat:KITCODE err:000"
    (put,) = places_of(pdu, "message_state", "2")
    assert put("9").tlvs == {0x1E: b"1", 0x427: b"\x09"}
    assert put("KITCODE").tlvs[0x427] == b"\xfb"

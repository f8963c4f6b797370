"""The checks of the contract that the planted faults do not reach, each on a plugin that breaks it."""

from __future__ import annotations

import pytest

from delivrd import CodeTable, Compare, Row, Source, Status
from pytest_delivrd.contract import unlisted_code

POLL = """
    ANSWERS = AbsenceTable("errors.code", (
        AbsenceRow("404", AbsenceKind.NOT_FOUND, "no such message"),
        AbsenceRow("401", AbsenceKind.REFUSED, "wrong credentials"),
    ), PAGE)
    POLLED = Answer(reading=READING, items="items", errors=Errors(ANSWERS, items="errors", code="code"))
"""


def test_a_fixture_that_does_not_say_where_it_comes_from_fails(bench, failures, sound, make_http) -> None:
    bench.plugin()
    bench.fixtures(sound | {"bare.http": make_http('{"id":"m3","status":"OK"}', source="")})
    result = bench.accepted(hostile=0)
    assert failures(result) == {"files"}
    result.stdout.fnmatch_lines(["acme/bare.http: it does not say where it comes from; begin it with '# source: …'*"])


def test_a_file_that_is_neither_input_nor_outcome_fails(bench, failures) -> None:
    bench.plugin()
    folder = bench.fixtures()
    bench.fixtures({"notes.txt": b"", ".gitkeep": b""})
    (folder / "more").mkdir()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"files"}
    result.stdout.fnmatch_lines(
        ["acme/more: a folder, which nothing reads*", "acme/notes.txt: no fixture; expected a name*"]
    )
    assert ".gitkeep" not in result.stdout.str()


def test_two_inputs_with_one_outcome_file_fail(bench, failures, sound) -> None:
    bench.plugin()
    bench.fixtures(sound | {"failed.jsonl": b'# source: invented\n{"kind":"request","method":"POST","target":"/"}\n'})
    result = bench.accepted(hostile=0)
    assert "files" in failures(result)
    result.stdout.fnmatch_lines(["acme/failed.jsonl: failed.http has the same outcome file; rename one of them"])


def test_a_provider_without_a_fixture_fails(bench, failures) -> None:
    bench.plugin()
    bench.fixtures({})
    result = bench.run(hostile=0)
    assert failures(result) == {"files", "rows", "unlisted", "authentic"}
    result.stdout.fnmatch_lines(["no fixture; add an input whose name ends with .http, .eml, .hex, .jsonl"])


@pytest.mark.parametrize("name", ["delivered", "delivered-twice", "success-of-some-kind", "delivereds", "other"])
def test_a_name_that_claims_nothing_untrue_passes(bench, failures, sound, make_http, name) -> None:
    bench.plugin()
    bench.fixtures(sound | {f"{name}.http": make_http('{"id":"m1","status":"OK"}')})
    assert failures(bench.accepted(hostile=0)) == set()


@pytest.mark.parametrize(
    ("name", "came"),
    [
        ("unreadable", "delivered or success"),
        ("wrong-method", "delivered or success"),
        ("unreadable-items-only", "delivered or success"),
        ("failed_for-good", "delivered or success"),
        ("read", "delivered or success"),
        ("not-a-report", "delivered or success"),
    ],
)
def test_a_name_that_claims_another_outcome_fails(bench, failures, sound, make_http, name, came) -> None:
    bench.plugin()
    bench.fixtures(sound | {f"{name}.http": make_http('{"id":"m1","status":"OK"}')})
    result = bench.accepted(hostile=0)
    assert failures(result) == {"names"}
    result.stdout.fnmatch_lines(
        [
            f"acme/{name}.http: its name says *, it came out {came}; mend the declaration, or the name where that is wrong"
        ]
    )


def test_a_name_must_be_true_of_an_error_and_of_an_absence(bench, failures, make_http) -> None:
    bench.plugin(POLL, way="Push(reading=READING, bodies=(BodyKind.JSON,)), POLLED")
    absent = make_http('{"errors":[{"code":"404"}]}', first="HTTP/1.1 404 Not Found", said="# asked: m1\n")
    bench.fixtures({"delivered-error.http": make_http("{"), "refused-answer.http": absent})
    result = bench.accepted(hostile=0)
    assert "names" in failures(result)
    result.stdout.fnmatch_lines(
        [
            "acme/delivered-error.http: its name says delivered, it came out unreadable (*); mend the declaration, or the name where that is wrong",
            "acme/refused-answer.http: its name says refused, it came out not_found; mend the declaration, or the name where that is wrong",
        ]
    )


def test_a_row_of_absence_that_no_answer_reaches_is_found(bench, failures, sound, make_http) -> None:
    bench.plugin(POLL, way="Push(reading=READING, bodies=(BodyKind.JSON,)), POLLED")
    module = bench.site / "acme_dlr.py"
    module.write_text(module.read_text().replace("auth=(UrlSecret(),)", "auth=(UrlSecret(),), absences=(ANSWERS,)"))
    absent = make_http('{"errors":[{"code":"404"}]}', first="HTTP/1.1 200 OK", said="# asked: m1\n")
    bench.fixtures(sound | {"not-found.http": absent})
    result = bench.accepted(hostile=10)
    assert failures(result) == {"rows"}
    result.stdout.fnmatch_lines(["table errors.code, code '401' (wrong credentials): no fixture is an answer with it"])


def test_a_meaning_of_no_code_that_no_fixture_reaches_is_found(bench, failures, sound, make_http) -> None:
    bench.plugin()
    module = bench.site / "acme_dlr.py"
    said = 'no_code=NoCode(Status.ACCEPTED, False, None, "nothing yet"), auth=(UrlSecret(),)'
    module.write_text(module.read_text().replace("auth=(UrlSecret(),)", said))
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"rows"}
    result.stdout.fnmatch_lines(["no_code: no fixture is without any code"])
    bench.fixtures({"accepted.http": make_http('{"id":"m3"}')})
    assert failures(bench.accepted(hostile=0)) == set()


def test_a_field_that_is_never_consulted_is_found(bench, failures, make_http) -> None:
    bench.plugin(
        """
        ERR = CodeTable("err", (Row("1", Status.FAILED, True, meaning="failed"),), PAGE, consulted=Consulted.NOTHING_SENT)

        class Sent(Shape):
            id: Code = None
            status: Code = None
            err: Code = None

        READING = Reading(shape=Sent, fields=Fields(message_id="id"))
        """
    )
    module = bench.site / "acme_dlr.py"
    module.write_text(module.read_text().replace("tables=(STATUS,)", "tables=(STATUS, ERR)"))
    files = {
        "delivered.http": make_http('{"id":"1","status":"OK","err":"1"}'),
        "failed.http": make_http('{"id":"1","status":"BAD"}'),
    }
    bench.fixtures(files)
    result = bench.accepted(hostile=0)
    assert failures(result) == {"rows", "unlisted"}
    result.stdout.fnmatch_lines(["err: no fixture holds this field where table err is consulted; add one"])
    bench.fixtures({"failed-err.http": make_http('{"id":"1","err":1}')})
    assert failures(bench.accepted(hostile=0)) == set()


def test_an_unlisted_code_that_is_passed_over_in_silence_is_found(bench, failures) -> None:
    bench.plugin(
        """
        def decode(request, context):
            document = load(request)
            status = text(document.get("status"))
            return Decoded(records=[{"id": text(document.get("id")), "status": status if status in ("OK", "BAD", None) else "BAD"}])
        """
    )
    bench.fixtures()
    result = bench.accepted(hostile=10)
    assert failures(result) == {"unlisted"}
    result.stdout.fnmatch_lines(["*an unlisted_code warning; it gave 1 report(s) without"])


@pytest.mark.parametrize(
    ("codes", "compare", "code", "unlisted"),
    [
        (("OK",), Compare.EXACTLY, "OK", "KITCODE"),
        (("ok",), Compare.EXACTLY, "ok", "kitcode"),
        (("KITCODE",), Compare.ANY_CASE, "KITCODE", "KITCODEx"),
        (("1", "9"), Compare.NUMBER, "1", "8"),
        (("001", "999"), Compare.NUMBER, "001", "998"),
        (("0x0000000b",), Compare.HEX_NUMBER, "11", "99"),
        (("0x0000000b", "0xffffffff"), Compare.HEX_NUMBER, "0x0000000b", "0xfffffffe"),
        (tuple("0123456789"), Compare.EXACTLY, "4", "99"),
    ],
)
def test_an_unlisted_code_is_of_the_same_make_as_a_listed_one(codes, compare, code, unlisted) -> None:
    rows = tuple(Row(listed, Status.FAILED, meaning="failed") for listed in codes)
    assert unlisted_code(CodeTable("status", rows, Source("page"), compare=compare), code) == unlisted


def test_a_provider_that_does_not_say_what_it_is_is_found(bench, failures) -> None:
    bench.plugin(POLL, way="Push(reading=READING, bodies=(BodyKind.JSON,))")
    module = bench.site / "acme_dlr.py"
    source = module.read_text().replace('"""Acme: a POST of JSON for each change."""', "")
    source = (
        source.replace('Source("Acme\'s manual")', 'Source("")')
        .replace('title="Acme"', 'title=" "')
        .replace('"It signs nothing.",', "")
    )
    source = source.replace('"no such message"', '""').replace(
        "auth=(UrlSecret(),)", "auth=(UrlSecret(),), absences=(ANSWERS,)"
    )
    module.write_text(source)
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert "documentation" in failures(result)
    result.stdout.fnmatch_lines(
        [
            "title: empty",
            "docs, notes: both empty; *",
            "table status: its source has no title",
            "table errors.code: its source has no title",
            "table errors.code, code '404': no meaning; *",
            "acme_dlr: no docstring; *",
        ]
    )


def test_a_provider_made_in_a_function_is_documented_by_its_plugin(bench, failures) -> None:
    bench.plugin()
    module = bench.site / "acme_dlr.py"
    source = module.read_text().replace('"""Acme: a POST of JSON for each change."""', "")
    head, _, tail = source.partition("ACME = Provider(")
    body, hook, _ = tail.partition("@hookimpl")
    source = f"{head}def make():\n    return Provider({body}\n{hook}\ndef delivrd_providers():\n    return [make()]\n"
    module.write_text(source)
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert failures(result) == {"documentation"}
    result.stdout.fnmatch_lines(["acme_dlr: no docstring; *"])


def test_an_answer_of_several_items_is_a_batch(bench, failures, sound, make_http) -> None:
    bench.plugin(POLL, way="Push(reading=READING, bodies=(BodyKind.JSON,)), POLLED")
    several = '{"tags":[{"a":1}],"items":[{"id":"1","status":"OK"},{"id":"2","status":"BAD","more":[{"b":2}]}]}'
    bench.fixtures(sound | {"delivered-both.http": make_http(several, first="HTTP/1.1 200 OK", said="# asked: 1\n")})
    assert failures(bench.accepted(hostile=10)) == set()

"""Outcomes on file: what an update writes, and what it must never touch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

OWN_TESTS = """
    from pathlib import Path
    from syrupy.extensions.single_file import SingleFileSnapshotExtension

    class Beside(SingleFileSnapshotExtension):
        file_extension = "json"

        @classmethod
        def dirname(cls, *, test_location):
            return str(Path(test_location.filepath).parent)

        @classmethod
        def get_file_basename(cls, *, test_location, index):
            return test_location.basename

    def test_amber(snapshot):
        assert snapshot == {"a": 1}

    def test_beside(snapshot):
        assert b"{}" == snapshot.use_extension(Beside)
"""


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "arguments", [(), ("--snapshot-dirname=.",), ("--snapshot-dirname=..",), ("fixtures",)], ids=str
)
def test_an_update_writes_the_outcomes_of_known_cases_and_touches_nothing_else(bench, arguments) -> None:
    bench.plugin()
    folder = bench.fixtures()
    bench.fixtures({"gone.json": b"{}\n", "notes.txt": b"keep", "other.ambr": b"keep", ".hidden": b"keep"})
    (folder / "inner").mkdir()
    (folder / "inner" / "deep.json").write_bytes(b"keep")
    before = content(folder)
    bench.run("--snapshot-update", *arguments, hostile=0)
    after = content(folder)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"delivered.json", "failed.json", "unreadable-without-id.json"}


def test_an_update_beside_tests_with_extensions_of_their_own_touches_no_fixture(bench) -> None:
    bench.plugin()
    bench.fixtures()
    folder = bench.fixtures({"gone.json": b"{}\n"})
    bench.pytester.mkdir("tests").joinpath("test_own.py").write_text(
        "\n".join(line[4:] for line in OWN_TESTS.splitlines())
    )
    before = content(folder)
    result = bench.run("--snapshot-update", hostile=0)
    # The update passed, so it was free to clean up.
    assert "gone.json" in content(folder)
    assert {name: content(folder)[name] for name in before} == before
    result.stdout.fnmatch_lines(["*5 snapshots generated*"])


def test_an_update_of_one_case_leaves_the_outcomes_of_the_others(bench) -> None:
    bench.plugin()
    folder = bench.fixtures()
    bench.run("--snapshot-update", hostile=0)
    (folder / "failed.json").write_text("{}\n")
    bench.run("--snapshot-update", "fixtures/acme/delivered.http", hostile=0)
    assert (folder / "failed.json").read_text() == "{}\n"
    bench.run("--snapshot-update", hostile=0)
    assert (folder / "failed.json").read_text() != "{}\n"


def test_an_outcome_is_the_receipt_or_the_error_as_indented_json(bench) -> None:
    bench.plugin()
    folder = bench.fixtures()
    bench.run("--snapshot-update", hostile=0)
    text = (folder / "delivered.json").read_text()
    receipt = json.loads(text)["receipt"]
    assert text == json.dumps({"receipt": receipt}, indent=2, sort_keys=True) + "\n"
    assert (receipt["reports"][0]["status"], receipt["reports"][0]["resend"]) == ("delivered", "no")
    error = json.loads((folder / "unreadable-without-id.json").read_text())["error"]
    assert error == {
        "type": "Unreadable",
        "message": "id: expected the message's id, found none; is this the right provider?",
        "field": "id",
        "reply": {"status": 400},
    }


def test_a_file_of_many_inputs_has_a_list_of_outcomes(bench, failures) -> None:
    bench.plugin()
    lines = [
        {
            "kind": "request",
            "method": "POST",
            "target": "/",
            "body": json.dumps({"id": "1", "status": code}),
            "source": "invented",
        }
        for code in ("OK", "BAD")
    ]
    folder = bench.fixtures({"codes.jsonl": "\n".join(map(json.dumps, lines)).encode()})
    assert failures(bench.accepted(hostile=2)) == set()
    outcomes = json.loads((folder / "codes.json").read_text())
    assert [outcome["receipt"]["reports"][0]["status"] for outcome in outcomes] == ["delivered", "failed"]


def test_an_outcome_that_is_not_on_file_fails(bench, failures) -> None:
    bench.plugin()
    bench.fixtures()
    result = bench.run(hostile=0)
    assert failures(result) == {"snapshot"}
    result.stdout.fnmatch_lines(["*does not exist*"])


def test_a_file_that_is_no_fixture_fails_and_says_what_is_wrong_with_it(bench, failures, sound) -> None:
    bench.plugin()
    bench.fixtures(sound | {"empty.http": b""})
    result = bench.accepted(hostile=2)
    assert failures(result) == {"snapshot"}
    result.stdout.fnmatch_lines(["acme/empty.http is no fixture: empty.http: *"])


def test_an_outcome_that_is_another_exception_is_never_accepted(bench, failures) -> None:
    bench.plugin(
        """
        def decode(request, context):
            return Decoded(records=[{"id": load(request)["id"], "status": "OK"}])
        """
    )
    bench.fixtures()
    result = bench.accepted(hostile=0)
    assert "snapshot" in failures(result)
    result.stdout.fnmatch_lines(
        ["acme/unreadable-without-id.http raised PluginError: *KeyError('id'); only InputError may*"]
    )


def test_the_kit_asks_for_syrupy_where_it_is_switched_off(bench, failures) -> None:
    bench.plugin()
    bench.fixtures()
    result = bench.run("-p", "no:syrupy", hostile=0)
    assert failures(result) == {"snapshot"}
    result.stdout.fnmatch_lines(["*compares by syrupy; do not switch it off*"])

"""Two versions of a plugin beside each other: wheels, checkouts and folders of one that is made up here."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import delivrd
from delivrd import Account, Registry
from delivrd.cli import main
from delivrd.diff import side
from delivrd.diff.outcomes import Comparison, Made
from delivrd.diff.places import PlaceError, place_of
from delivrd.diff.tables import table_changes, unversioned

ROOT = Path(__file__).parent.parent
PHONE = "15555550123"
SECRET = "s3cr3t-of-the-gateway"

MODULE = """
import delivrd
from delivrd import Cause, Evidence, Row, Status
from delivrd_toy.words import STRANGE, ITEMS
S = delivrd.Source("a page")
class Callback(delivrd.Shape):
    id: delivrd.Code = None
    stat: delivrd.Code = None
    err: delivrd.Code = None
    to: delivrd.Text = None
FIELDS = delivrd.Fields(message_id="id", recipient="to")
def decode(request, context):
    # Late, so that it comes from this version's package only if nothing of another is there.
    from delivrd_toy.late import check
    check(request)
    return None
def provider(name):
    return delivrd.Provider(name=name, vendor="V", title="T", docs=S,
        tables=(delivrd.CodeTable("stat", (ROWS,), S, version="VERSION"),
                delivrd.CodeTable("err", (Row("1", Status.FAILED, True, None, Cause.BARRED, "no"),), S, reasons=True)),
        ways=(delivrd.Push(reading=delivrd.Reading(shape=Callback, fields=FIELDS, report_if=REPORT_IF),
              bodies=(delivrd.BodyKind.JSON,), items=ITEMS),))
@delivrd.hookimpl
def delivrd_providers():
    return [provider(name) for name in NAMES]
"""

DONE = 'Row("DONE", Status.DELIVERED, True, Evidence.HANDSET, None, "there")'
LOST = 'Row("LOST", Status.FAILED, True, None, None, "gone")'


class Toy:
    """Writes versions of a plugin, and asks about two of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def package(self, name: str, *rows: str, version: str = "1", names: str = "['toy']", more: str = "") -> Path:
        """A package's folder, with a module beside it that only this version has."""
        folder = self.folder / name / "delivrd_toy"
        folder.mkdir(parents=True)
        body = MODULE.replace("(ROWS,)", f"({', '.join(rows)},)").replace("VERSION", version)
        body = body.replace("REPORT_IF", "None").replace("NAMES", names)
        (folder / "__init__.py").write_text(body + more, encoding="utf-8")
        (folder / "words.py").write_text(f"STRANGE = {name!r}\nITEMS = ''\n", encoding="utf-8")
        return folder

    def checkout(self, name: str, *rows: str, src: bool = False, **more: str) -> Path:
        folder = self.package(f"{name}/src" if src else name, *rows, **more).parent
        folder = folder.parent if src else folder
        entry = '[project.entry-points.delivrd]\ntoy = "delivrd_toy"\n'
        (folder / "pyproject.toml").write_text(f'[project]\nname = "delivrd-toy"\nversion = "1.0"\n{entry}')
        return folder

    def site(self, name: str, *rows: str, **more: str) -> Path:
        folder = self.package(name, *rows, **more).parent
        info = folder / "delivrd_toy-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: delivrd-toy\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[delivrd]\ntoy = delivrd_toy\n")
        return folder

    def wheel(self, name: str, *rows: str, **more: str) -> Path:
        folder = self.site(f"{name}-unpacked", *rows, **more)
        (self.folder / name).mkdir()
        path = self.folder / name / "delivrd_toy-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for each in sorted(folder.rglob("*")):
                archive.write(each, each.relative_to(folder))
        return path

    def wheels(self, name: str, *rows: str, **more: str) -> Path:
        return self.wheel(name, *rows, **more).parent

    def inputs(self, *bodies: Any, **more: str) -> str:
        path = self.folder / "past.jsonl"
        head = {
            "kind": "request",
            "method": "POST",
            "target": f"/dlr/{SECRET}",
            "headers": {"Content-Type": "application/json"},
        }
        lines = [
            json.dumps({**head, "body": each if isinstance(each, str) else json.dumps(each), **more}) for each in bodies
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    def diff(self, *words: object, code: int) -> Result:
        done = CliRunner().invoke(main, ["diff", *map(str, words)], prog_name="delivrd")
        assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
        return done

    def found(self, *words: object, code: int = 1) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.diff(*words, "--format", "json", code=code).stdout.splitlines()]


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


@pytest.mark.parametrize("form", ["package", "checkout", "site", "wheel", "wheels"])
def test_two_versions_are_compared_wherever_they_lie(toy, form):
    old = toy.wheel("old", DONE, LOST)
    make = getattr(toy, form)
    same, other = make("same", DONE, LOST), make("new", DONE, LOST.replace("FAILED", "EXPIRED"))
    past = toy.inputs([{"id": "m-1", "stat": "DONE"}, {"id": "m-2", "stat": "LOST", "to": PHONE}])
    assert toy.found(old, same, past, code=0) == []
    table, reports = toy.found(old, other, past)
    assert table == {
        "change": "table", "kind": "changed", "provider": "toy", "field": "stat", "code": "LOST",
        "before": {"status": "failed"}, "after": {"status": "expired"}, "words": False,
    }  # fmt: skip
    assert reports == {
        "change": "reports", "codes": {"stat": "LOST"}, "reports": 1, "first": f"{past}:1",
        "before": {"status": "failed", "final": True, "evidence": None, "cause": None, "resend": "elsewhere"},
        "after": {"status": "expired", "final": True, "evidence": None, "cause": None, "resend": "later"},
    }  # fmt: skip


def test_the_changes_are_shown_to_people_without_numbers_and_secrets(toy):
    old, new = toy.site("old", DONE, LOST), toy.site("new", DONE.replace("True", "False"))
    past = toy.inputs(*([{"id": "m", "stat": stat, "err": 1, "to": PHONE}] for stat in ("DONE", "LOST", "LOST", PHONE)))
    shown = toy.diff(old, new, past, code=1)
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["toy", "stat", "DONE", "row", "changed", "final:", "yes", "->", "no"] in lines
    assert ["toy", "stat", "LOST", "row", "removed", "status", "failed,", "final", "yes"] in lines
    # Where the other table says that it failed too, nothing comes of the loss of a row but a warning.
    assert ["1", "err=1", "stat=DONE", "final:", "yes", "->", "no", f"{past}:1"] in lines
    assert ["2", "other", "fields:", "warnings", f"{past}:2"] in lines
    assert "reports that change their meaning: 1, of 4 reports of 4 inputs" in shown.stderr
    assert "toy, stat: rows change their meaning, and the table's version does not" in shown.stderr
    for hidden in (PHONE, SECRET, PHONE[-7:]):
        assert hidden not in shown.stdout + shown.stderr


def test_words_alone_are_no_change(toy):
    old, new = toy.site("old", DONE), toy.site("new", DONE.replace("there", "it is there"), version="2")
    shown = toy.diff(old, new, code=0)
    assert shown.stdout == ""
    assert "changes of meaning in the tables: none; of words: 2" in shown.stderr


def test_what_one_version_cannot_read_is_a_change_too(toy):
    late = "\nfrom dataclasses import dataclass\n"
    old = toy.site("old", DONE)
    new = toy.site("new", DONE, more=late)
    text = (new / "delivrd_toy/__init__.py").read_text()
    (new / "delivrd_toy/__init__.py").write_text(
        text.replace("    to: delivrd.Text = None", "    to: delivrd.Text = None\n    at: delivrd.Text = None").replace(
            '"to")', '"to", occurred_at="at")'
        )
    )
    past = toy.inputs(
        [{"id": "m-1", "stat": "DONE", "at": "2024-01-31T12:00:00Z"}, {"id": "m-2", "stat": "DONE"}],
        [{"id": "m-3"}, {"id": "m-4", "stat": "DONE"}],
        "{",
    )
    (aside,) = toy.found(old, new, past)
    assert aside["change"] == "fields"
    assert aside["reports"] == 1
    assert {"occurred_at", "key"} <= set(aside["fields"])
    (new / "delivrd_toy/__init__.py").write_text(text.replace("items=ITEMS", 'items="events"'))
    changed = toy.found(old, new, past)
    assert [(each["reports"], each["before"], each["after"]) for each in changed[:1]] != []
    assert all(isinstance(each["before"], dict) and each["after"] == "Unreadable" for each in changed)
    assert sum(each["reports"] for each in changed) == 3


def test_two_versions_never_meet_in_one_process(toy):
    check = "\nimport delivrd_toy.words as words, sys\nassert words.STRANGE == NAME, words.STRANGE\nassert sum(n.startswith('delivrd_toy') for n in sys.modules) == 2\n"
    old = toy.site("old", DONE, more=check.replace("NAME", "'old'"))
    new = toy.wheel("new", DONE, more=check.replace("NAME", "'new-unpacked'"))
    assert toy.found(old, new, code=0) == []
    broken = toy.site("broken", DONE, more=check.replace("NAME", "'another'"))
    assert "AssertionError" in toy.diff(old, broken, code=2).stderr


def test_what_a_plugin_prints_and_reads_is_no_answer(toy):
    noise = "\nimport sys\nprint('{}', flush=True)\nprint('x', file=sys.stderr)\nassert sys.stdin.read() == ''\n"
    assert (
        toy.found(
            toy.site("old", DONE), toy.site("new", DONE, more=noise), toy.inputs([{"id": "1", "stat": "DONE"}]), code=0
        )
        == []
    )


def test_a_version_that_fails_or_ends_is_told_of(toy):
    old = toy.site("old", DONE)
    past = toy.inputs([{"id": "1", "stat": "DONE"}])
    assert (
        "RuntimeError: no licence"
        in toy.diff(old, toy.site("a", DONE, more="\nraise RuntimeError('no licence')"), code=2).stderr
    )
    assert (
        "ended without an answer" in toy.diff(toy.site("b", DONE, more="\nimport os\nos._exit(0)"), old, code=2).stderr
    )
    ends = "\nimport os\nclass Ends(str):\n    pass\n_read = delivrd.Provider.read\ndef read(*a, **k): os._exit(3)\ndelivrd.Provider.read = read\n"
    assert "its process has ended" in toy.diff(old, toy.site("c", DONE, more=ends), past, code=2).stderr
    raises = "\ndef read(*a, **k): raise KeyError('" + PHONE + "')\ndelivrd.Provider.read = read\n"
    shown = toy.diff(old, toy.site("d", DONE, more=raises), past, code=1)
    assert "delivered, resend no -> (KeyError)" in shown.stdout
    assert PHONE not in shown.stdout + shown.stderr


def test_a_version_whose_answer_cannot_be_written_is_told_of(toy):
    odd = "\ndelivrd.Report.to_dict = lambda self: {'status': object()}\n"
    new, past = toy.site("new", DONE, more=odd), toy.inputs([{"id": "1", "stat": "DONE"}])
    assert "TypeError: Object of type object is not JSON" in toy.diff(toy.site("old", DONE), new, past, code=2).stderr


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_version_that_never_answers_is_told_of(toy, monkeypatch, when):
    monkeypatch.setattr("delivrd.diff.sides._TICK", 0.01)
    monkeypatch.setattr("delivrd.diff.sides._TICKS", 600)
    hangs = "\nimport threading\n"
    hangs += (
        "threading.Event().wait()"
        if when == "at once"
        else "delivrd.Provider.read = lambda *a, **k: threading.Event().wait()"
    )
    past = toy.inputs([{"id": "1", "stat": "DONE"}])
    said = toy.diff(toy.site("old", DONE), toy.site("new", DONE, more=hangs), past, code=2).stderr
    assert "new: no answer in 6 seconds" in said


def test_a_version_can_bring_its_own_release_of_delivrd(toy):
    new = toy.site("new", DONE, LOST)
    shutil.copytree(ROOT / "src/delivrd", new / "delivrd", ignore=shutil.ignore_patterns("__pycache__"))
    words = new / "delivrd/vocabulary.py"
    words.write_text(words.read_text() + "\n_own = advise_resend\ndef advise_resend(*a):\n    return Resend.UNSAFE\n")
    (change,) = toy.found(toy.site("old", DONE, LOST), new, toy.inputs([{"id": "1", "stat": "LOST"}]))
    assert (change["before"]["resend"], change["after"]["resend"]) == ("elsewhere", "unsafe")


def test_a_checkout_is_compared_with_what_is_installed(toy):
    past = [str(path) for path in sorted((ROOT / "fixtures/messente-legacy").glob("*.http"))]
    legacy = ["--provider", "messente-legacy"]
    assert toy.found("installed", ROOT / "plugins/messente", *past, *legacy, code=0) == []
    copy = shutil.copytree(ROOT / "plugins/messente", toy.folder / "messente")
    module = copy / "delivrd_messente/legacy.py"
    module.write_text(
        module.read_text().replace('Row("DELIVRD", S.DELIVERED, True', 'Row("DELIVRD", S.DELIVERED, False')
    )
    table, *reports = toy.found("installed", copy, *past, *legacy)
    assert (table["provider"], table["code"], table["after"]) == ("messente-legacy", "DELIVRD", {"final": False})
    assert reports
    assert all(each["before"]["final"] and not each["after"]["final"] for each in reports)
    # Only what the checkout brings is compared, not all that is installed.
    assert toy.found(copy / "delivrd_messente", "installed")[0]["after"] == {"final": True}


def test_providers_and_tables_that_come_and_go_are_told_of(toy):
    old, new = toy.site("old", DONE, names="['toy', 'gone']"), toy.site("new", DONE, names="['toy', 'come']")
    assert [(each["provider"], each["kind"], each["field"]) for each in toy.found(old, new)] == [
        ("gone", "removed", ""),
        ("come", "added", ""),
    ]
    past = toy.inputs([{"id": "1", "stat": "DONE"}])
    (change,) = (each for each in toy.found(old, new, past, "--provider", "gone") if each["change"] == "reports")
    assert change["after"] == "UnknownProvider"
    assert (
        "expected the name of the one that reads the files; there are: come, gone, toy"
        in toy.diff(old, new, past, code=2).stderr
    )
    assert "neither version brings 'x'" in toy.diff(old, new, past, "--provider", "x", code=2).stderr


def test_a_wrong_call_is_told_and_ends_with_2(toy):
    old = toy.site("old", DONE)
    assert "both are what is installed" in toy.diff("installed", "installed", code=2).stderr
    assert "no such file; expected 'installed', a wheel" in toy.diff(old, toy.folder / "none", code=2).stderr
    (toy.folder / "empty").mkdir()
    assert "it brings no plugin" in toy.diff(old, toy.folder / "empty", code=2).stderr
    (toy.folder / "empty/pyproject.toml").write_text("[tool.x]\n")
    assert "expected [project] with a name" in toy.diff(toy.folder / "empty", old, code=2).stderr
    (toy.folder / "empty/pyproject.toml").write_text(
        '[project]\nname = "x"\n[project.entry-points.delivrd]\nx = "nowhere"\n'
    )
    assert "its modules stand neither there nor in its folder src" in toy.diff(toy.folder / "empty", old, code=2).stderr
    twice = os.pathsep.join([str(old), str(toy.wheel("new", DONE))])
    assert "it holds delivrd-toy more than once" in toy.diff(old, twice, code=2).stderr
    shown = toy.diff(old, toy.site("c", DONE), toy.inputs("{", "["), code=0)
    assert "inputs of which neither version makes a report: 2" in shown.stderr
    assert "1 inputs could not be compared" in toy.diff(old, toy.site("b", DONE), "nowhere.jsonl", code=2).stderr


def test_several_paths_are_one_version_together(toy, tmp_path):
    checkout = toy.checkout("one", DONE, src=True)
    words = checkout / "src/delivrd_toy/words.py"
    words.write_text("from toy_words import STRANGE, ITEMS\n")
    base = toy.folder / "base"
    base.mkdir()
    (base / "toy_words.py").write_text("STRANGE = ITEMS = ''\n")
    (base / "pyproject.toml").write_text('[project]\nname = "toy-words"\n')
    both = os.pathsep.join([str(checkout), str(base)])
    assert toy.found(toy.site("old", DONE), both, code=0) == []
    assert "No module named 'toy_words'" in toy.diff(toy.folder / "old", checkout, code=2).stderr
    with pytest.raises(PlaceError, match="is named twice"):
        place_of(os.pathsep.join([str(base), str(base)]), tmp_path / "old")


CODE = st.sampled_from(["A", "B", "C"])
ROW = st.fixed_dictionaries(
    {"status": st.sampled_from(["failed", "expired"]), "final": st.booleans(), "meaning": st.sampled_from(["x", "y"])}
)
TABLE = st.dictionaries(CODE, ROW, max_size=3).map(
    lambda rows: {
        "toy": {
            "tables": [
                {"field": "stat", "version": "1", "rows": [{"code": code, **row} for code, row in rows.items()]}
            ],
            "absences": [],
        }
    }
)


def rows_of(side_: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["code"]: row for row in side_["toy"]["tables"][0]["rows"]}


@given(TABLE, TABLE)
def test_tables_are_told_apart_by_what_their_rows_mean(before, after):
    changes = list(table_changes(before, after))
    old, new = rows_of(before), rows_of(after)
    meaning = {code for code in old.keys() | new.keys() if gist(old.get(code)) != gist(new.get(code))}
    assert {each.code for each in changes if not each.words} == meaning
    assert {each.code for each in changes if each.words} == {
        code for code in old.keys() & new.keys() if old[code]["meaning"] != new[code]["meaning"]
    }
    assert unversioned(changes, before, after) == (["toy, stat"] if meaning else [])
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    mirrored = [
        (turned[each.kind], each.code, sorted(each.after.items()), sorted(each.before.items())) for each in changes
    ]
    assert sorted(mirrored, key=str) == sorted(
        [
            (each.kind, each.code, sorted(each.before.items()), sorted(each.after.items()))
            for each in table_changes(after, before)
        ],
        key=str,
    )


def gist(row: dict[str, Any] | None) -> tuple[Any, ...] | None:
    return None if row is None else (row["status"], row["final"])


REPORT = st.fixed_dictionaries(
    {
        "message_id": st.sampled_from(["1", "2"]),
        "status": st.sampled_from(["failed", "sent"]),
        "codes": st.dictionaries(CODE, CODE, max_size=1),
    }
)
OUTCOMES = st.lists(
    st.tuples(*[st.lists(REPORT, max_size=3).map(lambda found: Made(tuple(found), "no report"))] * 2), max_size=12
)


@given(OUTCOMES, st.integers(1, 4))
def test_every_report_that_changes_is_counted_once_whatever_is_held(pairs, most):
    compared = Comparison(most=most)
    for number, (before, after) in enumerate(pairs):
        compared.add(f"in:{number}", before, after)
        compared.add(f"again:{number}", before, before)
    changes = compared.changes()
    assert len(changes) <= most
    assert sum(each.reports for each in changes) + compared.left_out == compared.changed
    assert compared.changed <= compared.reports
    assert compared.inputs == 2 * len(pairs)
    assert not any(each.first.startswith("again") for each in changes)
    assert (compared.changed == 0) == all(said(before) == said(after) for before, after in pairs)


def said(outcome: Made) -> list[Any]:
    """What a message is told, in order, whatever stands between."""
    return [[each["status"] for each in outcome.reports if each["message_id"] == name] for name in ("1", "2")]


def test_a_side_answers_every_question_in_its_own_words():
    registry = Registry.installed()
    described = side._described(registry)
    assert set(described["providers"]) == set(registry)
    assert all(each["error"] is None for each in described["plugins"])
    line = json.dumps({"kind": "request", "method": "GET", "target": "/?sms_unique_id=m&stat=DELIVRD"})
    heads = ['["messente-legacy", null]', '["messente-legacy", {"zone": "nowhere"}]', '["nobody", null]', "["]
    answers = io.BytesIO()
    side._read_all(registry, io.BytesIO("".join(f"{head}\n{line}\n" for head in heads).encode()), answers)
    first, *others = map(json.loads, answers.getvalue().splitlines())
    assert (first["reports"][0]["status"], first["absence"], first["problems"]) == ("delivered", None, 0)
    assert others == [{"error": "AccountError"}, {"error": "UnknownProvider"}, {"error": "JSONDecodeError"}]


def test_accounts_are_made_once_and_not_held_for_ever(monkeypatch):
    made = []

    def make(document):
        made.append(document["name"])
        return Account(name=document["name"])

    monkeypatch.setattr(delivrd, "Account", SimpleNamespace(from_dict=make))
    line = json.dumps({"kind": "request", "method": "GET", "target": "/?sms_unique_id=m&stat=DELIVRD"})
    # Each twice in a row, more than are held; then the first again.
    names = [str(number) for number in range(side._ACCOUNTS + 1)]
    asked = [*(name for name in names for _ in range(2)), names[0]]
    questions = "".join(f'["messente-legacy", {{"name": "{name}"}}]\n{line}\n' for name in asked)
    answers = io.BytesIO()
    side._read_all(Registry.installed(), io.BytesIO(questions.encode()), answers)
    assert [json.loads(each)["reports"][0]["account"] for each in answers.getvalue().splitlines()] == asked
    assert made == [*names, names[0]]


def test_of_the_accounts_that_are_held_the_oldest_makes_room(monkeypatch):
    made = []

    def make(document):
        made.append(document["name"])
        return Account(name=document["name"])

    monkeypatch.setattr(delivrd, "Account", SimpleNamespace(from_dict=make))
    line = json.dumps({"kind": "request", "method": "GET", "target": "/?sms_unique_id=m&stat=DELIVRD"})
    names = [str(number) for number in range(side._ACCOUNTS + 1)]
    asked = [*names, *names[1:]]
    questions = "".join(f'["messente-legacy", {{"name": "{name}"}}]\n{line}\n' for name in asked)
    side._read_all(Registry.installed(), io.BytesIO(questions.encode()), io.BytesIO())
    assert made == names

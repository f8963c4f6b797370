"""`delivrd new-provider`: what it makes passes the kit at once, whatever the names; what it must not do, it refuses."""

from __future__ import annotations

import ast
import keyword
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import packages
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd.cli import main
from delivrd.cli.scaffold import Form, names_of, package_files

ROOT = Path(__file__).parent.parent
FORMS = [form.value for form in Form]


def run(*arguments: str):
    return CliRunner().invoke(main, ["new-provider", *arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    """A package of each shape, made and installed."""
    desk = tmp_path_factory.mktemp("made")
    folders = {}
    for form in FORMS:
        folder = desk / form
        result = run(f"acme-{form}", "--shape", form, "--vendor", f"Acme {form}", "--into", str(folder))
        assert result.exit_code == 0, result.output
        told = result.stdout.splitlines()
        assert told == sorted(str(path) for path in folder.rglob("*") if path.is_file())
        packages.register(folder)
        folders[form] = folder
    return folders


def test_every_shape_passes_the_kit_at_once_and_skips_nothing(made):
    done = packages.kit(made.values(), "--delivrd-hostile=3", "-vv")
    assert done.returncode == 0, done.stdout
    last = done.stdout.splitlines()[-1]
    assert "passed" in last
    assert not {"skipped", "xfailed", "deselected", "warning"} & set(last.replace(",", " ").split())
    for form in FORMS:
        for check in ("snapshot", "rows", "unlisted", "authentic", "hostile"):
            assert any(f"acme-{form}" in line and f"::{check} PASSED" in line for line in done.stdout.splitlines())


def test_every_shape_is_written_as_the_house_writes(made):
    # Without our own configuration: to its author the package is the first party, and delivrd is not.
    options = ["--isolated", "--line-length", "120", "--target-version", "py311"]
    for folder in made.values():
        for command in (["check", "--select", "E,W,F,I,UP,B,D1,RUF100"], ["format", "--diff"]):
            words = [str(Path(sys.executable).parent / "ruff"), *command, *options, "--no-cache", "."]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr


def test_every_shape_has_the_parts_of_a_module_in_order(made):
    for form, folder in made.items():
        (module,) = folder.glob("delivrd_*/acme_*.py")
        text = module.read_text(encoding="utf-8")
        marks = [
            '"""Acme',
            "MANUAL = Source(",
            "REASON = CodeTable(",
            "Shape):",
            "Reading(\n",
            f"ACME_{form.upper()} = ",
        ]
        if form == "smpp":
            # Its receipts are declared where they are read.
            marks.remove("Reading(\n")
        places = [text.index(mark) for mark in marks]
        assert places == sorted(places), form


NAMES = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)
AWKWARD = st.sampled_from(["state", "reason", "manual", "event", "errors", "46elks", "class", "none", "e-164", "main"])
SIGNS = st.characters(categories=["L", "N"], include_characters=" .,&-()!/+*@;:_%=^~?")
VENDORS = st.builds(
    " ".join, st.tuples(st.text(SIGNS, max_size=18), st.sampled_from("aZ7"), st.text(SIGNS, max_size=18))
)


@settings(max_examples=60, deadline=None)
@given(NAMES | AWKWARD, VENDORS, st.sampled_from(list(Form)))
def test_whatever_name_is_taken_stands_soundly_in_every_file(name, vendor, form):
    names = names_of(name, vendor, "0.1.0")
    files = {path: content.decode() for path, content in package_files(names, form).items()}
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["description"].startswith(f"{names.vendor}'s ")
    module = project["entry-points"]["delivrd"][names.plugin]
    assert module.isidentifier()
    assert f"{module}/__init__.py" in files
    for path, text in files.items():
        if path.endswith(".py"):
            ast.parse(text, path)
            stem = path.rpartition("/")[2].removesuffix(".py")
            assert stem.isidentifier()
            assert not keyword.iskeyword(stem)
    assert f"fixtures/{name}/codes.jsonl" in files
    assert f"`{name}`, by {names.vendor}." in files[f"docs/{name}.md"]


@pytest.mark.parametrize(
    "vendor", ['Ac"me', "Ac\\me", "Ac\nme", "中国移动", "$name", "", " ", "x" * 41, "a#b", "a\x00b"]
)
def test_a_company_that_cannot_stand_in_the_files_is_refused_or_put_on_one_line(vendor, tmp_path):
    result = run("acme", "--vendor", vendor, "--into", str(tmp_path / "acme"))
    if vendor == "Ac\nme":
        assert result.exit_code == 0
        assert '"""Ac me: ' in (tmp_path / "acme/delivrd_ac_me/acme.py").read_text()
        return
    assert result.exit_code == 2
    assert result.stderr.startswith("delivrd: --vendor: expected the company's name")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "better"),
    [("Acme SMS", "acme-sms"), ("acme_sms", "acme-sms"), ("a--b", "a-b"), ("Ünited", "united"), ("x" * 41, "x" * 40)],
)
def test_a_bad_name_is_refused_with_a_better_one(name, better, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(name)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"try {better}\n")
    assert not list(tmp_path.iterdir())
    assert run(better).exit_code == 0


def test_a_name_without_a_letter_is_refused_without_a_better_one():
    result = run("…")
    assert result.exit_code == 2
    assert "expected lower case words" in result.stderr
    assert "try" not in result.stderr


def test_a_name_that_an_installed_plugin_brings_is_refused(tmp_path):
    result = run("teli", "--into", str(tmp_path / "teli"))
    assert result.exit_code == 2
    assert "the plugin teli brings a provider of this name" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("vendor", "plugin"), [("Messente", "messente"), ("Upside Wireless", "upside-wireless")])
def test_a_package_that_would_take_the_place_of_an_installed_one_is_refused(vendor, plugin, tmp_path):
    result = run("newer", "--vendor", vendor, "--into", str(tmp_path / "newer"))
    assert result.exit_code == 2
    assert f"the plugin {plugin} is installed" in result.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path):
    assert run("acme", "--into", str(tmp_path / "acme")).exit_code == 0
    module = tmp_path / "acme/delivrd_acme/acme.py"
    module.write_text("mine")
    again = run("acme", "--shape", "get", "--into", str(tmp_path / "acme"))
    assert again.exit_code == 1
    assert "nothing is written over; name another folder with --into" in again.stderr
    assert module.read_text() == "mine"
    file = run("acme", "--into", str(module))
    assert file.exit_code == 1
    assert module.read_text() == "mine"


def test_a_folder_whose_name_has_spaces_is_told_as_a_shell_takes_it(tmp_path):
    result = run("acme", "--into", str(tmp_path / "my own; acme"))
    assert shlex.split(result.stderr)[:3] == ["next:", "cd", str(tmp_path / "my own; acme") + ";"]


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "acme").mkdir()
    assert run("acme", "--into", str(tmp_path / "acme")).exit_code == 0


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("acme", "--into", str(tmp_path / "file" / "acme"))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "name another folder with --into" in result.stderr


def test_a_shape_that_builds_on_a_plugin_names_it_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "delivrd_smpp", None)
    result = run("acme", "--shape", "smpp", "--into", str(tmp_path / "acme"))
    assert result.exit_code == 1
    assert "pip install 'delivrd[smpp]'" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_provider_of_the_name_of_its_table_does_not_take_the_tables_place(tmp_path):
    assert run("state", "--into", str(tmp_path / "state")).exit_code == 0
    text = (tmp_path / "state/delivrd_state/state.py").read_text()
    assert "\nSTATE = CodeTable(" in text
    assert "\nSMS_STATE = Provider(" in text
    assert "import SMS_STATE" in (tmp_path / "state/delivrd_state/__init__.py").read_text()


def test_making_a_package_leaves_no_module_behind(tmp_path):
    before = set(sys.modules)
    assert run("acme", "--into", str(tmp_path / "acme")).exit_code == 0
    assert not {name for name in set(sys.modules) - before if name.startswith("delivrd_acme")}

"""The documentation keeps its promises: what it shows is run, what it names is there, what is generated is current.

In a page, `print(…)  # text` is checked against what it prints; `…` alone on a line stands for any lines.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import re
import shlex
import shutil
import sys
import tomllib
import types
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import packages
import pytest
import write_docs

import delivrd
import delivrd.arrow
import delivrd.ledger
from delivrd import Registry, Rule
from delivrd.cli import main
from delivrd.hookspecs import GROUP
from delivrd.ledger import Ledger

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GUIDE = DOCS / "writing-a-provider.md"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
BY_HAND = [page for page in PAGES if write_docs.WRITTEN not in page.read_text(encoding="utf-8")]
COLUMNS = 120
ELISION = "…"
NOT_RUN = "<!-- not run: "
SERVED = {DOCS / "tutorial.md"}
"""Pages whose commands need a server that they start: `test_tutorial.py` runs them."""
ENGINES = {"spark": "from pyspark", "ray": "import ray"}
"""What has to run before a page that imports it, on this machine alone."""
SHORTCUTS = {"make demo": "delivrd demo fixtures"}
"""What the targets of the Makefile run."""


class Block(NamedTuple):
    """A fenced block: its language, its text, the line before it, and where it stands."""

    language: str
    text: str
    before: str
    line: int


def blocks(page: Path) -> list[Block]:
    found, inside, before, start = [], None, "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```") and inside is None:
            inside, start = [line.removeprefix("```")], number
        elif line.startswith("```") and inside is not None:
            found.append(Block(inside[0], "\n".join(inside[1:]) + "\n", before, start))
            # A line names the block after it, not those that follow.
            inside, before = None, ""
        elif inside is not None:
            inside.append(line)
        elif line.strip():
            before = line.strip()
    assert inside is None, f"{page}: the block of line {start} has no end"
    return found


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def of_language(language: str) -> list[Path]:
    return [page for page in BY_HAND if any(block.language == language for block in blocks(page))]


def matches(shown: list[str], given: list[str]) -> bool:
    """Whether lines are as shown, where `…` alone stands for any lines."""
    if ELISION not in shown:
        return shown == given
    first, *between, last = (list(lines) for elided, lines in groupby(["", *shown, ""], ELISION.__eq__) if not elided)
    # The empty lines keep what stands before the first elision and after the last one, even where that is nothing.
    first, last, place = first[1:], last[:-1], len(first) - 1
    if given[:place] != first:
        return False
    for lines in between:
        found = (start for start in range(place, len(given)) if given[start : start + len(lines)] == lines)
        start = next(found, None)
        if start is None:
            return False
        place = start + len(lines)
    return len(given) - place >= len(last) and given[len(given) - len(last) :] == last


@pytest.mark.parametrize(
    ("shown", "given", "same"),
    [
        ("a b", "a b", True),
        ("a b", "a b c", False),
        ("a …", "a b c", True),
        ("a …", "b a", False),
        ("… c", "a b c", True),
        ("… b … c", "a b c", True),
        ("a … b c … e", "a b x b c d e", True),
        ("a … c b … e", "a b c d e", False),
        ("a … a", "a", False),
        ("…", "", True),
    ],
)
def test_an_elision_stands_for_any_lines_and_for_nothing_else(shown, given, same):
    assert matches(shown.split(), given.split()) is same


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder that looks like a checkout to whoever reads in it, and where files can be made."""
    (tmp_path / "fixtures").mkdir()
    for folder in (ROOT / "fixtures").iterdir():
        # Each for itself: what a page writes beside them stays here.
        (tmp_path / "fixtures" / folder.name).symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_of(page: Path) -> dict[str, Block]:
    """The files that a page shows: blocks whose line before ends with a name in backticks and a colon."""
    files = {}
    for block in blocks(page):
        name = re.fullmatch(r"(?:.*\s)?`([\w./-]+)`(?: \(.*\))?:", block.before)
        if name is not None and block.language != "console":
            files[name[1]] = block
    return files


def put_files(page: Path, folder: Path) -> None:
    """Write the files that a page shows. Those of the guide are made by the command that it begins with."""
    for name, block in files_of(page).items() if page != GUIDE else ():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(block.text, encoding="utf-8")


@pytest.mark.parametrize("page", [page for page in of_language("python") if page != GUIDE], ids=named)
def test_the_python_of_a_page_runs_and_prints_what_it_says(page, desk, monkeypatch, request):
    put_files(page, desk)
    for name, word in ENGINES.items():
        if word in page.read_text(encoding="utf-8"):
            request.getfixturevalue(name)
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    for block in blocks(page):
        if block.language != "python" or block.before.startswith(NOT_RUN):
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            # Line ends before it, so that an error names the page's own line.
            code = compile("\n" * block.line + block.text, str(page), "exec", dont_inherit=True)
            exec(code, module.__dict__)
        told = re.findall(r"^ *print\(.*\)  # (.*)$", block.text, re.MULTILINE)
        if told or printed.getvalue():
            assert printed.getvalue().splitlines() == told, f"{named(page)}, line {block.line}"


def test_hardly_any_python_of_the_pages_goes_unrun():
    assert sum(block.before.startswith(NOT_RUN) for page in BY_HAND for block in blocks(page)) <= 2


class Terminal(io.StringIO):
    """What a terminal shows: both streams, lines of a fixed width."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Pipe(Terminal):
    def isatty(self) -> bool:
        return False


def run(command: str, monkeypatch) -> tuple[list[str], int]:
    """What a command shows, and its exit status."""
    command, _, pipe = SHORTCUTS.get(command, command).partition(" | ")
    assert pipe in ("", "python -m json.tool"), pipe
    words = shlex.split(command)
    assert words[0] == "delivrd", command
    screen = Terminal()
    out = Pipe() if pipe else screen
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(screen), pytest.raises(SystemExit) as left:
        main.main(words[1:], prog_name="delivrd")
    text = json.dumps(json.loads(out.getvalue()), indent=4) if pipe else out.getvalue()
    return text.splitlines(), left.value.code


@pytest.mark.parametrize("page", [page for page in of_language("console") if page not in SERVED], ids=named)
def test_the_commands_of_a_page_show_what_it_says(page, desk, monkeypatch):
    put_files(page, desk)
    code = None
    for block in blocks(page):
        if block.language != "console":
            continue
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").splitlines()
            while shown and not shown[-1]:
                shown.pop()
            given, code = ([str(code)], 0) if command == "echo $?" else run(command, monkeypatch)
            said = "\n".join(given)
            assert matches(shown, given), f"{named(page)}, line {block.line}: {command} shows\n{said}"


def test_the_shortcuts_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target, command in SHORTCUTS.items():
        recipe = makefile.partition(f"\n{target.removeprefix('make ')}:")[2].splitlines()[1]
        assert recipe.strip() == f"@$(BIN)/{command}"


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    """The plugin of the guide, made by its command and installed."""
    desk = tmp_path_factory.mktemp("acme")
    line = next(block.text for block in blocks(GUIDE) if block.language == "console").splitlines()[0]
    words = shlex.split(line.removeprefix("$ delivrd "))
    folder = desk / "delivrd-acme"
    screen = Terminal()
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen), pytest.raises(SystemExit) as left:
        main.main([*words, "--into", str(folder)], prog_name="delivrd")
    assert left.value.code == 0
    packages.register(folder)
    return folder


def test_what_the_guide_shows_of_the_plugin_is_what_its_command_makes(acme):
    shown = files_of(GUIDE)
    for name, block in shown.items():
        made = (acme.parent / name).read_text(encoding="utf-8").splitlines()
        assert matches(block.text.splitlines(), made), f"line {block.line}: {name} is otherwise:\n" + "\n".join(made)
    # All of it, then: only commands are shown beside.
    assert {block.line for block in shown.values()} == {
        block.line for block in blocks(GUIDE) if block.language not in ("sh", "console")
    }


def test_the_plugin_of_the_guide_passes_the_kit_and_is_listed(acme):
    done = packages.kit([acme], "--delivrd-hostile=5")
    assert done.returncode == 0, done.stdout
    assert "hostile inputs tried" in done.stdout
    page = packages.python([acme], "-m", "delivrd", "codes", "acme", "--format", "markdown")
    assert page.stdout == (acme / "docs/acme.md").read_text(encoding="utf-8")


def test_the_guide_needs_every_row_that_it_shows(acme, tmp_path):
    acme = Path(shutil.copytree(acme, tmp_path / "acme"))
    lines = (acme / "fixtures/acme/codes.jsonl").read_text(encoding="utf-8").splitlines()
    assert "QUEUED" in lines[0]
    (acme / "fixtures/acme/codes.jsonl").write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")
    done = packages.kit([acme], "-k", "rows")
    assert done.returncode == 1
    assert "no fixture reaches it" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_of_a_page_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)|\b(?:src|srcset)=\"([^\"]+)\"", text):
        target = "".join(target)
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert place.is_relative_to(ROOT), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}, target


def test_the_index_leads_to_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in [*DOCS.rglob("*.md"), *DOCS.rglob("*.json")]:
        assert page == DOCS / "README.md" or f"({page.relative_to(DOCS)})" in index, page


def code_words() -> set[str]:
    """The identifiers that stand as code in the pages written by hand."""
    found = set()
    for page in BY_HAND:
        text = page.read_text(encoding="utf-8")
        fenced = "\n".join(block.text for block in blocks(page))
        inline = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
        found |= set(re.findall(r"\w+", fenced + inline))
    return found


def test_every_public_name_is_told_of():
    assert not sorted(set(delivrd.__all__) - code_words())


def test_every_public_name_of_the_ledger_is_told_of_on_its_page():
    text = (DOCS / "ledger.md").read_text(encoding="utf-8")
    methods = {name for name, _ in inspect.getmembers(Ledger, inspect.isfunction) if not name.startswith("_")}
    assert not {name for name in {*delivrd.ledger.__all__, *methods} if not re.search(rf"\b{name}\b", text)}


def test_every_public_name_of_the_columns_is_told_of():
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("many.md", "columns.md"))
    assert not {name for name in delivrd.arrow.__all__ if not re.search(rf"\b{name}\b", text)}


def test_every_hook_is_told_of_with_its_arguments():
    hooks = [
        function
        for _, function in inspect.getmembers(delivrd.hookspecs, inspect.isfunction)
        if hasattr(function, f"{GROUP}_spec")
    ]
    assert hooks
    for hook in hooks:
        arguments = ", ".join(inspect.signature(hook).parameters)
        assert f"`{hook.__name__}({arguments})`" in GUIDE.read_text(encoding="utf-8"), hook.__name__


def test_every_rule_is_told_of_in_its_own_words():
    text = (DOCS / "rules.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \|$", text.partition("## Every rule")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert rows == [(rule.value, rule.meaning) for rule in Rule]


def test_every_check_of_the_kit_is_told_of():
    from pytest_delivrd.collect import CONTRACT

    text = (DOCS / "kit.md").read_text(encoding="utf-8")
    for check in [*CONTRACT, "providers", "installed", "snapshot", "hostile"]:
        assert f"| `{check}` |" in text, check
    for option in ["delivrd_fixtures", "delivrd_providers", "--delivrd-hostile", "--delivrd-seed"]:
        assert f"`{option}" in text, option


def test_the_table_of_providers_is_true():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for provider in Registry.installed().values():
        row = next(line for line in text.splitlines() if line.startswith(f"| [`{provider.name}`]"))
        assert f"| {provider.vendor} |" in row
        for kind in provider.ways:
            assert f"`{kind.__name__}`" in row
        for question in provider.questions:
            assert f"`{question.operation}`" in row


def test_the_generated_pages_are_current():
    written = write_docs.pages()
    for path, text in written.items():
        assert (DOCS / path).read_text(encoding="utf-8") == text, f"docs/{path} is old: run make docs"
    pages = [page for page in PAGES if page not in BY_HAND]
    there = {str(page.relative_to(DOCS)) for page in [*pages, *DOCS.rglob("*.svg"), DOCS / "report.schema.json"]}
    assert there == set(written)


def test_no_page_is_longer_than_one_sitting():
    for page in BY_HAND:
        limit = 130 if page.parent == ROOT else 150
        assert len(page.read_text(encoding="utf-8").splitlines()) <= limit, page


def test_every_extra_is_told_of_where_installing_is():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    rows = re.findall(r"^\| (`.*?`) \|", (DOCS / "installing.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"`([\w-]+)`", " ".join(rows))) == sorted(extras)

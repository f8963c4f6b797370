"""What the type checkers of a gateway see: every public name with its type, and no name that is misspelt."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
import write_api

TYPED = Path(__file__).parent / "typed"
PUBLIC = [f"{module}.{name}" for module in write_api.MODULES for name in write_api.names_of(module)]

MYPY = """\
[mypy]
strict = true
# Following their types takes longer than checking all of ours.
[mypy-pyspark.*,ray.*]
ignore_missing_imports = true
follow_imports = skip
"""

Errors: TypeAlias = Counter[tuple[str, int, str]]
"""How often each error is reported, by file, line and code."""


def errors_of_mypy(folder: Path) -> Errors:
    # The cache is outside the folder, so that a second run is fast.
    cache = Path(__file__).parent.parent / ".mypy_cache/typed"
    (folder / "mypy.ini").write_text(MYPY, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", f"--cache-dir={cache}", "--output=json", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return Counter((each["file"], each["line"], each["code"]) for each in found if each["severity"] == "error")


def errors_of_pyright(folder: Path) -> Errors:
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return Counter(
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["rule"])
        for each in json.loads(done.stdout)["generalDiagnostics"]
        if each["severity"] == "error"
    )


CHECKERS: dict[str, Callable[[Path], Errors]] = {"mypy": errors_of_mypy, "pyright": errors_of_pyright}


UNKNOWN = {"mypy": {"attr-defined"}, "pyright": {"reportAttributeAccessIssue", "reportUnknownMemberType"}}
"""What each says of an attribute that a module does not have."""

UNTYPED = {f"delivrd.arrow.{name}" for name in ("INPUTS", "REPORTS", "join_table", "look_up", "normalize")}
"""Names whose types are pyarrow's, which publishes none."""


class Checked(NamedTuple):
    checker: str
    errors: Errors

    def of(self, file: str) -> Errors:
        return Counter({each: times for each, times in self.errors.items() if each[0] == file})


@pytest.fixture(scope="module", params=CHECKERS)
def checked(request, tmp_path_factory) -> Checked:
    """What a checker reports of the consumer, of its mistakes, and of every public name, used and misspelt."""
    folder = tmp_path_factory.mktemp("typed")
    for file in TYPED.glob("*.py"):
        shutil.copy(file, folder)
    own_names = [f"name_{number}" for number in range(len(PUBLIC))]
    imports = [f"from {path.rpartition('.')[0]} import {path.rpartition('.')[2]} as" for path in PUBLIC]
    used = [f"{text} {own_name}" for text, own_name in zip(imports, own_names, strict=True)]
    (folder / "used.py").write_text("\n".join([*used, f"__all__ = {own_names}", ""]), encoding="utf-8")
    unknown = [f"import {module}; {module}.Misspelt" for module in write_api.MODULES]
    (folder / "unknown.py").write_text("\n".join([*unknown, ""]), encoding="utf-8")
    return Checked(request.param, CHECKERS[request.param](folder))


def test_a_gateway_that_uses_the_public_names_type_checks(checked):
    assert checked.of("consumer.py") == Counter()


def test_each_mistake_of_a_gateway_is_an_error_and_nothing_else_is(checked):
    expected: Errors = Counter()
    for number, line in enumerate((TYPED / "misspelt.py").read_text(encoding="utf-8").splitlines(), 1):
        _, _, codes = line.partition("# expect: ")
        of_pyright = checked.checker == "pyright"
        named = [code for code in filter(None, codes.split(", ")) if code.startswith("report") is of_pyright]
        assert named or not codes, f"line {number} names no error of {checked.checker}"
        expected.update(("misspelt.py", number, code) for code in named)
    assert expected
    assert checked.of("misspelt.py") == expected


def test_every_public_name_has_a_type(checked):
    places = [number for number, path in enumerate(PUBLIC, 1) if path in UNTYPED and checked.checker == "pyright"]
    expected = Counter(("used.py", number, "reportUnknownVariableType") for number in places)
    assert checked.of("used.py") == expected


def test_no_public_module_takes_a_name_that_it_does_not_have(checked):
    codes = UNKNOWN[checked.checker]
    lines = range(1, len(write_api.MODULES) + 1)
    assert checked.of("unknown.py") == Counter(("unknown.py", line, code) for line in lines for code in codes)

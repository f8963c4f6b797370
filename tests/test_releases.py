"""What `releases.py` says of built packages: nothing of sound ones, and every fault of the others."""

from __future__ import annotations

import io
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from releases import ROOT, faults, wheels_in

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
MINOR = VERSION.rpartition(".")[0]
NAMES = [
    "delivrd",
    *(f"delivrd-{path.parent.name.replace('_', '-')}" for path in ROOT.glob("plugins/*/pyproject.toml")),
]

METADATA = """Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: for this test
License-Expression: MIT
License-File: LICENSE
Keywords: SMS
Classifier: Development Status :: 4 - Beta
Classifier: Intended Audience :: Developers
Classifier: Programming Language :: Python :: 3 :: Only
Classifier: Typing :: Typed
Requires-Python: >=3.11
Requires-Dist: delivrd<9,>={minor}
Description-Content-Type: text/markdown

Words.
"""


def build(desk: Path, name: str, *, version: str = VERSION, change=str, without: str = "") -> None:
    """A wheel, the same again as if it came of the sdist, and the sdist."""
    stem = f"{name.replace('-', '_')}-{version}"
    package, info = name.replace("-", "_"), f"{stem}.dist-info"
    files = {
        f"{package}/__init__.py": "",
        f"{package}/py.typed": "",
        f"{info}/METADATA": change(METADATA.format(name=name, version=version, minor=MINOR)),
        f"{info}/licenses/LICENSE": "MIT",
    }
    files = {path: text for path, text in files.items() if not without or not path.endswith(without)}
    for folder in ("wheels", "dists"):
        (desk / folder).mkdir(exist_ok=True)
        with zipfile.ZipFile(desk / folder / f"{stem}-py3-none-any.whl", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    with tarfile.open(desk / "dists" / f"{stem}.tar.gz", "w:gz") as archive:
        for path in ("LICENSE", "README.md", "pyproject.toml"):
            archive.addfile(tarfile.TarInfo(f"{stem}/{path}"), io.BytesIO())


def build_all(desk: Path, **last) -> list[str]:
    """All packages, the last of them made otherwise; what is said of them."""
    for name in NAMES[:-1]:
        build(desk, name)
    build(desk, NAMES[-1], **last)
    return list(faults(wheels_in(desk / "wheels"), desk / "dists"))


def test_of_sound_packages_nothing_is_said(tmp_path):
    assert build_all(tmp_path) == []


@pytest.mark.parametrize("line", ["Summary", "Keywords", "Requires-Python", "Description-Content-Type"])
def test_a_field_that_is_missing_is_named(tmp_path, line):
    def without(text: str) -> str:
        return "\n".join(each for each in text.split("\n") if not each.startswith(f"{line}:"))

    assert build_all(tmp_path, change=without) == [f"{NAMES[-1]}: no {line} in its metadata"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("Expression: MIT", "Expression: ISC"), "License-Expression 'ISC'; expected 'MIT'"),
        (lambda text: text.replace("Typing :: Typed", "Typing"), "no classifier that begins with 'Typing :: Typed'"),
        (lambda text: text.partition("\n\n")[0] + "\n\n", "no description; name a readme in pyproject.toml"),
        (lambda text: text.replace(f"<9,>={MINOR}", ""), "delivrd: expected bounds that hold this version"),
        (lambda text: text.replace(f">={MINOR}", ">=9.9"), "delivrd<9,>=9.9: expected bounds that hold this version"),
    ],
)
def test_metadata_that_says_otherwise_is_told(tmp_path, change, said):
    (fault,) = build_all(tmp_path, change=change)
    assert fault.startswith(f"{NAMES[-1]}: {said}")


@pytest.mark.parametrize(
    ("without", "said"),
    [("py.typed", "py.typed is not in it"), ("LICENSE", "the licence's text is not in it")],
)
def test_a_file_that_every_wheel_must_hold_is_missed(tmp_path, without, said):
    (fault,) = build_all(tmp_path, without=without)
    assert said in fault


def test_a_version_of_its_own_is_told_and_so_is_one_that_the_changelog_does_not_know(tmp_path):
    found = build_all(tmp_path, version="99.9.9")
    assert f"versions: {VERSION}, 99.9.9; expected one for all packages" in found
    assert "docs/changelog.md: no heading '## 99.9.9'; say there what users notice" in found


def test_a_package_that_was_not_built_is_told(tmp_path):
    for name in NAMES[:-1]:
        build(tmp_path, name)
    (fault,) = faults(wheels_in(tmp_path / "wheels"), tmp_path / "dists")
    assert f"expected {', '.join(NAMES[:1])}" in fault


def test_an_sdist_that_makes_another_wheel_is_told(tmp_path):
    assert build_all(tmp_path) == []
    wheel = next((tmp_path / "dists").glob("delivrd-*.whl"))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("delivrd/more.py", "")
    (fault,) = faults(wheels_in(tmp_path / "wheels"), tmp_path / "dists")
    assert fault == "delivrd: its sdist makes another wheel: delivrd/more.py"

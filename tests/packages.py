"""Packages as `delivrd new-provider` makes them, installed without installing: a path, and the metadata that names them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from delivrd.hookspecs import GROUP


def register(folder: Path) -> None:
    """Write the metadata that an installed package has, into `site/` of the folder."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = folder / "site" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entries = [f"{name} = {value}\n" for name, value in project["entry-points"][GROUP].items()]
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{''.join(entries)}")


def python(folders: Iterable[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in the first of these packages, with all of them installed."""
    folders = list(folders)
    path = os.pathsep.join(str(place) for folder in folders for place in (folder, folder / "site"))
    here = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folders[0], env=here, capture_output=True, text=True, timeout=120)


def kit(folders: Iterable[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The kit on all fixtures of these packages, in one run."""
    folders = list(folders)
    fixtures = " ".join(str(folder / "fixtures") for folder in folders)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-o", f"delivrd_fixtures={fixtures}"]
    return python(folders, "-m", "pytest", *options, *arguments)

"""Where a version of a plugin is: installed, a wheel, a folder of wheels, a checkout, a folder of installed packages.

The rule of this module: nothing is imported, installed or unpacked to find out what a place brings. Its metadata says.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

import msgspec

from delivrd.errors import DelivrdError
from delivrd.hookspecs import GROUP

INSTALLED: Final = "installed"
"""Names what is installed here."""

_EXPECTED: Final = (
    f"expected {INSTALLED!r}, a wheel, a folder of wheels, a checkout (with a pyproject.toml), a package's folder, or "
    "a folder into which packages were installed"
)


class PlaceError(DelivrdError, ValueError):
    """A place holds no version of a plugin. The message says what was expected."""


class Place(msgspec.Struct, frozen=True):
    """Where one version is.

    Attributes:
        name: as it was given.
        paths: to stand before all others on the path that modules are looked for on; none for what is installed.
        plugins: the names of its plugins' entry points, each with its module; for what is installed, all that are.
    """

    name: str
    paths: tuple[str, ...] = ()
    plugins: tuple[tuple[str, str], ...] = ()

    @property
    def installed(self) -> bool:
        """Whether it is what is installed here."""
        return not self.paths

    def beside(self, other: Place) -> list[str]:
        """The plugins of this place that are to be compared with another's: of what is installed, the same ones."""
        names, modules = {name for name, _ in other.plugins}, {module for _, module in other.plugins}
        return [name for name, module in self.plugins if not self.installed or name in names or module in modules]


def place_of(name: str, scratch: Path) -> Place:
    """Find out what a place brings.

    Args:
        name: `installed`, or a path; several are joined as in PATH (by `:`, on Windows by `;`), which are then
            one version together, a plugin and what it is built on.
        scratch: an empty folder, where the metadata of checkouts is written.

    Raises:
        PlaceError: it brings no plugin.
    """
    if name == INSTALLED:
        return Place(name, plugins=tuple(_plugins(distributions())))
    parts = [part for part in name.split(os.pathsep) if part]
    # Several checkouts have their metadata in one folder.
    paths = list(dict.fromkeys(path for part in parts for path in _paths(Path(part), scratch)))
    found = list(distributions(path=paths))
    plugins = tuple(_plugins(found))
    twice = sorted(_twice(found))
    if twice:
        raise PlaceError(f"{name}: it holds {twice[0]} more than once; name the one that is meant")
    if not plugins:
        raise PlaceError(f"{name}: it brings no plugin (an entry point in the group {GROUP!r}); {_EXPECTED}")
    return Place(name, tuple(paths), plugins)


def _plugins(found: Iterable[Distribution]) -> Iterator[tuple[str, str]]:
    for each in found:
        for entry in each.entry_points:
            if entry.group == GROUP:
                yield entry.name, entry.module


def _paths(path: Path, scratch: Path) -> Iterator[str]:
    path = path.absolute()
    if path.is_file() and path.suffix == ".whl":
        yield str(path)
    elif (path / "pyproject.toml").is_file():
        yield from _checkout(path, scratch)
    elif (path / "__init__.py").is_file():
        yield from _as_installed(path.parent, scratch, path.name, "0", {path.name: path.name})
    elif path.is_dir():
        wheels = sorted(map(str, path.glob("*.whl")))
        yield from wheels or [str(path)]
    else:
        raise PlaceError(f"{path}: {'no such file' if not path.exists() else 'no plugin'}; {_EXPECTED}")


def _checkout(folder: Path, scratch: Path) -> Iterator[str]:
    """Where a checkout's modules are, and its metadata as an installation would have it."""
    try:
        project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        name, entries = str(project["name"]), dict(project.get("entry-points", {}).get(GROUP, {}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlaceError(f"{folder / 'pyproject.toml'}: expected [project] with a name") from error
    # Without an entry point it can be what a plugin is built on.
    modules = [str(value).partition(":")[0].strip() for value in entries.values()] or [name.replace("-", "_")]
    tops = {module.partition(".")[0] for module in modules}
    for root in (folder, folder / "src"):
        if all((root / top / "__init__.py").is_file() or (root / f"{top}.py").is_file() for top in tops):
            yield from _as_installed(root, scratch, name, str(project.get("version", "0")), entries)
            return
    raise PlaceError(f"{folder}: its modules stand neither there nor in its folder src; build a wheel of it")


def _as_installed(root: Path, scratch: Path, name: str, version: str, entries: Mapping[str, object]) -> Iterator[str]:
    """Where modules are, and where the metadata is that their installation would have."""
    # Which release of delivrd it is made for is for whoever installs it to look at.
    info = scratch / f"{name.replace('-', '_')}-0.dist-info"
    if info.exists():
        raise PlaceError(f"{root}: {name} is named twice; name the one that is meant")
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = [f"[{GROUP}]", *(f"{plugin} = {module}" for plugin, module in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    yield str(root)
    yield str(scratch)


def _twice(found: list[Distribution]) -> Iterator[str]:
    seen: set[str] = set()
    for each in found:
        name = each.metadata["Name"].lower().replace("_", "-")
        if name in seen:
            yield name
        seen.add(name)

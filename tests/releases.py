"""What the built packages must say of themselves; called by `wheels.sh`.

The rule of this module: every fault is named with its package, and none is passed over because another came first.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LICENCE = "MIT"
ENGINES = {"delivrd.ray": "ray", "delivrd.spark": "spark"}
"""Modules whose extras are left out: an engine is hundreds of megabytes, and one of them has no wheel."""


class Wheel:
    """A built wheel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist()}
        (name,) = (name for name in self.files if name.endswith(".dist-info/METADATA"))
        self.info = name.removesuffix("METADATA")
        self.metadata: Message = Parser().parsestr(self.files[name].decode())
        self.name: str = self.metadata["Name"]
        self.version: str = self.metadata["Version"]

    @property
    def packages(self) -> list[str]:
        """The packages that it brings, the outermost of each."""
        names = {name.partition("/")[0] for name in self.files if name.endswith(".py")}
        return sorted(names)


def wheels_in(folder: Path) -> list[Wheel]:
    """The wheels of a folder."""
    return [Wheel(path) for path in sorted(folder.glob("*.whl"))]


def faults(wheels: list[Wheel], dists: Path) -> Iterator[str]:
    """Everything that is wrong with what was built."""
    expected = {project["name"]: project for project in projects()}
    if {wheel.name for wheel in wheels} != set(expected):
        yield f"wheels of {', '.join(wheel.name for wheel in wheels)}; expected {', '.join(expected)}"
    versions = {wheel.version for wheel in wheels}
    if len(versions) != 1:
        yield f"versions: {', '.join(sorted(versions))}; expected one for all packages"
    changelog = (ROOT / "docs/changelog.md").read_text(encoding="utf-8")
    for version in versions:
        if f"\n## {version}\n" not in changelog:
            yield f"docs/changelog.md: no heading '## {version}'; say there what users notice"
    for wheel in wheels:
        yield from (f"{wheel.name}: {fault}" for fault in incomplete(wheel))
        yield from (f"{wheel.name}: {fault}" for fault in of_sdist(wheel, dists))


def projects() -> Iterator[dict[str, str]]:
    """The projects of this repository, as declared."""
    for path in [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]:
        yield tomllib.loads(path.read_text(encoding="utf-8"))["project"]


def incomplete(wheel: Wheel) -> Iterator[str]:
    """What a wheel lacks."""
    said = wheel.metadata
    for field in ("Summary", "Requires-Python", "Description-Content-Type", "Keywords"):
        if not said[field]:
            yield f"no {field} in its metadata"
    if said["License-Expression"] != LICENCE:
        yield f"License-Expression {said['License-Expression']!r}; expected {LICENCE!r}"
    if not said.get_payload():
        yield "no description; name a readme in pyproject.toml"
    classifiers = said.get_all("Classifier", [])
    for beginning in ("Development Status ::", "Intended Audience ::", "Programming Language ::", "Typing :: Typed"):
        if not any(each.startswith(beginning) for each in classifiers):
            yield f"no classifier that begins with {beginning!r}"
    if f"{wheel.info}licenses/LICENSE" not in wheel.files:
        yield "the licence's text is not in it"
    for package in wheel.packages:
        if f"{package}/py.typed" not in wheel.files:
            yield f"{package}/py.typed is not in it, so that nobody's type checker reads its types"
    for text in said.get_all("Requires-Dist", []):
        yield from unbound(wheel, Requirement(text))


def unbound(wheel: Wheel, requirement: Requirement) -> Iterator[str]:
    """Whether a package asks for another of these without saying which versions."""
    # An extra of the core names its plugins by name alone: they are released together.
    if not requirement.name.startswith("delivrd") or wheel.name == "delivrd":
        return
    said = {each.operator for each in requirement.specifier}
    if said != {">=", "<"} or not requirement.specifier.contains(wheel.version):
        yield f"{requirement}: expected bounds that hold this version, such as >=0.1,<0.2"


def of_sdist(wheel: Wheel, dists: Path) -> Iterator[str]:
    """How the wheel that came of the sdist differs from the one that came of the sources."""
    stem = f"{wheel.name.replace('-', '_')}-{wheel.version}"
    sdist, other = dists / f"{stem}.tar.gz", dists / wheel.path.name
    if not sdist.is_file() or not other.is_file():
        yield f"{sdist.name} or the wheel that comes of it was not built"
        return
    again = Wheel(other)
    differing = set(wheel.files) ^ set(again.files)
    if differing:
        yield f"its sdist makes another wheel: {', '.join(sorted(differing))}"
    changed = [name for name in set(wheel.files) & set(again.files) if wheel.files[name] != again.files[name]]
    if changed:
        yield f"its sdist makes a wheel with other content: {', '.join(sorted(changed))}"
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        if name not in names:
            yield f"{sdist.name} holds no {name}"


def import_everything() -> Iterator[str]:
    """Import every module of the installed packages; give those that cannot be."""
    for distribution in distributions():
        if not distribution.name.startswith("delivrd"):
            continue
        count = 0
        for file in distribution.files or ():
            # Migrations are run by their tool, and a program would run.
            if file.suffix != ".py" or file.stem == "__main__" or "migrations" in file.parts:
                continue
            if "site-packages" not in str(file.locate()):
                yield f"{file}: not from a wheel"
            module = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
            yield from fault_of(module)
            count += 1
        print(f"{distribution.name}: {count} modules")


def fault_of(module: str) -> Iterator[str]:
    """What is wrong with importing a module; one without its engine has to name the extra."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        if module not in ENGINES or f"pip install 'delivrd[{ENGINES[module]}]'" not in str(error):
            yield f"{module}: {error}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="the wheels; sdists and the wheels that come of them")
    parser.add_argument("--extras", action="store_true", help="print the extras of delivrd but engines'")
    parser.add_argument("--import", dest="everything", action="store_true", help="import all that is installed")
    options = parser.parse_args()
    if options.everything:
        found = list(import_everything())
    else:
        wheels = wheels_in(options.folders[0])
        if options.extras:
            (core,) = (wheel for wheel in wheels if wheel.name == "delivrd")
            print(*(each for each in core.metadata.get_all("Provides-Extra", []) if each not in ENGINES.values()))
            return
        found = list(faults(wheels, options.folders[1]))
        print(f"{len(wheels)} packages of version {', '.join({wheel.version for wheel in wheels})}")
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()

"""What pytest collects: folders, fixtures, and the checks as items.

The rule of this module: a check that cannot be made fails, and says why; nothing is skipped.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from delivrd import SUFFIXES, DelivrdError, PluginError, Registry
from pytest_delivrd.authenticity import check_authentic
from pytest_delivrd.batches import check_batches
from pytest_delivrd.cases import Broken, Case, Suite, require, visible
from pytest_delivrd.contract import (
    check_determinism,
    check_documentation,
    check_files,
    check_follow_up,
    check_names,
    check_rows,
    check_unlisted,
)
from pytest_delivrd.hostile import Hostile
from pytest_delivrd.purity import check_purity
from pytest_delivrd.snapshots import check_snapshot
from pytest_delivrd.tally import TRIED

CONTRACT: Final[dict[str, Callable[[Suite], None]]] = {
    "files": check_files,
    "names": check_names,
    "rows": check_rows,
    "unlisted": check_unlisted,
    "determinism": check_determinism,
    "purity": check_purity,
    "authentic": check_authentic,
    "batches": check_batches,
    "follow_up": check_follow_up,
    "documentation": check_documentation,
}
"""What is checked once for each provider."""

FAILURES: Final = Path(".delivrd", "failures")
"""Where hostile inputs that broke the contract are written, under pytest's root."""


_LOADERS: Final = frozenset({"delivrd", "importlib", "pluggy"})
"""What stands between the kit and a plugin's own lines while it loads."""


class Check(pytest.Item):
    """One check.

    Args:
        check: makes it, given this item.
    """

    def __init__(self, *, check: Callable[[pytest.Item], None], **rest: Any) -> None:
        super().__init__(**rest)
        # syrupy asks an item's `obj` for its module and name.
        self.obj = type(self)
        self._check = check

    def runtest(self) -> None:
        self._check(self)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *rest: Any, **named: Any) -> Any:
        """A broken contract speaks for itself; anything else is a fault of the kit and shows where."""
        if isinstance(excinfo.value, Broken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *rest, **named)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.path.parent.name}/{self.path.name}: {self.name}"


class FixturesFolder(pytest.Directory):
    """The folder of fixtures: a folder for each provider."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        registry = Registry.installed()
        folders = {path.name: path for path in visible(self.path) if path.is_dir()}
        limit: list[str] = self.config.getini("delivrd_providers")
        yield Check.from_parent(self, name="providers", check=partial(_check_providers, registry, folders, limit))
        for name, folder in folders.items():
            if not limit or name in limit:
                yield ProviderFolder.from_parent(self, path=folder, registry=registry)


class ProviderFolder(pytest.Directory):
    """One provider's fixtures."""

    def __init__(self, *, registry: Registry, **rest: Any) -> None:
        super().__init__(**rest)
        self.registry = registry

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        try:
            provider = self.registry[self.path.name]
        except DelivrdError as error:
            yield Check.from_parent(self, name="installed", check=partial(_fail, self._why_not(error)))
            return
        suite = Suite(provider, self.path)
        for name, check in CONTRACT.items():
            yield Check.from_parent(self, name=name, check=partial(_check_suite, check, suite))
        for case in suite.cases:
            yield FixtureFile.from_parent(self, path=case.path, case=case)

    def _why_not(self, error: DelivrdError) -> str:
        """Why the provider is not there. Any plugin that did not load could have brought it."""
        errors = [plugin.error for plugin in self.registry.plugins if plugin.error is not None]
        if isinstance(error, PluginError):
            errors = [error]
        lines = [] if isinstance(error, PluginError) else [f"{self.path.name}: {error}"]
        return "\n".join([*lines, *(f"{self.path.name}: {each}{_place(each)}" for each in errors)])


class FixtureFile(pytest.File):
    """One fixture."""

    def __init__(self, *, case: Case, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case

    def collect(self) -> Iterator[pytest.Item]:
        yield Check.from_parent(self, name="snapshot", check=partial(_check_snapshot, self.case))
        yield Check.from_parent(self, name="hostile", check=partial(_check_hostile, self.case))


def _check_providers(registry: Registry, folders: dict[str, Path], limit: list[str], item: pytest.Item) -> None:
    """Every provider under test is installed and has fixtures."""
    problems = [
        f"{name}: in delivrd_providers, and no folder {item.path.name}/{name}; add its fixtures"
        for name in limit
        if name not in folders
    ]
    if not folders and not limit:
        problems.append(f"{item.path.name}: no folder in it; add one, named after the provider, for its fixtures")
    tested = set(limit or folders)
    for plugin in registry.plugins:
        if not limit and tested.intersection(plugin.providers):
            problems += [
                f"{name}: plugin {plugin.name} brings it, and there is no folder {item.path.name}/{name}; "
                "add its fixtures, or name the providers to test in delivrd_providers"
                for name in plugin.providers
                if name not in folders
            ]
    problems += [
        f"{item.path.name}/{path.name}: a fixture outside its provider's folder; move it there"
        for path in visible(item.path)
        if path.suffix in SUFFIXES
    ]
    require(problems)


def _check_suite(check: Callable[[Suite], None], suite: Suite, _: pytest.Item) -> None:
    check(suite)


def _check_snapshot(case: Case, item: pytest.Item) -> None:
    check_snapshot(item, case)


def _check_hostile(case: Case, item: pytest.Item) -> None:
    hostile = Hostile(case, item.config.rootpath / FAILURES)
    try:
        hostile.run(item.config.getoption("--delivrd-hostile"), item.config.getoption("--delivrd-seed"))
    finally:
        item.config.stash[TRIED] = item.config.stash.get(TRIED, 0) + hostile.tried


def _place(error: PluginError) -> str:
    """The innermost line of the plugin's own that it failed in, for a message."""
    cause = error.__cause__
    frames = [] if cause is None else list(traceback.walk_tb(cause.__traceback__))
    for frame, line in reversed(frames):
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _LOADERS:
            return f" ({frame.f_code.co_filename}, line {line})"
    return ""


def _fail(message: str, _: pytest.Item) -> None:
    raise Broken(message)

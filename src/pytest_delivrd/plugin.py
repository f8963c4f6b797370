"""The kit's options and hooks.

The rule of this module: it is loaded in every pytest run of the environment, so it imports nothing
but pytest and the run's tally; what tests is imported when a folder of fixtures is collected.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_delivrd.tally import TRIED

if TYPE_CHECKING:
    from pytest_delivrd.collect import FixturesFolder

DEFAULT_EXAMPLES: Final = 50


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what switches the kit on, and how hard it tries."""
    parser.addini(
        "delivrd_fixtures",
        type="paths",
        help="folder of fixtures, one folder a provider in it; switches the delivrd conformance kit on",
    )
    parser.addini(
        "delivrd_providers",
        type="args",
        help="test only these providers (default: every folder of delivrd_fixtures)",
    )
    group = parser.getgroup("delivrd", "delivrd conformance kit")
    group.addoption(
        "--delivrd-hostile",
        type=_count,
        default=DEFAULT_EXAMPLES,
        metavar="N",
        help=f"hostile examples a fixture, each of ten mutated inputs (default: {DEFAULT_EXAMPLES})",
    )
    group.addoption(
        "--delivrd-seed",
        type=int,
        default=0,
        metavar="SEED",
        help="seed of the hostile inputs, beside each fixture's own path (default: 0)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the folders to what is collected, unless the command line names what to collect."""
    for folder in _folders(config):
        if not folder.is_dir():
            raise pytest.UsageError(
                f"delivrd_fixtures: no folder {folder}; make it, with a folder for each provider in it"
            )
        if config.args_source is not pytest.Config.ArgsSource.ARGS and not _collected(config, folder):
            config.args.append(str(folder))


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> FixturesFolder | None:
    """Take over the folders of fixtures."""
    if path not in _folders(parent.config):
        return None
    from pytest_delivrd.collect import FixturesFolder

    return FixturesFolder.from_parent(parent, path=path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many hostile inputs were tried."""
    tried = config.stash.get(TRIED, 0)
    if tried:
        terminalreporter.write_sep("-", "delivrd conformance kit")
        terminalreporter.write_line(f"{tried:,} hostile inputs tried (seed {config.getoption('--delivrd-seed')})")


def _folders(config: pytest.Config) -> list[Path]:
    # As pytest makes its own paths: symbolic links stay.
    return [Path(os.path.abspath(folder)) for folder in config.getini("delivrd_fixtures")]


def _collected(config: pytest.Config, folder: Path) -> bool:
    """Whether a place that is collected anyway holds the folder."""
    places = [os.path.abspath(config.invocation_params.dir / place.partition("::")[0]) for place in config.args]
    return any(folder.is_relative_to(place) for place in places)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("expected 0 or more")
    return number

"""Servers and frameworks are allowed as far as they are tested: the bounds of the extras beside the pinned versions."""

from __future__ import annotations

import inspect
import re
import tomllib

import pytest
import uvicorn
from packaging.requirements import Requirement
from packaging.version import Version
from servers import ROOT

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
REQUIREMENTS = [Requirement(each) for extra in EXTRAS.values() for each in extra if not each.startswith("delivrd")]
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
BOUNDED = {"aiohttp", "django", "faststream", "httptools", "starlette", "uvicorn", "uvloop"}


def test_each_server_and_framework_of_an_extra_is_known_here():
    assert {each.name for each in REQUIREMENTS} >= BOUNDED


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.name)
def test_the_tested_version_is_allowed(requirement):
    assert requirement.specifier.contains(PINS[requirement.name])


@pytest.mark.parametrize(
    "requirement", [each for each in REQUIREMENTS if each.name in BOUNDED], ids=lambda each: each.name
)
def test_the_first_version_that_could_differ_from_the_tested_one_is_not_allowed(requirement):
    major, minor, *_ = Version(PINS[requirement.name]).release
    following = f"{major + 1}.0" if major else f"0.{minor + 1}"
    assert not requirement.specifier.contains(following)


def test_uvicorn_makes_its_protocols_in_the_way_that_the_guard_wraps():
    """Nothing documents these words: where they change, `delivrd.serve.connections` and the bound change too."""
    found = inspect.getsource(uvicorn.Server.startup)
    made = re.search(r"config\.http_protocol_class\((.*?)\n\s*\)\n", found, re.DOTALL)
    assert made is not None
    assert re.findall(r"(\w+)=", made[1]) == ["config", "server_state", "app_state", "_loop"]


def test_nothing_of_uvicorn_that_is_private_is_used():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/delivrd/serve").glob("*.py"))
    assert not re.search(r"server_state|\.cycle\b|uvicorn\.\w+\.\w|from uvicorn|import uvicorn\.", text)

"""The reference is whole: each public name, each error, each absence and each warning has its place, and its own words."""

from __future__ import annotations

import re

import pytest
import write_api
from test_docs import DOCS

import delivrd
from delivrd import AbsenceKind, InputError, WarningKind

API = {name: (DOCS / f"api/{name}.md").read_text(encoding="utf-8") for name in write_api.PAGES}


def told() -> list[str]:
    """The names that the site's builder is asked to tell of."""
    asked = r"^\.\. (?:autoclass|autofunction|py:data):: (\S+)$"
    return [path for text in API.values() for path in re.findall(asked, text, re.MULTILINE)]


def public() -> set[str]:
    return {f"{module}.{name}" for module in write_api.MODULES for name in write_api.names_of(module)}


def test_every_public_name_is_in_the_reference_once():
    assert sorted(told()) == sorted(public())


def test_every_module_for_users_is_in_the_reference():
    here = {
        f"delivrd.{name}"
        for name in (
            *("asgi", "wsgi", "aiohttp", "django", "hookspecs"),
            *("cloudevents", "webhooks", "phones", "telemetry", "ray", "spark"),
        )
    }
    here |= {f"delivrd.stream.{name}" for name in ("redis", "rabbit", "kafka", "nats")}
    # A package that says what is public of it; the command line's own is for `delivrd` alone.
    source = DOCS.parent / "src/delivrd"
    packages = {f"delivrd.{path.parent.name}" for path in source.glob("*/__init__.py") if "__all__" in path.read_text()}
    assert set(write_api.MODULES) == ({"delivrd", "delivrd_smpp"} | here | packages) - {"delivrd.cli"}
    for module in here:
        assert write_api.names_of(module), module


def test_every_name_of_the_reference_is_told_of_in_words():
    for path in sorted(public()):
        module, _, name = path.rpartition(".")
        assert write_api.first_words(module, name), f"{path} has no docstring"


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the rows of a page's table under a heading."""
    part = (DOCS / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def test_every_error_is_told_of_with_its_reply():
    kinds = {
        name: kind
        for name in delivrd.__all__
        if isinstance(kind := getattr(delivrd, name), type) and issubclass(kind, delivrd.DelivrdError)
    }
    rows = {row[0].strip("`"): row for row in table("errors.md", "Errors")}
    assert set(rows) == set(kinds)
    for name, kind in kinds.items():
        if issubclass(kind, InputError):
            assert rows[name][2:4] == [str(kind.status), "0"], name


def test_every_absence_is_told_of():
    assert [row[0].strip("`") for row in table("errors.md", "Absences")] == [kind.value for kind in AbsenceKind]


@pytest.mark.parametrize("kind", WarningKind, ids=lambda kind: kind.value)
def test_every_warning_is_told_of_with_what_to_do(kind):
    text = (DOCS / "warnings.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## `(\w+)`$", text, re.MULTILINE)
    assert heads == [each.value for each in WarningKind]
    part = text.partition(f"\n## `{kind.value}`\n")[2].partition("\n## ")[0]
    assert re.search(r"\*\*Do\*\*:\s+\w", part)


def test_each_claim_about_others_names_its_source():
    text = (DOCS / "comparison.md").read_text(encoding="utf-8")
    used, given = (
        set(re.findall(r"\]\[([\w-]+)\]", text)),
        dict(re.findall(r"^\[([\w-]+)\]: (\S+)$", text, re.MULTILINE)),
    )
    assert used == set(given)
    # A version that does not change: what was read there stays there.
    assert all(
        re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/blob/[0-9a-f]{40}/\S+", url) for url in given.values()
    )

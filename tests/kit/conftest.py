"""Plugins and fixtures as a stranger would have them: on disk, installed, with one line of configuration."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent

import pytest

# Loaded here once: the runs inside these tests forget whatever they import themselves.
import pytest_delivrd.collect  # noqa: F401

INSTALLED = any(entry.name == "delivrd" for entry in entry_points(group="pytest11"))

# Schemathesis takes a second to import, which each run inside these tests would do again.
OTHERS = ("-p", "no:schemathesis", "-p", "no:anyio")

HEADER = '''
    """Acme: a POST of JSON for each change."""
    import json
    from delivrd import *
    from delivrd import Warning
'''

TABLES = """
    PAGE = Source("Acme's manual")
    STATUS = CodeTable("status", (
        Row("OK", Status.DELIVERED, True, meaning="delivered"),
        Row("BAD", Status.FAILED, True, meaning="failed"),
    ), PAGE)

    class Sent(Shape):
        id: Code = None
        status: Code = None

    READING = Reading(shape=Sent, fields=Fields(message_id="id"))

    def load(request):
        try:
            document = json.loads(request.body.decode("utf-8"), parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise Unreadable("body: expected JSON") from error
        if not isinstance(document, dict):
            raise Unreadable("body: expected an object")
        return document

    def text(value):
        if value is None or isinstance(value, str):
            return value and value.encode("utf-8", "replace").decode()
        return json.dumps(value)[:100]
"""

PROVIDER = """
    ACME = Provider(
        name="acme", vendor="Acme", title="Acme", docs=PAGE, tables=(STATUS,),
        ways=({way},), auth=({auth}), notes=("It signs nothing.",),
    )

    @hookimpl
    def delivrd_providers():
        return [ACME]
"""

DECLARED = "Push(reading=READING, bodies=(BodyKind.JSON,))"
DECODED = "Push(reading=READING, bodies=(BodyKind.JSON,), decode=decode)"


def http(
    body: str, *, first: str = "POST /dlr HTTP/1.1", source: str = "invented for this test", said: str = ""
) -> bytes:
    """A fixture: one HTTP message, with where it comes from, and what else is said of it."""
    head = f"# source: {source}\n{said}" if source else said
    content = body.encode()
    wire = (
        f"{first}\r\nHost: gateway.example\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + wire.encode() + content


SOUND: Mapping[str, bytes] = {
    "delivered.http": http('{"id":"m1","status":"OK"}'),
    "failed.http": http('{"id":"m2","status":"BAD"}'),
    "unreadable-without-id.http": http('{"status":"OK"}'),
}


class Bench:
    """A folder with an installed plugin and its fixtures, in which pytest can be run."""

    kit = (*OTHERS, *(() if INSTALLED else ("-p", "pytest_delivrd.plugin")))
    """What pytest needs to be told, to find the kit and nothing that only happens to be installed."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.site = pytester.mkdir("site")
        pytester.syspathinsert(self.site)
        self.configure("delivrd_fixtures = fixtures")
        (pytester.path / "fixtures").mkdir()

    def configure(self, *lines: str) -> None:
        """Write pytest's configuration."""
        self.pytester.makefile(".ini", pytest="\n".join(["[pytest]", *lines]))

    def install(self, source: str, *, name: str = "acme") -> None:
        """Install a plugin: a module, and a package's metadata that names it."""
        (self.site / f"{name}_dlr.py").write_text(source, encoding="utf-8")
        info = self.site / f"delivrd_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: delivrd-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[delivrd]\n{name} = {name}_dlr\n")
        importlib.invalidate_caches()

    def plugin(self, code: str = "", *, way: str = "", auth: str = "UrlSecret(),", tables: str = TABLES) -> None:
        """Install Acme: declared, or with a decode function in its code."""
        way = way or (DECODED if "def decode(" in code else DECLARED)
        parts = (HEADER, tables, code, PROVIDER.format(way=way, auth=auth))
        self.install("\n".join(dedent(part) for part in parts).lstrip())

    def fixtures(self, files: Mapping[str, bytes] = SOUND, *, provider: str = "acme") -> Path:
        """Write a provider's fixtures."""
        folder = self.pytester.path / "fixtures" / provider
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return folder

    def run(self, *arguments: str, hostile: int = 15) -> pytest.RunResult:
        """Run pytest here."""
        own = ("-p", "no:cacheprovider", f"--delivrd-hostile={hostile}")
        return self.pytester.runpytest_inprocess(*self.kit, *own, *arguments)

    def accepted(self, *arguments: str, hostile: int = 15) -> pytest.RunResult:
        """Run pytest here, after every outcome was accepted as it is."""
        self.run("--snapshot-update", hostile=0)
        return self.run(*arguments, hostile=hostile)


def failing(result: pytest.RunResult) -> set[str]:
    """The names of the checks that failed, each once."""
    lines = [line for line in result.outlines if line.startswith(("FAILED ", "ERROR "))]
    return {line.split(" - ")[0].rpartition("::")[2].strip() for line in lines}


@pytest.fixture
def bench(pytester: pytest.Pytester) -> Bench:
    """See `Bench`."""
    return Bench(pytester)


@pytest.fixture
def failures() -> Callable[[pytest.RunResult], set[str]]:
    """See `failing`."""
    return failing


@pytest.fixture
def make_http() -> Callable[..., bytes]:
    """See `http`."""
    return http


@pytest.fixture
def sound() -> dict[str, bytes]:
    """Fixtures that a sound Acme passes with."""
    return dict(SOUND)

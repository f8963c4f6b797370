"""What `import delivrd` offers, and what it must not bring with it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import delivrd

ROOT = Path(__file__).parent.parent


def test_every_public_name_is_there_and_documented():
    for name in delivrd.__all__:
        value = getattr(delivrd, name)
        if isinstance(value, type | types.FunctionType):
            assert value.__doc__, name
    assert len(set(delivrd.__all__)) == len(delivrd.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        delivrd.nothing  # noqa: B018


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_delivrd_loads_no_plugin_no_command_line_and_no_socket():
    modules = loaded_by("import delivrd")
    assert not modules & {
        "click",
        "pluggy",
        "importlib.metadata",
        "pytest",
        "hypothesis",
        "syrupy",
        "asyncio",
        "logging",
        "socket",
        "random",
        "email",
    }
    assert not {module for module in modules if module.startswith(("delivrd_", "pytest_delivrd"))}


@pytest.mark.parametrize(
    ("package", "missing", "extra"),
    [
        ("delivrd.ledger", "sqlalchemy", "ledger"),
        ("delivrd.serve", "starlette", "serve"),
        ("delivrd.serve", "sqlalchemy", "serve"),
        ("delivrd.poll", "httpx", "poll"),
        ("delivrd.arrow", "pyarrow", "arrow"),
        ("delivrd.backfill.job", "pyarrow", "arrow"),
        ("delivrd.spark", "pyspark", "spark"),
        ("delivrd.ray", "ray", "ray"),
        ("delivrd.aiohttp", "aiohttp", "aiohttp"),
        ("delivrd.parquet", "pyarrow", "arrow"),
        ("delivrd.django", "django", "django"),
        ("delivrd.telemetry", "opentelemetry", "opentelemetry"),
        ("delivrd.stream.redis", "faststream", "stream"),
        ("delivrd.stream.rabbit", "faststream", "stream"),
        ("delivrd.stream.kafka", "faststream", "stream"),
        ("delivrd.stream.nats", "faststream", "stream"),
    ],
)
def test_what_needs_an_extra_that_is_missing_names_it(package, missing, extra):
    code = f"import sys; sys.modules[{missing!r}] = None; import {package}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"delivrd[{extra}]" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("broker", "missing"), [("redis", "redis"), ("rabbit", "aio_pika"), ("kafka", "aiokafka"), ("nats", "nats")]
)
def test_a_router_whose_broker_has_no_library_names_it(broker, missing):
    code = f"import sys; sys.modules[{missing!r}] = None; import delivrd.stream.{broker}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"pip install 'faststream[{broker}]'")


def test_what_publishes_inputs_needs_no_extra():
    assert not loaded_by("import delivrd.stream") & {"faststream", "pydantic", "asyncio"}


def test_the_kit_imports_nothing_of_delivrd_until_it_is_switched_on():
    modules = loaded_by("import pytest_delivrd.plugin")
    assert not modules & {"delivrd", "hypothesis", "syrupy"}


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_plugins_and_the_kit_use_public_names_only():
    for path in [*ROOT.glob("plugins/*/delivrd_*/*.py"), *ROOT.glob("src/pytest_delivrd/*.py")]:
        inner = {name for name in imports(path) if name.startswith("delivrd.")}
        assert not inner, f"{path}: {inner}"


def test_the_core_names_no_provider():
    names = [*delivrd.Registry.installed(), "messente", "upside", "teli", "kannel"]
    # SMPP is a protocol too, of which the core speaks; the provider of that name it would write in quotes.
    patterns = {name: rf"""(["'`]){name}\1""" if name == "smpp" else rf"\b{name}\b" for name in names}
    for path in [*ROOT.glob("src/**/*.py")]:
        text = path.read_text(encoding="utf-8").lower()
        found = [name for name, pattern in patterns.items() if re.search(pattern, text)]
        assert "delivrd_smpp" not in text, path
        assert not found, f"{path}: {found}"

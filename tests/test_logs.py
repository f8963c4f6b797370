"""The loggers: their names, that they say nothing to who did not ask, and that nothing in them tells on anybody."""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from delivrd import Account, Accounts, InputError, Registry, Request, read_samples
from delivrd.logs import ROOT as TOP
from delivrd.logs import logger
from delivrd.receiving import Receiver
from delivrd.receiving.conduct import answer
from delivrd.receiving.receiver import Head

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("src/delivrd/**/*.py"), *ROOT.glob("plugins/*/delivrd_*/**/*.py")])
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PARTS = {"receiving", "poll", "serve", "ledger"}
"""What stands after `delivrd.` in the names of all loggers; docs/observing.md tells of each."""


def calls(path: Path, name: str) -> list[ast.Call]:
    """Each call of a function or a method of this name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in found if name in (getattr(node.func, "attr", None), getattr(node.func, "id", None))]


def test_every_logger_has_a_known_name_below_delivrd():
    given = {(path.name, ast.literal_eval(call.args[0])) for path in SOURCES for call in calls(path, "logger")}
    assert {part for _, part in given} == PARTS
    assert {logger(part).name for part in PARTS} == {f"{TOP}.{part}" for part in PARTS}
    # Whoever else asks for a logger shows what these say, or cuts credentials out of what others say.
    others = {str(path.relative_to(ROOT)) for path in SOURCES if calls(path, "getLogger")}
    assert others == {"src/delivrd/logs.py", "src/delivrd/poll/sending.py", "src/delivrd/cli/serve.py"}


def test_no_line_of_a_log_is_formatted_before_somebody_wants_it_nor_by_an_errors_text():
    for path in SOURCES:
        for level in ("debug", "info", "warning", "error", "exception", "critical", "log"):
            for call in calls(path, level):
                if getattr(call.func, "value", None) is None or ast.unparse(call.func.value) != "LOG":
                    continue
                assert isinstance(call.args[0], ast.Constant), f"{path}, line {call.lineno}"
                # A traceback shows the values that a line of code holds, and the error's own words.
                assert level != "exception", f"{path}, line {call.lineno}"
                assert "exc_info" not in {keyword.arg for keyword in call.keywords}, f"{path}, line {call.lineno}"


def test_importing_all_of_delivrd_says_nothing_and_adds_no_handler_that_would():
    code = """
import importlib, json, logging, pkgutil
import delivrd
names = [each.name for each in pkgutil.walk_packages(delivrd.__path__, "delivrd.")]
names = [name for name in names if not name.endswith(".__main__") and ".migrations" not in name]
for name in names:
    importlib.import_module(name)
manager = logging.root.manager.loggerDict
handlers = {
    name: [type(handler).__name__ for handler in each.handlers]
    for name, each in manager.items()
    if isinstance(each, logging.Logger) and name.partition(".")[0] == "delivrd" and each.handlers
}
assert not logging.root.handlers and logging.root.level == logging.WARNING
levels = [each.level for name, each in manager.items() if name.startswith("delivrd") and hasattr(each, "level")]
print(json.dumps([len(names), handlers, levels]))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    count, handlers, levels = json.loads(done.stdout)
    assert count > 90
    assert handlers == {"delivrd": ["NullHandler"]}
    assert set(levels) == {logging.NOTSET}


def test_reading_a_report_loads_no_logging():
    code = """
import sys
import delivrd, delivrd.cloudevents, delivrd.webhooks, delivrd.phones
assert not {"logging", "delivrd.logs"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_core_imports_no_module_of_its_interfaces():
    code = "import sys, delivrd; delivrd.Registry.installed(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("delivrd.")}
    beside = ("cloudevents", "webhooks", "events", "telemetry", "logs", "phones", "exports", "parquet", "pictures")
    beside += ("arrow", "backfill", "stream", "diff", "unlisted", "cli")
    assert all((ROOT / "src/delivrd" / name).exists() or (ROOT / f"src/delivrd/{name}.py").exists() for name in beside)
    assert not loaded & {f"delivrd.{name}" for name in beside}
    assert not {"pyarrow", "faststream", "opentelemetry", "click"} & set(done.stdout.split())


def test_without_a_handler_a_failure_shows_nothing():
    code = """
import logging
from delivrd import Account, Accounts, Registry
from delivrd.receiving import Receiver
teli = Registry.installed()["teli"]
receiver = Receiver(Accounts([(teli, Account(name="us", secrets=["a-long-random-word"]))]))
receiver.failed(receiver.doors["us"], OSError("oops"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def requests() -> list[tuple[str, str, Request]]:
    """Every fixture that is a request: its provider, its name, and the input."""
    found = []
    for folder in sorted((ROOT / "fixtures").iterdir()):
        for path in sorted(folder.iterdir()):
            if path.suffix in (".http", ".jsonl"):
                for sample in read_samples(path.name, path.read_bytes()):
                    if isinstance(sample.input, Request):
                        found.append((folder.name, path.name, sample.input))
    return found


PROVIDERS = Registry.installed()
SECRET = "a-long-random-word"


def private(provider: str, request: Request) -> set[str]:
    """What of a request no log may hold: the phones, the ids, and what stands beside them as sent."""
    try:
        receipt = PROVIDERS[provider].read(request)
    except InputError:
        return set()
    values = {
        value
        for report in receipt.reports
        for value in (report.message_id, report.reference, report.recipient, report.sender, report.text)
    }
    # Shorter ones stand in anything: in a line's number, say.
    return {value.lstrip("+") for value in values if value and len(value.lstrip("+")) > 5}


@pytest.mark.parametrize(("taken", "level"), [(True, logging.ERROR), (False, logging.INFO)])
def test_no_line_holds_a_number_an_id_or_a_secret_whatever_becomes_of_a_request(taken, level, caplog):
    caplog.set_level(logging.DEBUG, TOP)
    seen = said = 0
    for name, file, request in requests():
        provider = PROVIDERS[name]
        held = private(name, request)
        account = Account(name="main", open=True) if taken else Account(name="main", secrets=[SECRET])
        receiver = Receiver(Accounts([(provider, account)]))

        def fails(received, held=held):
            raise OSError(f"{SECRET} {held}")

        target = f"/dlr/main?secret={SECRET[:-1]}&{request.target.partition('?')[2]}"
        for body in (request.body, request.body[:-1], request.body + b"\xff"):
            head = receiver.arrive(request.method, "/dlr/main", target, request.headers, "192.0.2.1")
            if isinstance(head, Head):
                given = [body, b""]
                answer(receiver, fails, head, lambda size, given=given: given.pop(0), lambda: NOW)
        seen, said = seen + len(held), said + sum(record.levelno == level for record in caplog.records)
        for each in {*held, SECRET, SECRET[:-1]}:
            assert each not in caplog.text, f"{name}, {file}"
        caplog.clear()
    assert seen > 50
    assert said > 100


def test_the_page_tells_of_each_logger():
    text = (ROOT / "docs/observing.md").read_text(encoding="utf-8")
    for part in PARTS:
        assert f"| `{TOP}.{part}` |" in text

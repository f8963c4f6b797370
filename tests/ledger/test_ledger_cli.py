"""`delivrd ledger`: what it prints, what it changes, and how it ends."""

from __future__ import annotations

import json
import sys

import pytest
from callbacks import ACME, ROWS, arrival, at, provider
from click.testing import CliRunner

from delivrd import Account, Registry, Row, Status
from delivrd.cli import main
from delivrd.ledger import Ledger


@pytest.fixture
def call(url):
    """Call the command line on the store."""

    def called(*words: str, providers=(ACME,), code: int = 0):
        done = CliRunner().invoke(main, ["ledger", "--store", url, *words], obj=Registry(providers))
        assert done.exit_code == code, done.output
        return done

    called.url = url
    return called


def lines(done) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_store_is_made_once_and_asked_only_when_it_is_there(call):
    assert call("pending", code=1).stderr.startswith("delivrd: the store has no tables yet: run `delivrd ledger init`")
    for _ in range(2):
        assert call("init").stderr == "the store has its tables\n"
    assert call("migrate").stderr == "the store's tables are those of this release\n"
    assert call("pending").stdout == ""
    assert call("pending", "--format", "table").stdout == "nothing\n"


def test_a_message_is_shown_with_its_reports_and_their_inputs(call, ledger):
    ledger.record_many([arrival(0, id="m1", ref="order-1", stat="SENT"), arrival(1, id="m1", stat="BAD")])
    (shown,) = lines(call("show", "order-1"))
    assert (shown["status"], shown["cause"], shown["resend"], shown["version"]) == (
        "undelivered",
        "unknown_subscriber",
        "no",
        2,
    )
    assert [each["status"] for each in shown["history"]] == ["sent", "undelivered"]
    assert "input" not in shown["history"][0]
    (raw,) = lines(call("show", shown["id"], "--raw"))
    assert json.loads(raw["history"][1]["input"]["body"]) == {"id": "m1", "stat": "BAD"}
    assert call("show", "m9", code=1).stderr == "delivrd: no message has this id or reference\n"


def test_what_is_pending_is_listed_the_most_silent_first(call, ledger):
    ledger.sent(ACME, None, "m1", at=at(0), reference="order-1")
    ledger.record(arrival(1, id="m2", stat="SENT"))
    assert [each["message_id"] for each in lines(call("pending"))] == ["m1", "m2"]
    assert [each["message_id"] for each in lines(call("pending", "--limit", "1", "--silent-for", "1m"))] == ["m1"]
    assert call("pending", "--provider", "other").stdout == ""
    table = call("pending", "--format", "table").stdout
    assert table.split()[:4] == ["id", "provider", "message_id", "reference"]


def test_messages_are_counted(call, ledger):
    ledger.record_many([arrival(0, id="m1", stat="OK"), arrival(1, id="m2", stat="OK")])
    (counted,) = lines(call("stats", "--last", "999w"))
    assert counted == {
        "hour": "2026-05-01T12:00:00Z",
        "provider": "acme",
        "account": "",
        "status": "delivered",
        "messages": 2,
    }


def test_what_is_old_goes_and_states_stay(call, ledger):
    ledger.record_many([arrival(n, id=f"m{n}", stat="OK") for n in range(5)])
    ledger.changes()
    assert call("purge", "--older-than", "1m", "--step", "2").stderr == "5 inputs, 5 reports and 5 changes went\n"
    (shown,) = lines(call("show", "m1"))
    assert (shown["status"], shown["whole"], shown["history"]) == ("delivered", False, [])
    assert "no time span" in call("purge", "--older-than", "soon", code=2).stderr


def test_a_replay_shows_what_would_change_and_changes_it_only_when_told(call, ledger, tmp_path):
    ledger.record(arrival(0, id="m1", stat="NEW"))
    ledger.record(arrival(0, Account(name="main"), id="m2", stat="NEW"))
    ledger.record(arrival(0, Account(name="gone"), id="m3", stat="NEW"))
    account = tmp_path / "main.json"
    account.write_text('{"name": "main"}')
    today = provider((*ROWS, Row("NEW", Status.DELIVERED, True, meaning="delivered")))
    words = ["replay", "--account", str(account)]
    for _ in range(2):
        shown = call(*words, providers=[today])
        assert {(each["message_id"], each["before"], each["after"]) for each in lines(shown)} == {
            ("m1", "unknown", "delivered"),
            ("m2", "unknown", "delivered"),
        }
        assert "3 messages: 2 would change (--apply changes them)\n" in shown.stderr
        assert "1 could not be read again: its account was not given\n" in shown.stderr
    assert "3 messages: 2 changed\n" in call(*words, "--apply", providers=[today]).stderr
    assert lines(call("show", "m1"))[0]["status"] == "delivered"
    assert lines(call("show", "m3"))[0]["status"] == "unknown"
    assert lines(call(*words, providers=[today])) == []


def test_a_store_of_digests_is_asked_with_its_key(call, tmp_path):
    key = tmp_path / "key"
    key.write_text("a-key-of-many-letters\n")
    words = ["--phone-key-file", str(key)]
    call(*words, "init")
    with Ledger.open(call.url, phone_key=b"a-key-of-many-letters") as hiding:
        hiding.record(arrival(0, id="m1", stat="OK", to="+15555550100"))
    assert lines(call(*words, "show", "m1"))[0]["recipient"].startswith("tel-")
    assert "phone_key: the store was begun with another key" in call("show", "m1", code=1).stderr
    key.write_text("short")
    assert "expected at least 16 bytes" in call(*words, "show", "m1", code=1).stderr
    assert "it holds no password" not in call("--phone-key-file", "nowhere", "pending", code=2).stdout


def test_a_store_that_fails_is_told_on_one_line(call, ledger):
    ledger.store.write(lambda connection: connection.exec_driver_sql("DROP TABLE marks"))
    ledger.store.write(lambda connection: connection.exec_driver_sql("DROP TABLE messages"))
    told = call("pending", code=1).stderr
    assert told.startswith("delivrd: the database failed")
    assert told.count("\n") == 1


def test_without_the_extra_the_remedy_is_told(call, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("delivrd.ledger")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert call("pending", code=2).stderr == "delivrd: the ledger is an extra: pip install 'delivrd[ledger]'\n"


def test_what_is_no_store_is_refused(tmp_path):
    for given in ("mysql://x/y", str(tmp_path / "no" / "folder" / "file.db")):
        done = CliRunner().invoke(main, ["ledger", "--store", given, "init"], obj=Registry())
        assert done.exit_code == 1
        assert done.stderr.startswith("delivrd: ")

"""`delivrd poll`: what it prints, what it says, and how it ends. Against real servers on loopback."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result
from desk import at_hosts, rude, served
from messente import PASSWORD, USER, Messente
from test_soap import INBOX, LETTER, SIGNATURE, TOKEN, service

from delivrd import Provider, Registry, read_samples
from delivrd.cli import main
from delivrd.ledger import Ledger
from delivrd.ledger.agenda import LedgerAgenda
from delivrd_messente.legacy import LEGACY
from delivrd_messente.omnichannel import OMNICHANNEL
from delivrd_teli.notifications import TELI
from delivrd_upside_wireless.sms_wiki import UPSIDE_WIRELESS


@pytest.fixture
def server() -> Iterator[tuple[Messente, Provider]]:
    made = Messente()
    with served(made.app) as url:
        yield made, at_hosts(LEGACY, url)


@pytest.fixture
def account(tmp_path) -> str:
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"name": "main", "username": USER, "password": PASSWORD}))
    return str(path)


@pytest.fixture
def upside_account(tmp_path) -> str:
    path = tmp_path / "upside.json"
    path.write_text(json.dumps({"name": "up", "settings": {"token": TOKEN, "signature": SIGNATURE}}))
    return str(path)


def poll(provider: Provider, *arguments: str) -> Result:
    result = CliRunner().invoke(
        main, ["poll", *arguments, "--provider", provider.name], obj=Registry([provider]), prog_name="delivrd"
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "w0rd" not in result.output
    assert TOKEN not in result.output
    return result


def test_one_question_prints_its_report_as_normalize_does(server, account, tmp_path):
    result = poll(server[1], account, "delivered")
    assert (result.exit_code, result.stderr) == (0, "")
    answer = tmp_path / "answer.http"
    answer.write_bytes(b"HTTP/1.1 200 OK\n\nOK DELIVERED\n")
    normalized = CliRunner().invoke(
        main, ["normalize", LEGACY.name, str(answer), "--asked", "delivered", "--account", account]
    )
    printed = json.loads(result.stdout)
    assert printed.pop("received_at")
    assert printed == json.loads(normalized.stdout)


def test_each_id_is_asked_about_once_and_the_rest_is_told(server, account):
    result = poll(server[1], account, "delivered", "not-yet", "sent", "delivered")
    assert sorted(server[0].asked) == ["delivered", "not-yet", "sent"]
    assert result.exit_code == 0
    assert sorted(json.loads(line)["status"] for line in result.stdout.splitlines()) == ["delivered", "sent"]
    assert result.stderr.splitlines() == ["not-yet: no report: not_yet (FAILED 102)"]


def test_a_run_goes_on_until_each_report_is_final(server, account):
    server[0].first = {"delivered": ["FAILED 102", "FAILED 209", "OK SENT"]}
    result = poll(server[1], account, "delivered", "failed", "--until-final", "--pause", "0.01")
    said = sorted((json.loads(line)["message_id"], json.loads(line)["status"]) for line in result.stdout.splitlines())
    assert said == [("delivered", "delivered"), ("delivered", "sent"), ("failed", "failed")]
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "delivered: no report: not_yet (FAILED 102)",
        "delivered: no report: unavailable (FAILED 209)",
    ]


@pytest.mark.parametrize("more", [[], ["--until-final", "--pause", "0.01"]])
def test_what_comes_to_nothing_is_told_and_ends_with_1(server, account, more):
    result = poll(server[1], account, "unknown", "delivered", *more)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["message_id"] == "delivered"
    assert result.stderr.splitlines() == [
        "unknown: no report: not_found (ERROR 107)",
        "1 of 2 questions came to nothing",
    ]


def test_refused_credentials_end_a_run_that_would_go_on(server, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"username": USER, "password": "wrong-w0rd"}))
    result = poll(server[1], str(wrong), "delivered", "--until-final")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "delivered: no report: refused (ERROR 101)" in result.stderr


def test_a_host_that_nobody_answers_at_is_told_in_one_line(account, nobody):
    result = poll(at_hosts(LEGACY, nobody), account, "delivered")
    assert result.exit_code == 1
    said, summary = result.stderr.splitlines()
    assert said.startswith("delivered: failed: ConnectError")
    assert summary == "1 of 1 questions came to nothing"


def test_a_message_that_was_sent_too_long_ago_is_not_asked_about(server, account):
    since = (datetime.now(UTC) - timedelta(hours=49)).isoformat(timespec="seconds")
    result = poll(server[1], account, "delivered", "--since", since)
    assert (result.exit_code, server[0].asked) == (1, [])
    assert "keeps the report no longer" in result.stderr


def test_an_inbox_is_printed_kept_and_marked(upside_account, tmp_path):
    others = tmp_path / "others.jsonl"
    with service([LETTER]) as upside:
        letter = poll(at_hosts(UPSIDE_WIRELESS, upside.url), upside_account, "--others", str(others))
        assert [call["operation"] for call in upside.calls()] == ["GetTopMessageNoReset", "SetMessageReadFlag"]
    with service(INBOX[:1]) as upside:
        report = poll(at_hosts(UPSIDE_WIRELESS, upside.url), upside_account, "--others", str(others))
        assert [call["operation"] for call in upside.calls()] == ["GetTopMessageNoReset", "SetMessageReadFlag"]
    assert (letter.exit_code, letter.stdout, report.exit_code, report.stderr) == (0, "", 0, "")
    assert "1 item(s) that are no delivery report, kept" in letter.stderr
    assert LETTER["sender"] not in letter.stderr
    assert [json.loads(line) for line in others.read_text().splitlines()] == [{"isValid": "true", **LETTER}]
    assert others.stat().st_mode & 0o777 == 0o600
    assert json.loads(report.stdout)["message_id"] == "MTID7"


def test_a_record_that_cannot_be_kept_is_not_marked(upside_account, tmp_path):
    with service([LETTER]) as upside:
        result = poll(at_hosts(UPSIDE_WIRELESS, upside.url), upside_account, "--others", "/dev/full")
        assert [call["operation"] for call in upside.calls()] == ["GetTopMessageNoReset"]
    assert result.exit_code == 1
    assert "not_handed_over: the handler raised OSError; --errors FILE keeps such answers" in result.stderr
    with service([LETTER]) as upside:
        kept = ["--others", "/dev/full", "--errors", str(tmp_path / "errors.jsonl")]
        result = poll(at_hosts(UPSIDE_WIRELESS, upside.url), upside_account, *kept)
    assert "not_handed_over: the handler raised OSError; kept" in result.stderr
    (sample,) = read_samples("errors.jsonl", (tmp_path / "errors.jsonl").read_bytes())
    assert LETTER["sender"].encode() in sample.input.body


def test_a_report_that_cannot_be_printed_is_not_marked(upside_account, tmp_path, monkeypatch):
    with service(INBOX[:1]) as upside:
        reading, writing = os.pipe()
        os.close(reading)
        monkeypatch.setattr(sys, "stdout", os.fdopen(writing, "w"))
        given = Registry([at_hosts(UPSIDE_WIRELESS, upside.url)])
        arguments = ["poll", upside_account, "--provider", UPSIDE_WIRELESS.name, "--others", str(tmp_path / "others")]
        with pytest.raises(SystemExit) as left:
            main.main(arguments, prog_name="delivrd", obj=given)
        sys.stdout.close()
        assert [call["operation"] for call in upside.calls()] == ["GetTopMessageNoReset"]
    assert left.value.code == 1


def test_an_answer_that_cannot_be_read_is_kept_to_be_read_again(upside_account, tmp_path):
    errors, others = tmp_path / "errors.jsonl", tmp_path / "others.jsonl"
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nno XML: 1&23"
    with rude(lambda request: page) as url:
        arguments = [upside_account, "--others", str(others), "--errors", str(errors)]
        result = poll(at_hosts(UPSIDE_WIRELESS, url), *arguments)
    assert result.exit_code == 1
    assert "Unreadable: body: expected XML; kept" in result.stderr
    (kept,) = read_samples("errors.jsonl", errors.read_bytes())
    assert kept.input.body == b"no XML: 1&23"
    with rude(lambda request: page) as url:
        result = poll(at_hosts(UPSIDE_WIRELESS, url), *arguments[:3], "--errors", "/dev/full")
    assert "not kept: No space left on device" in result.stderr
    with rude(lambda request: page) as url:
        result = poll(at_hosts(UPSIDE_WIRELESS, url), *arguments[:3])
    assert "--errors FILE keeps such answers" in result.stderr


def test_an_item_that_cannot_be_read_is_told_and_costs_no_other(account, tmp_path):
    body = b'{"statuses": [{"message_id": "1", "omnimessage_id": "g", "status": "DELIVRD"}, "+15555550123"]}'
    kept = tmp_path / "others.jsonl"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with rude(lambda request: answer) as url:
        result = poll(at_hosts(OMNICHANNEL, url), account, "g", "--others", str(kept))
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (1, "delivered")
    assert result.stderr.splitlines()[0].startswith("g: item 1: ")
    assert "+15555550123" not in result.stderr
    assert json.loads(kept.read_text())["item"] == "+15555550123"


def test_what_is_kept_may_go_to_what_has_no_disk(upside_account):
    with service([LETTER]) as upside:
        result = poll(at_hosts(UPSIDE_WIRELESS, upside.url), upside_account, "--others", "/dev/null")
        assert upside.calls()[-1]["operation"] == "SetMessageReadFlag"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("provider", "arguments", "said"),
    [
        (LEGACY, ["{account}"], "expected the id of the message"),
        (LEGACY, ["{account}", "1", "--operation", "x"], "cannot be asked x"),
        (LEGACY, ["{empty}", "1"], "expected those of the Messente API key"),
        (LEGACY, ["{account}.none", "1"], "No such file"),
        (LEGACY, ["{account}", "1", "--errors", "/nowhere/x"], "--errors: /nowhere/x: No such file"),
        (TELI, ["{account}", "1"], "it can be asked: nothing"),
        (UPSIDE_WIRELESS, ["{upside}"], "--others: expected a file"),
        (UPSIDE_WIRELESS, ["{upside}", "1"], "is about no ID"),
        (LEGACY, ["{upside}", "1"], "ACCOUNT: messente-legacy, settings"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_asked(provider, arguments, said, account, upside_account, tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    names = {"account": account, "upside": upside_account, "empty": empty}
    result = poll(provider, *(each.format(**names) for each in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_progress_is_shown_on_a_terminal_and_on_standard_error_alone(server, account, monkeypatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    shown, printed = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(sys, "stdout", printed)
    with pytest.raises(SystemExit) as left:
        main.main(
            ["poll", account, "delivered", "not-yet", "--provider", LEGACY.name],
            obj=Registry([server[1]]),
            prog_name="delivrd",
        )
    assert left.value.code == 0
    assert json.loads(printed.getvalue())["status"] == "delivered"
    assert "50%" in shown.getvalue()
    assert "not-yet: no report: not_yet (FAILED 102)" in shown.getvalue().replace("\r\x1b[K", "\n").splitlines()


def test_without_httpx_the_extra_is_named(account, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("delivrd.poll")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpx", None)
    result = poll(LEGACY, account, "1")
    assert (result.exit_code, result.stderr) == (1, "delivrd: delivrd.poll needs httpx: install delivrd[poll]\n")


def test_the_poller_is_no_part_of_the_core():
    code = "import sys, delivrd, delivrd.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"httpx", "delivrd.poll", "delivrd.mailbox", "imaplib", "poplib"} & set(done.stdout.split())


@pytest.fixture
def accounts(tmp_path) -> str:
    path = tmp_path / "accounts.toml"
    path.write_text(
        f'[accounts.main]\nprovider = "messente-legacy"\nusername = "{USER}"\npassword = "{PASSWORD}"\nopen = true\n'
    )
    return str(path)


def test_an_account_is_a_name_in_an_accounts_file_which_names_the_provider(server, accounts):
    def call(*words):
        return CliRunner().invoke(main, ["poll", "--accounts", accounts, *words], obj=Registry([server[1]]))

    assert json.loads(call("main", "delivered").stdout)["status"] == "delivered"
    assert call("other", "delivered").stderr == f"delivrd: ACCOUNT: {accounts} has: main\n"
    assert "this account is of messente-legacy" in call("main", "x", "--provider", "teli").stderr
    assert "--accounts: " in CliRunner().invoke(main, ["poll", "--accounts", "nowhere", "a"], obj=Registry()).stderr
    assert "--provider: expected the name" in CliRunner().invoke(main, ["poll", "a", "b"], obj=Registry()).stderr


def test_with_a_store_receipts_are_kept_and_a_run_that_was_broken_off_goes_on(server, account, tmp_path):
    url = str(tmp_path / "ledger.db")
    Ledger.open(url, migrate=True).close()
    server[0].first = {"delivered": ["OK SENT"]}
    first = poll(server[1], account, "delivered", "--store", url, "--pause", "0.01")
    assert json.loads(first.stdout)["status"] == "sent"
    again = poll(server[1], account, "--store", url, "--until-final", "--pause", "0.01")
    assert (again.exit_code, json.loads(again.stdout)["status"]) == (0, "delivered")
    assert poll(server[1], account, "--store", url).stdout == ""
    with Ledger.open(url) as ledger:
        (message,) = ledger.find("delivered")
        assert [kept.report.status.value for kept in ledger.history(message)] == ["sent", "delivered"]
        assert [kept.input.asked for kept in ledger.history(message)] == ["delivered", "delivered"]
    assert PASSWORD.encode() not in (tmp_path / "ledger.db").read_bytes()
    missing = poll(server[1], account, "delivered", "--store", str(tmp_path / "none.db"))
    assert "has no tables yet" in missing.stderr


@pytest.fixture
def store(server, account, tmp_path) -> str:
    """A ledger with two questions that are still to be asked."""
    url = str(tmp_path / "ledger.db")
    Ledger.open(url, migrate=True).close()
    assert poll(server[1], account, "not-yet", "sent", "--store", url, "--pause", "0.01").exit_code == 0
    return url


def stored(url: str) -> list[str]:
    with Ledger.open(url) as ledger:
        held = asyncio.run(LedgerAgenda(ledger).due(LEGACY.name, "main", datetime.max.replace(tzinfo=UTC), 99))
    return sorted(entry.id for entry in held)


@pytest.mark.parametrize("more", [[], ["--until-final"]])
def test_a_wrong_password_takes_no_question_from_the_store(server, store, tmp_path, more):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"name": "main", "username": USER, "password": "wrong-w0rd"}))
    result = poll(server[1], str(wrong), "--store", store, *more)
    assert (result.exit_code, result.stdout) == (1, "")
    told = result.stderr.splitlines()
    assert "not-yet: no report: refused (ERROR 101)" in told
    assert told[-1] == "2 of 2 questions came to nothing"
    assert ("what is still to be asked stays in the store" in told) is bool(more)
    assert stored(store) == ["not-yet", "sent"]


@pytest.mark.parametrize("more", [[], ["--until-final"]])
def test_a_handler_that_fails_takes_no_question_from_the_store(server, account, store, monkeypatch, more):
    def full(document):
        raise OSError("disk full")

    monkeypatch.setattr("delivrd.cli.poll.hand_over", full)
    server[0].first = {"not-yet": ["OK DELIVERED"] * 9}
    result = poll(server[1], account, "--store", store, "--pause", "0.01", *more)
    assert result.exit_code == 1
    assert "not_handed_over: the handler raised OSError" in result.stderr
    assert result.stderr.splitlines()[-1].endswith(" of 2 questions came to nothing")
    assert stored(store) == ["not-yet", "sent"]

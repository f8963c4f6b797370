"""`delivrd serve` as a process: how it begins, what it refuses, and how it ends."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner
from servers import Connection, exchange, written
from serving import ACCOUNTS_FILE, PASSWORD, SECRET, Program

from delivrd import basic_authorization
from delivrd.cli import main
from delivrd.ledger import Ledger


def test_it_listens_keeps_what_comes_and_ends_well(tmp_path):
    with Program(tmp_path) as program:
        port = program.port()
        assert len(program.said) == 1
        assert "/dlr/old, /dlr/up" in program.said[0]
        assert exchange(port, "GET", f"/dlr/old?sms_unique_id=m-1&stat=DELIVRD&secret={SECRET}").status == 200
        assert program.end() == 0
    assert SECRET not in "".join(program.said)
    with Ledger.open(tmp_path / "delivrd.db") as ledger:
        assert [each.report.message_id for each in ledger.newest()] == ["m-1"]


def test_what_was_being_sent_when_it_was_asked_to_end_is_kept_and_answered(tmp_path):
    body = b"name=us&trackingid=m-1&status=DELIVRD&recipient=15555550100"
    request = written("POST", "/dlr/up", body, {"Content-Type": "application/x-www-form-urlencoded"})
    with Program(tmp_path) as program:
        port = program.port()
        with Connection(port) as connection:
            connection.send(request[:-10])
            # The server has taken the first half once it has answered somebody who came later.
            assert exchange(port, "GET", "/healthz").status == 200
            program.process.terminate()
            connection.send(request[-10:])
            assert connection.answer().status == 200
        assert program.wait() == 0
    with Ledger.open(tmp_path / "delivrd.db") as ledger:
        assert [each.report.message_id for each in ledger.newest()] == ["m-1"]


def test_on_every_address_there_is_no_page_without_a_password(tmp_path):
    with Program(tmp_path, "--host", "0.0.0.0") as program:
        port = program.port()
        assert program.said[0].startswith("no page: ")
        assert exchange(port, "GET", "/").status == 404
        assert exchange(port, "GET", f"/dlr/old?sms_unique_id=m-1&stat=DELIVRD&secret={SECRET}").status == 200


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--proxy", "127.0.0.1"], []])
def test_a_password_from_the_environment_opens_the_page(tmp_path, options):
    with Program(tmp_path, *options, "--page-password-env", "PAGE") as program:
        port = program.port()
        assert len(program.said) == 1
        assert exchange(port, "GET", "/").status == 401
        proof = {"Authorization": basic_authorization("delivrd", PASSWORD)}
        assert exchange(port, "GET", "/", headers=proof).status == 200


def test_behind_a_proxy_there_is_no_page_without_a_password(tmp_path):
    with Program(tmp_path, "--proxy", "127.0.0.1") as program:
        port = program.port()
        assert program.said[0].startswith("no page: ")
        assert exchange(port, "GET", "/", headers={"X-Forwarded-For": "127.0.0.1"}).status == 404


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """What a call says that comes to nothing, and its exit status."""
    monkeypatch.chdir(tmp_path)
    Path("accounts.toml").write_text(ACCOUNTS_FILE, encoding="utf-8")

    def call(*options: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["serve", "--accounts", "accounts.toml", *options])
        assert not result.stdout
        return result.exit_code, result.stderr

    return call


def test_a_wrong_call_is_told_on_one_line(refused, monkeypatch):
    monkeypatch.setenv("SHORT", "short")
    monkeypatch.setenv("EMPTY", "")
    for options, said in (
        (["--accounts", "none.toml"], "--accounts: none.toml: expected a file that can be read"),
        (["--proxy", "x"], "--proxy: addresses: expected IP networks"),
        (["--page-password-env", "SHORT"], "--page-password: expected a password of at least 12 characters"),
        (["--page-password-env", "EMPTY"], "--page-password-env: it holds no password"),
        (["--page-password-file", "none"], "--page-password-file: none: No such file"),
        (["--page-password-env", "A", "--page-password-file", "b"], "either --page-password-env or"),
        (["--port", "65536"], "--port"),
    ):
        code, told = refused(*options)
        assert code == 2, told
        assert said in told
        assert told.count("\n") == 1


def test_a_store_or_a_port_that_cannot_be_had_is_told_on_one_line(refused):
    code, told = refused("--store", "none/delivrd.db")
    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith("delivrd: --store: ")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, told = refused("--port", str(taken.getsockname()[1]))
    assert (code, told.count("\n")) == (1, 1)
    assert "Address already in use" in told

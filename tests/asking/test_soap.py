"""Asking a SOAP service that another library provides, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from desk import Clock, Desk, at_hosts

from delivrd import AbsenceKind, Account, Status
from delivrd.poll import Target
from delivrd_upside_wireless.sms_wiki import UPSIDE_WIRELESS

TOKEN, SIGNATURE = "tök&n <1>", 'sign;ature"2'
LETTER = {"sender": "+15555550123", "data": "Sent from my phone & <more>", "messageid": "Mail-2"}
INBOX = [
    {"data": "DELIVRD", "trackingid": "MTID7", "messageid": "Mail-1", "utcTime": "2026-05-01T11:00:00"},
    LETTER,
    {"data": "UNDELIV", "trackingid": "MTID9", "messageid": "Mail-3", "utcTime": "2026-05-01T11:30:00"},
]


class Service:
    """The service in a process of its own, where its library's warnings are its own too."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}"

    def calls(self) -> list[dict[str, Any]]:
        """End it, and what it was called for."""
        said, _ = self.process.communicate(timeout=30)
        return [json.loads(line) for line in said.splitlines()]


@contextlib.contextmanager
def service(records: list[dict[str, str]]) -> Iterator[Service]:
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("upside_service.py")), json.dumps(records)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    with process:
        try:
            yield Service(process)
        finally:
            process.kill()


def account(version: str = "1.1", token: str = TOKEN) -> Account:
    return Account(name="up", settings={"token": token, "signature": SIGNATURE, "soap_version": version})


def poll(
    clock: Clock, url: str, given: Account, *ids: str, once: bool = False, operation: str | None = None, **options
):
    async def go() -> Desk:
        async with httpx.AsyncClient(timeout=30) as client:
            desk = Desk(clock, [Target(at_hosts(UPSIDE_WIRELESS, url), given)], client, **options)
            await desk.add(*ids, operation=operation)
            await (desk.poller.run_once() if once else desk.poller.run(until_done=True))
            return desk

    return asyncio.run(go())


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_an_inbox_is_read_to_its_end_each_record_handed_over_and_then_marked(clock, version):
    with service(INBOX) as upside:
        desk = poll(clock, upside.url, account(version), "")
        calls = upside.calls()
    assert [(call["operation"], call.get("id", call.get("unread"))) for call in calls] == [
        ("GetTopMessageNoReset", 3),
        ("SetMessageReadFlag", "Mail-3"),
        ("GetTopMessageNoReset", 2),
        ("SetMessageReadFlag", "Mail-2"),
        ("GetTopMessageNoReset", 1),
        ("SetMessageReadFlag", "Mail-1"),
        ("GetTopMessageNoReset", 0),
    ]
    assert all(call["flag"] for call in calls if "flag" in call)
    reports = [report for receipt in desk.handed for report in receipt.reports]
    assert [(report.message_id, report.status) for report in reports] == [
        ("MTID9", Status.DEFERRED),
        ("MTID7", Status.DELIVERED),
    ]
    assert reports[0].occurred_at is not None
    assert desk.handed[1].others == ({"isValid": "true", **LETTER},)
    assert desk.ends == ["waiting"] * 3 + ["empty"]


def test_a_record_that_could_not_be_handed_over_is_not_marked_and_comes_again(clock):
    tries = []

    def second_time(answered):
        tries.append(answered.receipt)
        if len(tries) == 1:
            raise OSError

    with service(INBOX[:1]) as upside:
        desk = poll(clock, upside.url, account(), "", handler=second_time)
        operations = [call["operation"] for call in upside.calls()]
    assert operations == ["GetTopMessageNoReset"] * 2 + ["SetMessageReadFlag", "GetTopMessageNoReset"]
    assert tries[0].reports[0].key == tries[1].reports[0].key
    assert desk.ends == ["not_handed_over", "waiting", "empty"]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_the_status_of_one_message_is_asked_for(clock, version):
    with service([]) as upside:
        desk = poll(clock, upside.url, account(version), "MTID1", "MTID2", operation="GetDLR", once=True)
        assert sorted(call["id"] for call in upside.calls()) == ["MTID1", "MTID2"]
    assert {receipt.reports[0].message_id: receipt.reports[0].status for receipt in desk.handed} == {
        "MTID1": Status.SENT,
        "MTID2": Status.DELIVERED,
    }
    assert sorted(desk.ends) == ["final", "waiting"]
    assert clock.slept == [120]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_fault_that_repeats_the_credentials_is_told_without_them(clock, version, caplog):
    caplog.set_level(logging.DEBUG)
    with service([]) as upside:
        desk = poll(clock, upside.url, account(version, token="wr&ng-token"), "", once=True)
    (receipt,) = desk.handed
    assert receipt.absence.kind is AbsenceKind.UNAVAILABLE
    assert receipt.absence.code in ("soap11env:Client.Authentication", "soap12env:Sender")
    assert receipt.absence.text == "Invalid token *** or signature ***"
    assert desk.ends == ["failed"]
    for shown in (caplog.text, str(desk.events), json.dumps(receipt.to_dict())):
        assert "wr&ng" not in shown
        assert "sign;" not in shown

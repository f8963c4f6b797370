"""The real thing: Kannel between a message centre and a receiver, and a second client at the same centre.

A message is submitted over HTTP; its receipts come back over SMPP and over `dlr-url`, and the two
providers, which share nothing but the receipt's text, say the same of it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import urlopen

import pytest
import smpplib.client
from message_centre import Case, Centre

from delivrd import Account, Cause, DeliverSm, Report, Request, Status, WarningKind
from delivrd_kannel.dlr_url import KANNEL
from delivrd_smpp import SMPP, from_smpplib

PATIENCE = 30
"""Seconds after which something that never comes is given up."""

ACCOUNT = Account(zone="Europe/Tallinn", secrets=["kit-word"])
PHONE, SENDER = "+15555550123", "+447700900123"
FORM = "id:{{id}} sub:001 dlvrd:{dlvrd} submit date:2401311200 done date:2401311205 stat:{stat} err:{err} text:Hello"


def receipt(stat: str, err: str = "000", dlvrd: str = "001", **parameters: Any) -> tuple[str, dict[str, Any]]:
    return FORM.format(stat=stat, err=err, dlvrd=dlvrd), parameters


CASES = {
    "delivered": Case([receipt("DELIVRD")]),
    "lower case": Case([receipt("delivrd")]),
    "first accepted": Case([receipt("ACCEPTD"), receipt("DELIVRD")]),
    "undelivered": Case([receipt("UNDELIV", "006", "000")]),
    "expired": Case([receipt("EXPIRED", "003", "000")]),
    "unknown": Case([receipt("UNKNOWN")]),
    "rejected": Case([receipt("REJECTD", "021")]),
    "own word": Case([receipt("DENIED", "069")]),
    "unlisted word": Case([receipt("WEIRD", "069")]),
    "parameters": Case([receipt("DELIVRD", receipted_message_id="{id}", message_state=2)]),
    "refused": Case(refused=0x0000000B),
}


@dataclass
class Gateway:
    """Kannel, running: where it takes messages, and what it and the other client have been told."""

    send_url: str
    callbacks: Queue[Request]
    receipts: Queue[DeliverSm]
    receiver_port: int

    def send(self, case: str) -> None:
        """Submit a message whose text names what the centre does with it."""
        codes = f"id={case.replace(' ', '-')}&type=%d&fid=%F&to=%p&from=%P&smsc=%i&ts=%T&reply=%A&secret=kit-word"
        message = {
            "username": "kit",
            "password": "kit",
            "from": SENDER,
            "to": PHONE,
            "text": case,
            # Every event but 8, the centre's taking of it.
            "dlr-mask": "23",
            "dlr-url": f"http://127.0.0.1:{self.receiver_port}/dlr?{codes}",
        }
        with urlopen(f"{self.send_url}?{urlencode(message, quote_via=quote)}", timeout=PATIENCE) as answer:
            assert answer.status == 202

    def reports(self, number: int) -> tuple[list[Report], list[Report]]:
        """What came of a message, by both ways."""
        pdus = [self.receipts.get(timeout=PATIENCE) for _ in range(number)]
        requests = [self.callbacks.get(timeout=PATIENCE) for _ in range(number)]
        return (
            [report for pdu in pdus for report in SMPP.read(pdu, ACCOUNT).reports],
            [report for request in requests for report in KANNEL.receive(request, ACCOUNT).reports],
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port


def configuration(folder: Path, ports: dict[str, int]) -> Path:
    """Kannel's configuration file."""
    groups: list[dict[str, object]] = [
        {
            "group": "core",
            "admin-port": ports["admin"],
            "admin-password": "kit",
            "admin-interface": "127.0.0.1",
            "smsbox-port": ports["smsbox"],
            "smsbox-interface": "127.0.0.1",
            "dlr-storage": "internal",
        },
        {
            "group": "smsc",
            "smsc": "smpp",
            "smsc-id": "centre",
            "host": "127.0.0.1",
            "port": ports["centre"],
            "transceiver-mode": "true",
            "smsc-username": "kit",
            "smsc-password": "kit",
            "system-type": "kit",
            "reconnect-delay": 1,
        },
        {
            "group": "smsbox",
            "bearerbox-host": "127.0.0.1",
            "sendsms-port": ports["send"],
            "sendsms-interface": "127.0.0.1",
        },
        {"group": "sendsms-user", "username": "kit", "password": "kit", "concatenation": "false"},
    ]
    text = "\n".join("".join(f"{name} = {value}\n" for name, value in group.items()) for group in groups)
    path = folder / "kannel.conf"
    path.write_text(text, encoding="utf-8")
    return path


def start(stack: ExitStack, program: str, path: Path, ready: str) -> None:
    """Start one of Kannel's programs, and return when it says that it is ready."""
    command = [program, "-v", "0", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=path.parent)
    assert process.stderr is not None
    stream = stack.enter_context(process.stderr)

    def stop() -> None:
        process.kill()
        process.wait()

    # Before its output is closed: a thread that reads it would wait for ever.
    stack.callback(stop)
    # A program that never gets ready is ended, and its output with it.
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    said = []
    for line in stream:
        said.append(line.decode("latin-1"))
        if ready in said[-1]:
            break
    else:
        pytest.fail(f"{program} ended, or was not ready within {PATIENCE} seconds:\n" + "".join(said))
    timer.cancel()
    # Unread output would fill the pipe and stop the program.
    threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()


def listen(stack: ExitStack) -> tuple[Queue[Request], int]:
    """A receiver of callbacks: what came, and its port."""
    came: Queue[Request] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.put(Request("GET", self.path, tuple(self.headers.items())))
            self.send_response(KANNEL.reply.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = stack.enter_context(HTTPServer(("127.0.0.1", 0), Receiver))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.shutdown)
    return came, server.server_port


def bind(stack: ExitStack, centre: Centre) -> Queue[DeliverSm]:
    """A client of the centre, as a gateway has one: the receipts that it gets."""
    came: Queue[DeliverSm] = Queue()
    client = smpplib.client.Client("127.0.0.1", centre.port, timeout=PATIENCE, allow_unknown_opt_params=True)
    client.set_message_received_handler(lambda pdu: came.put(from_smpplib(pdu)))
    client.connect()
    client.bind_transceiver(system_id="kit", password="kit")

    def serve() -> None:
        try:
            client.listen()
        except Exception:
            return

    listening = threading.Thread(target=serve, daemon=True)
    listening.start()

    def leave() -> None:
        centre.close()
        listening.join(PATIENCE)
        client.disconnect()

    stack.callback(leave)
    return came


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    programs = {
        name: shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") for name in ("bearerbox", "smsbox")
    }
    if None in programs.values():
        message = "Debian's package kannel is not installed: nothing was shown of a real gateway"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with ExitStack() as stack:
        callbacks, receiver_port = listen(stack)
        centre = stack.enter_context(Centre(CASES))
        receipts = bind(stack, centre)
        assert centre.bound.acquire(timeout=PATIENCE)
        ports = {"centre": centre.port, **{name: free_port() for name in ("admin", "smsbox", "send")}}
        path = configuration(tmp_path_factory.mktemp("gateway"), ports)
        start(stack, programs["bearerbox"], path, "MAIN: Start-up done")
        assert centre.bound.acquire(timeout=PATIENCE)
        start(stack, programs["smsbox"], path, "Connected to bearerbox")
        yield Gateway(f"http://127.0.0.1:{ports['send']}/cgi-bin/sendsms", callbacks, receipts, receiver_port)


def said(report: Report) -> tuple[Any, ...]:
    """What both ways must agree on."""
    words = {name: code for name, code in report.codes.items() if name in ("stat", "err")}
    times = (report.submitted_at, report.occurred_at)
    # SMPP writes the plus of an international number into another field.
    addresses = [(address or "").removeprefix("+") for address in (report.recipient, report.sender)]
    kinds = [warning.kind for warning in report.warnings]
    return report.status, report.final, report.evidence, report.cause, report.text, words, times, addresses, kinds


OUTCOMES = {
    "delivered": [Status.DELIVERED],
    "lower case": [Status.DELIVERED],
    "first accepted": [Status.ACCEPTED, Status.DELIVERED],
    "undelivered": [Status.UNDELIVERED],
    "expired": [Status.EXPIRED],
    "unknown": [Status.UNKNOWN],
    "rejected": [Status.REJECTED],
    "own word": [Status.REJECTED],
    "parameters": [Status.DELIVERED],
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_both_ways_say_the_same_of_a_message(gateway: Gateway, case: str) -> None:
    gateway.send(case)
    over_smpp, over_http = gateway.reports(len(OUTCOMES[case]))
    assert [report.status for report in over_smpp] == OUTCOMES[case]
    assert [said(report) for report in over_http] == [said(report) for report in over_smpp]
    # The operator's own id names the message over HTTP, and the centre's stands beside it.
    assert {report.message_id for report in over_http} == {case.replace(" ", "-")}
    assert [report.other_ids for report in over_http] == [(report.message_id,) for report in over_smpp]
    assert over_smpp[0].occurred_at == datetime(2024, 1, 31, 10, 5, tzinfo=UTC)


def test_a_word_that_nobody_knows_is_told_by_both_and_over_http_the_number_still_counts(gateway: Gateway) -> None:
    gateway.send("unlisted word")
    (over_smpp,), (over_http,) = gateway.reports(1)
    assert (over_smpp.status, over_http.status) == (Status.UNKNOWN, Status.FAILED)
    for report in (over_smpp, over_http):
        assert (report.codes["stat"], [warning.kind for warning in report.warnings]) == (
            "WEIRD",
            [WarningKind.UNLISTED_CODE],
        )


def test_a_refusal_is_told_over_http_alone(gateway: Gateway) -> None:
    gateway.send("refused")
    (report,) = KANNEL.receive(gateway.callbacks.get(timeout=PATIENCE), ACCOUNT).reports
    assert (report.status, report.cause, report.text) == (
        Status.REJECTED,
        Cause.INVALID_NUMBER,
        "Invalid Destination Address",
    )
    assert report.message_id == "refused"
    assert gateway.receipts.empty()

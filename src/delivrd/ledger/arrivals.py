"""What is to be recorded, made ready before the transaction begins.

The rule of this module: no secret gets any further, nor a phone number where the store must not
hold any; and all that can be worked out without the database is.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from delivrd.accounts import Account
from delivrd.files import Sample, sample_line
from delivrd.inputs import Input
from delivrd.ledger.names import Caller, Names
from delivrd.ledger.times import micros
from delivrd.life import State, state_of
from delivrd.phones import Phones
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from delivrd.report import Report, WarningKind
from delivrd.samplelines import write_line


class Arrival(msgspec.Struct, frozen=True):
    """One input and the receipt that came of it.

    Attributes:
        provider: that read it.
        input: as it arrived.
        receipt: of it.
        received_at: when it arrived; aware.
        account: that it was read for.
        asked: the id that it answers, if it is the answer to a question.
    """

    provider: Provider
    input: Input
    receipt: Receipt
    received_at: datetime
    account: Account | None = None
    asked: str | None = None


class ReadyReport(NamedTuple):
    """A report, and what the store needs of it."""

    report: Report
    key: bytes
    names: Names
    said: State
    body: bytes
    unlisted: bool


class Ready(NamedTuple):
    """An arrival, ready to be written."""

    provider: str
    account: str
    received_at: int
    line: bytes
    stray: bool
    reports: list[ReadyReport]


def make_ready(arrival: Arrival, phones: Phones | None) -> Ready:
    """An arrival, ready to be written.

    Raises:
        ValueError: `received_at` has no zone, or the receipt was read for another account.
    """
    received = micros(arrival.received_at, "received_at")
    caller = Caller(arrival.provider, arrival.account)
    receipt = arrival.receipt
    stray = bool(receipt.problems or receipt.others or receipt.absence is not None)
    given = [_dated(report, arrival.received_at) for report in receipt.reports]
    strangers = {report.account or "" for report in given} - {caller.account_name}
    if strangers:
        raise ValueError("account: expected the account that the receipt was read for")
    reports = given if phones is None else [phones.report(report) for report in given]
    line = write_input(arrival) if phones is None else b""
    ready = [ready_report(each, caller) for each in reports]
    return Ready(arrival.provider.name, caller.account_name, received, line, stray, ready)


_NOBODY = Account()
_encoder = msgspec.json.Encoder()


def write_input(arrival: Arrival) -> bytes:
    """An input without secrets as a line of `.jsonl`."""
    account = arrival.account or _NOBODY
    kept = arrival.provider.blotted(arrival.input, account)
    asked = None if arrival.asked is None else arrival.provider.blot(arrival.asked, account)
    return write_line(sample_line(Sample(kept, asked, None, arrival.received_at)))


def _dated(report: Report, received_at: datetime) -> Report:
    return report if report.received_at is not None else msgspec.structs.replace(report, received_at=received_at)


def ready_report(report: Report, caller: Caller) -> ReadyReport:
    """A report, and what the store needs of it."""
    unlisted = any(warning.kind is WarningKind.UNLISTED_CODE for warning in report.warnings)
    return ReadyReport(
        report,
        bytes.fromhex(report.key),
        caller.of_report(report),
        state_of(report, later_wins=caller.later_wins),
        _encoder.encode(report),
        unlisted,
    )

"""What a soak has to show of the ledger and the logs, when all is over.

The rule of this module: the store is compared with what was sent, and with a plain re-reading of
what it keeps; a fault is told in words that hold no secret.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
from following import Followed, faults_of_changes
from soak_callbacks import NUMBERS, SECRETS, STRANGER, Callback, spellings
from sqlalchemy import MetaData

from delivrd import Accounts, Report, Request, read_samples
from delivrd.ledger import Ledger
from delivrd.ledger.messages import decode_state
from delivrd.ledger.schema import inputs, messages, reports
from delivrd.life import State, fold

_report = msgspec.json.Decoder(Report).decode
_words = {spelt for secrets in SECRETS.values() for secret in secrets for spelt in spellings(secret)}
HIDDEN = re.compile(b"|".join(map(re.escape, sorted({*_words, STRANGER.encode()}, key=len, reverse=True))))
"""Whatever must stand in no store and in no log."""

NUMBER = re.compile("|".join(NUMBERS).encode())


def faults_of_store(
    url: str, accounts: Accounts, sent: Iterable[Callback], acknowledged: Counter[str], followed: list[Followed]
) -> list[str]:
    """What is wrong with the store.

    Args:
        url: of the store; nobody writes it any more.
        accounts: that the receiver had.
        sent: everything that was sent.
        acknowledged: how often each report was, by its key.
        followed: the changes.
    """
    expected: dict[str, list[Report]] = defaultdict(list)
    handsets = set()
    for each in sent:
        if each.report is not None:
            expected[each.report.key].append(each.report)
        elif each.kind == "handset":
            handsets.add(each.request.body)
    with Ledger.open(url) as ledger:
        rows = {
            table: ledger.store.read(lambda c, t=table: c.execute(t.select()).all())
            for table in (inputs, reports, messages)
        }
        return [
            *_faults_of_reports(rows[reports], expected, acknowledged),
            *_faults_of_inputs(rows[inputs], rows[reports], rows[messages], accounts, handsets),
            *faults_of_changes(ledger, followed),
            *_faults_of_values(ledger),
        ]


def _faults_of_reports(rows: list[Any], expected: dict[str, list[Report]], acknowledged: Counter[str]) -> list[str]:
    """Each authentic report once, none else."""
    faults = []
    keys = Counter(row.key.hex() for row in rows)
    if missing := expected.keys() - keys.keys():
        faults.append(f"{len(missing)} reports are missing, {len(missing & acknowledged.keys())} of them acknowledged")
    if strangers := keys.keys() - expected.keys():
        faults.append(f"{len(strangers)} reports are there that nobody authentic sent")
    if any(times > 1 for times in keys.values()):
        faults.append("a report is there twice")
    for row in rows:
        key, kept = row.key.hex(), _report(row.body)
        if kept.key != key or msgspec.structs.replace(kept, received_at=None) not in expected[key]:
            faults.append(f"report {key} is not as it was sent")
        if row.times < acknowledged[key]:
            faults.append(f"report {key} was acknowledged {acknowledged[key]} times, and counted {row.times}")
    return faults


def _faults_of_inputs(
    rows: list[Any], reports: list[Any], messages: list[Any], accounts: Accounts, handsets: set[bytes]
) -> list[str]:
    """The inputs hold what the reports are said to come of, and a plain fold of them is each message's state."""
    faults = []
    states: dict[tuple[str, str | None], State] = {}
    found: Counter[str] = Counter()
    first: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: row.id, reverse=True):
        (sample,) = read_samples("kept.jsonl", row.line)
        request = sample.input
        assert isinstance(request, Request)
        if any(
            HIDDEN.search(_plain(part))
            for part in (request.target.encode(), request.body, repr(request.headers).encode())
        ):
            faults.append(f"input {row.id} holds what must be hidden")
        provider, account = accounts[row.account]
        receipt = provider.read(request, account, received_at=sample.received_at)
        if not receipt.reports:
            handsets.discard(request.body)
        for report in receipt.reports:
            found[report.key] += 1
            first[report.key] = row.id
            name = (row.account, report.message_id)
            states[name] = fold(states.get(name), report)
    if handsets:
        faults.append(f"{len(handsets)} messages from handsets are missing")
    kept = {row.key.hex(): row for row in reports}
    if found != Counter({key: row.times for key, row in kept.items()}):
        faults.append("the reports are not counted as often as inputs hold them")
    if any(kept[key].input != input for key, input in first.items() if key in kept):
        faults.append("a report does not lead to its first input")
    there = {(row.account, row.message_id): decode_state(row.state) for row in messages}
    faults += [
        f"message {name[1]}: its state is not the fold of its reports"
        for name in there
        if there[name] != states.get(name)
    ]
    return [*faults, *(f"message {name[1]} is missing" for name in states.keys() - there.keys())]


def _faults_of_values(ledger: Ledger) -> list[str]:
    """Each value of each row of each table, whoever made the table."""
    engine, found = ledger.store.engine, MetaData()
    found.reflect(engine)
    faults = []
    with engine.connect() as connection:
        for table in found.tables.values():
            for row in connection.execute(table.select()):
                for name, value in row._mapping.items():
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    if HIDDEN.search(raw):
                        faults.append(f"{table.name}.{name} holds what must be hidden")
    return sorted(set(faults))


def faults_of_files(paths: Iterable[Path]) -> list[str]:
    """The store's own files, byte for byte."""
    return [
        f"{path.name} holds what must be hidden"
        for path in paths
        if path.is_file() and HIDDEN.search(path.read_bytes())
    ]


def faults_of_logs(logs: bytes) -> list[str]:
    """What the receiver has said."""
    faults = []
    if HIDDEN.search(_plain(logs)):
        faults.append("the logs hold a secret, or words of a request")
    if NUMBER.search(logs):
        faults.append("the logs hold a phone number")
    if b"Traceback" in logs:
        faults.append("the logs hold a traceback")
    return faults


def _plain(data: bytes) -> bytes:
    """Bytes with all of their unescaped spellings behind them."""
    text, spelt = data.decode("latin-1"), [data]
    while "%" in text and (plain := unquote(text, "latin-1")) != text:
        text = plain
        spelt.append(text.encode("latin-1"))
    return b"\n".join(spelt)

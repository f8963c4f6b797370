"""What is counted, read by the real SDK's own reader; and that no stranger can make a new time series."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.metrics import Meter, NoOpCounter, NoOpMeter, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from delivrd import (
    Absence,
    AbsenceKind,
    Account,
    Accounts,
    Cause,
    Evidence,
    InputError,
    Mail,
    NotAuthentic,
    Outcome,
    Problem,
    Receipt,
    Registry,
    Report,
    Request,
    Status,
    Warning,
    WarningKind,
    read_samples,
)
from delivrd.ledger import Arrival, Ledger
from delivrd.mailbox import Fate, Maildir, collect
from delivrd.poll import MemoryAgenda, Next, Poller, Target, log_failures
from delivrd.receiving import NotTaken, Receiver
from delivrd.receiving.budget import ByteBudget
from delivrd.receiving.conduct import answer, answer_async, awaited, is_async
from delivrd.receiving.receiver import Head
from delivrd.telemetry import INSTRUMENTS, OTHER, Telemetry

ROOT = Path(__file__).parent.parent
PROVIDERS = Registry.installed()
TELI, LEGACY, UPSIDE = PROVIDERS["teli"], PROVIDERS["messente-legacy"], PROVIDERS["upside-wireless"]
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SECRET = "a-long-random-word"
ACCOUNTS = Accounts([(TELI, Account(name="us", secrets=[SECRET], max_body=1000))])
FORM = b"id=72b83667&url=x&status=DELIVRD"
PHONE = "12025550123"


class Counted:
    """Counters of an SDK, and what they stand at."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(self.provider)

    def metrics(self) -> Iterator[Any]:
        data = self.reader.get_metrics_data()
        for resource in () if data is None else data.resource_metrics:
            for scope in resource.scope_metrics:
                assert scope.scope.name == "delivrd"
                assert scope.scope.version == "0.1.0"
                yield from scope.metrics

    def series(self) -> list[tuple[str, dict[str, Any], int]]:
        return [
            (metric.name, dict(point.attributes), point.value)
            for metric in self.metrics()
            for point in metric.data.data_points
        ]

    def of(self, name: str) -> list[tuple[dict[str, Any], int]]:
        return [(attributes, value) for each, attributes, value in self.series() if each == name]


@pytest.fixture
def counted() -> Iterator[Counted]:
    made = Counted()
    yield made
    made.provider.shutdown()


def teli(status: str) -> Receipt:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return TELI.read(Request("POST", "/", headers, b"id=m-1&url=x&status=" + status.encode()))


def test_reports_are_counted_by_what_they_say(counted):
    failed = Report("teli", "m-1", Status.REJECTED, True, Evidence.PROVIDER, Cause.NO_CREDIT)
    delivered = Report("teli", "m-2", Status.DELIVERED, True)
    counted.telemetry.observe(TELI, [Receipt((failed, delivered)), Receipt((failed,))])
    counted.telemetry.observe(TELI, [Receipt((delivered,))])
    assert counted.of("delivrd.reports") == [
        (
            {
                "delivrd.provider": "teli",
                "delivrd.status": "rejected",
                "delivrd.outcome": "failure",
                "delivrd.final": True,
                "delivrd.evidence": "provider",
                "delivrd.cause": "no_credit",
            },
            2,
        ),
        (
            {
                "delivrd.provider": "teli",
                "delivrd.status": "delivered",
                "delivrd.outcome": "success",
                "delivrd.final": True,
            },
            2,
        ),
    ]


def test_unlisted_codes_are_counted_by_their_field_and_not_by_the_code(counted):
    counted.telemetry.observe(TELI, [teli("NEVER-HEARD"), teli("NOR-THIS")])
    assert counted.of("delivrd.unlisted") == [({"delivrd.provider": "teli", "delivrd.field": "status"}, 2)]
    assert ({"delivrd.provider": "teli", "delivrd.warning": "unlisted_code"}, 2) in counted.of("delivrd.warnings")


def test_problems_other_items_and_absences_are_counted(counted):
    absent = Receipt(absence=Absence(AbsenceKind.NOT_YET, "102", "later"), others=({"text": PHONE},))
    counted.telemetry.observe(UPSIDE, [absent, Receipt(problems=(Problem(0, "bad", "at", PHONE), Problem(3, "bad")))])
    upside = {"delivrd.provider": "upside-wireless"}
    assert counted.of("delivrd.absences") == [({**upside, "delivrd.absence": "not_yet"}, 1)]
    assert counted.of("delivrd.problems") == [(upside, 2)]
    assert counted.of("delivrd.others") == [(upside, 1)]


class Noting(NoOpMeterProvider):
    """Notes each call of the API."""

    def __init__(self) -> None:
        self.adds: list[tuple[str, int]] = []

    def get_meter(self, *_: Any, **__: Any) -> Meter:
        adds = self.adds

        class Made(NoOpMeter):
            def create_counter(self, name: str, unit: str = "", description: str = "") -> NoOpCounter:
                class Noted(NoOpCounter):
                    def add(self, amount: Any, *_: Any, **__: Any) -> None:
                        adds.append((name, amount))

                return Noted(name, unit, description)

        return Made("delivrd")


def test_what_is_handed_over_at_a_time_is_told_once_for_each_set_of_words():
    noting = Noting()
    delivered, failed = Report("teli", "1", Status.DELIVERED, True), Report("teli", "2", Status.FAILED, True)
    Telemetry(noting).observe(TELI, [Receipt((delivered, failed) * 300), Receipt((delivered,) * 5)])
    assert noting.adds == [("delivrd.reports", 305), ("delivrd.reports", 300)]


# What a stranger can put into a receipt.
hostile = st.text(max_size=20) | st.sampled_from([PHONE, SECRET])
hostile_reports = st.builds(
    Report,
    provider=hostile,
    message_id=hostile,
    status=st.sampled_from(Status),
    final=st.booleans(),
    evidence=st.none() | st.sampled_from(Evidence),
    cause=st.none() | st.sampled_from(Cause),
    codes=st.dictionaries(hostile, hostile),
    text=hostile,
    account=hostile,
    recipient=hostile,
    channel=hostile,
    warnings=st.lists(st.builds(Warning, st.sampled_from(WarningKind), hostile, hostile), max_size=3).map(tuple),
)
hostile_receipts = st.builds(
    Receipt,
    reports=st.lists(hostile_reports, max_size=3).map(tuple),
    problems=st.lists(st.builds(Problem, st.integers(), hostile, hostile, hostile), max_size=2).map(tuple),
    absence=st.none() | st.builds(Absence, st.sampled_from(AbsenceKind), hostile, hostile),
    others=st.lists(st.dictionaries(hostile, hostile), max_size=2).map(tuple),
)

WORDS = {
    "delivrd.provider": set(PROVIDERS),
    "delivrd.status": set(Status),
    "delivrd.outcome": set(Outcome),
    "delivrd.final": {True, False},
    "delivrd.evidence": set(Evidence),
    "delivrd.cause": set(Cause),
    "delivrd.warning": set(WarningKind),
    "delivrd.absence": set(AbsenceKind),
    "delivrd.next": set(Next),
    "delivrd.fate": set(Fate),
    "delivrd.field": {table.name for provider in PROVIDERS.values() for table in provider.tables} | {OTHER},
    "error.type": {kind.__name__ for kind in [InputError, *InputError.__subclasses__()]},
}
"""All values that an attribute can ever have."""


def outside_the_words(counted: Counted) -> list[tuple[str, str, Any]]:
    return [
        (name, attribute, value)
        for name, attributes, _ in counted.series()
        for attribute, value in attributes.items()
        if value not in WORDS.get(attribute, ())
    ]


@settings(deadline=None)
@given(receipts=st.lists(hostile_receipts, max_size=4))
def test_whatever_a_receipt_holds_every_attribute_is_a_known_word(receipts):
    counted = Counted()
    for provider in PROVIDERS.values():
        counted.telemetry.observe(provider, receipts)
    assert outside_the_words(counted) == []


def test_ten_thousand_hostile_receipts_make_no_more_time_series_than_the_first_few(counted):
    for number in range(10_000):
        code = f"X{number}"
        warnings = (Warning(WarningKind.UNLISTED_CODE, code, code),)
        report = Report(code, code, Status.UNKNOWN, False, codes={code: code}, text=code, warnings=warnings)
        absence = Absence(AbsenceKind.UNAVAILABLE, code, code)
        counted.telemetry.observe(TELI, [Receipt((report,), None, (Problem(number, code, code, code),), absence)])
        error = type(f"Refused{number}", (NotAuthentic,), {})(code)
        counted.telemetry.not_taken(NotTaken(code, TELI, True, error))
        counted.telemetry.not_taken(NotTaken(code, TELI, False, type(f"Failed{number}", (Exception,), {})(code)))
    told = ("absences", "failures", "problems", "refusals", "reports", "unlisted", "warnings")
    assert sorted((name, value) for name, _, value in counted.series()) == [
        (f"delivrd.{each}", 10_000) for each in told
    ]
    assert outside_the_words(counted) == []


def test_every_fixture_is_counted_by_known_words(counted):
    reports = 0
    for name, provider in PROVIDERS.items():
        for path in sorted((ROOT / "fixtures" / name).iterdir()):
            if path.suffix == ".json":
                continue
            for sample in read_samples(path.name, path.read_bytes()):
                try:
                    receipt = provider.read(sample.input, asked=sample.asked)
                except InputError:
                    continue
                reports += len(receipt.reports)
                counted.telemetry.observe(provider, [receipt])
    assert reports > 100
    assert sum(value for _, value in counted.of("delivrd.reports")) == reports
    assert outside_the_words(counted) == []


def head(receiver: Receiver, secret: str = SECRET, **change: Any) -> Any:
    given = {"method": "POST", "path": "/dlr/us", "target": f"/dlr/us?secret={secret}", "peer": None}
    given["headers"] = {"content-type": "application/x-www-form-urlencoded"}
    return receiver.arrive(**given | change)


def receive(telemetry: Telemetry, handler: Any, body: bytes = FORM, **change: Any) -> int:
    """What a request is answered, by a receiver that is measured."""
    receiver = Receiver(ACCOUNTS, watch=telemetry.not_taken)
    arrived = head(receiver, **change)
    if not isinstance(arrived, Head):
        return arrived.status
    pieces = [body, None]

    async def read() -> bytes | None:
        return pieces.pop(0)

    measured = telemetry.measured(handler)
    assert is_async(measured) is is_async(handler)
    if is_async(handler):
        doing = answer_async(receiver, awaited(measured), arrived, read, lambda: NOW, 30, ByteBudget())
        return asyncio.run(doing).status
    return answer(receiver, measured, arrived, lambda size: pieces.pop(0) or b"", lambda: NOW).status


async def keep(received: Any) -> None:
    assert received.receipt.reports


async def lose(received: Any) -> None:
    raise OSError(PHONE)


@pytest.mark.parametrize("handler", [lambda received: None, keep])
def test_a_receipt_is_counted_once_it_was_handed_over(handler, counted):
    assert receive(counted.telemetry, handler) == 200
    assert [value for _, value in counted.of("delivrd.reports")] == [1]
    assert not counted.of("delivrd.failures")


def promise(received: Any) -> Future[None]:
    return Future()


def generator(received: Any) -> Any:
    return (each for each in ())


@pytest.mark.parametrize("handler", [lose, lambda received: 1 / 0, promise, generator, lambda received: keep(received)])
def test_a_receipt_that_was_not_handed_over_is_a_failure_and_not_counted(handler, counted):
    assert receive(counted.telemetry, handler) == 503
    assert counted.series() == [("delivrd.failures", {"delivrd.provider": "teli"}, 1)]
    # A promise that nobody followed was closed: nothing is left to complain about.
    gc.collect()


def test_where_a_promise_is_awaited_it_is_counted_after_it(counted):
    seen: list[int] = []

    async def slow(received: Any) -> str:
        await asyncio.sleep(0)
        seen.append(len(counted.series()))
        return "done"

    handler = awaited(counted.telemetry.measured(lambda received: slow(received)))
    taken = Receiver(ACCOUNTS).take(head(Receiver(ACCOUNTS)), FORM, NOW)
    assert asyncio.run(handler(taken)) == "done"
    assert seen == [0]
    assert len(counted.of("delivrd.reports")) == 1


def test_a_handler_that_is_an_object_is_measured_too(counted):
    class Kept:
        def __init__(self) -> None:
            self.got: list[Any] = []

        def __call__(self, received: Any) -> None:
            self.got.append(received)

    handler = Kept()
    assert receive(counted.telemetry, handler) == 200
    assert len(handler.got) == 1
    with pytest.raises(TypeError, match="handler"):
        counted.telemetry.measured(7)


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"secret": "wrong"}, 401, "NotAuthentic"),
        ({"method": "PUT"}, 405, "WrongMethod"),
        ({"body": b"\xff"}, 400, "Unreadable"),
        ({"body": b"x" * 1001}, 413, "TooLarge"),
        ({"length": "1001"}, 413, "TooLarge"),
        ({"headers": {"content-encoding": "gzip"}}, 415, "UnsupportedMediaType"),
    ],
)
def test_a_refusal_is_counted_by_its_kind(change, status, kind, counted):
    assert receive(counted.telemetry, lambda received: None, **change) == status
    refused = {"delivrd.provider": "teli", "error.type": kind}
    assert counted.series() == [("delivrd.refusals", refused, 1)]


def test_what_comes_to_no_account_is_the_web_servers_to_count(counted):
    assert receive(counted.telemetry, lambda received: None, path="/dlr/nobody") == 404
    assert counted.series() == []


def test_a_watcher_shows_no_number():
    told: list[NotTaken] = []
    receiver = Receiver(ACCOUNTS, watch=told.append)
    receiver.failed(receiver.doors["us"], OSError(PHONE))
    assert repr(told) == "[NotTaken(us, OSError)]"
    assert not told[0].refused


def polled(telemetry: Telemetry, *answers: str, handler: Any = lambda answered: None) -> list[Any]:
    said, events = list(answers), []

    def watcher(event: Any) -> None:
        events.append(event)
        log_failures(event)

    async def go() -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, text=said.pop(0)))
        async with httpx.AsyncClient(transport=transport) as client:
            account = Account(name="main", username="user", password="pass-word")
            poller = Poller(
                [Target(LEGACY, account)],
                MemoryAgenda(),
                telemetry.measured(handler),
                client=client,
                now=lambda: NOW,
                random=lambda: 0.0,
                watch=telemetry.watching(watcher),
            )
            for number in range(len(answers)):
                await poller.add("messente-legacy", "main", f"m-{number}", since=NOW)
            await poller.run_once()

    asyncio.run(go())
    return events


async def kept(answered: Any) -> None:
    assert answered.provider is LEGACY


@pytest.mark.parametrize("handler", [lambda answered: None, kept, lambda answered: kept(answered)])
def test_what_a_poller_hears_is_counted_and_what_became_of_each_question(handler, counted):
    events = polled(counted.telemetry, "OK DELIVERED", "FAILED 102", handler=handler)
    assert len(events) == 2
    assert [value for _, value in counted.of("delivrd.reports")] == [1]
    legacy = {"delivrd.provider": "messente-legacy"}
    assert counted.of("delivrd.absences") == [({**legacy, "delivrd.absence": "not_yet"}, 1)]
    asked = counted.of("delivrd.questions")
    assert {attributes["delivrd.next"]: value for attributes, value in asked} == {"final": 1, "waiting": 1}
    assert outside_the_words(counted) == []


def test_an_answer_that_was_not_handed_over_is_a_question_and_no_report(counted):
    def fails(answered: Any) -> None:
        raise OSError(PHONE)

    polled(counted.telemetry, "OK DELIVERED", handler=fails)
    told = {"delivrd.provider": "messente-legacy", "delivrd.next": "not_handed_over"}
    assert counted.series() == [("delivrd.questions", told, 1)]


def test_mails_are_counted_by_their_fate_as_they_are_read(counted, tmp_path):
    for folder in ("new", "cur", "tmp"):
        (tmp_path / folder).mkdir()
    (tmp_path / "new/1").write_text("From: dlr@upside.example\n\ntrackingid=M1\nstatus=DELIVRD\n")
    (tmp_path / "new/2").write_text("From: dlr@upside.example\n\nOur office is closed.\n")
    (tmp_path / "new/3").write_text("From: stranger@upside.example\n\ntrackingid=M2\nstatus=DELIVRD\n")
    account = Account(name="main", addresses=["dlr@upside.example"])

    def handler(mail: Mail, receipt: Receipt) -> None:
        if lost:
            raise OSError

    lost = True
    with Maildir(str(tmp_path)) as box:
        assert len(list(counted.telemetry.mails(UPSIDE, collect(box, UPSIDE, account, handler)))) == 3
    assert not counted.of("delivrd.reports")
    lost = False
    with Maildir(str(tmp_path)) as box:
        fates = [each.fate for each in counted.telemetry.mails(UPSIDE, collect(box, UPSIDE, account, handler))]
    assert fates == [Fate.HANDED_OVER, Fate.NO_REPORT, Fate.NOT_AUTHENTIC]
    mails = {attributes["delivrd.fate"]: value for attributes, value in counted.of("delivrd.mails")}
    assert mails == {"not_handed_over": 2, "not_authentic": 2, "handed_over": 1, "no_report": 1}
    assert [value for _, value in counted.of("delivrd.reports")] == [1]
    assert [value for _, value in counted.of("delivrd.absences")] == [1]


def test_what_the_ledger_knew_is_told_apart_from_what_was_new(counted, tmp_path):
    arrival = Arrival(TELI, Request("POST", "/"), teli("DELIVRD"), NOW)
    with Ledger.open(tmp_path / "ledger.db", migrate=True) as ledger:
        counted.telemetry.recorded(ledger.record_many([arrival, arrival, arrival]))
    teli_reports = [
        ({"delivrd.provider": "teli", "delivrd.repeated": False}, 1),
        ({"delivrd.provider": "teli", "delivrd.repeated": True}, 2),
    ]
    assert counted.of("delivrd.ledger.reports") == teli_reports


def test_names_and_units_are_as_the_conventions_want_them(counted):
    counted.telemetry.observe(TELI, [teli("DELIVRD")])
    (metric,) = (each for each in counted.metrics() if each.name == "delivrd.reports")
    assert (metric.unit, metric.data.is_monotonic) == ("{report}", True)
    for each in INSTRUMENTS:
        namespace, *_, last = each.name.split(".")
        assert namespace == "delivrd"
        assert each.name == each.name.lower()
        # Countable things are named in the plural, their unit is an annotation in the singular.
        assert each.unit.startswith("{")
        assert not each.unit.endswith("s}")
        assert not last.endswith(("_total", "_count"))
    assert len({each.name for each in INSTRUMENTS}) == len(INSTRUMENTS)


def test_the_page_tells_of_each_instrument_and_of_each_attribute():
    text = (ROOT / "docs/observing.md").read_text(encoding="utf-8")
    for each in INSTRUMENTS:
        assert f"| `{each.name}` | `{each.unit}` |" in text, each.name
    for attribute in [*WORDS, "delivrd.repeated"]:
        assert f"`{attribute}`" in text, attribute


def test_without_an_sdk_nothing_is_counted_and_nothing_fails():
    Telemetry().observe(TELI, [teli("DELIVRD")])


def test_telemetry_needs_neither_the_sdk_nor_any_other_extra():
    code = (
        "import sys\n"
        "for name in ('opentelemetry.sdk', 'httpx', 'sqlalchemy', 'starlette', 'aiohttp', 'django'):\n"
        "    sys.modules[name] = None\n"
        "import delivrd.telemetry\n"
        "delivrd.telemetry.Telemetry().observe\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)

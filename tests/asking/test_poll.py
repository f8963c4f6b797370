"""The poller: when it asks, when it stops, and what is left where something fails. Nobody waits in here."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from desk import START, Clock, Desk, Enough, at_hosts

from delivrd import AbsenceKind, Account, AccountError, Status
from delivrd.poll import Entry, MemoryAgenda, Next, Pauses, Target
from delivrd.poll.cancelling import WasCancelled
from delivrd_messente.legacy import LEGACY
from delivrd_messente.omnichannel import OMNICHANNEL
from delivrd_upside_wireless.sms_wiki import UPSIDE_WIRELESS

MAIN = Account(name="main", username="user", password="pass-word-1")
UPSIDE = Account(name="up", settings={"token": "TOKEN1", "signature": "SIGNED2"})
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Line:
    """A provider that says what it is told to say, in order, the last for ever; and when it was asked what."""

    def __init__(self, clock: Clock, *answers: str | int | Exception | httpx.Response) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.times: list[timedelta] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.times.append(self.clock.passed())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        match answer:
            case Exception():
                raise answer
            case int():
                return httpx.Response(answer, text="oops")
            case str():
                return httpx.Response(200, text=answer)
        return answer

    @property
    def hosts(self) -> list[str]:
        return [request.url.host for request in self.asked]


def client(line: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(line))


def legacy(clock: Clock, line: Line, **options) -> Desk:
    return Desk(clock, [Target(LEGACY, MAIN)], client(line), **options)


def run(desk: Desk, *ids: str, until_done: bool = True, **options) -> Desk:
    async def go() -> None:
        async with desk.client:
            await desk.add(*ids, **options)
            await desk.poller.run(until_done=until_done)

    asyncio.run(go())
    return desk


def test_a_message_is_asked_about_until_its_last_word(clock):
    line = Line(clock, "FAILED 102", "OK SENT", "OK DELIVERED")
    desk = run(legacy(clock, line), "m-1")
    assert [request.url.params["sms_unique_id"] for request in line.asked] == ["m-1"] * 3
    assert line.times == [timedelta(), 30 * SECOND, 90 * SECOND]
    assert [receipt.reports[0].status for receipt in desk.handed[1:]] == [Status.SENT, Status.DELIVERED]
    assert desk.handed[0].absence.kind is AbsenceKind.NOT_YET
    assert desk.handed[2].reports[0].received_at == START + 90 * SECOND
    assert desk.handed[2].reports[0].message_id == "m-1"
    assert desk.ends == ["waiting", "waiting", "final"]
    assert len(desk.agenda) == 0


@pytest.mark.parametrize("wanted", ["sync", "async"])
def test_the_handler_has_the_receipt_before_the_agenda_changes(clock, wanted):
    agenda, seen = MemoryAgenda(), []

    def look(answered):
        seen.append((answered.receipt.absence, agenda.due(*Target(LEGACY, MAIN).names, clock.now(), 9)))

    async def look_later(answered):
        await asyncio.sleep(0)
        look(answered)

    line = Line(clock, "FAILED 102", "OK DELIVERED")
    run(legacy(clock, line, agenda=agenda, handler=look if wanted == "sync" else look_later), "m-1")
    assert [[entry.id for entry in due] for _, due in seen] == [["m-1"], ["m-1"]]
    assert len(agenda) == 0


@pytest.mark.parametrize("wanted", ["sync", "async"])
def test_where_the_handler_fails_the_question_stays_due_for_the_next_process(clock, wanted):
    agenda = MemoryAgenda()

    def fail(answered):
        raise RuntimeError("the store is away, +15555550123")

    async def fail_later(answered):
        fail(answered)

    line = Line(clock, "OK DELIVERED")
    desk = legacy(clock, line, agenda=agenda, handler=fail if wanted == "sync" else fail_later)

    async def go() -> None:
        (entry,) = await desk.add("m-1")
        await desk.poller.run_once()
        assert agenda.due(*desk.targets[0].names, clock.now(), 9) == [entry]
        # In this process it rests, so that a store that is away is not stormed.
        await desk.poller.run_once()

    asyncio.run(go())
    (event,) = desk.events
    assert (event.next, event.done, str(event.error)) == (
        Next.NOT_HANDED_OVER,
        False,
        "the store is away, +15555550123",
    )
    assert event.reason == "the handler raised RuntimeError"
    assert len(line.asked) == 1

    restarted = legacy(clock, line, agenda=agenda)
    asyncio.run(restarted.poller.run(until_done=True))
    assert [receipt.reports[0].status for receipt in restarted.handed] == [Status.DELIVERED]
    assert len(agenda) == 0


def test_a_handler_that_fails_for_a_while_is_tried_again_with_growing_pauses(clock):
    tries = []

    def sometimes(answered):
        tries.append(clock.passed())
        if len(tries) < 4:
            raise OSError

    desk = run(legacy(clock, Line(clock, "OK DELIVERED"), handler=sometimes), "m-1")
    assert tries == [timedelta(), 10 * SECOND, 30 * SECOND, 70 * SECOND]
    assert desk.ends == ["not_handed_over"] * 3 + ["final"]


async def await_what_was_cancelled(*given: object) -> None:
    task = asyncio.ensure_future(asyncio.sleep(0))
    task.cancel()
    await task


def test_a_handler_that_was_cancelled_is_a_handler_that_failed(clock):
    tries = []

    async def closing(answered):
        tries.append(clock.passed())
        if len(tries) < 4:
            await await_what_was_cancelled()

    desk = run(legacy(clock, Line(clock, "OK DELIVERED"), handler=closing), "m-1")
    assert tries == [timedelta(), 10 * SECOND, 30 * SECOND, 70 * SECOND]
    assert desk.ends == ["not_handed_over"] * 3 + ["final"]
    assert desk.events[0].reason == "the handler was cancelled"
    assert isinstance(desk.events[0].error.__cause__, asyncio.CancelledError)


@pytest.mark.parametrize("method", ["last_asked", "put_off", "done", "note_asked"])
def test_an_agenda_that_was_cancelled_ends_the_run(clock, method):
    agenda = MemoryAgenda()
    setattr(agenda, method, await_what_was_cancelled)
    desk = upside(clock, Line(clock, dlr("SENT"), dlr("DELIVRD")), agenda=agenda)
    with pytest.raises(ExceptionGroup) as raised:
        run(desk, "M1", operation="GetDLR")
    assert raised.group_contains(WasCancelled)


def test_a_connection_that_was_cancelled_is_no_answer(clock):
    class Cancelled(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await await_what_was_cancelled()
            raise AssertionError

    desk = Desk(clock, [Target(LEGACY, MAIN)], httpx.AsyncClient(transport=Cancelled()), longest=HOUR)
    assert set(run(desk, "m-1").ends) == {"failed", "gone"}
    assert desk.events[0].reason == "WasCancelled"


def test_the_pollers_own_cancellation_ends_it_and_leaves_the_question_due(clock):
    handling = asyncio.Event()

    async def hang(answered):
        handling.set()
        await asyncio.Event().wait()

    desk = legacy(clock, Line(clock, "OK DELIVERED"), handler=hang)

    async def go() -> None:
        (entry,) = await desk.add("m-1")
        running = asyncio.ensure_future(desk.poller.run())
        await handling.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert desk.agenda.due(*desk.targets[0].names, clock.now(), 9) == [entry]

    asyncio.run(go())
    assert desk.events == []


def test_one_message_that_cannot_be_handed_over_holds_up_no_other(clock):
    handed = []

    def picky(answered):
        if answered.entry.id.startswith("bad"):
            raise ValueError
        handed.append((answered.entry.id, clock.passed()))

    desk = legacy(clock, Line(clock, "OK DELIVERED"), handler=picky, at_once=1)
    clock.most = 20
    bad = [f"bad-{number}" for number in range(30)]
    with pytest.raises(ExceptionGroup) as raised:
        run(desk, *bad, "good-1", "good-2")
    assert raised.group_contains(Enough)
    assert handed == [("good-1", timedelta()), ("good-2", timedelta())]
    assert {entry.id for entry in desk.agenda.due("messente-legacy", "main", clock.now(), 99)} == set(bad)


def test_a_message_is_asked_about_no_longer_than_its_provider_keeps_the_report(clock):
    line = Line(clock, "FAILED 102")
    desk = run(legacy(clock, line), "m-1")
    assert line.times[-1] == 48 * HOUR - MINUTE
    assert max(after - before for before, after in pairwise(line.times)) == HOUR
    assert desk.ends[-1] == "gone"
    assert desk.events[-1].done
    assert len(desk.agenda) == 0


def test_what_its_provider_has_forgotten_already_is_not_asked_about(clock):
    line = Line(clock, "OK DELIVERED")
    desk = run(legacy(clock, line), "m-1", since=START - 48 * HOUR)
    assert (line.asked, desk.ends, len(desk.agenda)) == ([], ["gone"], 0)


def test_the_gateway_may_want_to_ask_for_a_shorter_time_than_the_provider_keeps(clock):
    line = Line(clock, "FAILED 102")
    run(legacy(clock, line, longest=HOUR), "m-1")
    assert line.times[-1] == HOUR - MINUTE


def test_times_beyond_what_a_clock_can_hold_are_its_last(clock):
    forever = Pauses(first=timedelta.max, longest=timedelta.max, first_failure=HOUR, longest_failure=timedelta.max)
    assert (forever.after_answer(9), forever.after_failure(99, 0.0)) == (timedelta.max, (1 << 16) * HOUR)
    last = datetime.max.replace(tzinfo=UTC)
    # Omnichannel does not say how long it keeps a report, so nothing else limits it.
    waits = channels(("1", "sms", "SENT"))
    line = Line(clock, waits, 500, channels(("1", "sms", "DELIVRD")))
    options = {"longest": timedelta.max, "main_again": timedelta.max}
    assert run(Desk(clock, [Target(OMNICHANNEL, MAIN)], client(line), **options), "g").ends == [
        "waiting",
        "failed",
        "final",
    ]
    assert run(legacy(clock, Line(clock, "OK SENT", "OK DELIVERED")), "m-1", since=last).ends == ["waiting", "final"]
    first = datetime.min.replace(tzinfo=UTC)
    assert run(legacy(clock, Line(clock, "OK SENT")), "m-1", since=first).ends == ["gone"]


FAILURES = ["FAILED 209", 500, 503, "an error page", httpx.ConnectError("no"), httpx.ReadTimeout("slow")]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize(("random", "cut"), [(0.0, 1.0), (0.5, 0.75), (1.0, 0.5)])
def test_after_the_providers_own_failures_the_pauses_grow_with_jitter(clock, failure, random, cut):
    line = Line(clock, *[failure] * 4, "OK DELIVERED")
    one_host = Target(at_hosts(LEGACY, "https://api2.messente.com"), MAIN)
    desk = run(Desk(clock, [one_host], client(line), random=lambda: random, look_every=HOUR), "m-1")
    assert clock.slept == [pause * cut for pause in (10, 20, 40, 80)]
    assert desk.ends == ["failed"] * 4 + ["final"]
    assert desk.handed[-1].reports[0].status is Status.DELIVERED


def test_a_pause_after_failures_has_its_longest_and_a_success_begins_anew(clock):
    line = Line(clock, *[500] * 20, "FAILED 102", 500, "OK DELIVERED")
    one_host = Target(at_hosts(LEGACY, "https://api2.messente.com"), MAIN)
    run(Desk(clock, [one_host], client(line), look_every=HOUR), "m-1")
    pauses = [after - before for before, after in pairwise(line.times)]
    assert pauses[:7] == [each * SECOND for each in (10, 20, 40, 80, 160, 320, 640)]
    assert set(pauses[7:20]) == {15 * MINUTE}
    assert pauses[20:] == [30 * SECOND, 10 * SECOND]


def test_a_provider_that_names_its_own_pause_is_left_alone_for_so_long(clock):
    busy = httpx.Response(429, headers={"Retry-After": "300"}, text="slow down")
    dated = httpx.Response(429, headers={"Retry-After": "Fri, 01 May 2026 13:00:00 GMT"})
    greedy = httpx.Response(429, headers={"Retry-After": "9999999999"})
    line = Line(clock, busy, dated, greedy, "OK DELIVERED")
    one_host = Target(at_hosts(LEGACY, "https://api2.messente.com"), MAIN)
    run(Desk(clock, [one_host], client(line), look_every=HOUR), "m-1")
    assert clock.slept == [300, 20, 3600]


DATED = {"Date": "Fri, 01 May 2026 12:30:00 GMT", "Retry-After": "Fri, 01 May 2026 12:35:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "heeded"),
    [
        ({"Retry-After": "9" * 5000}, 3600),
        ({"Retry-After": "0" * 5000 + "300"}, 300),
        ({"Retry-After": " 300 "}, 300),
        (DATED, 300),
        (DATED | {"Retry-After": "Fri, 01 May 2037 12:35:00 GMT"}, 3600),
        (DATED | {"Retry-After": "Fri, 01 May 2026 12:35:00 -0000"}, 300),
        # None of these says how long.
        (DATED | {"Retry-After": "Fri, 01 May 2026 12:25:00 GMT"}, 10),
        (DATED | {"Date": "now"}, 10),
        (DATED | {"Retry-After": "Fri, 99 May 2026 12:35:00 GMT"}, 10),
        ({"Retry-After": "Fri, 01 May 2026 12:35:00 GMT"}, 10),
        ({"Retry-After": "-5"}, 10),
        ({"Retry-After": "\u0663"}, 10),
        ({"Retry-After": ""}, 10),
    ],
)
def test_how_long_a_provider_is_left_alone_is_read_from_whatever_it_says(clock, headers, heeded):
    sent = [(name, value.encode("utf-8")) for name, value in headers.items()]
    line = Line(clock, httpx.Response(503, headers=sent, text="x"), "OK DELIVERED")
    one_host = Target(at_hosts(LEGACY, "https://api2.messente.com"), MAIN)
    run(Desk(clock, [one_host], client(line), look_every=2 * HOUR), "m-1")
    assert clock.slept == [heeded]


@pytest.mark.parametrize("second", [httpx.ConnectError("no"), 503, httpx.Response(429, headers={"Retry-After": "7"})])
def test_of_several_hosts_that_fail_the_longest_pause_counts(clock, second):
    line = Line(clock, httpx.Response(503, headers={"Retry-After": "300"}), second, "OK DELIVERED")
    run(legacy(clock, line, look_every=HOUR), "m-1")
    assert clock.slept == [300]


def test_a_page_that_nobody_can_read_may_name_a_pause_too(clock):
    page = httpx.Response(429, headers={"Retry-After": "300"}, text="<html>slow down</html>")
    desk = Desk(clock, [Target(OMNICHANNEL, MAIN)], client(Line(clock, page, channels(("1", "sms", "DELIVRD")))))
    run(desk, "g")
    assert desk.ends == ["failed", "final"]
    assert clock.passed() == 300 * SECOND


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_where_the_main_host_fails_the_backup_is_asked_at_once(clock, failure):
    line = Line(clock, failure, "OK DELIVERED")
    desk = run(legacy(clock, line), "m-1")
    assert line.hosts == ["api2.messente.com", "api3.messente.com"]
    assert clock.slept == []
    assert (desk.ends, desk.handed[-1].reports[0].status) == (["final"], Status.DELIVERED)


def test_a_backup_host_that_works_is_stayed_with_and_the_main_host_tried_again_later(clock):
    line = Line(clock, 500, "FAILED 102")
    run(legacy(clock, line, longest=timedelta(minutes=20)), "m-1")
    assert line.hosts[:2] == ["api2.messente.com", "api3.messente.com"]
    on_backup = [time for time, host in zip(line.times, line.hosts, strict=True) if host.startswith("api3")]
    assert max(on_backup) < timedelta(minutes=5)
    assert line.hosts[-1] == "api2.messente.com"


def test_where_both_hosts_fail_each_is_asked_once_a_time(clock):
    line = Line(clock, 500, 500, "OK DELIVERED")
    run(legacy(clock, line), "m-1")
    assert line.hosts == ["api2.messente.com", "api3.messente.com", "api2.messente.com"]
    assert line.times == [timedelta(), timedelta(), 10 * SECOND]


def test_refused_credentials_lose_no_question(clock):
    line = Line(clock, "ERROR 101", "ERROR 103", "OK DELIVERED")
    desk = run(legacy(clock, line), "m-1")
    assert desk.ends == ["refused", "refused", "final"]
    assert line.hosts == ["api2.messente.com"] * 3
    assert line.times == [timedelta(), 10 * SECOND, 30 * SECOND]


@pytest.mark.parametrize("answer", ["ERROR 107", "ERROR 102"])
def test_what_cannot_be_asked_about_is_told_and_dropped(clock, answer):
    desk = run(legacy(clock, Line(clock, answer)), "m-1")
    assert (desk.ends, len(desk.agenda)) == (["dropped"], 0)
    assert desk.handed[0].absence.code == answer


def channels(*said: tuple[str, str, str | None]) -> str:
    items = [
        {"message_id": id, "omnimessage_id": "g", "channel": channel, "status": status} for id, channel, status in said
    ]
    return json.dumps({"statuses": items})


@pytest.mark.parametrize(
    ("answers", "ends"),
    [
        ([channels(("1", "viber", "SENT")), channels(("1", "viber", "DELIVRD"))], ["waiting", "final"]),
        ([channels(("1", "viber", "UNDELIV"), ("2", "sms", "DELIVRD"))], ["final"]),
        ([channels(("1", "viber", "UNDELIV"), ("2", "sms", "UNDELIV"))], ["final"]),
        ([channels(("1", "viber", "DELIVRD"), ("2", "sms", "SENT"))], ["final"]),
        # The next channel of the group is not on the list yet.
        ([channels(("1", "viber", "UNDELIV")), channels(("1", "viber", "UNDELIV"), ("2", "sms", "DELIVRD"))], ["waiting", "final"]),
        ([channels(("1", "viber", "UNDELIV"), ("2", "sms", "SENT")), channels(("2", "sms", "DELIVRD"))], ["waiting", "final"]),
    ],
)  # fmt: skip
def test_a_fallback_group_is_asked_about_until_one_channel_succeeded_or_none_can(clock, answers, ends):
    desk = Desk(clock, [Target(OMNICHANNEL, MAIN)], client(Line(clock, *answers)))
    assert run(desk, "g").ends == ends


def envelope(inside: str) -> str:
    return f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inside}</s:Body></s:Envelope>'


def dlr(word: str) -> str:
    return envelope(f"<GetDLRResponse><GetDLRResult>{word}</GetDLRResult></GetDLRResponse>")


def upside(clock: Clock, line: Line, **options) -> Desk:
    return Desk(clock, [Target(UPSIDE_WIRELESS, UPSIDE)], client(line), **options)


def test_an_account_is_asked_no_more_often_than_its_provider_allows(clock):
    line = Line(clock, dlr("SENT"), dlr("SENT"), dlr("DELIVRD"))
    desk = run(upside(clock, line), "M1", "M2", "M3", operation="GetDLR")
    assert len(line.times) == 5
    assert all(after - before >= 2 * MINUTE for before, after in pairwise(line.times))
    assert desk.ends.count("final") == 3


def test_what_comes_due_while_a_provider_is_asked_slowly_has_its_turn_by_its_time(clock):
    line = Line(clock, *[dlr("DELIVRD")] * 9)
    agenda = MemoryAgenda()

    def add_one(answered):
        if answered.entry.id == "M1":
            agenda.add(Entry(provider="upside-wireless", account="up", operation="GetDLR", id="urgent", since=START, at=START - HOUR))  # fmt: skip

    run(upside(clock, line, agenda=agenda, handler=add_one), "M1", "M2", "M3", operation="GetDLR")
    asked = [request.content.decode().partition("<trackingId>")[2].partition("<")[0] for request in line.asked]
    assert asked == ["M1", "urgent", "M2", "M3"]


def test_the_shortest_interval_outlives_the_process_and_the_question(clock):
    agenda = MemoryAgenda()
    line = Line(clock, dlr("DELIVRD"))
    run(upside(clock, line, agenda=agenda), "M1", operation="GetDLR")
    assert len(agenda) == 0
    run(upside(clock, line, agenda=agenda), "M2", operation="GetDLR")
    assert line.times == [timedelta(), 2 * MINUTE]


def test_a_question_that_nobody_answered_counts_for_the_interval_from_its_end(clock):
    def slow(request: httpx.Request) -> httpx.Response:
        times.append(clock.passed())
        clock.at += 30 * SECOND
        raise httpx.ReadTimeout("slow")

    times: list[timedelta] = []
    desk = Desk(clock, [Target(UPSIDE_WIRELESS, UPSIDE)], client(slow), longest=timedelta(minutes=10))
    run(desk, "M1", operation="GetDLR")
    assert times[1] - times[0] == 150 * SECOND
    assert min(after - before for before, after in pairwise(times)) >= 150 * SECOND


def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_interval(clock):
    agenda = MemoryAgenda()
    agenda.note_asked("upside-wireless", "up", START + 24 * HOUR)
    run(upside(clock, Line(clock, dlr("DELIVRD")), agenda=agenda), "M1", operation="GetDLR")
    assert clock.slept == [120]


def inbox(operation: str, **fields: str) -> str:
    said = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return envelope(f"<{operation}Response><{operation}Result>{said}</{operation}Result></{operation}Response>")


EMPTY = inbox("GetTopMessageNoReset", isValid="false")
REPORT = inbox("GetTopMessageNoReset", isValid="true", data="DELIVRD", trackingid="M1", messageid="R1")
LETTER = inbox("GetTopMessageNoReset", isValid="true", data="hello", sender="+15555550123", messageid="R2")
MARKED = inbox("SetMessageReadFlag", Result="true")


def operations(line: Line) -> list[str]:
    return [request.headers["SOAPAction"].strip('"').rpartition("/")[2] for request in line.asked]


def test_a_record_is_marked_only_after_it_was_handed_over_and_others_are_handed_over_too(clock):
    line = Line(clock, REPORT, MARKED, LETTER, MARKED, EMPTY)
    before: list[list[str]] = []
    desk = upside(
        clock, line, handler=lambda answered: before.append(operations(line)) or desk.handed.append(answered.receipt)
    )
    run(desk, "")
    assert operations(line) == ["GetTopMessageNoReset", "SetMessageReadFlag"] * 2 + ["GetTopMessageNoReset"]
    assert [said[-1] for said in before] == ["GetTopMessageNoReset"] * 3
    assert b"<messageId>R1</messageId><flag>true</flag>" in line.asked[1].content
    assert desk.handed[0].reports[0].status is Status.DELIVERED
    assert desk.handed[1].others == ({"isValid": "true", "data": "hello", "sender": "+15555550123", "messageid": "R2"},)
    assert desk.ends == ["waiting", "waiting", "empty"]
    # Marking is no poll: it has no interval to wait for.
    assert line.times == [timedelta(), timedelta(), 2 * MINUTE, 2 * MINUTE, 4 * MINUTE]


def test_a_follow_up_that_the_provider_cannot_be_asked_is_told(clock):
    lacking = at_hosts(UPSIDE_WIRELESS, "http://upside.example")
    lacking.questions = tuple(each for each in lacking.questions if each.operation != "SetMessageReadFlag")
    desk = Desk(clock, [Target(lacking, UPSIDE)], client(Line(clock, REPORT, EMPTY)))
    assert run(desk, "").ends == ["failed", "empty"]
    assert "cannot be asked SetMessageReadFlag" in desk.events[0].reason
    assert desk.handed[0].reports


def test_a_record_that_could_not_be_handed_over_stays_unread(clock):
    line = Line(clock, REPORT)

    def fail(answered):
        raise OSError

    desk = upside(clock, line, handler=fail)

    async def go() -> None:
        await desk.add("")
        await desk.poller.run_once()

    asyncio.run(go())
    assert operations(line) == ["GetTopMessageNoReset"]
    assert len(desk.agenda) == 1


def test_what_a_marking_question_answered_is_in_the_event_where_the_handler_fails(clock):
    taken = inbox("GetTopMessage", isValid="true", data="hello TOKEN1", sender="+15555550123", messageid="R2")

    def fail(answered):
        raise OSError("the store is away")

    desk = upside(clock, Line(clock, taken), handler=fail)

    async def go() -> None:
        await desk.add("", operation="GetTopMessage")
        await desk.poller.run_once()

    asyncio.run(go())
    (event,) = desk.events
    assert event.next is Next.NOT_HANDED_OVER
    assert event.answer.body.decode() == taken.replace("TOKEN1", "***")
    assert UPSIDE_WIRELESS.read(event.answer, UPSIDE).others[0]["messageid"] == "R2"


@pytest.mark.parametrize(
    "failure", [inbox("SetMessageReadFlag", Result="false"), 500, httpx.ConnectError("no")], ids=str
)
def test_where_marking_fails_the_record_comes_again_with_the_same_key(clock, failure):
    line = Line(clock, REPORT, failure, REPORT, MARKED, EMPTY)
    desk = run(upside(clock, line), "")
    assert desk.ends == ["failed", "waiting", "empty"]
    first, again = (receipt.reports[0].key for receipt in desk.handed[:2])
    assert first == again


def test_an_inbox_is_looked_into_for_ever_where_nobody_says_otherwise(clock):
    line = Line(clock, EMPTY)
    desk = upside(clock, line, look_every=HOUR)
    clock.most = 5
    with pytest.raises(ExceptionGroup) as raised:
        run(desk, "", until_done=False)
    assert raised.group_contains(Enough)
    assert line.times == [number * 2 * MINUTE for number in range(6)]
    assert set(desk.ends) == {"empty"}
    assert len(desk.agenda) == 1


def test_an_inbox_is_looked_into_again_soon_after_a_clock_that_was_wrong_for_a_moment():
    wrong = []

    class Jumping(Clock):
        def now(self) -> datetime:
            # After the third question the time is a month ahead, for as long as its entry is written.
            if len(line.asked) != 3 or len(wrong) == 4:
                return self.at
            wrong.append(self.at)
            return self.at + timedelta(days=30)

    clock = Jumping()
    line = Line(clock, EMPTY)
    clock.most = 30
    with pytest.raises(ExceptionGroup):
        run(upside(clock, line), "", until_done=False)
    assert len(wrong) == 4
    assert len(line.asked) > 3
    assert max(after - before for before, after in pairwise(line.times)) <= 4 * MINUTE


@pytest.mark.parametrize("until_done", [True, False])
def test_a_question_that_was_put_off_further_than_any_pause_is_due(clock, until_done):
    desk = legacy(clock, Line(clock, "OK DELIVERED"), look_every=2 * MINUTE)
    clock.most = 3
    soon, far = (
        Entry(provider="messente-legacy", account="main", operation="get_dlr_response", id=id, since=START, at=at)
        for id, at in (("soon", START + MINUTE), ("far", START + timedelta(days=30)))
    )
    desk.agenda.add(soon)
    desk.agenda.add(far)
    if until_done:
        run(desk)
    else:
        with pytest.raises(ExceptionGroup):
            run(desk, until_done=False)
    assert [event.entry.id for event in desk.events] == ["far", "soon"]
    assert len(desk.agenda) == 0


def test_an_answer_that_nobody_can_read_is_shown_to_the_watcher_without_the_secrets(clock):
    line = Line(clock, "no XML, but TOKEN1", EMPTY)
    desk = run(upside(clock, line), "")
    assert desk.ends == ["failed", "empty"]
    assert desk.events[0].answer.body == b"no XML, but ***"
    assert desk.events[0].reason == "Unreadable: body: expected XML"


def test_an_answer_that_is_too_large_is_not_read_to_its_end(clock):
    account = Account(name="up", settings=UPSIDE.settings, max_body=1000)
    told = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):
            for piece in range(1000):
                told.append(piece)
                yield b"x" * 100

    line = Line(clock, httpx.Response(200, stream=Endless()), EMPTY)
    desk = run(Desk(clock, [Target(UPSIDE_WIRELESS, account)], client(line)), "")
    assert desk.ends == ["failed", "empty"]
    assert desk.events[0].reason.startswith("TooLarge")
    assert len(told) == 11


def test_no_more_questions_are_under_way_for_an_account_than_it_may_have(clock):
    under_way = {"main": 0, "other": 0}
    most = dict(under_way)
    gate = asyncio.Event()

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            name = request.url.params["username"]
            under_way[name] += 1
            most[name] = max(most[name], under_way[name])
            if under_way == {"main": 3, "other": 3}:
                gate.set()
            await gate.wait()
            under_way[name] -= 1
            return httpx.Response(200, text="OK DELIVERED")

    accounts = [Account(name=name, username=name, password="p") for name in under_way]
    desk = Desk(clock, [Target(LEGACY, each) for each in accounts], httpx.AsyncClient(transport=Slow()), at_once=3)

    async def go() -> None:
        for target in (0, 1):
            await desk.add(*map(str, range(10)), target=target)
        await asyncio.wait_for(desk.poller.run(until_done=True), 30)

    asyncio.run(go())
    assert most == {"main": 3, "other": 3}
    assert desk.ends == ["final"] * 20


def test_a_poller_that_is_stopped_asks_nothing_more_and_leaves_the_rest(clock):
    line = Line(clock, "OK DELIVERED")
    desk = legacy(clock, line, at_once=2)
    desk.poller._watch = lambda event: desk.poller.stop()
    run(desk, *map(str, range(10)), until_done=False)
    assert 1 <= len(line.asked) <= 2
    assert len(desk.agenda) == 10 - len(line.asked)


def test_an_agenda_may_be_asynchronous(clock):
    class Slow:
        def __init__(self) -> None:
            self.inner = MemoryAgenda()

        def __getattr__(self, name):
            async def later(*args):
                await asyncio.sleep(0)
                return getattr(self.inner, name)(*args)

            return later

    desk = run(upside(clock, Line(clock, dlr("SENT"), dlr("DELIVRD")), agenda=Slow()), "M1", operation="GetDLR")
    assert desk.ends == ["waiting", "final"]
    assert len(desk.agenda.inner) == 0


def test_what_the_agenda_raises_ends_the_run(clock):
    class Broken(MemoryAgenda):
        def put_off(self, entry):
            raise OSError("disk full")

    with pytest.raises(ExceptionGroup) as raised:
        run(legacy(clock, Line(clock, "FAILED 102"), agenda=Broken()), "m-1")
    assert raised.group_contains(OSError, match="disk full")


def test_entries_that_the_poller_cannot_ask_stay_and_are_told(clock):
    desk = legacy(clock, Line(clock, "OK DELIVERED"))
    entry = Entry(provider="messente-legacy", account="main", operation="nothing", id="1", since=START, at=START)
    stranger = Entry(provider="messente-legacy", account="gone", operation="nothing", id="1", since=START, at=START)

    async def go() -> None:
        desk.agenda.add(entry)
        desk.agenda.add(stranger)
        await desk.poller.run_once()

    asyncio.run(go())
    assert desk.ends == ["wrong_account"]
    assert "cannot be asked nothing" in desk.events[0].reason
    assert len(desk.agenda) == 2


def test_an_account_without_credentials_is_told_and_asks_nobody(clock):
    line = Line(clock, "OK DELIVERED")
    desk = Desk(clock, [Target(LEGACY, Account(name="main"))], client(line))

    async def go() -> None:
        await desk.add("1")
        await desk.poller.run_once()

    asyncio.run(go())
    assert (desk.ends, line.asked, len(desk.agenda)) == (["wrong_account"], [], 1)
    assert desk.events[0].reason.startswith("AccountError: username, password")


def test_what_does_not_fit_is_refused_before_anything_is_asked(clock):
    line = client(Line(clock, ""))
    with pytest.raises(ValueError, match="one for each provider and account name"):
        Desk(clock, [Target(LEGACY, MAIN), Target(LEGACY, MAIN)], line)
    with pytest.raises(ValueError, match="at_once"):
        Desk(clock, [Target(LEGACY, MAIN)], line, at_once=0)
    with pytest.raises(AccountError, match="settings: unknown field; known settings: token"):
        Desk(clock, [Target(UPSIDE_WIRELESS, Account(settings={"tokn": "x"}))], line)
    desk = Desk(clock, [Target(LEGACY, MAIN)], line)
    for names, id, error in (
        (("messente-legacy", "main"), " ", ValueError),
        (("messente-legacy", "other"), "1", KeyError),
    ):
        with pytest.raises(error):
            asyncio.run(desk.poller.add(*names, id))


def test_without_a_watcher_the_log_tells_of_failures_and_shows_no_id(clock, caplog):
    caplog.set_level(logging.DEBUG)
    run(legacy(clock, Line(clock, 500, 500, "ERROR 101", "OK DELIVERED"), watch=None), "15555550123")
    told = [record.getMessage() for record in caplog.records if record.name == "delivrd.poll"]
    assert told == [
        "messente-legacy of account 'main', get_dlr_response: failed",
        "messente-legacy of account 'main', get_dlr_response: refused",
    ]


def test_pauses_grow_to_their_longest_and_stay_there():
    pauses = Pauses()
    assert [pauses.after_answer(asked) for asked in (0, 1, 2, 3)] == [30 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE]
    assert pauses.after_answer(10_000) == HOUR
    assert pauses.after_failure(10_000, 0.0) == 15 * MINUTE
    assert pauses.after_failure(10_000, 0.999) > 7.5 * MINUTE

"""A provider refuses to contradict itself, and is asked only what it can be asked."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

import delivrd
from delivrd import (
    Account,
    BodyKind,
    Code,
    CodeTable,
    Fields,
    Meanings,
    NoSettings,
    Provider,
    Push,
    Question,
    Reading,
    Request,
    Row,
    Shape,
    Source,
    Status,
)

PAGE = Source("a page")
SENT = Row("SENT", Status.SENT, meaning="sent")


class Callback(Shape):
    id: Code = None
    stat: Code = None


READING = Reading(shape=Callback, fields=Fields(message_id="id"))
PUSH = Push(reading=READING, bodies=(BodyKind.JSON,))


def acme(**more) -> Provider:
    declared = {"name": "acme", "vendor": "A", "title": "A", "docs": PAGE, "ways": (PUSH,)}
    return Provider(**{**declared, "tables": (CodeTable("stat", (SENT,), PAGE),), **more})


class Typed(Shape):
    id: list[str] | None = None


class Needed(Shape):
    id: Code


class Valued(Shape):
    id: Code = "x"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Acme"}, "expected lower case words"),
        ({"name": ""}, "expected lower case words"),
        ({"name": "a b"}, "expected lower case words"),
        ({"tables": ()}, "expected at least one code table"),
        ({"tables": (CodeTable("stat", (SENT, SENT), PAGE),)}, "listed twice"),
        ({"secret_settings": ("token",)}, "secret_settings: no setting token"),
        ({"ways": (PUSH, PUSH)}, "one way of reading for each kind"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_when_it_is_made(change, said):
    with pytest.raises(ValueError, match=said):
        acme(**change)


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (Reading(shape=Typed, fields=Fields(message_id="id")), "Typed.id: expected Code, Text, Count, Flag"),
        (Reading(shape=Needed, fields=Fields(message_id="id")), "Needed.id: a shape's fields are absent by default"),
        (Reading(shape=Valued, fields=Fields(message_id="id")), "Valued.id: a shape's fields are absent by default"),
        (Reading(shape=Callback, fields=Fields(message_id="mid")), "Callback has no field mid"),
        (Reading(shape=Callback, fields=Fields(message_id="id"), report_if="kind"), "Callback has no field kind"),
        (Reading(shape=Callback, fields=Fields()), "say which field holds the message's id"),
    ],
)
def test_a_reading_that_cannot_be_compiled_is_refused_by_its_field(reading, said):
    with pytest.raises((TypeError, ValueError), match=said):
        acme(ways=(Push(reading=reading, bodies=(BodyKind.JSON,)),)).check()


def test_a_code_field_that_no_shape_has_is_refused_each_time():
    provider = acme(tables=(CodeTable("stauts", (SENT,), PAGE),))
    for _ in range(2):
        with pytest.raises(ValueError, match="acme: no shape has the code field stauts; is it spelt right"):
            provider.check()


def test_the_callers_time_is_aware_and_stands_in_utc():
    request = Request("POST", "/", (), b'{"id": 1, "stat": "SENT"}')
    at = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    for report in (
        acme().read(request, received_at=at).reports[0],
        acme().receive(request, Account(open=True), received_at=at).reports[0],
    ):
        assert (report.received_at, report.received_at.tzinfo) == (at, UTC)
    for wrong in (datetime(2026, 5, 1), "tomorrow"):
        with pytest.raises(ValueError, match="received_at: expected a datetime with its zone"):
            acme().read(request, received_at=wrong)


def test_what_is_no_input_or_no_account_is_the_callers_mistake():
    for wrong in (None, "text", 7):
        with pytest.raises(TypeError, match="input: expected one of Request, DeliverSm, Response, Mail"):
            acme().read(wrong)
        with pytest.raises(TypeError, match="input: expected one of"):
            acme().receive(wrong, Account(open=True))
    with pytest.raises(TypeError, match="account: expected an Account"):
        acme().receive(Request("POST", "/"), None)


def ask(asking: delivrd.Asking) -> Request:
    return Request("GET", f"{asking.host}/{asking.id}")


QUESTIONS = (
    Question(operation="one", meaning="m", make=ask, hosts=("https://a.example", "https://b.example"), about="message"),
    Question(operation="all", meaning="m", make=ask, hosts=("https://c.example",)),
)


def test_a_question_is_the_request_to_make():
    provider = acme(questions=QUESTIONS)
    assert provider.ask("7").target == "https://a.example/7"
    assert provider.ask("7", Account(), host="https://b.example").target == "https://b.example/7"
    assert provider.ask(operation="all").target == "https://c.example/"


def test_what_a_provider_cannot_be_asked_is_refused_with_what_it_can():
    provider = acme(questions=QUESTIONS)
    with pytest.raises(ValueError, match="acme, one: expected the id of the message"):
        provider.ask()
    with pytest.raises(ValueError, match="acme cannot be asked two; it can be asked: one, all"):
        provider.ask("7", operation="two")
    with pytest.raises(ValueError, match="acme cannot be asked anything; it can be asked: nothing"):
        acme().ask("7")


def test_a_provider_shows_its_name():
    assert repr(acme()) == "<Provider acme>"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str = ""
    fast: bool = False


def test_settings_are_taken_as_values_or_as_the_struct_itself():
    provider = acme(settings=Settings, secret_settings=("token",))
    for settings in ({"token": "hush"}, Settings("hush")):
        account = Account(settings=settings, secrets=["word"])
        provider.check(account)
        assert provider.blot("token=hush, word, x", account) == "token=***, ***, x"
    assert acme().settings is NoSettings


def test_accounts_are_kept_apart():
    provider, own = acme(), (Meanings("stat", (Row("SENT", Status.DELIVERED, True, meaning="m"),)),)
    request = Request("POST", "/", (), b'{"id": 1, "stat": "SENT"}')
    changed = Account(meanings=own)
    for _ in range(100):
        assert provider.read(request, Account()).reports[0].status is Status.SENT
    assert provider.read(request, changed).reports[0].status is Status.DELIVERED
    assert provider.read(request).reports[0].status is Status.SENT


def test_threads_with_accounts_of_their_own_never_get_the_reports_of_anothers():
    provider, request = acme(), Request("POST", "/", (), b'{"id": 1, "stat": "SENT"}')
    taken_for_another = []

    def read(thread: int) -> None:
        # Each lives for one reading, so that the next has its place in memory, and so its id.
        for number in range(2000):
            account = Account(name=f"{thread}-{number}")
            if provider.read(request, account).reports[0].account != account.name:
                taken_for_another.append(account.name)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(read, range(4)))
    finally:
        sys.setswitchinterval(before)
    assert taken_for_another == []

"""From topic to topic: the translator by itself, and the handler without a broker."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import msgspec
import pytest
from aiokafka.errors import MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st
from stream_inputs import SECRET, SIGNED, accounts, fixture_inputs, messages, translator

from delivrd import Account, Accounts, HmacBody, InputError, Registry, Report, Request, read_samples
from delivrd.cloudevents import Events
from delivrd.stream import Encoded, Fault, Outgoing, Place, Topics, Translator, write_message
from delivrd.stream.handling import Incoming, NotPublished, handler
from delivrd.stream.messages import LONGEST_HEADER, read_message

AT = datetime(2026, 5, 1, tzinfo=UTC)
PROVIDERS = Registry.installed()
TRANSLATOR = translator()
DELIVERED = Request("GET", "/dlr?sms_unique_id=m-17&stat=DELIVRD")


def only(outgoing: tuple[Outgoing, ...]) -> Outgoing:
    (one,) = outgoing
    return one


def test_each_report_is_published_by_itself_as_it_is_read_from_the_input():
    held = accounts()
    some = 0
    for name, input in fixture_inputs():
        provider, account = held[f"{name}.open"]
        made = TRANSLATOR.translate(write_message(input, account=account.name, received_at=AT))
        reports = [each for each in made if each.place is Place.REPORTS]
        try:
            wanted = provider.receive(input, account, received_at=AT).reports
        except InputError as refused:
            kind = type(refused).__name__
            assert [(each.place, each.headers["error"]) for each in made] == [(Place.DEAD, kind)]
            continue
        some += len(wanted)
        assert [each.body for each in reports] == [report.to_json() for report in wanted]
        for each, report in zip(reports, wanted, strict=True):
            assert each.headers == {
                "provider": name,
                "account": account.name,
                "key": report.key,
                "status": report.status.value,
            }
            assert each.key == (report.message_id or report.reference or "").encode()
            assert each.content_type == "application/json"
            assert Report.from_dict(json.loads(each.body)) == report
    assert some > 300


def test_what_is_written_as_a_message_is_read_as_the_same_input():
    for name, input in fixture_inputs():
        line = write_message(input, provider=name, account="main", asked="m-1", received_at=AT)
        assert b"\n" not in line
        sample, provider, account = read_message(line, {})
        assert (provider, account, sample.asked, sample.received_at) == (name, "main", "m-1", AT)
        assert msgspec.structs.replace(sample, source=None).input == normal(input)


def normal(input):
    """An input with its headers as a tuple of pairs."""
    return msgspec.structs.replace(input, headers=tuple(input.headers)) if hasattr(input, "headers") else input


def test_a_naive_time_is_refused_where_a_message_is_written():
    with pytest.raises(ValueError, match="received_at"):
        write_message(DELIVERED, account="main", received_at=datetime(2026, 5, 1))


LINES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([each.body for each in messages(600)]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["request", "response", "mail", "deliver_sm", "file", 1, None])},
        optional={
            name: st.one_of(st.text(max_size=20), st.none(), st.integers(), st.lists(st.text(max_size=3), max_size=2))
            for name in ("method", "target", "body", "body_base64", "raw", "status", "esm_class", "provider", "account")
        },
    ).map(lambda value: json.dumps(value).encode()),
)
NAMES = st.sampled_from([*(f"{name}.open" for name in PROVIDERS), SIGNED, "nobody", *PROVIDERS])
HEADERS = st.dictionaries(
    st.sampled_from(["account", "provider", "error", "reason", "field", "reply_to", "a\nb"]) | st.text(max_size=70),
    NAMES | st.text(max_size=1000) | st.binary(max_size=20) | st.integers() | st.none(),
    max_size=6,
)


@given(LINES, HEADERS)
def test_whatever_comes_something_is_published_and_nothing_is_raised(body, headers):
    made = TRANSLATOR.translate(body, headers)
    assert made
    for each in made:
        assert each.place is not Place.DEAD or each.body == body
        assert each.place is not Place.DEAD or each.headers.keys() >= {"error", "reason"}
        for name, value in each.headers.items():
            assert (name + value).isascii()
            assert (name + value).isprintable()
            assert len(value) <= LONGEST_HEADER
        assert len(each.headers) <= 40


@given(LINES, st.dictionaries(st.sampled_from(["account", "provider", "trace"]), NAMES))
def test_what_was_put_aside_is_put_aside_the_same_when_it_is_moved_back(body, headers):
    for each in TRANSLATOR.translate(body, headers):
        if each.place is Place.DEAD and each.headers["error"] != Fault.UNREADABLE_ITEMS:
            (again,) = TRANSLATOR.translate(each.body, each.headers)
            assert again.place is Place.DEAD
            assert again == each


def test_no_header_shows_a_secret():
    bodies = [
        message for message in messages(1500) if SECRET.encode() in message.body or SIGNED.encode() in message.body
    ]
    assert bodies
    url = Request("GET", f"/dlr?secret={SECRET}&sms_unique_id=&stat={SECRET}&err={SECRET}")
    legacy = PROVIDERS["messente-legacy"]
    made = [
        *(out for each in bodies for out in TRANSLATOR.translate(each.body, each.headers)),
        *Translator(Accounts([(legacy, Account(name="m", secrets=[SECRET]))])).translate(
            write_message(url, account="m")
        ),
    ]
    assert {each.headers.get("error") for each in made} >= {"NotAuthentic", "Unreadable"}
    for each in made:
        assert SECRET not in str(each.headers)
        assert SECRET not in repr(each)


def test_what_proves_itself_is_published_and_what_does_not_is_put_aside():
    body = json.dumps({"message_id": "m-1", "status": "DELIVRD", "error_code": 0}).encode()
    request = Request("POST", "/", {"Content-Type": "application/json"}, body)
    for secret, place in ((SECRET, Place.REPORTS), (SECRET + "x", Place.DEAD)):
        signed = HmacBody("X-Messente-Signature").sign(request, Account(secrets=[secret]))
        assert only(TRANSLATOR.translate(write_message(signed, account=SIGNED))).place is place


def refusal(body: bytes | str, headers: dict | None = None, by: Translator = TRANSLATOR) -> tuple[str, str]:
    made = only(by.translate(body.encode() if isinstance(body, str) else body, headers))
    assert made.place is Place.DEAD
    return made.headers["error"], made.headers["reason"]


def with_fields(**fields: object) -> bytes:
    return json.dumps(json.loads(write_message(DELIVERED)) | fields).encode()


@pytest.mark.parametrize(
    ("body", "headers", "error", "reason"),
    [
        ("{", {}, "BadMessage", "expected a JSON object"),
        (with_fields(), {}, "BadMessage", "account: expected the name of one, in a header or in the line"),
        (with_fields(provider="messente-legacy"), {}, "BadMessage", "account: expected the name of one"),
        (with_fields(account="nobody"), {}, "UnknownAccount", "account: the gateway has none of this name"),
        (with_fields(), {"account": b"nobody"}, "UnknownAccount", "account: the gateway has none of this name"),
        (with_fields(account={"open": True}), {}, "BadMessage", "a message brings no account of its own"),
        (
            with_fields(account="teli.open"),
            {"account": "kannel.open"},
            "BadMessage",
            "the header and the line name two",
        ),
        (with_fields(account="teli.open", provider="kannel"), {}, "BadMessage", "the account is one of teli"),
        (with_fields(account="teli.open", kind="x"), {}, "BadMessage", "kind: expected one of request"),
        (with_fields(account="teli.open", asked="m-1"), {}, "BadMessage", "asked: an answer"),
        (with_fields(account="teli.open", received_at="2026-05-01T12:00:00"), {}, "BadMessage", "received_at"),
        (
            json.dumps({"kind": "file", "name": "a.http", "raw": ""}),
            {"account": "teli.open"},
            "BadMessage",
            "got a file",
        ),
        (with_fields(), {"account": "teli.open"}, "WrongMethod", ""),
    ],
)
def test_each_refusal_says_what_was_expected(body, headers, error, reason):
    given, said = refusal(body, headers)
    assert given == error
    assert reason in said


def test_trusted_messages_prove_nothing_and_can_name_a_provider_alone():
    legacy = PROVIDERS["messente-legacy"]
    held = Accounts([(legacy, Account(name="main", secrets=[SECRET]))])
    line = write_message(DELIVERED, account="main")
    assert refusal(line, by=Translator(held))[0] == "NotAuthentic"
    trusting = Translator(held, trusted=True, providers=PROVIDERS)
    assert only(trusting.translate(line)).headers["account"] == "main"
    alone = only(trusting.translate(write_message(DELIVERED), {"provider": "messente-legacy"}))
    assert "account" not in alone.headers
    assert alone.key == b"m-17"
    assert refusal(write_message(DELIVERED, provider="nobody"), by=trusting)[0] == "UnknownProvider"
    assert "provider: expected a name" in refusal(write_message(DELIVERED), by=trusting)[1]


def test_an_answer_is_read_beside_its_question_and_what_is_no_report_says_of_which():
    (sample,) = read_samples("a.http", b"# asked: m-9\nHTTP/1.1 200 OK\n\nFAILED 102")
    trusting = Translator(trusted=True, providers=PROVIDERS)
    line = write_message(sample.input, provider="messente-legacy", asked="m-9", received_at=AT)
    told = only(trusting.translate(line))
    assert (told.place, told.headers["absence"]) == (Place.OTHERS, "not_yet")
    held = json.loads(told.body)
    assert (held["provider"], held["asked"], held["received_at"]) == ("messente-legacy", "m-9", "2026-05-01T00:00:00Z")
    assert held["absence"]["kind"] == "not_yet"


def test_of_a_batch_the_good_items_are_published_and_the_bad_ones_are_told_of():
    found = []
    for provider, input in fixture_inputs():
        made = TRANSLATOR.translate(write_message(input, account=f"{provider}.open"))
        if len(made) > 1 and made[-1].place is Place.DEAD and made[-1].headers["error"] == Fault.UNREADABLE_ITEMS:
            found.append(made)
    assert found
    for *good, aside in found:
        assert {each.place for each in good} <= {Place.REPORTS, Place.OTHERS}
        assert "item " in aside.headers["reason"]


def test_reports_are_written_as_the_caller_says():
    events = Events("https://gateway.example/sms")

    def as_event(report: Report) -> Encoded:
        return Encoded(msgspec.json.encode(events.event(report)), "application/cloudevents+json", {"more": "é"})

    legacy = PROVIDERS["messente-legacy"]
    made = Translator(trusted=True, providers=PROVIDERS, encode=as_event).translate(
        write_message(DELIVERED, provider="messente-legacy")
    )
    report = legacy.read(DELIVERED).reports[0]
    assert json.loads(only(made).body)["id"] == report.key == only(made).headers["key"]
    assert only(made).content_type == "application/cloudevents+json"
    assert only(made).headers["more"] == "\\xe9"


def test_a_fault_of_others_code_is_put_aside_by_its_type_alone():
    def encode(report: Report) -> Encoded:
        raise LookupError(report.message_id)

    faulty = Translator(trusted=True, providers=PROVIDERS, encode=encode)
    error, reason = refusal(write_message(DELIVERED, provider="messente-legacy"), by=faulty)
    assert error == "LookupError"
    assert "m-17" not in reason


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Translator(), "accounts: expected one or more"),
        (lambda: Translator(accounts(), providers=PROVIDERS), "providers: without an account"),
        (lambda: Translator({"main": 1}), "accounts: expected delivrd.Accounts"),
        (lambda: Topics(inputs="a", reports="b", dead="a"), "a name of its own"),
        (lambda: Topics(inputs="a", reports="b", dead="", others=None), "expected names"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(make, said):
    with pytest.raises((TypeError, ValueError), match=said):
        make()


# The handler.


def handled(publish: dict, body: bytes, **options) -> None:
    asyncio.run(handler(TRANSLATOR, publish, pause=0, **options)(Incoming(body, {})))


def test_what_is_no_report_is_left_out_where_no_topic_is_named_for_it():
    taken = []

    async def take(message):
        taken.append(message.place)

    for each in messages(400):
        asyncio.run(
            handler(TRANSLATOR, {Place.REPORTS: take, Place.DEAD: take}, pause=0)(Incoming(each.body, each.headers))
        )
    assert set(taken) == {Place.REPORTS, Place.DEAD}


def test_a_message_that_cannot_be_published_gives_its_input_back_and_shows_nothing_of_it():
    tries = []

    async def refuse(message):
        tries.append(message)
        raise ConnectionError(str(message.body))

    line = write_message(DELIVERED, account="messente-legacy.open")
    with pytest.raises(NotPublished) as raised:
        handled({Place.REPORTS: refuse}, line)
    assert str(raised.value) == "reports: ConnectionError; the input comes again"
    assert raised.value.__cause__ is None
    assert len(tries) == 3


def test_a_short_failure_gives_nothing_back():
    tries = []

    async def stumble(message):
        tries.append(message)
        if len(tries) < 3:
            raise ConnectionError

    handled({Place.REPORTS: stumble}, write_message(DELIVERED, account="messente-legacy.open"))
    assert len(tries) == 3


def test_what_the_broker_never_takes_is_put_aside_with_its_input():
    aside = []

    async def refuse(message):
        raise MessageSizeTooLargeError

    async def take(message):
        aside.append(message)

    line = write_message(DELIVERED, account="messente-legacy.open")
    handled({Place.REPORTS: refuse, Place.DEAD: take}, line, too_large=(MessageSizeTooLargeError,))
    assert (aside[0].body, aside[0].headers["error"]) == (line, "TooLargeForBroker")
    with pytest.raises(NotPublished):
        handled({Place.DEAD: refuse}, b"{", too_large=(MessageSizeTooLargeError,))

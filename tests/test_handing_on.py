"""Reports handed on: read by the CloudEvents project's own SDK, verified by the standard's own library."""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
import standardwebhooks
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from delivrd import Cause, Evidence, Report, Request, Status
from delivrd.cloudevents import Events
from delivrd.events import checked_uri
from delivrd.phones import Phones
from delivrd.webhooks import Webhook

PHONE = "+12025550123"
WHEN = datetime(2026, 5, 4, 3, 2, 1, 500000, tzinfo=UTC)
FAILED = Report(
    "acme",
    "m-17",
    Status.REJECTED,
    True,
    evidence=Evidence.PROVIDER,
    cause=Cause.NO_CREDIT,
    codes={"stat": "FAILED", "err": "004"},
    text=f"no credit for {PHONE} 🙂",
    occurred_at=WHEN,
    received_at=WHEN + timedelta(seconds=5),
    recipient=PHONE,
    account="main",
)
BARE = Report("acme", None, Status.UNKNOWN, False, reference="our-1")
SOURCE, TARGET = "https://gateway.example/sms", "https://broker.example/in"
EVENTS = Events(SOURCE)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
reports = st.builds(
    Report,
    provider=st.sampled_from(["acme", "messages-2"]),
    message_id=st.none() | text,
    status=st.sampled_from(Status),
    final=st.booleans(),
    cause=st.none() | st.sampled_from(Cause),
    codes=st.dictionaries(text, text, max_size=3),
    text=st.none() | text,
    occurred_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    received_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    reference=st.none() | text,
    recipient=st.none() | text,
    extras=st.dictionaries(text, text | st.integers(-(2**40), 2**40) | st.none() | st.booleans(), max_size=3),
)


def message(request: Request) -> HTTPMessage:
    """A request as the SDK takes it, after the way over the wire, where headers are printable ASCII."""
    headers = dict(request.headers)
    assert len(headers) == len(request.headers)
    for name, value in headers.items():
        assert value
        assert all("!" <= letter <= "~" for letter in name), name
        assert name == "content-type" or all("!" <= letter <= "~" for letter in value), name
    return HTTPMessage(headers, request.body)


class Seen(CloudEvent):
    """An event with what was sent of it: the SDK gives one that has no time the current one."""

    def __init__(self, attributes: dict[str, Any], data: Any = None) -> None:
        self.sent = dict(attributes)
        super().__init__(attributes, data)


def sdk_reads(request: Request) -> Seen:
    return from_http(message(request), JSONFormat(), Seen)


@given(reports)
def test_the_sdk_reads_the_same_event_in_both_modes_and_the_report_comes_back(report):
    structured, binary = EVENTS.structured(report, TARGET), EVENTS.binary(report, TARGET)
    whole, parted = sdk_reads(structured), sdk_reads(binary)
    assert whole.sent == parted.sent
    assert whole.get_data() == parted.get_data() == report.to_dict()
    assert Report.from_dict(whole.get_data()) == report
    assert whole.get_id() == report.key
    assert whole.get_type() == f"delivrd.report.{report.status}"
    assert whole.sent.get("time") == (report.occurred_at or report.received_at)
    assert whole.get_subject() in (None, report.message_id or report.reference)
    assert {name: whole.get_extension(name) for name in ("provider", "outcome", "resend")} == {
        "provider": report.provider,
        "outcome": report.outcome.value,
        "resend": report.resend.value,
    }


@given(st.lists(reports, max_size=3))
def test_a_batch_holds_each_event_as_it_is_alone(several):
    request = EVENTS.batch(several, TARGET)
    assert request.header("content-type") == "application/cloudevents-batch+json"
    items = json.loads(request.body)
    assert [JSONFormat().read(Seen, json.dumps(item)).sent for item in items] == [
        sdk_reads(EVENTS.structured(report, TARGET)).sent for report in several
    ]
    assert items == [EVENTS.event(report) for report in several]


def test_an_event_on_the_wire():
    request = EVENTS.binary(FAILED, TARGET)
    assert (request.method, request.target) == ("POST", TARGET)
    assert request.headers == (
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", FAILED.key),
        ("ce-source", SOURCE),
        ("ce-type", "delivrd.report.rejected"),
        ("ce-subject", "m-17"),
        ("ce-time", "2026-05-04T03:02:01.500000Z"),
        ("ce-provider", "acme"),
        ("ce-outcome", "failure"),
        ("ce-resend", "after_fix"),
    )
    assert json.loads(request.body) == FAILED.to_dict()
    assert EVENTS.structured(FAILED, TARGET).headers == (("content-type", "application/cloudevents+json"),)


def test_what_nobody_knows_is_left_out():
    event = EVENTS.event(BARE)
    assert event["subject"] == "our-1"
    assert "time" not in event
    assert "subject" not in EVENTS.event(msgspec.structs.replace(BARE, reference=None))
    late = msgspec.structs.replace(BARE, received_at=WHEN)
    assert EVENTS.event(late)["time"] == "2026-05-04T03:02:01.500000Z"


@pytest.mark.parametrize("id", ["a\nb", "a\x7f", "a\x9f", "\ufdd0", "\U0001ffff", "x" * 257])
def test_an_id_that_no_attribute_can_hold_stands_in_the_data_alone(id):
    event = EVENTS.event(msgspec.structs.replace(BARE, message_id=id))
    assert "subject" not in event
    assert event["data"]["message_id"] == id


def test_the_longest_subject_fits_into_any_servers_headers():
    longest = msgspec.structs.replace(BARE, message_id="🙂" * 256)
    subject = EVENTS.binary(longest, TARGET).header("ce-subject")
    assert len(subject) == 256 * 12
    assert sdk_reads(EVENTS.binary(longest, TARGET)).get_subject() == "🙂" * 256


def test_a_header_is_escaped_as_the_binding_says():
    # The example of the HTTP binding, section 3.1.3.2.
    euro = msgspec.structs.replace(BARE, message_id="Euro € 😀")
    assert EVENTS.binary(euro, TARGET).header("ce-subject") == "Euro%20%E2%82%AC%20%F0%9F%98%80"
    odd = msgspec.structs.replace(BARE, message_id="100%\"a'b")
    assert EVENTS.binary(odd, TARGET).header("ce-subject") == "100%25%22a'b"


def test_a_gateway_names_its_own_types_and_schema():
    events = Events("urn:gateway:1", prefix="com.example.sms-gateway", dataschema="https://gateway.example/r.json")
    event = sdk_reads(events.binary(FAILED, TARGET))
    assert (event.get_source(), event.get_type()) == ("urn:gateway:1", "com.example.sms-gateway.rejected")
    assert event.get_dataschema() == "https://gateway.example/r.json"


@pytest.mark.parametrize(
    "source", ["", "two words", "https://gäteway.example/", "a#b#c", "100%", "http://[::1/", "a\n"]
)
def test_what_is_no_uri_is_refused_and_not_shown(source):
    with pytest.raises(ValueError, match="^source: expected") as refused:
        Events(source)
    assert not source or source not in str(refused.value)
    with pytest.raises(ValueError, match="^dataschema: expected"):
        Events(SOURCE, dataschema=source)


def test_a_schema_needs_an_absolute_uri_and_a_prefix_needs_words():
    with pytest.raises(ValueError, match="absolute"):
        Events(SOURCE, dataschema="/report.json")
    for prefix in ("", ".", "a.", "a..b", "a b", "ä"):
        with pytest.raises(ValueError, match="^prefix: expected"):
            Events(SOURCE, prefix=prefix)
        with pytest.raises(ValueError, match="^prefix: expected"):
            Webhook(TARGET, [SECRET], prefix=prefix)


@given(st.text(max_size=30))
def test_a_uri_that_is_taken_is_printable_ascii(uri):
    try:
        checked_uri("source", uri)
    except ValueError:
        return
    assert all("!" <= letter <= "~" for letter in uri)


def test_a_time_without_a_zone_is_refused():
    for field in ("occurred_at", "received_at", "submitted_at"):
        naive = msgspec.structs.replace(BARE, **{field: WHEN.replace(tzinfo=None)})
        with pytest.raises(ValueError, match=f"^{field}: expected an aware time"):
            EVENTS.event(naive)


SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
HOOK = Webhook("https://customer.example/dlr?customer=7", [SECRET, OTHER])


@pytest.fixture(scope="module")
def now() -> datetime:
    """The time, for the standard's library looks at the clock: it refuses an attempt that is five minutes off."""
    return datetime.now(UTC)


def verified(secret: str, request: Request, **changes: str):
    headers = {**dict(request.headers), **changes}
    return standardwebhooks.Webhook(secret).verify(request.body, headers)


@settings(deadline=None)
@given(report=reports)
def test_the_standards_own_library_verifies_what_is_signed(report, now):
    request = HOOK.request(report, at=now)
    for secret in (SECRET, OTHER):
        payload = verified(secret, request)
        assert payload["data"] == report.to_dict()
        assert payload["type"] == f"delivrd.report.{report.status}"
        assert ("timestamp" in payload) is bool(report.occurred_at or report.received_at)
    assert request.header("webhook-id") == report.key


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_any_changed_bit_of_a_body_is_refused(place, bit, now):
    request = HOOK.request(FAILED, at=now)
    body = bytearray(request.body)
    body[place % len(body)] ^= 1 << bit
    try:
        body.decode()
    except UnicodeDecodeError:
        return  # The library takes texts alone.
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verified(SECRET, Request("POST", "/", request.headers, bytes(body)))


def test_id_time_and_secret_are_signed_too(now):
    request = HOOK.request(FAILED, at=now)
    seconds = str(int(request.header("webhook-timestamp")) + 1)
    strange = "whsec_" + base64.b64encode(bytes(32)).decode()
    for secret, changes in ((SECRET, {"webhook-id": "0"}), (SECRET, {"webhook-timestamp": seconds}), (strange, {})):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            verified(secret, request, **changes)


def test_a_webhook_on_the_wire():
    request = HOOK.request(FAILED, at=datetime(2023, 1, 18, 23, 27, 11, 900000, tzinfo=UTC))
    assert (request.method, request.target) == ("POST", "https://customer.example/dlr?customer=7")
    names = [name for name, _ in request.headers]
    assert names == ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"]
    assert request.header("webhook-timestamp") == "1674084431"
    first, second = request.header("webhook-signature").split(" ")
    assert first != second
    assert first.startswith("v1,")
    start = b'{"type":"delivrd.report.rejected","timestamp":"2026-05-04T03:02:01.500000Z","data":{"schema":1,'
    assert request.body.startswith(start)
    local = HOOK.request(FAILED, at=datetime(2023, 1, 19, 1, 27, 11, tzinfo=timezone(timedelta(hours=2))))
    assert local == HOOK.request(FAILED, at=datetime(2023, 1, 18, 23, 27, 11, tzinfo=UTC))


def test_each_attempt_has_its_own_time_and_the_same_id_and_body():
    first, second = (HOOK.request(FAILED, at=WHEN + timedelta(minutes=minutes)) for minutes in (0, 5))
    assert first.body == second.body
    assert first.header("webhook-id") == second.header("webhook-id")
    assert first.header("webhook-signature") != second.header("webhook-signature")


def test_a_secret_may_stand_without_its_padding(now):
    bare = Webhook(TARGET, [SECRET.rstrip("=")])
    assert verified(SECRET, bare.request(FAILED, at=now))["data"] == FAILED.to_dict()


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "a-long-random-word-that-is-no-secret",
        SECRET.removeprefix("whsec_"),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        SECRET[:-6] + "*" + SECRET[-5:],
        SECRET + "ä",
        "whsk_" + base64.b64encode(bytes(64)).decode(),
    ],
)
def test_a_secret_of_another_form_is_refused_and_not_shown(secret):
    with pytest.raises(ValueError, match=r"^secrets\[1\]: expected whsec_ and 24 to 64 bytes") as refused:
        Webhook(TARGET, [OTHER, secret])
    assert len(secret) < 8 or secret.removeprefix("whsec_") not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_webhook_that_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Webhook(TARGET, [])
    with pytest.raises(ValueError, match="brackets"):
        Webhook(TARGET, SECRET)
    for url in ("/dlr", "ftp://customer.example/", "https:customer.example", "https://customer.example/a b"):
        with pytest.raises(ValueError, match="^url: expected"):
            Webhook(url, [SECRET])
    with pytest.raises(ValueError, match="^at: expected an aware time"):
        HOOK.request(FAILED, at=WHEN.replace(tzinfo=None))
    with pytest.raises(ValueError, match="1970"):
        HOOK.request(FAILED, at=datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC))


def test_no_repr_shows_a_secret_or_a_number():
    shown = repr(HOOK) + repr(HOOK.request(FAILED, at=WHEN)) + repr(EVENTS.binary(FAILED, TARGET))
    assert repr(HOOK) == "Webhook(2 secrets)"
    assert PHONE not in shown
    assert "customer=7" not in shown


@pytest.mark.parametrize("made", ["structured", "binary", "batch", "webhook"])
def test_hidden_numbers_stand_nowhere_and_the_report_that_is_shown_comes_back(made):
    hide = Phones(bytes(range(32))).report
    events, hook = Events(SOURCE, hide=hide), Webhook(TARGET, [SECRET], hide=hide)
    match made:
        case "webhook":
            request = hook.request(FAILED, at=WHEN)
        case "batch":
            request = events.batch([FAILED], TARGET)
        case _:
            request = getattr(events, made)(FAILED, TARGET)
    on_the_wire = str(request.headers) + request.body.decode()
    assert PHONE[1:] not in on_the_wire
    # A digest without a key, over a number and what stands beside it, would tell the number to whoever tries all.
    assert FAILED.key not in on_the_wire
    assert hide(FAILED).key in on_the_wire
    assert hide(FAILED).recipient in on_the_wire


def test_two_recipients_of_one_message_stay_two_events_when_hidden():
    events = Events(SOURCE, hide=Phones(bytes(range(32))).report)
    other = msgspec.structs.replace(FAILED, recipient="+12025550124")
    assert events.event(FAILED)["id"] != events.event(other)["id"]
    assert events.event(FAILED)["id"] == events.event(copy.copy(FAILED))["id"]

"""Phone numbers in what is shown and in what is downloaded: every fixture of every provider, and hostile spellings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from servers import ROOT
from serving import PROVIDERS

from delivrd import Account, InputError, Mail, Request, Response, Sample, SampleError, read_each, read_samples
from delivrd.files import SUFFIXES
from delivrd.inputs import DeliverSm
from delivrd.ledger import KeptReport
from delivrd.phones import number_of
from delivrd.serve.looks import Looks
from delivrd.unlisted.fields import numbers_of
from delivrd.unlisted.numbers import Fiction, Numbers, blind, hides_numbers, masked
from delivrd.unlisted.raw import NoFixture, fixture, raw_text

AT = datetime(2026, 5, 1, tzinfo=UTC)
FIXTURES = sorted(path for path in (ROOT / "fixtures").glob("*/*") if path.suffix in SUFFIXES)
PHONE = "+15555550123"


def kept(path: Path) -> list[tuple[Sample, KeptReport]]:
    """The reports of a fixture as the ledger keeps them, each with the sample that it was read from."""
    provider, found = PROVIDERS[path.parent.name], []
    for _, sample in read_each(path.name, path.read_bytes()):
        if isinstance(sample, SampleError):
            continue
        try:
            receipt = provider.read(sample.input, sample.account, asked=sample.asked, received_at=sample.received_at)
        except InputError:
            continue
        blotted = provider.blotted(sample.input, sample.account or Account())
        held = Sample(blotted, sample.asked, None, sample.received_at)
        found += [(sample, KeptReport(report, AT, 1, held, "0" * 32)) for report in receipt.reports]
    return found


def test_no_number_of_any_fixture_is_shown():
    looks, seen = Looks({}, PROVIDERS), 0
    for path in FIXTURES:
        for _, each in kept(path):
            shown = json.dumps([looks.row(each), looks.opened(each)]).replace(" ", "")
            for number in (each.report.recipient, each.report.sender):
                digits = number_of(number or "")
                seen += len(digits) >= 5
                assert len(digits) < 5 or digits not in shown, f"{path.name}: {shown}"
    assert seen > 100


def test_a_fixture_with_fictional_numbers_is_read_as_what_came():
    made = 0
    for path in FIXTURES:
        provider = PROVIDERS[path.parent.name]
        for sample, each in kept(path):
            if not isinstance(sample.input, Request):
                continue
            report, held = each.report, each.input
            suffix, content = fixture(held, numbers_of([report], provider, held))
            (back,) = read_samples("x" + suffix, content)
            again = provider.read(back.input, sample.account, asked=back.asked, received_at=back.received_at).reports
            assert [
                (now.status, now.final, now.cause, now.codes, now.message_id, now.occurred_at)
                for now in again
                if now.message_id == report.message_id and now.codes == report.codes
            ][:1] == [
                (report.status, report.final, report.cause, report.codes, report.message_id, report.occurred_at)
            ], path.name
            digits = number_of(report.recipient or "")
            assert len(digits) < 7 or digits.encode() not in content, path.name
            made += 1
    assert made > 100


@pytest.mark.parametrize(
    "spelt",
    [
        "+15555550123",
        "15555550123",
        "0015555550123",
        "%2B15555550123",
        "%2b1%20555%20555%2D0123",
        "+1 (555) 555-0123",
        "1.555.555.0123",
        "555-555-0123",
        "5555550123",
        r"\u002b15555550123",
        "1%3555555501%323",
        "x15555550123y",
        "tel:+15555550123;ext=1",
    ],
)
def test_a_known_number_is_masked_however_it_is_spelt(spelt):
    shown = Numbers([PHONE]).every(f"a={spelt}&b=DELIVRD", masked)
    assert shown.startswith("a=")
    assert shown.endswith("&b=DELIVRD")
    assert "55550" not in shown
    assert "•23" in shown
    assert Numbers([PHONE]).known(f"a={spelt}&b=DELIVRD", masked) == shown


@pytest.mark.parametrize(
    "spelt", ["+447700900123", "%2B447700900123", "447700900123", "00447700900123", "+44 7700 900123", "(555) 555-0123"]
)
def test_what_looks_like_a_number_is_masked_though_nobody_names_it(spelt):
    assert "0012" not in Numbers().every(f"text={spelt}&b=1", masked)
    assert "555-01" not in Numbers().every(f"text={spelt}&b=1", masked)


@pytest.mark.parametrize(
    "text",
    [
        "id=2d1d0b1e7a9c4f5e8b3a6c7d0e1f2a3b",
        "when=2024-01-31T12:05:07+00:00",
        "when=2024-01-31%2012%3A05%3A07",
        "submit date:2401311200 done date:2401311205 stat:DELIVRD",
        "message_id=12345678901",
        '{"message_id": "12345678901", "status": 3}',
        "dlr-mask=16&err=000000",
        "price=0.0450",
    ],
)
def test_what_is_no_number_stays(text):
    assert Numbers([PHONE], ["message_id"]).every(text, masked) == text


def test_a_known_number_in_a_field_of_ids_is_masked_all_the_same():
    shown = Numbers([PHONE], ["message_id"], ["15555550123-7"]).every("message_id=15555550123-7", masked)
    assert shown == "message_id=•••••••••23-7"


def test_a_name_is_no_number():
    assert masked("ACME") == "ACME"
    assert masked("12345") == "•••45"
    assert Numbers(["ACME"]).every("from=ACME", masked) == "from=ACME"


def test_a_long_run_of_digits_costs_no_more_than_its_length():
    # Minutes, if each digit looked at all that follow.
    assert len(Numbers([PHONE]).every("5" * 200_000, masked)) > 0


def test_the_same_number_becomes_the_same_fictional_one():
    put = Fiction()
    first = Numbers([PHONE, "+447700900999"]).every("a=15555550123&b=%2B1 555 555 0123&c=447700900999", put)
    assert first == "a=12025550100&b=%2B12025550100&c=447700900001"


def test_base64_with_digits_in_it_is_not_shown():
    hidden = "eyJ0byI6IjE1NTU1NTUwMTIzIn0="
    assert blind(f"payload={hidden}&b=1") == "payload=(base64, not shown)&b=1"
    assert hides_numbers(hidden)
    assert not hides_numbers("sms_unique_id=2d1d0b1e7a9c4f5e8b3a6c7d0e1f2a3b4c5d6e7f")
    with pytest.raises(NoFixture):
        fixture(Sample(Request("POST", "/dlr/us", (), f"payload={hidden}".encode())), Numbers())


def test_what_nobody_can_read_is_neither_shown_nor_made_into_a_fixture():
    wide = PHONE.encode("utf-16-be")
    assert raw_text(DeliverSm(4, "1", "2", wide, {0x1E: b"\xff"}), bare=False).count("bytes that are no text") == 2
    assert "\\x00+" in raw_text(DeliverSm(4, "1", "2", wide), bare=True)
    assert raw_text(Mail(b"\x00"), bare=False) == "(1 bytes that are no text)"
    assert raw_text(Response(200, {"A": "b"}, b"c"), bare=False) == "HTTP/1.1 200\nA: b\n\nc"
    with pytest.raises(NoFixture):
        fixture(Sample(Request("POST", "/dlr/us", (), wide)), Numbers())
    with pytest.raises(NoFixture):
        fixture(Sample(Mail(b"x")), Numbers())


def test_half_a_character_is_shown_as_an_escape():
    assert raw_text(Request("GET", "/dlr?text=\ud83d"), bare=False).startswith("GET /dlr?text=\\ud83d HTTP/1.1")


def test_the_length_of_a_fixtures_body_is_true():
    body = b"to=001 555 555 0123"
    request = Request("POST", "/dlr/us", {"Content-Length": "999"}, body, "192.0.2.1")
    suffix, content = fixture(Sample(request), Numbers([PHONE]))
    assert suffix == ".http"
    (back,) = read_samples("x.http", content)
    assert back.input.body == b"to=12025550100"
    assert back.input.client is None


def test_a_report_whose_provider_or_input_is_gone_is_shown_without_its_steps():
    ((_, each), *_) = kept(next(path for path in FIXTURES if path.name == "delivered-documented-sample.http"))
    opened = Looks({}, {}).opened(each)
    assert (opened["steps"], opened["said"]) == ([], "its provider is not installed here")
    opened = Looks({}, PROVIDERS).opened(KeptReport(each.report, AT, 1, None, "0" * 32))
    assert (opened["raw"], opened["said"], opened["fixture"]) == (None, "the input is not kept", False)

"""The same reading, told step by step."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import delivrd
from delivrd import (
    Account,
    BodyKind,
    Code,
    CodeTable,
    Fields,
    InputError,
    Mail,
    Meanings,
    Provider,
    Push,
    Reading,
    Request,
    Response,
    Row,
    Rule,
    Shape,
    Source,
    Status,
    Text,
    explain,
    read_samples,
)

PROVIDERS = delivrd.Registry.installed()
LEGACY, UPSIDE, OMNI = (PROVIDERS[name] for name in ("messente-legacy", "upside-wireless", "messente-omnichannel"))


def get(query: str) -> Request:
    return Request("GET", "/dlr?" + query)


def test_each_code_names_its_row_its_rule_and_where_it_is_documented():
    told = explain(LEGACY, get("sms_unique_id=7&stat=FAILED&status=SENT&dlr-mask=99&err=004"))
    (steps,) = told.steps
    assert told.receipt == LEGACY.read(get("sms_unique_id=7&stat=FAILED&status=SENT&dlr-mask=99&err=004"))
    assert [(code.field, code.rule, code.row) for code in steps.codes] == [
        ("stat", Rule.DECIDED, "FAILED"),
        ("status", Rule.CONFLICT, "SENT"),
        ("dlr-mask", Rule.UNLISTED, None),
        ("err", Rule.REFINED, "004"),
    ]
    assert all(code.source for code in steps.codes if code.row)
    text = str(told)
    for said in ("message_id = 7, from sms_unique_id", "rejected, final", "warning conflict: status = SENT"):
        assert said in text
    for rule in (code.rule for code in steps.codes):
        assert rule.meaning in text


def test_the_accounts_own_meaning_is_not_the_providers_document():
    account = Account(meanings=[Meanings("stat", (Row("UNKNOWN", Status.FAILED, True, meaning="ours"),))])
    (step,) = explain(LEGACY, get("sms_unique_id=7&stat=UNKNOWN"), account).steps[0].codes
    assert (step.source, step.meaning) == ("the account's own meanings", "ours")


def test_a_zero_is_told_like_any_other_value():
    body = b'{"message_id": "1", "status": "SEEN", "price_info": {"parts_count": 0, "total_price": "0.00"}}'
    (steps,) = explain(OMNI, Request("POST", "/", {}, body)).steps
    assert [(step.report_field, str(step.value)) for step in steps.fields[1:]] == [
        ("parts", "0"),
        ("total_price", "0.00"),
    ]


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=repr)
def test_every_field_that_a_declaration_feeds_is_told(provider):
    told = set()
    for sample in fixture_samples(provider.name):
        fields = provider.ways[type(sample.input)].reading.fields
        try:
            explained = explain(provider, sample.input, sample.account, asked=sample.asked)
        except InputError:
            continue
        for report, steps in zip(explained.receipt.reports, explained.steps, strict=True):
            network = {} if report.network is None else msgspec.structs.asdict(report.network)
            values = msgspec.structs.asdict(report) | network
            fed = {
                name
                for name in fields.__struct_fields__
                if fields.names(name) and values.get(name) not in (None, (), {})
            }
            assert {step.report_field: step.value for step in steps.fields} == {name: values[name] for name in fed}
            for name in fed:
                assert f"    {name} = " in str(explained)
            told |= fed
    declared = {name for way in provider.ways.values() for _, name in way.reading.fields.feeds()}
    if {"mcc", "mnc", "carrier", "country"} & declared:
        assert {"mcc", "mnc", "carrier", "country"} & told


def fixture_samples(name):
    for file in sorted((Path(__file__).parent.parent / "fixtures" / name).iterdir()):
        if file.suffix != ".json":
            yield from read_samples(file.name, file.read_bytes())


def test_the_network_is_told_with_the_field_that_feeds_it():
    class Sent(Shape):
        id: Code = None
        stat: Code = None
        mcc: Code = None
        operator: Text = None

    reading = Reading(shape=Sent, fields=Fields(message_id="id", mcc="mcc", carrier="operator"))
    table = CodeTable("stat", (Row("A", Status.SENT, meaning="sent"),), Source("a page"))
    push = Push(reading=reading, bodies=(BodyKind.JSON,))
    made = Provider(name="acme", vendor="A", title="A", docs=Source("a page"), tables=(table,), ways=(push,))
    body = b'{"id": 1, "stat": "A", "mcc": 248, "operator": "Acme"}'
    told = str(explain(made, Request("POST", "/", (), body)))
    assert "mcc = 248, from mcc" in told
    assert "carrier = Acme, from operator" in told


def test_what_is_no_report_is_told_too():
    assert "no report: not_yet (FAILED 102)" in str(explain(LEGACY, Response(200, (), b"FAILED 102"), asked="7"))
    mail = str(explain(UPSIDE, Mail(b"Subject: hello\n\nno news")))
    assert "no report: not_a_report" in mail
    assert "no report, kept whole: subject, from, text" in mail
    answer = Response(200, (), b'{"statuses": [{"message_id": "1"}, 7]}')
    batch = str(explain(OMNI, answer))
    assert "item 1 could not be read: expected an object of fields, got a number" in batch
    assert "codes: none sent" in batch
    assert "no_code -> accepted" in batch


def test_what_a_stranger_sent_stays_on_its_line():
    text = str(explain(LEGACY, get("sms_unique_id=7%0A%20%20result&stat=%1B[31mSENT")))
    assert "message_id = '7\\n  result'" in text
    assert "\x1b" not in text
    assert sum(line.strip() == "result" for line in text.splitlines()) == 1

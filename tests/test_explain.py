"""The same reading, told step by step."""

from __future__ import annotations

import json

import delivrd
from delivrd import Account, Mail, Meanings, Request, Response, Row, Rule, Status, explain
from delivrd.life import state_of

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


def test_final_reports_of_one_message_that_contradict_each_other_are_named():
    items = [
        {"message_id": "m1", "status": status, "timestamp": f"2024-01-31T12:0{minute}:00", "to": "+15555550100"}
        for minute, status in enumerate(["DELIVRD", "FAILED"])
    ]
    answer = Response(200, {}, json.dumps({"statuses": [*items, {"message_id": "m2", "status": "FAILED"}]}).encode())
    told = explain(OMNI, answer)
    (state,) = told.contradicted
    assert (state.message_id, state.status) == ("m1", Status.DELIVERED)
    assert "message m1: final reports contradict each other" in str(told)
    assert "contradicted by failed, final" in str(told)
    later = explain(OMNI, answer, Account(later_final_wins=True)).contradicted
    assert [each.status for each in later] == [Status.FAILED]
    assert explain(OMNI, answer, states=[state_of(told.receipt.reports[0])]).contradicted == ()

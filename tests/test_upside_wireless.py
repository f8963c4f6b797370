"""What the fixtures of `upside-wireless` cannot say: its questions, its credentials, its proofs, its bounds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from delivrd import (
    AbsenceKind,
    Account,
    AccountError,
    Context,
    Mail,
    NotAuthentic,
    Receipt,
    Request,
    Response,
    Status,
    TooLarge,
    Unreadable,
    WarningKind,
)
from delivrd_upside_wireless import delivrd_providers
from delivrd_upside_wireless.sms_wiki import STATUS, UPSIDE_WIRELESS, Settings

NAMESPACE = "http://upsidewireless.com/webservice/sms"
ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
TOKEN, SIGNATURE = "token-5a17e0", "signature-77<&>"
CREDENTIALS = {"token": TOKEN, "signature": SIGNATURE}
WORDS = [row.label for row in STATUS.rows]

QUESTIONS: list[tuple[str, str | None, dict[str, str]]] = [
    ("GetTopMessageNoReset", None, {}),
    ("GetTopMessage", None, {}),
    ("GetNewInboxMessages", None, {}),
    ("SetMessageReadFlag", "Mail1300928784355-5", {"messageId": "Mail1300928784355-5", "flag": "true"}),
    ("GetDLR", "MTID119946997360917165", {"trackingId": "MTID119946997360917165"}),
]


def account(**settings: Any) -> Account:
    return Account(settings=CREDENTIALS | settings)


def in_envelope(inside: str, version: str = "1.1") -> bytes:
    envelope = f'<s:Envelope xmlns:s="{ENVELOPES[version]}"><s:Body>{inside}</s:Body></s:Envelope>'
    return f'<?xml version="1.0" encoding="utf-8"?>{envelope}'.encode()


def read_answer(inside: str, version: str = "1.1", asked: str | None = None) -> Receipt:
    return UPSIDE_WIRELESS.read(Response(200, {}, in_envelope(inside, version)), asked=asked)


def record(**fields: str) -> str:
    return "<Record>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</Record>"


def called(request: Request, version: str) -> tuple[str, dict[str, str]]:
    """The operation that a question calls, and its parameters."""
    envelope = fromstring(request.body)
    assert envelope.tag == f"{{{ENVELOPES[version]}}}Envelope"
    (body,) = envelope
    assert body.tag == f"{{{ENVELOPES[version]}}}Body"
    (operation,) = body
    return operation.tag, {parameter.tag: parameter.text or "" for parameter in operation}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize(("operation", "id", "parameters"), QUESTIONS)
def test_each_operation_is_asked_with_the_credentials_and_its_parameters(
    operation: str, id: str | None, parameters: dict[str, str], version: str
) -> None:
    request = UPSIDE_WIRELESS.ask(id, account(soap_version=version), operation=operation)
    assert (request.method, request.target) == ("POST", "http://moapi.upsidewireless.com/soap/SMS.asmx")
    expected = {f"{{{NAMESPACE}}}{name}": value for name, value in (CREDENTIALS | parameters).items()}
    assert called(request, version) == (f"{{{NAMESPACE}}}{operation}", expected)


@pytest.mark.parametrize(("operation", "id", "_"), QUESTIONS)
def test_soap_1_1_names_the_operation_in_the_soapaction_header(operation: str, id: str | None, _: object) -> None:
    request = UPSIDE_WIRELESS.ask(id, account(), operation=operation)
    assert request.header("SOAPAction") == f'"{NAMESPACE}/{operation}"'
    assert request.header("Content-Type") == "text/xml; charset=utf-8"


@pytest.mark.parametrize(("operation", "id", "_"), QUESTIONS)
def test_soap_1_2_names_the_operation_in_the_content_type(operation: str, id: str | None, _: object) -> None:
    request = UPSIDE_WIRELESS.ask(id, account(soap_version="1.2"), operation=operation)
    assert request.header("SOAPAction") is None
    assert request.header("Content-Type") == f'application/soap+xml; charset=utf-8; action="{NAMESPACE}/{operation}"'


def test_the_default_question_leaves_the_record_unread() -> None:
    assert UPSIDE_WIRELESS.question().operation == "GetTopMessageNoReset"


def test_every_operation_of_the_documentation_can_be_asked_and_polls_no_more_often_than_every_two_minutes() -> None:
    intervals = {question.operation: question.shortest_interval for question in UPSIDE_WIRELESS.questions}
    every_two_minutes = dict.fromkeys((operation for operation, _, _ in QUESTIONS), timedelta(minutes=2))
    # The documented limit is on polling. Marking what a poll brought asks for nothing.
    assert intervals == every_two_minutes | {"SetMessageReadFlag": None}


@pytest.mark.parametrize("operation", ["SetMessageReadFlag", "GetDLR"])
def test_a_question_about_one_message_needs_its_id(operation: str) -> None:
    with pytest.raises(ValueError, match="expected the id"):
        UPSIDE_WIRELESS.ask(account=account(), operation=operation)


def test_an_account_can_name_the_elements_of_the_ids() -> None:
    named = account(trackingid_element="mtid", messageid_element="MessageID")
    _, asked = called(UPSIDE_WIRELESS.ask("MTID1", named, operation="GetDLR"), "1.1")
    assert asked[f"{{{NAMESPACE}}}mtid"] == "MTID1"
    _, asked = called(UPSIDE_WIRELESS.ask("Mail1", named, operation="SetMessageReadFlag"), "1.1")
    assert asked[f"{{{NAMESPACE}}}MessageID"] == "Mail1"


def test_the_credentials_go_to_no_other_host() -> None:
    with pytest.raises(ValueError, match="expected one of the hosts http://moapi.upsidewireless.com"):
        UPSIDE_WIRELESS.ask(account=account(), host="https://moapi.example")


def test_the_message_id_of_a_report_marks_its_record() -> None:
    receipt = read_answer(record(isValid="true", data="DELIVRD", trackingid="MTID1", messageid="Mail1"))
    (report,) = receipt.reports
    request = UPSIDE_WIRELESS.ask(report.other_ids[0], account(), operation="SetMessageReadFlag")
    assert called(request, "1.1")[1][f"{{{NAMESPACE}}}messageId"] == "Mail1"


@pytest.mark.parametrize("settings", [{}, {"token": TOKEN}, {"signature": SIGNATURE}, {"token": "", "signature": "x"}])
@pytest.mark.parametrize(("operation", "id", "_"), QUESTIONS)
def test_nothing_is_asked_without_token_and_signature(
    operation: str, id: str | None, _: object, settings: dict[str, str]
) -> None:
    with pytest.raises(AccountError, match="token and signature") as caught:
        UPSIDE_WIRELESS.ask(id, Account(settings=settings), operation=operation)
    assert TOKEN not in str(caught.value)
    assert SIGNATURE not in str(caught.value)


def test_nothing_is_asked_without_an_account() -> None:
    with pytest.raises(AccountError, match="token and signature"):
        UPSIDE_WIRELESS.ask()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"soap_version": "2.0"}, "soap_version"),
        ({"tokn": TOKEN}, "unknown field; known settings: token"),
        ({"mail_patterns": "x"}, "mail_patterns"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_its_name(settings: dict[str, Any], named: str) -> None:
    wrong = account(**settings)
    with pytest.raises(AccountError, match=named) as caught:
        UPSIDE_WIRELESS.check(wrong)
    assert TOKEN not in str(caught.value)
    with pytest.raises(AccountError, match=named):
        UPSIDE_WIRELESS.ask(account=wrong)


def test_no_repr_shows_the_credentials() -> None:
    settings = Settings(**CREDENTIALS)
    request = UPSIDE_WIRELESS.ask(account=account())
    for shown in (repr(settings), repr(Context(None, settings)), repr(account()), repr(request), repr(UPSIDE_WIRELESS)):
        assert TOKEN not in shown
        assert SIGNATURE not in shown


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    "inside",
    [
        f"<s:Fault><faultcode>{TOKEN}</faultcode><faultstring>bad token {TOKEN}</faultstring></s:Fault>",
        f"<GetDLRResult>bad token {TOKEN}</GetDLRResult>",
        f"<SetMessageReadFlagResult><errorMessage>bad token {TOKEN}</errorMessage></SetMessageReadFlagResult>",
    ],
)
def test_credentials_that_an_answer_echoes_are_blotted_out(inside: str, status: int) -> None:
    receipt = UPSIDE_WIRELESS.read(Response(status, {}, in_envelope(inside)), account())
    assert receipt.absence is not None
    assert receipt.absence.text == "bad token ***"
    assert TOKEN not in str(receipt.to_dict())


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("word", WORDS)
def test_get_dlr_gives_the_status_of_the_message_that_was_asked_about(word: str, version: str) -> None:
    answer = f'<GetDLRResponse xmlns="{NAMESPACE}"><GetDLRResult>{word}</GetDLRResult></GetDLRResponse>'
    (report,) = read_answer(answer, version, asked="MTID1").reports
    assert (report.message_id, report.codes) == ("MTID1", {"status": word})


@pytest.mark.parametrize("word", WORDS)
def test_an_inbox_record_is_a_report_where_its_data_is_a_listed_word_in_capitals(word: str) -> None:
    (report,) = read_answer(record(trackingid="MTID1", data=f" {word} ")).reports
    assert (report.message_id, report.codes) == ("MTID1", {"status": word})
    for words in (word.lower(), word.title(), f"{word}.", f"{word} from my phone", f"not {word}"):
        receipt = read_answer(record(trackingid="MTID1", data=words))
        assert receipt.absence is not None
        assert receipt.absence.kind is AbsenceKind.NOT_A_REPORT
        assert receipt.others == ({"trackingid": "MTID1", "data": words},)


def test_the_words_that_are_not_final_are_those_after_which_the_vendor_goes_on() -> None:
    assert {row.label: row.status for row in STATUS.rows if not row.final} == {
        "SENT": Status.SENT,
        "UNDELIV": Status.DEFERRED,
        "UNDETRM": Status.DEFERRED,
    }


def test_a_message_between_two_reports_comes_back_whole_and_costs_neither() -> None:
    message = {"isValid": "true", "sender": "+15555550101", "data": "Sent from my phone", "messageid": "Mail2"}
    receipt = read_answer(
        record(trackingid="MTID1", data="UNDELIV") + record(**message) + record(trackingid="MTID3", data="REJECTD")
    )
    assert [(report.message_id, report.status) for report in receipt.reports] == [
        ("MTID1", Status.DEFERRED),
        ("MTID3", Status.REJECTED),
    ]
    assert receipt.others == (message,)
    assert receipt.absence is None


def test_an_inbox_of_three_hundred_messages_is_read() -> None:
    fields = dict.fromkeys(("sender", "name", "inboundnumber", "carriercode", "messageid", "utcTime"), "x")
    answer = record(isValid="true", data="DELIVRD", trackingid="MTID1", **fields) * 300
    assert len(read_answer(answer).reports) == 300


def test_an_answer_of_64_levels_is_read_and_one_of_65_is_too_large() -> None:
    def nested(levels: int) -> Response:
        wrappers = levels - 2
        return Response(200, {}, ("<a>" * wrappers + record(trackingid="1", data="SENT") + "</a>" * wrappers).encode())

    assert len(UPSIDE_WIRELESS.read(nested(64)).reports) == 1
    with pytest.raises(TooLarge):
        UPSIDE_WIRELESS.read(nested(65))
    with pytest.raises(TooLarge):
        UPSIDE_WIRELESS.read(nested(10_000))


def test_an_answer_of_too_many_elements_is_too_large() -> None:
    with pytest.raises(TooLarge):
        UPSIDE_WIRELESS.read(Response(200, {}, b"<a>" + b"<b/>" * 10_000 + b"</a>"))


@pytest.mark.parametrize("doctype", ["<!DOCTYPE a>", '<!DOCTYPE a SYSTEM "http://example.org/a.dtd">'])
def test_no_answer_with_a_dtd_is_read(doctype: str) -> None:
    body = f"{doctype}{record(trackingid='MTID1', data='DELIVRD')}".encode()
    with pytest.raises(Unreadable, match="DTD"):
        UPSIDE_WIRELESS.read(Response(200, {}, body))
    absence = UPSIDE_WIRELESS.read(Response(500, {}, body)).absence
    assert absence is not None
    assert (absence.kind, absence.code) == (AbsenceKind.UNAVAILABLE, "500")


@pytest.mark.parametrize("encoding", ["x-nobody", "zlib", "idna", "big5"])
def test_an_encoding_that_xml_does_not_have_is_read_as_utf_8(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>{record(trackingid="MTID1", data="SENT")}'.encode()
    (report,) = UPSIDE_WIRELESS.read(Response(200, {}, body)).reports
    assert report.status is Status.SENT


PUSH = b"name=shop&trackingid=MTID1&status=DELIVRD&recipient=15555550100"


def push(target: str = "/dlr?secret=open-sesame", body: bytes = PUSH, client: str | None = None) -> Request:
    return Request("POST", target, {"Content-Type": "application/x-www-form-urlencoded"}, body, client)


def test_the_secret_in_the_url_proves_a_push_and_is_not_kept() -> None:
    receipt = UPSIDE_WIRELESS.receive(push(), Account(secrets=["open-sesame"]))
    assert [report.message_id for report in receipt.reports] == ["MTID1"]
    assert "open-sesame" not in str(receipt.to_dict())
    with pytest.raises(NotAuthentic):
        UPSIDE_WIRELESS.receive(push("/dlr?secret=open-sesamf"), Account(secrets=["open-sesame"]))


def test_the_name_of_a_push_must_be_the_accounts_where_it_has_one() -> None:
    proven = {"secrets": ["open-sesame"]}
    assert UPSIDE_WIRELESS.receive(push(), Account(username="shop", **proven)).reports
    with pytest.raises(NotAuthentic):
        UPSIDE_WIRELESS.receive(push(), Account(username="another", **proven))
    with pytest.raises(NotAuthentic):
        UPSIDE_WIRELESS.receive(push("/dlr?secret=open-sesame&name=another"), Account(username="shop", **proven))


def test_the_name_of_a_push_proves_nothing_alone() -> None:
    with pytest.raises(NotAuthentic):
        UPSIDE_WIRELESS.receive(push("/dlr"), Account(username="shop"))
    assert UPSIDE_WIRELESS.receive(push("/dlr"), Account(username="shop", open=True)).reports


def test_an_address_can_prove_a_push() -> None:
    listed = Account(addresses=["192.0.2.0/24"])
    assert UPSIDE_WIRELESS.receive(push(client="192.0.2.7"), listed).reports
    with pytest.raises(NotAuthentic):
        UPSIDE_WIRELESS.receive(push(client="198.51.100.7"), listed)


def test_a_mail_is_taken_from_the_accounts_sender_only() -> None:
    listed = Account(addresses=["dlr@upside.example"])
    lines = b"\nTo: gateway@foo.example\n\ntrackingid=MTID1\nstatus=DELIVRD\n"
    assert UPSIDE_WIRELESS.receive(Mail(b"From: Reports <dlr@upside.example>" + lines), listed).reports
    with pytest.raises(NotAuthentic):
        UPSIDE_WIRELESS.receive(Mail(b"From: dlr@elsewhere.example" + lines), listed)
    with pytest.raises(NotAuthentic):
        UPSIDE_WIRELESS.receive(Mail(b"From: dlr@upside.example" + lines), Account(secrets=["open-sesame"]))


def test_an_account_whose_mails_look_otherwise_gives_its_own_patterns() -> None:
    mail = Mail(b"From: dlr@upside.example\n\nMTID1 (15555550100) is now SENT!\n")
    unread = UPSIDE_WIRELESS.read(mail)
    assert unread.absence is not None
    assert unread.absence.kind is AbsenceKind.NOT_A_REPORT
    own = Account(settings={"mail_patterns": ["{trackingid} ({recipient}) is now {status}!"]})
    (report,) = UPSIDE_WIRELESS.read(mail, own).reports
    assert (report.message_id, report.recipient, report.status) == ("MTID1", "+15555550100", Status.SENT)


@pytest.mark.parametrize("promise", ["USA, Canada and Mexico", "POP3", "every 2 minutes", "reconstructed", "UNDELIV"])
def test_the_notes_say_what_a_gateway_must_know(promise: str) -> None:
    assert any(promise in note for note in UPSIDE_WIRELESS.notes)


def test_the_package_brings_this_provider() -> None:
    assert delivrd_providers() == [UPSIDE_WIRELESS]


def test_a_repeated_field_of_a_record_is_reported_and_loses_nothing() -> None:
    twice = "<GetTopMessageResult><isValid>true</isValid><data>{data}</data><trackingid>M1</trackingid>{more}</GetTopMessageResult>"
    said = twice.format(data="status=SENT&amp;status=FAILED", more="<trackingid>M2</trackingid>")
    (report,) = UPSIDE_WIRELESS.read(Response(200, {}, in_envelope(said)), account()).reports
    assert (report.status, report.message_id) == (Status.SENT, "M1")
    assert (report.extras["status[2]"], report.extras["trackingid[2]"]) == ("FAILED", "M2")
    assert {(warning.kind, warning.field) for warning in report.warnings} == {
        (WarningKind.REPEATED_FIELD, "status"),
        (WarningKind.REPEATED_FIELD, "trackingid"),
    }


def test_the_words_of_a_message_keep_their_order() -> None:
    said = "<GetTopMessageResult><isValid>true</isValid><data>hi <b>bold</b> there</data></GetTopMessageResult>"
    receipt = UPSIDE_WIRELESS.read(Response(200, {}, in_envelope(said)), account())
    assert receipt.others[0]["data"] == "hi bold there"

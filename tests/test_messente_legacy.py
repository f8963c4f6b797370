"""What fixtures cannot say of `messente-legacy`: its question, its proofs, its secrets, an account's meanings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from delivrd import (
    Account,
    AccountError,
    Cause,
    Meanings,
    NotAuthentic,
    Outcome,
    Request,
    Resend,
    Response,
    Row,
    Status,
    TableUse,
    TooLarge,
    Unreadable,
    WarningKind,
    WrongMethod,
    explain,
)
from delivrd_messente.legacy import ERR, LEGACY, MASK, STATUS

SECRET = "s3cret-word"
PASSWORD = "p&ss=w ord+#/ä"
ASKING = Account(username="user", password=PASSWORD)
QUERY = "sms_unique_id=sms123&stat=DELIVRD&err="


def callback(query: str = QUERY, path: str = "/dlr/messente/") -> Request:
    return Request("GET", f"{path}?{query}")


def test_the_question_is_one_get_to_the_documented_address() -> None:
    request = LEGACY.ask("sms123", ASKING)
    url = urlsplit(request.target)
    assert (request.method, url.scheme, url.netloc, url.path) == (
        "GET",
        "https",
        "api2.messente.com",
        "/get_dlr_response",
    )
    assert (request.body, tuple(request.headers)) == (b"", ())


def test_the_question_escapes_what_it_is_given() -> None:
    query = parse_qs(urlsplit(LEGACY.ask("sms/1 2&3", ASKING).target).query, strict_parsing=True)
    assert query == {"username": ["user"], "password": [PASSWORD], "sms_unique_id": ["sms/1 2&3"]}


def test_the_backup_host_takes_the_same_question() -> None:
    first, backup = LEGACY.question().hosts
    asked, again = LEGACY.ask("sms123", ASKING), LEGACY.ask("sms123", ASKING, host=backup)
    assert again.target == asked.target.replace(first, "https://api3.messente.com")


def test_the_question_says_how_long_reports_are_kept() -> None:
    assert LEGACY.question("get_dlr_response").kept == timedelta(hours=48)


def test_a_question_needs_an_id() -> None:
    with pytest.raises(ValueError, match="sms_unique_id"):
        LEGACY.ask(None, ASKING)


@pytest.mark.parametrize("account", [None, Account(), Account(username="user"), Account(password=PASSWORD)])
def test_a_question_without_credentials_names_them_and_shows_none(account: Account | None) -> None:
    with pytest.raises(AccountError, match="username, password") as caught:
        LEGACY.ask("sms123", account)
    assert PASSWORD not in str(caught.value)


def test_the_password_is_in_the_questions_url_and_in_no_repr() -> None:
    request = LEGACY.ask("sms123", ASKING)
    assert "password=" in request.target
    for shown in (repr(request), str(request), repr(ASKING), repr(LEGACY), repr(LEGACY.question())):
        assert PASSWORD not in shown
        assert "password=" not in shown


def test_an_answer_is_about_the_message_that_was_asked_for() -> None:
    receipt = LEGACY.read(Response(200, (), b"OK DELIVERED"), asked="sms/1 2&3")
    assert [report.message_id for report in receipt.reports] == ["sms/1 2&3"]
    assert receipt.reply is None


def test_no_report_yet_is_not_a_failure_of_delivery() -> None:
    answers = {body: LEGACY.read(Response(200, (), body), asked="sms123") for body in (b"OK FAILED", b"FAILED 102")}
    assert [report.outcome for report in answers[b"OK FAILED"].reports] == [Outcome.FAILURE]
    assert answers[b"FAILED 102"].reports == ()


def test_a_callback_and_an_answer_say_the_same_of_one_message() -> None:
    pushed = LEGACY.read(callback("sms_unique_id=sms123&status=SENT")).reports
    answered = LEGACY.read(Response(200, (), b"OK SENT"), asked="sms123").reports
    assert pushed == answered
    assert pushed[0].key == answered[0].key


@pytest.mark.parametrize(
    "request_",
    [
        callback(f"secret={SECRET}&{QUERY}"),
        callback(f"{QUERY}&secret={SECRET}"),
        callback(path=f"/dlr/{SECRET}"),
        # The vendor's own example of a dlr-url ends in a slash.
        callback(path=f"/dlr/messente/{SECRET}/"),
    ],
)
def test_a_secret_in_the_url_proves_a_callback(request_: Request) -> None:
    receipt = LEGACY.receive(request_, Account(secrets=["older-word", SECRET]))
    assert [report.status for report in receipt.reports] == [Status.DELIVERED]
    assert receipt.reply is not None
    assert receipt.reply.status == 200


@pytest.mark.parametrize(
    "request_",
    [
        callback(),
        callback(f"{QUERY}&secret="),
        callback(f"{QUERY}&secret={SECRET[:-1]}"),
        callback(f"{QUERY}&secret={SECRET}x"),
        callback(f"{QUERY}&SECRET={SECRET}"),
        callback(f"{QUERY}&other={SECRET}"),
        callback(path=f"/{SECRET}/dlr"),
        callback(path="/"),
        Request("GET", f"/dlr?{QUERY}", {"secret": SECRET}),
        Request("GET", f"/dlr?{QUERY}", (), f"secret={SECRET}".encode()),
    ],
)
def test_anything_but_the_secret_in_its_place_is_refused(request_: Request) -> None:
    with pytest.raises(NotAuthentic) as caught:
        LEGACY.receive(request_, Account(secrets=[SECRET]))
    assert caught.value.reply is not None
    assert caught.value.reply.status == 401
    assert SECRET not in str(caught.value)


def test_an_account_without_proof_is_refused_unless_it_says_open() -> None:
    with pytest.raises(NotAuthentic):
        LEGACY.receive(callback(), Account())
    assert LEGACY.receive(callback(), Account(open=True)).reports


def test_an_account_can_list_the_addresses_that_callbacks_come_from() -> None:
    account = Account(addresses=["192.0.2.0/24"])
    inside, outside = (Request("GET", f"/dlr?{QUERY}", client=client) for client in ("192.0.2.7", "198.51.100.7"))
    assert LEGACY.receive(inside, account).reports
    for request in (outside, callback()):
        with pytest.raises(NotAuthentic):
            LEGACY.receive(request, account)


def test_a_secret_and_an_address_are_both_needed_where_both_are_configured() -> None:
    account = Account(secrets=[SECRET], addresses=["192.0.2.7"])
    target = f"/dlr?{QUERY}&secret={SECRET}"
    assert LEGACY.receive(Request("GET", target, client="192.0.2.7"), account).reports
    for request in (Request("GET", target, client="192.0.2.8"), Request("GET", f"/dlr?{QUERY}", client="192.0.2.7")):
        with pytest.raises(NotAuthentic):
            LEGACY.receive(request, account)


def test_size_and_method_are_checked_before_the_secret() -> None:
    account = Account(secrets=[SECRET], max_body=200)
    with pytest.raises(WrongMethod) as caught:
        LEGACY.receive(Request("PUT", f"/dlr?{QUERY}"), account)
    assert caught.value.reply is not None
    assert caught.value.reply.headers == (("Allow", "GET, POST"),)
    with pytest.raises(TooLarge):
        LEGACY.receive(callback(QUERY + "&x=" + "y" * 200), account)


@pytest.mark.parametrize("query", [QUERY, QUERY + "&stat=FAILED&x=%41", "sms_unique_id=sms123", "stat=FAILED"])
def test_the_secret_of_the_url_comes_out_nowhere(query: str) -> None:
    request = callback(f"{query}&secret={SECRET}")
    try:
        shown = str(LEGACY.receive(request, Account(secrets=[SECRET])).to_dict())
    except Unreadable as error:
        shown = f"{error} {error.field} {error.reply}"
    assert SECRET not in shown
    assert SECRET not in repr(request)


def test_an_explanation_shows_no_secret() -> None:
    account = Account(secrets=[SECRET])
    assert SECRET not in repr(explain(LEGACY, callback(f"{QUERY}&secret={SECRET}"), account))


def test_a_report_sent_again_has_the_same_key_and_another_event_another() -> None:
    first = LEGACY.read(callback("sms_unique_id=sms123&stat=ACCEPTD&err=")).reports[0]
    again = LEGACY.read(callback("err=&stat=ACCEPTD&sms_unique_id=sms123")).reports[0]
    later = LEGACY.read(callback()).reports[0]
    other = LEGACY.read(callback("sms_unique_id=sms124&stat=ACCEPTD&err=")).reports[0]
    assert first.key == again.key
    assert len({first.key, later.key, other.key}) == 3


def test_the_time_of_receipt_is_the_callers_and_no_other_is_made_up() -> None:
    at = datetime(2020, 2, 4, 8, 9, 42, tzinfo=UTC)
    told, untold = LEGACY.read(callback(), received_at=at).reports[0], LEGACY.read(callback()).reports[0]
    assert (told.received_at, told.occurred_at) == (at, None)
    assert (untold.received_at, untold.occurred_at) == (None, None)


def test_an_account_can_change_what_a_code_means() -> None:
    own = Row("5", Status.REJECTED, True, None, Cause.INVALID_NUMBER, "our contract says: a malformed number")
    account = Account(name="main", meanings=[Meanings("err", (own,))])
    changed = LEGACY.read(callback("sms_unique_id=sms123&stat=FAILED&err=005"), account).reports[0]
    usual = LEGACY.read(callback("sms_unique_id=sms123&stat=FAILED&err=005")).reports[0]
    assert (changed.status, changed.cause, changed.resend) == (Status.REJECTED, Cause.INVALID_NUMBER, Resend.NO)
    assert (usual.status, usual.cause, usual.resend) == (Status.FAILED, Cause.UNROUTABLE, Resend.ELSEWHERE)
    assert [warning.kind for warning in changed.warnings] == [WarningKind.ACCOUNT_MEANING]
    assert TableUse("err", ERR.version, ("5",)) in changed.tables


def test_an_account_can_list_a_mask_that_nobody_documents() -> None:
    account = Account(meanings=[Meanings("dlr-mask", (Row("34", Status.FAILED, True, meaning="2 and 32 together"),))])
    assert LEGACY.read(callback("sms_unique_id=sms123&dlr-mask=34"), account).reports[0].status is Status.FAILED


def test_a_meaning_for_a_field_that_is_none_names_those_that_are() -> None:
    account = Account(meanings=[Meanings("state", (Row("1", Status.SENT, meaning="sent"),))])
    with pytest.raises(AccountError, match="stat, status, dlr-mask, err"):
        LEGACY.read(callback(), account)


def test_a_setting_is_refused_because_there_are_none() -> None:
    with pytest.raises(AccountError, match="settings: unknown field; known settings: none"):
        LEGACY.read(callback(), Account(settings={"fallback": False}))


def test_the_dashboards_words_stand_beside_the_canonical_status() -> None:
    words: dict[str, set[tuple[Outcome, bool]]] = {}
    for row in (*STATUS.rows, *MASK.rows, *ERR.rows):
        if row.dashboard is not None:
            assert row.status is not None
            words.setdefault(row.dashboard, set()).add((row.status.outcome, row.final))
    assert words == {
        "Delivered": {(Outcome.SUCCESS, True)},
        "Sent": {(Outcome.PENDING, False)},
        "Failed": {(Outcome.FAILURE, True)},
        "Rejected": {(Outcome.FAILURE, True)},
    }
    assert {row.status for row in ERR.rows if row.dashboard == "Rejected"} == {Status.REJECTED}


def test_the_notes_say_that_the_api_is_deprecated_and_what_takes_its_place() -> None:
    assert any("deprecated" in note and "Omnichannel" in note for note in LEGACY.notes)

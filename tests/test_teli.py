"""What fixtures cannot say of `teli`: that its forms agree, its proofs, its secrets, an account's meanings."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from delivrd import (
    Account,
    Cause,
    DeliverSm,
    Meanings,
    NotAuthentic,
    Report,
    Request,
    Resend,
    Row,
    Status,
    TableUse,
    Unreadable,
    WarningKind,
    explain,
)
from delivrd_teli.notifications import ERROR, TELI

SECRET = "s3cret-word"
SAMPLE = {
    "url": "http://yoursite.com/sms/notifications",
    "id": "72b83667-a8f1-4c09-861f-e1ee6dd4561b",
    "send_status": "delivered",
    "status": "DELIVRD",
    "error": "000",
}


def as_json(fields: dict[str, str], target: str = "/n") -> Request:
    return Request("POST", target, {"Content-Type": "application/json"}, json.dumps(fields).encode())


def as_form(fields: dict[str, str], target: str = "/n") -> Request:
    return Request("POST", target, {"content-type": "application/x-www-form-urlencoded"}, urlencode(fields).encode())


def as_multipart(fields: dict[str, str], target: str = "/n") -> Request:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
    headers = {"Content-Type": 'multipart/form-data; boundary="b"'}
    return Request("POST", target, headers, "".join([*parts, "--b--\r\n"]).encode())


Write = Callable[..., Request]
FORMS = pytest.mark.parametrize("write", [as_json, as_form, as_multipart])


@pytest.mark.parametrize("changes", [{}, {"send_status": "failed", "status": "UNDELIV"}, {"send_status": "ä & + %41"}])
def test_every_form_of_a_notification_gives_the_same_report(changes: dict[str, str]) -> None:
    reports = [TELI.read(write(SAMPLE | changes)).reports for write in (as_json, as_form, as_multipart)]
    assert len(reports[0]) == 1
    assert reports[0] == reports[1] == reports[2]
    assert len({report.key for (report,) in reports}) == 1


@FORMS
def test_nothing_is_made_up_that_is_not_sent(write: Write) -> None:
    (report,) = TELI.read(write(SAMPLE)).reports
    absent = (report.occurred_at, report.received_at, report.recipient, report.sender, report.parts, report.network)
    assert absent == (None,) * 6


@FORMS
def test_the_echoed_callback_url_takes_its_secret_nowhere(write: Write) -> None:
    url = f"http://yoursite.com/n?secret={SECRET}"
    account = Account(secrets=[SECRET])
    request = write(SAMPLE | {"url": url}, f"/n?secret={SECRET}")
    receipt = TELI.receive(request, account)
    assert len(receipt.reports) == 1
    for shown in (receipt.to_dict(), receipt, request, account, explain(TELI, request, account)):
        assert SECRET not in repr(shown)
    with pytest.raises(Unreadable) as caught:
        TELI.receive(write({"url": url, "status": "DELIVRD"}, f"/n?secret={SECRET}"), account)
    assert SECRET not in f"{caught.value} {caught.value.field} {caught.value.reply}"


@FORMS
@pytest.mark.parametrize("target", [f"/n?secret={SECRET}", f"/n/{SECRET}", f"/n?a=b&secret={SECRET}"])
def test_a_secret_in_the_url_proves_a_notification(write: Write, target: str) -> None:
    receipt = TELI.receive(write(SAMPLE, target), Account(secrets=["older-word", SECRET]))
    assert receipt.reply is not None
    assert (len(receipt.reports), receipt.reply.status) == (1, 200)


@FORMS
@pytest.mark.parametrize("target", ["/n", "/n?secret=", "/n?secret=another", f"/n/{SECRET}/more", f"/n#{SECRET}"])
def test_a_secret_anywhere_else_proves_nothing(write: Write, target: str) -> None:
    fields = SAMPLE | {"secret": SECRET, "url": f"http://yoursite.com/n?secret={SECRET}"}
    with pytest.raises(NotAuthentic) as caught:
        TELI.receive(write(fields, target), Account(secrets=[SECRET]))
    assert SECRET not in str(caught.value)


def test_an_account_without_proof_is_refused_unless_it_says_open() -> None:
    with pytest.raises(NotAuthentic):
        TELI.receive(as_form(SAMPLE), Account())
    assert TELI.receive(as_form(SAMPLE), Account(open=True)).reports


def test_fields_of_the_query_are_the_gateways_own_and_not_the_notifications() -> None:
    (report,) = TELI.read(as_form(SAMPLE, "/n?id=mine&send_status=failed&campaign=spring")).reports
    assert (report.message_id, report.status, report.warnings) == (SAMPLE["id"], Status.DELIVERED, ())
    assert report.extras == {}


def test_it_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="teli cannot be asked"):
        TELI.ask("72b83667-a8f1-4c09-861f-e1ee6dd4561b", Account(username="user", password="word"))


def test_a_notification_sent_again_has_the_same_key_and_another_event_another() -> None:
    (first,) = TELI.read(as_form(SAMPLE)).reports
    (again,) = TELI.read(as_form(dict(reversed(SAMPLE.items())))).reports
    (other,) = TELI.read(as_form(SAMPLE | {"send_status": "failed"})).reports
    assert first.key == again.key
    assert first.key != other.key


def test_an_account_can_say_what_its_carriers_error_codes_mean() -> None:
    own = Row("001", Status.SENT, False, meaning="on its way, as in SMPP's message states")
    account = Account(name="main", meanings=[Meanings("error", (own,))])
    request = as_form({"id": "m1", "error": "1"})
    (changed,) = TELI.read(request, account).reports
    assert (changed.status, changed.tables) == (Status.SENT, (TableUse("error", ERROR.version, ("001",)),))
    assert [warning.kind for warning in changed.warnings] == [WarningKind.ACCOUNT_MEANING]
    (usual,) = TELI.read(request).reports
    assert (usual.status, [warning.kind for warning in usual.warnings]) == (
        Status.UNKNOWN,
        [WarningKind.UNLISTED_CODE],
    )


def test_an_accounts_meaning_of_error_still_waits_until_nothing_else_was_sent() -> None:
    own = Row("000", Status.FAILED, True, meaning="a failure, with this carrier")
    (report,) = TELI.read(as_form(SAMPLE), Account(meanings=[Meanings("error", (own,))])).reports
    assert (report.status, report.warnings) == (Status.DELIVERED, ())


def test_an_account_can_say_what_a_carriers_refusal_means() -> None:
    own = Row("carrier-reject", Status.REJECTED, True, None, Cause.CONTENT_REJECTED, "the carrier's spam filter")
    account = Account(meanings=[Meanings("send_status", (own,))])
    (report,) = TELI.read(as_form(SAMPLE | {"send_status": "carrier-reject", "status": "REJECTD"}), account).reports
    assert (report.cause, report.resend) == (Cause.CONTENT_REJECTED, Resend.AFTER_FIX)


def test_the_notes_say_that_silence_is_no_answer() -> None:
    assert any("very late" in note for note in TELI.notes)


def over_smpp(text: str) -> Report:
    pdu = DeliverSm(4, "15555550123", "447700900123", text.encode())
    (report,) = TELI.read(pdu, Account(zone="UTC")).reports
    return report


def test_over_smpp_a_receipt_is_read_as_any_is_and_its_err_is_the_error() -> None:
    text = "id:7 sub:001 dlvrd:000 submit date:2401311200 done date:2401311205 stat:{} err:003 text:"
    report = over_smpp(text.format("UNDELIV"))
    assert (report.status, report.codes) == (
        Status.UNDELIVERED,
        {"stat": "UNDELIV", "error": "003", "esm_class": "0x04"},
    )
    # `error` varies with the carrier: it is not consulted where anything else was sent, over SMPP as over HTTP.
    assert over_smpp(text.format("ODD")).status is Status.UNKNOWN
    assert TELI.read(as_form({"id": "7", "status": "ODD", "error": "003"})).reports[0].status is Status.UNKNOWN


@pytest.mark.parametrize("row", ERROR.rows, ids=lambda row: row.label)
def test_over_smpp_and_over_http_an_error_alone_means_the_same(row: Row) -> None:
    told, posted = over_smpp(f"id:7 err:{row.label}"), TELI.read(as_form({"id": "7", "error": row.label})).reports[0]
    assert (told.status, told.final, told.cause) == (posted.status, posted.final, posted.cause)
    assert told.codes["error"] == posted.codes["error"]

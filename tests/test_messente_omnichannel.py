"""What fixtures cannot say of `messente-omnichannel`: signatures, its question, settings, money and keys."""

from __future__ import annotations

import json
from base64 import b64decode
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from delivrd import (
    Account,
    AccountError,
    Cause,
    InputError,
    Meanings,
    NotAuthentic,
    Report,
    Request,
    Resend,
    Response,
    Row,
    Status,
    TooLarge,
    WarningKind,
    WrongMethod,
    explain,
)
from delivrd_messente.omnichannel import OMNICHANNEL, Settings

PASSWORD = "api-key-password"
BODY = b'{"status": "DELIVRD", "err": 0, "message_id": "3e28ec48-d620-4191-a96e-d91ba8ecc949"}'
SIGNATURE = "ec6c61b3a744cf2679f8a0d5967f19e8dd870dbc08dfe1e3b7c7edf1cbc43379"
"""Of `BODY`, keyed with `PASSWORD`; made by `openssl dgst -sha256 -hmac`, not by this library."""

SAMPLE: dict[str, Any] = {
    "status": "DELIVRD",
    "sender": "MySender",
    "err": 0,
    "message_id": "3e28ec48-d620-4191-a96e-d91ba8ecc949",
    "to": "+3725555555",
    "channel": "sms",
    "error": None,
    "omnimessage_id": "d7248cda-6c1a-4436-acf5-aaf249bb67d3",
    "timestamp": "2020-02-04T08:09:42.389630",
    "price_info": {"part_price": "0.1", "parts_count": 2, "total_price": "0.2"},
}


def signed(signature: str = SIGNATURE, body: bytes = BODY, header: str = "X-Messente-Signature") -> Request:
    return Request("POST", "/dlr", [("Content-Type", "application/json"), (header, signature)], body)


def report_of(account: Account | None = None, **fields: object) -> Report:
    body = json.dumps(SAMPLE | fields).encode()
    (report,) = OMNICHANNEL.read(Request("POST", "/dlr", (), body), account).reports
    return report


@pytest.mark.parametrize("header", ["X-Messente-Signature", "x-messente-signature", "X-MESSENTE-SIGNATURE"])
def test_the_password_of_the_api_key_signs_the_raw_body(header: str) -> None:
    receipt = OMNICHANNEL.receive(signed(header=header), Account(secrets=[PASSWORD]))
    assert [report.status for report in receipt.reports] == [Status.DELIVERED]


def test_while_passwords_change_both_are_taken() -> None:
    for secrets in (["new-password", PASSWORD], [PASSWORD, "new-password"]):
        assert OMNICHANNEL.receive(signed(), Account(secrets=secrets)).reports
    with pytest.raises(NotAuthentic):
        OMNICHANNEL.receive(signed(), Account(secrets=["new-password"]))


@pytest.mark.parametrize(
    "request_",
    [
        signed(""),
        signed(SIGNATURE[:-1]),
        signed(SIGNATURE + "0"),
        signed(SIGNATURE.upper()),
        signed("sha256=" + SIGNATURE),
        signed(SIGNATURE.replace("e", "é")),
        signed("\ud800"),
        signed(header="X-Signature"),
        signed(body=BODY + b" "),
        signed(body=BODY.replace(b"DELIVRD", b"UNDELIV")),
        signed(body=b""),
        # The same object, written anew: it is the raw bytes that are signed.
        signed(body=json.dumps(json.loads(BODY), separators=(",", ":")).encode()),
        Request("POST", "/dlr", [("X-Messente-Signature", SIGNATURE), ("X-Messente-Signature", "0" * 64)], BODY),
        Request("POST", f"/dlr?secret={PASSWORD}", (), BODY),
        Request("POST", "/dlr", (), BODY),
    ],
)
def test_anything_but_one_whole_signature_of_the_raw_body_is_refused(request_: Request) -> None:
    with pytest.raises(NotAuthentic) as caught:
        OMNICHANNEL.receive(request_, Account(secrets=[PASSWORD]))
    assert caught.value.reply is not None
    assert caught.value.reply.status == 401
    assert PASSWORD not in str(caught.value)
    assert SIGNATURE not in str(caught.value)


def test_an_account_without_proof_is_refused_for_no_address_is_shipped() -> None:
    # Addresses that the vendor has published at one time or another.
    for client in (None, "5.9.48.210", "95.216.221.43", "159.69.33.20"):
        with pytest.raises(NotAuthentic):
            OMNICHANNEL.receive(Request("POST", "/dlr", (), BODY, client), Account())


def test_an_account_can_list_addresses_and_then_needs_them_beside_the_signature() -> None:
    account = Account(secrets=[PASSWORD], addresses=["203.0.113.0/28", "2001:db8::/32"])
    for client in ("203.0.113.7", "2001:db8::7"):
        assert OMNICHANNEL.receive(msgspec.structs.replace(signed(), client=client), account).reports
    for stranger in ("203.0.113.99", "no address", "", None):
        with pytest.raises(NotAuthentic):
            OMNICHANNEL.receive(msgspec.structs.replace(signed(), client=stranger), account)


def test_size_and_method_are_checked_before_the_signature() -> None:
    with pytest.raises(TooLarge):
        OMNICHANNEL.receive(signed("wrong"), Account(secrets=[PASSWORD], max_body=len(BODY) - 1))
    with pytest.raises(WrongMethod):
        OMNICHANNEL.receive(Request("GET", "/dlr"), Account(secrets=[PASSWORD]))


def test_a_forged_body_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(NotAuthentic):
        OMNICHANNEL.receive(signed("wrong", b"{" * 1000), Account(secrets=[PASSWORD]))


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/dlr", (), b'{"status": "DELIVRD"}'),
        Request("POST", "/dlr", (), b"no JSON"),
        Request("PUT", "/dlr", (), BODY),
        Request("POST", "/dlr", {"Content-Type": "text/csv"}, b"a,b"),
    ],
)
def test_only_what_is_to_be_sent_again_is_answered_outside_200_to_399(request_: Request) -> None:
    accepted = OMNICHANNEL.read(Request("POST", "/dlr", (), b'{"message_id": "m1", "status": "BRAND-NEW"}')).reply
    assert accepted is not None
    assert 200 <= accepted.status <= 399
    with pytest.raises(InputError) as caught:
        OMNICHANNEL.read(request_)
    assert caught.value.reply is not None
    assert caught.value.reply.status >= 400


def test_the_question_is_one_get_with_http_basic() -> None:
    account = Account(username="üser", password="pass:word/ä")
    request = OMNICHANNEL.ask("6e29aeef-f43d-4dc0-bd12-195374c845fa", account)
    target = "https://api.messente.com/v1/omnimessage/6e29aeef-f43d-4dc0-bd12-195374c845fa/status"
    assert (request.method, request.target, request.body) == ("GET", target, b"")
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    assert (scheme, b64decode(token, validate=True).decode()) == ("Basic", "üser:pass:word/ä")


def test_the_questions_id_cannot_leave_its_place_in_the_url() -> None:
    target = OMNICHANNEL.ask("../a b?c#d", Account(username="user", password=PASSWORD)).target
    assert target == "https://api.messente.com/v1/omnimessage/%2E%2E%2Fa%20b%3Fc%23d/status"


def test_no_repr_of_a_question_shows_its_credentials() -> None:
    account = Account(username="user", password=PASSWORD, secrets=[PASSWORD])
    request = OMNICHANNEL.ask("6e29aeef", account)
    token = (request.header("authorization") or "").removeprefix("Basic ")
    for shown in (repr(request), str(request), repr(account), str(account), request.target):
        assert PASSWORD not in shown
        assert token not in shown


@pytest.mark.parametrize("account", [None, Account(username="user"), Account(password=PASSWORD)])
def test_a_question_without_credentials_names_them_and_shows_none(account: Account | None) -> None:
    with pytest.raises(AccountError, match="username, password") as caught:
        OMNICHANNEL.ask("6e29aeef", account)
    assert PASSWORD not in str(caught.value)


def test_a_question_is_about_a_group_and_needs_its_id() -> None:
    with pytest.raises(ValueError, match="omnimessage_id"):
        OMNICHANNEL.ask(None, Account(username="user", password=PASSWORD))


def test_no_report_or_error_shows_the_password() -> None:
    account = Account(name="main", secrets=[PASSWORD], username="user", password=PASSWORD)
    receipt = OMNICHANNEL.receive(signed(), account)
    assert PASSWORD not in str(receipt.to_dict())
    assert PASSWORD not in repr(explain(OMNICHANNEL, signed(), account))
    assert receipt.reports[0].account == "main"


@pytest.mark.parametrize("settings", [{"fallback": False}, Settings(fallback=False)])
def test_an_account_without_fallback_may_send_elsewhere_at_once(settings: dict[str, object] | Settings) -> None:
    alone = Account(settings=settings)
    assert report_of(alone, status="FAILED", err=1, channel="viber").resend is Resend.ELSEWHERE
    for account in (None, Account(), Account(settings={"fallback": True})):
        assert report_of(account, status="FAILED", err=1, channel="viber").resend is Resend.WAIT


@pytest.mark.parametrize("status", ["DELIVRD", "SEEN"])
def test_a_success_waits_for_no_other_channel(status: str) -> None:
    report = report_of(status=status, err=None, channel="viber")
    assert (report.resend, report.continues) == (Resend.NO, False)


@pytest.mark.parametrize("settings", [{"fallbacks": False}, {"fallback": "no"}])
def test_a_setting_that_cannot_be_meant_is_refused_by_name(settings: dict[str, object]) -> None:
    with pytest.raises(AccountError, match="fallback"):
        OMNICHANNEL.check(Account(settings=settings))


def test_prices_are_decimals_to_the_digit() -> None:
    report = report_of(price_info={"part_price": "0.10", "parts_count": 2, "total_price": "0.0000000000000001"})
    assert (report.part_price, report.total_price) == (Decimal("0.10"), Decimal("0.0000000000000001"))
    assert str(report.part_price) == "0.10"
    assert report.currency is None


def test_a_number_for_a_price_is_not_rounded_on_the_way() -> None:
    body = b'{"message_id": "m1", "status": "DELIVRD", "price_info": {"total_price": 0.100000000000000001}}'
    (report,) = OMNICHANNEL.read(Request("POST", "/dlr", (), body)).reports
    assert report.total_price == Decimal("0.100000000000000001")


def test_a_field_that_needs_the_lenient_reader_changes_no_other() -> None:
    strict, lenient = report_of(), report_of(campaign="spring")
    assert lenient.extras == {"campaign": "spring"}
    assert msgspec.structs.replace(lenient, extras={}) == strict


def test_a_report_sent_again_has_the_same_key_and_a_later_one_another() -> None:
    first = report_of()
    assert first.key == report_of().key
    assert first.key == report_of(timestamp="2020-02-04T10:09:42.389630+02:00").key
    others = [
        report_of(timestamp="2020-02-04T08:09:43.389630"),
        report_of(status="SEEN", err=10),
        report_of(message_id="another"),
        report_of(Account(name="another")),
    ]
    assert len({first.key, *(other.key for other in others)}) == 5


def test_a_late_word_is_read_by_itself_whatever_came_before() -> None:
    words = ["SEEN", "DELIVRD", "ACK"]
    forth = [report_of(status=word, err=None) for word in words]
    back = [report_of(status=word, err=None) for word in reversed(words)]
    assert forth == back[::-1]


def test_an_account_can_change_what_a_code_means() -> None:
    own = Row("9", Status.REJECTED, True, None, Cause.NOT_ON_CHANNEL, "our contract says: not on this channel")
    account = Account(meanings=[Meanings("err", (own,))])
    report = report_of(account, status="FAILED", err=9)
    assert (report.status, report.cause) == (Status.REJECTED, Cause.NOT_ON_CHANNEL)
    assert [warning.kind for warning in report.warnings] == [WarningKind.ACCOUNT_MEANING]
    assert report_of(status="FAILED", err=9).cause is Cause.UNROUTABLE


def test_an_answer_owes_no_reply() -> None:
    body = json.dumps({"omnimessage_id": "g1", "to": "+3725555555", "statuses": [SAMPLE]}).encode()
    receipt = OMNICHANNEL.read(Response(200, (), body), asked="g1")
    assert (len(receipt.reports), receipt.reply) == (1, None)


def test_an_item_of_an_answer_reads_as_the_callback_does() -> None:
    body = json.dumps({"omnimessage_id": "g1", "to": "+15555550100", "statuses": [SAMPLE]}).encode()
    assert OMNICHANNEL.read(Response(200, (), body), asked="g1").reports == (report_of(),)

"""What fixtures cannot say of `kannel`: an account's names, its secrets, and that `%A` is read as a receipt is."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import (
    Account,
    AccountError,
    DeliverSm,
    InputError,
    NotAuthentic,
    Outcome,
    Report,
    Request,
    Resend,
    Row,
    Status,
    WarningKind,
)
from delivrd_kannel.dlr_url import KANNEL, TYPE
from delivrd_smpp import COMMAND_STATUS, SMPP, STAT

RECEIPT = "id:0123456789 sub:001 dlvrd:001 submit date:2401311200 done date:2401311205 stat:{stat} err:{err} text:Hello"
FIELDS = {
    "id": "msg-1",
    "type": "1",
    "fid": "0123456789",
    "to": "+15555550123",
    "from": "+447700900123",
    "ts": "1706702707",
    "reply": RECEIPT.format(stat="DELIVRD", err="000"),
}


def request(fields: dict[str, str], path: str = "/dlr") -> Request:
    return Request("GET", f"{path}?{urlencode(fields)}")


def read(fields: dict[str, str], **account: Any) -> Report:
    (report,) = KANNEL.read(request(fields), Account(**{"zone": "UTC", **account})).reports
    return report


@pytest.mark.parametrize("word", STAT.rows, ids=lambda row: row.label)
@pytest.mark.parametrize("number", [row for row in TYPE.rows if row.label != "32"], ids=lambda row: row.label)
def test_a_listed_word_outranks_the_number_and_a_number_that_contradicts_it_is_told(word: Row, number: Row) -> None:
    told = read(FIELDS | {"type": number.label, "reply": RECEIPT.format(stat=word.label.lower(), err="000")})
    text = RECEIPT.format(stat=word.label, err="000").encode()
    (over_smpp,) = SMPP.read(DeliverSm(4, "15555550123", "447700900123", text), Account(zone="UTC")).reports
    assert (told.status, told.final, told.evidence, told.cause) == (
        over_smpp.status,
        over_smpp.final,
        over_smpp.evidence,
        over_smpp.cause,
    )
    outcomes = {row.status.outcome for row in (word, number) if row.status is not None}
    # Kannel says 2 of every word that it does not know.
    contradicts = number.label != "2" and len(outcomes - {Outcome.UNKNOWN}) == 2
    assert [(warning.kind, warning.field, warning.value) for warning in told.warnings] == (
        [(WarningKind.CONFLICT, "type", number.label)] if contradicts else []
    )
    assert told.codes["type"] == number.label


@given(st.text(max_size=300))
def test_the_reply_is_read_as_the_text_of_a_receipt_is(words: str) -> None:
    text = f"id:1 stat:UNDELIV err:042 text:{words}"
    told = read({"id": "msg-1", "type": "2", "reply": text})
    assert (told.status, told.codes["err"], told.other_ids) == (Status.UNDELIVERED, "042", ("1",))


@pytest.mark.parametrize(
    "words",
    [
        "11",
        "REJECTED",
        "http://sms.example/send: 500",
        "ERR: 301, No Credit",
        "0x0b/x",
        "0x0000000g/x",
        "0x0000000b1/x",
    ],
)
def test_only_kannels_own_form_of_a_refusal_is_a_command_status(words: str) -> None:
    told = read({"id": "msg-1", "type": "16", "reply": f"NACK/{words}"})
    assert (told.status, told.final, told.cause, told.resend) == (Status.REJECTED, True, None, Resend.ELSEWHERE)
    assert (told.codes, told.text) == ({"type": "16"}, words)


@pytest.mark.parametrize("row", COMMAND_STATUS.rows, ids=lambda row: row.label)
def test_a_refusal_in_kannels_own_form_says_its_cause(row: Row) -> None:
    told = read({"id": "msg-1", "type": "16", "reply": f"NACK/{row.label}/its/words"})
    assert (told.codes["command_status"], told.text) == (row.label, "its/words")
    assert told.cause == (row.cause if row.status is Status.REJECTED or row.status is Status.UNDELIVERED else None)


@pytest.mark.parametrize(("own", "named"), [("id", "msg-1"), ("fid", "0123456789"), ("reply", "0123456789")])
def test_a_message_goes_by_the_gateways_id_else_by_the_centres_else_by_that_of_its_receipt(
    own: str, named: str
) -> None:
    names = ("id", "fid", "reply")
    left = {name: value for name, value in FIELDS.items() if name not in names[: names.index(own)]}
    told = read(left)
    assert told.message_id == named
    assert told.other_ids == (("0123456789",) if own == "id" else ())


@pytest.mark.parametrize("number", range(1, 64))
def test_a_number_of_several_bits_is_a_final_failure_where_one_of_them_is(number: int) -> None:
    told = read({"id": "msg-1", "type": str(number)})
    failed, delivered, beyond = number & (2 | 16), number & 1, number >= 32
    if failed and not delivered and not beyond:
        assert (told.outcome, told.final) == (Outcome.FAILURE, True)
        assert told.status is (Status.REJECTED if number & 16 else Status.FAILED)
    elif number not in (1, 4, 8, 32, 34):
        assert (told.status, told.final, told.warnings[0].kind) == (Status.UNKNOWN, False, WarningKind.UNLISTED_CODE)


@pytest.mark.parametrize(
    "reply", [FIELDS["reply"], "ACK/", "NACK/0x0000000b/Invalid Destination Address", "NACK/ERR: 301, No Credit"]
)
def test_a_reply_that_is_encoded_twice_says_the_same(reply: str) -> None:
    for twice in (quote(reply, safe=""), quote_plus(reply)):
        assert read(FIELDS | {"reply": twice}) == read(FIELDS | {"reply": reply})


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a_reply_in_ucs_2_is_read(encoding: str) -> None:
    text = FIELDS["reply"].encode(encoding).decode()
    assert read(FIELDS | {"reply": text}) == read(FIELDS)


@pytest.mark.parametrize("own", ["id", "fid"])
def test_a_state_behind_an_early_text_counts_beside_the_id_of_the_callback(own: str) -> None:
    told = read({own: "msg-1", "type": "2", "reply": "text: stat:REJECTD err:045"})
    assert (told.message_id, told.codes["stat"], told.codes["err"]) == ("msg-1", "REJECTD", "045")


def test_an_account_names_the_parameters_by_their_escape_codes() -> None:
    names = {"id": "ref", "%d": "status", "%F": "smsid", "%p": "phone", "%P": "sender", "%T": "at", "%A": "answer"}
    ours = {
        "ref": "id",
        "status": "type",
        "smsid": "fid",
        "phone": "to",
        "sender": "from",
        "at": "ts",
        "answer": "reply",
    }
    renamed = {theirs: FIELDS[our] for theirs, our in ours.items()}
    assert read(renamed, settings={"names": names}) == read(FIELDS)
    # The usual names are the gateway's own now.
    assert read(renamed | {"type": "2", "id": "x"}, settings={"names": names}) == read(FIELDS)


def test_an_unknown_escape_code_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(AccountError, match="names"):
        KANNEL.check(Account(settings={"names": {"%q": "quality"}}))


def test_a_bad_time_is_told_by_its_own_name() -> None:
    told = read(FIELDS | {"ts": "soon", "reply": ""})
    assert [(warning.kind, warning.field, warning.value) for warning in told.warnings] == [
        (WarningKind.BAD_VALUE, "ts", "soon")
    ]


def test_the_receipts_own_date_is_the_time_of_the_event_and_kannels_stands_beside_it() -> None:
    told = read(FIELDS, zone="+02:00")
    assert told.occurred_at is not None
    assert told.occurred_at.isoformat() == "2024-01-31T10:05:00+00:00"
    assert told.extras["reported_at"] == "2024-01-31T12:05:07+00:00"
    assert read(FIELDS | {"reply": ""}).occurred_at.isoformat() == "2024-01-31T12:05:07+00:00"


def test_a_secret_in_the_url_proves_a_callback_and_stands_nowhere_else() -> None:
    account = Account(secrets=["kit-word"], zone="UTC")
    receipt = KANNEL.receive(request(FIELDS | {"secret": "kit-word"}), account)
    assert "kit-word" not in repr(receipt.to_dict())
    for fields, path in ((FIELDS, "/dlr"), (FIELDS | {"secret": "another"}, "/dlr"), (FIELDS, "/kit-word/dlr")):
        with pytest.raises(NotAuthentic):
            KANNEL.receive(request(fields, path), account)


@pytest.mark.parametrize("word", [row.label for row in STAT.rows] + ["WEIRD"])
def test_an_intermediate_notification_is_read_as_over_smpp_and_is_no_end(word: str) -> None:
    told = read(FIELDS | {"type": "32", "reply": RECEIPT.format(stat=word, err="006")}, settings={"err_is_map": True})
    text = RECEIPT.format(stat=word, err="006").encode()
    account = Account(zone="UTC", settings={"err_is_map": True})
    (over_smpp,) = SMPP.read(DeliverSm(0x20, "15555550123", "447700900123", text), account).reports
    assert (told.status, told.final, told.cause) == (
        # Of a word that is in no table Kannel's own number is left: a notification, and err defers it.
        (Status.DEFERRED if word == "WEIRD" else over_smpp.status),
        False,
        over_smpp.cause,
    )
    assert told.codes["stat"] == word
    assert told.extras.keys() == {"sub", "dlvrd", "reported_at"}


def test_labels_of_a_centres_own_stand_in_extras_and_pass_for_no_parameter() -> None:
    told = read(FIELDS | {"reply": "id:1 mcc:244 type:2 to:9 reported_at:x stat:DELIVRD vp:1"})
    assert (told.status, told.recipient, told.codes["type"], told.codes["stat"]) == (
        Status.DELIVERED,
        "+15555550123",
        "1",
        "DELIVRD",
    )
    assert told.extras == {
        "mcc": "244",
        "vp": "1",
        "type in text": "2",
        "to in text": "9",
        "reported_at in text": "x",
    }


@given(st.text(max_size=120), st.text(max_size=8))
def test_any_reply_and_any_number_raise_nothing_but_input_errors(reply: str, number: str) -> None:
    fields = {"id": "msg-1", "type": number, "reply": reply}
    target = "/dlr?" + urlencode(fields, errors="surrogatepass")
    try:
        KANNEL.read(Request("GET", target)).to_dict()
    except InputError as error:
        assert "code" in str(error)  # noqa: PT017 - an input without any code is the one thing to refuse

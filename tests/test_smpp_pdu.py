"""PDUs as they really come: too long, cut, marked, with bits and numbers of every kind; nothing good is lost."""

from __future__ import annotations

import pytest
from receipts import BOTH, PHONE, SENDER, TEXTBOOK, pdu, read

from delivrd import Account, DeliverSm, Status, TooLarge, Unreadable, WarningKind, read_pdu, read_samples, write_sample
from delivrd.files import Sample
from delivrd.pdu import write_pdu
from delivrd_smpp import SMPP


@pytest.mark.parametrize("where", ["short_message", "message_payload"])
@pytest.mark.parametrize(("esm_class", "judge"), [(0, False), (8, False), (0, True)])
def test_a_long_message_from_a_handset_comes_back_whole(where: str, esm_class: int, judge: bool) -> None:
    words = b"id:1 stat:DELIVRD " * 3000
    short, tlvs = (words, {}) if where == "short_message" else (b"", {0x0424: words})
    account = Account(settings={"judge_by_text": judge})
    receipt = SMPP.read(DeliverSm(esm_class, PHONE, SENDER, short, tlvs), account)
    assert receipt.absence is not None
    assert (receipt.absence.kind, receipt.others[0]["short_message"]) == ("not_a_report", words.decode())


def test_parameters_that_suffice_are_read_beside_a_text_that_is_too_long() -> None:
    report = read(DeliverSm(4, PHONE, SENDER, b"id:2 stat:UNDELIV " * 3000, BOTH))
    assert (report.message_id, report.status, report.text) == ("0123456789", Status.DELIVERED, None)
    assert [(warning.kind, warning.field) for warning in report.warnings] == [(WarningKind.BAD_VALUE, "short_message")]


def test_large_private_parameters_lose_no_receipt_and_an_accounts_limit_holds() -> None:
    large = DeliverSm(4, PHONE, SENDER, b"id:1 stat:DELIVRD", {0x1400: bytes(60_000)})
    assert read(large).status is Status.DELIVERED
    with pytest.raises(TooLarge):
        read(large, max_body=60_000)


@pytest.mark.parametrize("short", [b"", b"\0", b"\0 \0", b" \r\n"])
def test_a_short_message_that_holds_nothing_gives_way_to_the_payload(short: bytes) -> None:
    assert read(DeliverSm(4, PHONE, SENDER, short, {0x0424: b"id:7 stat:DELIVRD"})).message_id == "7"


@pytest.mark.parametrize(
    ("mark", "encoding", "data_coding"),
    [
        (b"\xfe\xff", "utf-16-be", 8),
        (b"\xff\xfe", "utf-16-le", 8),
        (b"\xfe\xff", "utf-16-be", 0),
        (b"\xff\xfe", "utf-16-le", 0),
        (b"\xef\xbb\xbf", "utf-8", 0),
    ],
)
def test_a_byte_order_mark_is_no_part_of_a_text(mark: bytes, encoding: str, data_coding: int) -> None:
    text = "id:1 stat:DELIVRD text:käsk"
    report = read(DeliverSm(4, PHONE, SENDER, mark + text.encode(encoding), {}, data_coding))
    assert (report.message_id, report.text, report.extras, report.warnings) == ("1", "käsk", {}, ())


def trailed(trailing: bytes) -> DeliverSm:
    data = write_pdu(pdu(tlvs={0x1E: b"0123456789\0"})) + trailing
    return read_pdu(len(data).to_bytes(4) + data[4:])


@pytest.mark.parametrize("trailing", [b"\0", b"\x14\0\0\5\2", b"\x04\x27\0\2\5"])
def test_what_trails_the_parameters_is_told_and_loses_nothing(trailing: bytes) -> None:
    message = trailed(trailing)
    report = read(message)
    assert (report.message_id, report.status) == ("0123456789", Status.DELIVERED)
    assert [(warning.kind, warning.field, warning.value) for warning in report.warnings] == [
        (WarningKind.BAD_VALUE, "tlvs", trailing.hex())
    ]
    assert read_pdu(write_pdu(message)) == message
    ((suffix, content), line) = write_sample(Sample(message)), DeliverSm(0, "a\0", "", b"", {}, 0, trailing)
    assert read_samples(f"case{suffix}", content) == [Sample(message)]
    assert read_samples("case.jsonl", write_sample(Sample(line))[1]) == [Sample(line)]
    handset = SMPP.read(DeliverSm(0, PHONE, SENDER, b"hi", {}, 0, trailing))
    assert handset.others[0]["trailing"] == trailing.hex()


def test_a_pdu_that_cannot_be_read_is_answered_as_received() -> None:
    whole = write_pdu(pdu())
    for data in (b"", whole[:-1], whole + b"\0", whole[:4] + b"\0\0\0\x15" + whole[8:]):
        with pytest.raises(Unreadable) as caught:
            read_pdu(data)
        assert caught.value.reply is not None
        assert caught.value.reply.status == 0


@pytest.mark.parametrize(
    ("kind", "number", "told"),
    [
        (1, "15555550123", "+15555550123"),
        (0, "15555550123", "15555550123"),
        (2, "15555550123", "15555550123"),
        (1, "+15555550123", "+15555550123"),
        (1, "0015555550123", "0015555550123"),
        (1, "ACME", "ACME"),
    ],
)
def test_a_type_of_number_that_is_international_makes_a_number_so(kind: int, number: str, told: str) -> None:
    data = bytearray(write_pdu(DeliverSm(4, number, number, TEXTBOOK.encode())))
    data[17] = data[17 + 2 + len(number) + 1] = kind
    report = read(read_pdu(bytes(data)))
    assert (report.recipient, report.sender) == (told, told)


@pytest.mark.parametrize(
    ("esm_class", "told"),
    [
        (0x24, "0x20"),
        (0x28, "0x20"),
        (0x30, "0x20"),
        (0x38, "0x20"),
        (0x3C, "0x20"),
        (0x64, "0x20"),
        (0x0C, "0x04"),
        (0x14, "0x04"),
        (0x1C, "0x04"),
        (0x44, "0x04"),
        (0x48, "0x08"),
        (0x50, "0x10"),
    ],
)
def test_of_several_bits_the_most_careful_counts(esm_class: int, told: str) -> None:
    report = read(pdu("id:1 stat:UNDELIV", esm_class))
    assert report.codes["esm_class"] == told
    assert (report.status, report.final) == ((Status.DEFERRED, False) if told == "0x20" else (Status.UNDELIVERED, True))


def test_a_conversation_abort_is_no_receipt() -> None:
    for esm_class in (0x18, 0x58):
        assert SMPP.read(pdu(esm_class=esm_class)).reports == ()


@pytest.mark.parametrize(
    ("error", "code"), [(b"006", "006"), (b"21b", "21b"), (b"27 ", "27"), (b"30006", "30006"), (b"7\0\0", "7")]
)
def test_a_network_error_that_begins_with_a_digit_is_text(error: bytes, code: str) -> None:
    report = read(pdu("id:1 stat:UNDELIV", tlvs={0x0423: error}))
    assert report.codes["network_error_code"] == code
    assert "network_type" not in report.codes


def test_a_network_error_that_begins_with_a_digit_and_is_no_text_is_told() -> None:
    report = read(pdu("id:1 stat:UNDELIV", tlvs={0x0423: b"0\0\6"}))
    assert "network_error_code" not in report.codes
    assert [(warning.kind, warning.value) for warning in report.warnings] == [(WarningKind.BAD_VALUE, "300006")]


def test_two_map_errors_that_contradict_each_other_are_told() -> None:
    settings = {"err_is_map": True, "network_error_is_map": True}
    for err, conflicts in (("001", ["err"]), ("006", []), ("000", [])):
        report = read(pdu(f"id:1 stat:UNDELIV err:{err}", tlvs={0x0423: b"\3\0\6"}), settings=settings)
        assert (report.cause, report.map_error) == ("absent_subscriber", 6)
        assert [each.field for each in report.warnings if each.kind is WarningKind.CONFLICT] == conflicts


@pytest.mark.parametrize(
    ("own", "other", "same"),
    [
        ("39f99dd5", "0972660181", True),
        ("12", "0012", True),
        ("abc", "ABC", True),
        ("f" * 64, str(16**64 - 1), True),
        ("5", "6", False),
        ("x1", "x2", False),
    ],
)
def test_two_spellings_of_one_id_in_one_pdu_are_no_conflict(own: str, other: str, same: bool) -> None:
    report = read(pdu(f"id:{other} stat:DELIVRD", tlvs={0x1E: own.encode() + b"\0"}))
    assert (report.message_id, report.other_ids) == (own, (other,))
    assert [warning.kind for warning in report.warnings] == ([] if same else [WarningKind.CONFLICT])

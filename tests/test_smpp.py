"""What fixtures cannot say of `smpp`: what is a receipt, what it means, and that no bytes break it."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from receipts import BOTH, PHONE, SENDER, TEXTBOOK, pdu, read, without_quick, written

from delivrd import (
    Account,
    AccountError,
    Cause,
    Context,
    Decoded,
    DeliverSm,
    Evidence,
    InputError,
    Meanings,
    Outcome,
    PluginError,
    Provider,
    Row,
    Rule,
    Status,
    Together,
    TooLarge,
    Unreadable,
    WarningKind,
    explain,
    read_pdu,
    read_samples,
    write_sample,
)
from delivrd.files import Sample
from delivrd.pdu import write_pdu
from delivrd_smpp import COMMAND_STATUS, ESM_CLASS, MAP_ERRORS, MAP_FAILURE_CAUSES, MESSAGE_STATE, SMPP, STAT
from delivrd_smpp import parameters as known
from delivrd_smpp.receipts import quick_receipts
from delivrd_smpp.receiver import Settings
from delivrd_teli.notifications import TELI

# --- the quick reader

NEARLY = st.sampled_from(
    ["", " ", "0", "id:", " stat:X", "\0", "\x1b", "é", ":", "2413311200", "0000000000", "text:", "_", "DELIVRD", "-1"]
    + [",", "\t", " err:1", " done date:2401311205", "err:", "(", "2410270030"]
)
PARAMETERS = {
    0x1E: [b"0123456789\0", b"75BCD15", b"39f99dd5\0", b"972660181", b"7\0"],
    0x0427: [b"\x02", b"\x05", b"\x07", b"", b"\x02\x02"],
    0x0423: [b"\x03\x00\x06", b"\x08\xff\xff", b"006", b"", b"\x03\x00"],
    0x0424: [b"id:9 stat:REJECTD", b"", b" ", b"x", b"id:9"],
    0x1401: [b"x", b"", b"\0", b"id:9", b"xx"],
    0x0425: [b"\0", b"\3", b"", b"\0\0", b"x"],
    0x0204: [b"\0\7", b"", b"x", b"\0\0\0", b"\xff\xff"],
    0x001D: [b"words\0", b"", b"\0", b"id:9", b"\xff"],
}
# Kept from one example to the next, so that what was remembered is held to the other reader too.
ACCOUNTS = [
    Account(zone="UTC"),
    Account(),
    Account(zone="Europe/Tallinn", settings={"parameters": {"0x1401": "carrier", "user_message_reference": "code"}}),
]


@given(
    st.integers(0, len(TEXTBOOK)),
    NEARLY,
    st.integers(0, 3),
    st.sampled_from([TEXTBOOK, "id:39F99DD5 submit date:240131120000 done date:240131120500 stat:UNDELIV err:006"]),
    st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.integers(0, 4)),
    st.sampled_from(ACCOUNTS),
)
def test_the_quick_reader_says_what_the_other_says(
    at: int, put: str, cut: int, text: str, tlvs: dict[int, int], account: Account
) -> None:
    message = (text[:at] + put + text[at + cut :]).encode()
    sent = {tag: PARAMETERS[tag][number] for tag, number in tlvs.items()}
    said_alike(DeliverSm(4, PHONE, SENDER, message, sent), account)


@given(
    st.sampled_from([0, 4, 5, 0x08, 0x10, 0x14, 0x20, 0x24, 0x44, 0x84]),
    *[st.sampled_from([PHONE, f" {PHONE}\t", "", "  ", "Brand", "\xe9", "\ud800"])] * 2,
    st.sampled_from([0, 3, 8]),
    st.sampled_from(["", "!" * 4000, "!" * 5000]),
)
def test_the_quick_reader_says_what_the_other_says_of_any_bits_addresses_and_length(
    esm_class: int, source: str, destination: str, data_coding: int, more: str
) -> None:
    message = (TEXTBOOK + more).encode()
    said_alike(DeliverSm(esm_class, source, destination, message, {}, data_coding), ACCOUNTS[0])


TEXTS = [
    TEXTBOOK,
    "id:39F99DD5 submit date:240131120000 done date:240131120500 stat:UNDELIV err:006",
    "id:0972660181 sub:001 dlvrd:000 submit date:0000000000 done date:0000000000 stat:EXPIRED err:0 text:  a ",
    "id:39f99dd5 submit date:0000000000 done date:2401311205 stat:DELIVRD err:000",
    "id:972660181 submit date:0131120000 done date:000000000000 stat:ENROUTE err:21b Text:",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_quick_reader_says_what_the_other_says_of_whatever_parameters(text: str) -> None:
    for named, state, error in product(*([None, *PARAMETERS[tag]] for tag in (0x1E, 0x0427, 0x0423))):
        tlvs = {tag: value for tag, value in ((0x1E, named), (0x0427, state), (0x0423, error)) if value is not None}
        said_alike(DeliverSm(4, PHONE, SENDER, text.encode(), tlvs), ACCOUNTS[0])


BOTH_WAYS = [(provider, without_quick(provider)) for provider in (SMPP, TELI)]


def said_alike(input: DeliverSm, account: Account) -> None:
    """By both, and by the quick one twice: what it remembers is what it read."""
    for quick, slow in BOTH_WAYS:
        said = outcome(slow, input, account)
        assert outcome(quick, input, account) == said
        assert outcome(quick, input, account) == said


def outcome(provider: Provider, input: DeliverSm, account: Account) -> Any:
    try:
        return provider.read(input, account).to_dict()
    except InputError as error:
        return type(error), str(error)


class Left(InputError):
    """The quick reader has left it."""


def leave(input: DeliverSm, context: Context) -> Decoded:
    raise Left("left")


def test_the_quick_reader_takes_the_textbook_form_and_leaves_the_rest() -> None:
    way = msgspec.structs.replace(SMPP.ways[DeliverSm], decode=leave)
    quick = Provider(name="quick", vendor="-", title="-", docs=SMPP.docs, tables=SMPP.tables, ways=(way,))

    def takes(input: DeliverSm) -> bool:
        try:
            return bool(quick.read(input).reports)
        except Left:
            return False

    taken = (pdu(), pdu(tlvs=BOTH), pdu(TEXTBOOK.replace("text", "Text")))
    left = (
        pdu(esm_class=0),
        pdu(esm_class=0x44),
        pdu(TEXTBOOK + "\0"),
        pdu(tlvs={0x1E: b"1"}),
        pdu(b"\xff"),
        pdu("id:1"),
    )
    assert [takes(each) for each in (*taken, *left)] == [True] * len(taken) + [False] * len(left)


@pytest.mark.parametrize("given", [lambda tlvs, match: {}["state"], lambda tlvs, match: ("one",)])
def test_what_a_quick_readers_own_function_gets_wrong_is_the_plugins_fault(given: Any) -> None:
    quick = msgspec.structs.replace(quick_receipts()[0], read_parameters=given)
    way = msgspec.structs.replace(SMPP.ways[DeliverSm], quick=(quick,))
    wrong = Provider(name="wrong", vendor="-", title="-", docs=SMPP.docs, tables=SMPP.tables, ways=(way,))
    with pytest.raises(PluginError, match="wrong: its read_parameters function raised"):
        wrong.read(pdu(tlvs=BOTH))


def quick_of(groups: tuple[str | Together, ...], **fields: Any) -> Provider:
    """A provider whose quick form is digits with spaces between, and whose reading has these fields besides."""
    form = " ".join("([0-9]+ [0-9]+)" if isinstance(group, Together) else "([0-9]+)" for group in groups)
    way = SMPP.ways[DeliverSm]
    quick = msgspec.structs.replace(quick_receipts()[0], parameters=(), text=re.compile(form), groups=groups)
    reading = msgspec.structs.replace(way.reading, fields=msgspec.structs.replace(way.reading.fields, **fields))
    way = msgspec.structs.replace(way, quick=(quick,), reading=reading)
    return Provider(name="odd", vendor="-", title="-", docs=SMPP.docs, tables=SMPP.tables, ways=(way,))


def pair(*fields: str) -> Together:
    return Together(re.compile("([0-9]+) ([0-9]+)"), fields)


CODES = pair("stat", "err")


@pytest.mark.parametrize(
    ("groups", "fields"),
    [
        (("id", pair("sub", "dlvrd")), {}),
        ((pair("id", "err"),), {}),
        ((pair("stat", "sub"), "id"), {}),
        ((pair("stat", "done date"), "id"), {}),
        ((pair("submit date", "done date"), "id", "stat"), {}),
        ((CODES, "id"), {"extras": ("err",)}),
        ((CODES, pair("network_type", "network_error_code"), "id"), {}),
    ],
)
def test_only_codes_that_feed_nothing_else_are_looked_up_together(
    groups: tuple[str | Together, ...], fields: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="together: expected codes that feed nothing else, once at most"):
        quick_of(groups, **fields).check()


@pytest.mark.parametrize(
    "groups", [("id", "id"), ("id", "stat", CODES), ("id", "source_addr"), ("id", pair("stat", "stat"))]
)
def test_a_field_stands_once_in_a_quick_form(groups: tuple[str | Together, ...]) -> None:
    with pytest.raises(ValueError, match="expected each field once, found"):
        quick_of(groups)


def test_the_warnings_of_two_times_stand_behind_those_of_other_fields() -> None:
    odd = quick_of(("id", "sub", "dlvrd", "submit date", "done date", CODES), reference=("sub", "dlvrd"))
    report = odd.read(pdu("1 2 3 2401311200 2401311205 4 5")).reports[0]
    assert [(each.kind, each.field) for each in report.warnings if each.kind is not WarningKind.UNLISTED_CODE] == [
        (WarningKind.CONFLICT, "sub+dlvrd"),
        (WarningKind.ASSUMED_ZONE, "done date"),
        (WarningKind.ASSUMED_ZONE, "submit date"),
    ]


def test_an_account_that_was_read_for_last_is_found_again_beside_others() -> None:
    accounts = [Account(name=name, zone=zone) for name, zone in (("a", "UTC"), ("b", "Asia/Kolkata"), ("c", "UTC"))]
    for _ in range(2):
        for account in accounts:
            report = SMPP.read(pdu(), account).reports[0]
            assert report.account == account.name
            assert report.occurred_at is not None
            assert report.occurred_at.hour == (6 if account.name == "b" else 12)
    assert SMPP.read(pdu()).reports[0].account is None


def test_fields_that_stand_together_are_as_many_as_their_form_has_groups() -> None:
    with pytest.raises(ValueError, match="expected two or more, one for each of the form's 2 groups"):
        Together(re.compile("(1) (2)"), ("stat",))


def test_the_textbook_form_too_is_refused_where_it_is_larger_than_the_account_allows() -> None:
    account = Account(open=True, max_body=len(TEXTBOOK) + 100)
    receipt = pdu(tlvs=BOTH | {0x1400: b"x" * 100})
    for take in (SMPP.read, SMPP.receive):
        assert take(pdu(tlvs=BOTH), account).reports
        with pytest.raises(TooLarge):
            take(receipt, account)


# --- what is a receipt


def test_what_is_no_label_where_it_stands_takes_no_fields_place() -> None:
    report = SMPP.read(pdu("id:1 stat:DELIVRD ==err:5"), Account(settings={"err_is_map": True})).reports[0]
    assert (report.codes, report.extras) == (
        {"stat": "DELIVRD", "esm_class": "0x04"},
        {"err in text": "5", "unlabelled": "=="},
    )


@given(st.one_of(st.text(max_size=160), written().map(lambda made: made[0])), st.sampled_from([0x00, 0x03, 0x40, 0xC3]))
def test_a_message_from_a_handset_is_no_receipt_whatever_it_spells(words: str, esm_class: int) -> None:
    receipt = SMPP.read(pdu(words.encode(errors="replace")[:255], esm_class))
    assert receipt.reports == ()
    assert receipt.absence is not None
    assert (receipt.absence.kind, len(receipt.others)) == ("not_a_report", 1)


def test_an_account_that_judges_by_text_still_wants_the_form_of_a_receipt() -> None:
    account = Account(settings={"judge_by_text": True})
    assert SMPP.read(pdu(esm_class=0), account).reports[0].status is Status.DELIVERED
    for words in ("id:1", "stat:DELIVRD", "Hello", "text:id:1 stat:DELIVRD"):
        assert SMPP.read(pdu(words, 0), account).reports == ()
    # An id and a state, each from the text or from a parameter, which no handset can set.
    for words, tlvs in (("stat:DELIVRD err:000", {0x1E: b"1\0"}), ("id:1 err:000", {0x0427: b"\2"})):
        assert SMPP.read(pdu(words, 0, tlvs), account).reports[0].status is Status.DELIVERED
        assert SMPP.read(pdu(words, 0, tlvs)).reports == ()
    for words, tlvs in (("err:000", {0x1E: b"1\0"}), ("Hello", {0x0427: b"\2"}), ("stat:DELIVRD", {0x1E: b"\0"})):
        assert SMPP.read(pdu(words, 0, tlvs), account).reports == ()


@pytest.mark.parametrize("row", [row for row in STAT.rows if row.status is not None], ids=lambda row: row.label)
def test_an_intermediate_notification_is_never_final_and_never_a_failure(row: Row) -> None:
    message = TEXTBOOK.replace("DELIVRD", str(row.code))
    usual, interim = read(pdu(message)), read(pdu(message, 0x20))
    assert (usual.status, usual.final) == (row.status, row.final)
    assert not interim.final
    assert interim.status is (Status.DEFERRED if usual.outcome is Outcome.FAILURE else usual.status)
    assert interim.cause is usual.cause


@pytest.mark.parametrize(
    ("esm_class", "evidence"), [(4, Evidence.CARRIER), (8, Evidence.HANDSET), (16, Evidence.RECIPIENT)]
)
def test_who_acknowledges_is_whose_word_it_is(esm_class: int, evidence: Evidence) -> None:
    assert read(pdu(esm_class=esm_class)).evidence is evidence
    # Nobody's word is made of a code that says nothing.
    assert read(pdu("id:1 stat:WEIRD", esm_class)).evidence is None


def test_explain_tells_what_qualified_the_verdict() -> None:
    explained = explain(SMPP, pdu(TEXTBOOK.replace("DELIVRD", "UNDELIV"), 0x20), Account(zone="UTC"))
    rules = {step.field: step.rule for step in explained.steps[0].codes}
    assert rules == {"stat": Rule.DECIDED, "err": Rule.OPAQUE, "esm_class": Rule.QUALIFIED}


def test_a_receipt_without_id_or_state_is_unreadable_and_answered_as_received() -> None:
    for message in ("stat:DELIVRD", "id:1 err:003", "", "text:id:1 stat:DELIVRD"):
        with pytest.raises(Unreadable) as caught:
            SMPP.read(pdu(message))
        assert caught.value.reply is not None
        assert caught.value.reply.status == 0


@pytest.mark.parametrize("data_coding", [0, 3, 8])
def test_labels_in_one_byte_decide_behind_an_early_text_too(data_coding: int) -> None:
    words = b"Text:\x80 id:1 stat:DELIVRD"
    report = read(DeliverSm(4, PHONE, SENDER, words, {0x1E: b"1\0"}, data_coding))
    assert (report.status, report.message_id) == (Status.DELIVERED, "1")
    with pytest.raises(Unreadable):
        SMPP.read(DeliverSm(4, PHONE, SENDER, words, {}, data_coding))


def test_a_state_behind_an_early_text_counts_where_a_parameter_has_the_id() -> None:
    judged = {"judge_by_text": True}
    for words in ("text: stat:DELIVRD err:000", "Text:stat:DELIVRD err:000", "text:Hello stat:DELIVRD err:000"):
        for esm_class in (4, 0):
            report = read(pdu(words, esm_class, {0x1E: b"9\0"}), settings=judged)
            assert (report.status, report.message_id, report.codes["err"]) == (Status.DELIVERED, "9", "000")
        assert SMPP.read(pdu(words, 0), Account(settings=judged)).reports == ()
        assert SMPP.read(pdu(words, 0, {0x1E: b"9\0"})).reports == ()
    # A state that a parameter has outranks the message's words.
    report = read(pdu("text:stat:DELIVRD", tlvs={0x1E: b"9\0", 0x0427: b"\5"}))
    assert (report.status, report.text) == (Status.UNDELIVERED, "stat:DELIVRD")


# --- meanings


@pytest.mark.parametrize("row", MAP_ERRORS, ids=lambda row: row.label)
def test_a_map_error_gives_a_cause_only_where_the_account_says_that_it_is_one(row: Row) -> None:
    by_text = pdu(TEXTBOOK.replace("DELIVRD", "UNDELIV").replace("err:000", f"err:{row.label:>03}"))
    by_parameter = pdu("id:1", tlvs={0x0427: b"\5", 0x0423: b"\3" + int(row.label).to_bytes(2)})
    for input, setting in ((by_text, "err_is_map"), (by_parameter, "network_error_is_map")):
        plain, told = read(input), read(input, settings={setting: True})
        assert (plain.cause, plain.map_error, plain.status) == (None, None, Status.UNDELIVERED)
        assert (told.cause, told.map_error, told.status) == (row.cause, row.map_error, Status.UNDELIVERED)


def test_the_causes_of_map_errors_are_those_agreed_upon() -> None:
    causes: dict[Cause | None, list[int]] = {}
    for row in MAP_ERRORS:
        causes.setdefault(row.cause, []).append(int(row.label))
    assert causes == {
        # Of calls, supplementary services and locations: nothing that a short message can do about.
        None: [0, 14, *range(16, 21), 22, 25, 26, 30, *range(37, 41), 42, 43, *range(47, 51), *range(52, 55)]
        + [*range(58, 63), 71, 72],
        Cause.UNKNOWN_SUBSCRIBER: [1, 5, 44],
        Cause.CARRIER_ERROR: [3, 21, 32, 34, 35, 36, 51],
        Cause.ABSENT_SUBSCRIBER: [6, 27, 33, 46],
        Cause.HANDSET_UNSUPPORTED: [7, 12, 28],
        Cause.BARRED: [8, 13, 15],
        Cause.NOT_PROVISIONED: [9, 10, 11],
        Cause.TEMPORARY: [29],
        Cause.HANDSET_BUSY: [31, 45],
    }


def test_a_vendors_causes_of_map_error_32_are_laid_over_the_field_that_carries_them() -> None:
    own = Meanings("err", MAP_FAILURE_CAUSES)
    causes = []
    for code in range(7):
        report = read(pdu(TEXTBOOK.replace("DELIVRD", "UNDELIV").replace("err:000", f"err:{code}")), meanings=[own])
        assert (report.status, report.final, report.map_error) == (Status.UNDELIVERED, True, 32)
        causes.append(report.cause)
    assert causes == [
        Cause.HANDSET_FULL,
        Cause.CARRIER_ERROR,
        Cause.HANDSET_UNSUPPORTED,
        Cause.CARRIER_ERROR,
        Cause.CARRIER_ERROR,
        Cause.INVALID_NUMBER,
        Cause.NOT_PROVISIONED,
    ]


def test_what_failed_besides_the_message_says_nothing_of_it() -> None:
    silent = [row.label for row in COMMAND_STATUS.rows if row.status is None]
    # Cancelling, replacing and querying; of a broadcast too.
    assert silent == ["0x00000011", "0x00000013", "0x00000067", "0x0000010e", "0x0000010f"]


# --- parameters


@given(st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=12), max_size=6))
def test_no_parameter_is_dropped(tlvs: dict[int, bytes]) -> None:
    read_for_what_they_are = {0x1E, 0x423, 0x424, 0x425, 0x427, 0x1D}
    report = read(pdu(tlvs=tlvs))
    for tag in tlvs.keys() - read_for_what_they_are:
        name = known.PARAMETERS[tag].name if tag in known.PARAMETERS else f"tlv_0x{tag:04x}"
        assert report.extras[name]


def test_each_parameter_has_a_name_and_a_tag_of_its_own() -> None:
    names = [parameter.name for parameter in known.PARAMETERS.values()]
    assert len({*names}) == len(names)


@pytest.mark.parametrize(
    ("tag", "data", "value"),
    [
        (0x0204, b"\x01\x02", "258"),
        (0x0204, b"\x01", "0x01"),
        (0x130C, b"", "0x"),
        (0x060D, b"24008\0", "24008"),
        (0x0202, b"\xa024008", "24008"),
        (0x0202, b"\x8024008", "24008"),
        (0x0202, b"24008", "24008"),
        (0x0202, b"\xa0\x01", "0xa001"),
        (0x1402, b"24008\0", "24008"),
        (0x1402, b"\0\x06", "0x0006"),
        (0x1402, b"a\0b", "0x610062"),
        (0x1402, b"\0", "0x00"),
        (0x001D, b"Nummer ung\xc3\xbcltig\0\0", "Nummer ungültig"),
        (0x001D, b"\0", "0x00"),
    ],
)
def test_a_parameters_value_is_a_number_a_text_or_its_bytes(tag: int, data: bytes, value: str) -> None:
    assert known.parameter_value(tag, data) == value


HELD = [
    # setting, parameters, the report's field
    ({"0x1402": "mcc_mnc"}, {0x1402: b"24008\0"}, {"mcc": "240", "mnc": "08"}),
    ({"0x1402": "mcc_mnc"}, {0x1402: b"310-410"}, {"mcc": "310", "mnc": "410"}),
    ({"source_subaddress": "mcc_mnc"}, {0x0202: b"\xa0240010"}, {"mcc": "240", "mnc": "010"}),
    ({"0x0202": "mcc_mnc"}, {0x0202: b"\xa0240010"}, {"mcc": "240", "mnc": "010"}),
    ({"0x1503": "mcc", "0x1504": "mnc"}, {0x1503: b"525", 0x1504: b"01"}, {"mcc": "525", "mnc": "01"}),
    ({"0x1503": "mcc"}, {0x1503: b"\x02\x0d"}, {"mcc": "525"}),
    ({"dest_network_id": "carrier", "0x1401": "country"}, {0x060E: b"Op\0", 0x1401: b"SE"}, {"carrier": "Op"}),
]


@pytest.mark.parametrize(("held", "tlvs", "network"), HELD)
def test_an_account_says_what_a_parameter_holds(
    held: dict[str, str], tlvs: dict[int, bytes], network: dict[str, str]
) -> None:
    for provider in (SMPP, TELI):
        account = Account(zone="UTC", settings={"parameters": held})
        report = provider.read(pdu(tlvs=tlvs), account).reports[0]
        assert report.network is not None
        assert {name: getattr(report.network, name) for name in network} == network
        assert report.extras.keys() == {"sub", "dlvrd"}


def test_a_price_and_a_code_of_a_parameter_are_the_reports() -> None:
    held = {"0x1422": "part_price", "0x1423": "total_price", "0x1424": "currency", "0x1403": "code"}
    tlvs = {0x1422: b"0.033\0", 0x1423: b"0.066", 0x1424: b"EUR", 0x1403: b"\0\x06"}
    report = read(pdu(TEXTBOOK.replace(" err:000", ""), tlvs=tlvs), settings={"parameters": held})
    assert (str(report.part_price), str(report.total_price), report.currency) == ("0.033", "0.066", "EUR")
    assert (report.codes["err"], report.warnings) == ("6", ())


def test_a_parameter_that_holds_something_else_than_the_account_says_is_kept_with_a_warning() -> None:
    report = read(pdu(tlvs={0x1402: b"Telenor"}), settings={"parameters": {"0x1402": "mcc_mnc"}})
    assert (report.network, report.extras["tlv_0x1402"]) == (None, "Telenor")
    assert [(each.kind, each.field) for each in report.warnings] == [(WarningKind.BAD_VALUE, "tlv_0x1402")]


@pytest.mark.parametrize("name", ["1402", "0x142", "mcc", "message_state", "0x0427", "0X1402", "0x0425"])
def test_a_parameter_that_an_account_names_otherwise_is_refused(name: str) -> None:
    with pytest.raises(AccountError, match="parameters: expected tags of four hexadecimal digits"):
        SMPP.check(Account(settings={"parameters": {name: "mcc"}}))


def test_the_centres_own_words_are_the_reports_and_the_messages_stand_beside_them() -> None:
    report = read(pdu(tlvs={0x1D: b"Number not in use\0"}))
    assert (report.text, report.extras["message_text"]) == ("Number not in use", "Hello")


# --- alphabets


@given(
    st.sampled_from([0, 1, 3, 8, 245]),
    st.sampled_from(["ascii", "utf-16-be", "utf-16-le"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(["short_message", "message_payload"]),
)
def test_a_receipt_is_read_whatever_alphabet_its_data_coding_names(
    data_coding: int, encoding: str, words: str, place: str
) -> None:
    data = "id:1 stat:UNDELIV err:005 text:".encode(encoding)
    data += words.encode("utf-8" if encoding == "ascii" else encoding)
    inside = (data, {}) if place == "short_message" else (b"", {0x0424: data})
    for provider in (SMPP, TELI):
        report = provider.read(DeliverSm(4, PHONE, SENDER, *inside, data_coding), Account(zone="UTC")).reports[0]
        assert (report.status, report.message_id) == (Status.UNDELIVERED, "1")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80id:1 stat:DELIVRD text:",
        b"sub:001 \x80 id:1 stat:DELIVRD",
        b"\x80id:1|stat:DELIVRD|",
        b"\x80|id:1|err:000 DELIVRD",
        b"id :1 stat :DELIVRD",
        b"\xff\xfe id:1 stat:DELIVRD",
        b"\xfe\xff\x80id:1 stat:DELIVRD",
        b"\x80id:1 stat:DELIVRD text:" + "id:2 stat:UNDELIV".encode("utf-16-be"),
    ],
)
@pytest.mark.parametrize("data_coding", [0, 3, 8])
def test_labels_in_one_byte_decide_whatever_stands_before_them(data: bytes, data_coding: int) -> None:
    report = read(DeliverSm(4, PHONE, SENDER, data, {}, data_coding))
    assert (report.status, report.message_id) == (Status.DELIVERED, "1")


@pytest.mark.parametrize("words", ["请物携带", "物携", "けれど携帯を", "i携帯", "一等携手", "彩携", "[孩携"])
@pytest.mark.parametrize(("encoding", "data_coding"), [("utf-16-be", 8), ("utf-16-be", 0), ("utf-16-le", 0)])
def test_words_whose_bytes_spell_a_label_hide_no_label_in_ucs_2(words: str, encoding: str, data_coding: int) -> None:
    data = f"{words} id:1 stat:DELIVRD".encode(encoding)
    report = read(DeliverSm(4, PHONE, SENDER, data, {}, data_coding))
    assert (report.status, report.message_id) == (Status.DELIVERED, "1")


def test_a_message_from_a_handset_keeps_its_alphabet() -> None:
    for words in ("请物携带", "物携", "けれど携帯を", "i携帯", "一等携手", "彩携", "一一", "Hello"):
        message = DeliverSm(0, PHONE, SENDER, words.encode("utf-16-be"), {}, 8)
        assert SMPP.read(message).others[0]["short_message"] == words


def test_an_accounts_own_row_lies_over_the_map_errors_that_it_took() -> None:
    own = Meanings("err", (Row("6", Status.FAILED, True, None, Cause.BLACKLISTED, "on the centre's list"),))
    message = pdu(TEXTBOOK.replace("DELIVRD", "UNDELIV").replace("err:000", "err:006"))
    assert read(message, settings={"err_is_map": True}, meanings=[own]).cause is Cause.BLACKLISTED


def test_an_account_can_replace_the_whole_table_of_states() -> None:
    own = Meanings("message_state", (Row("4", Status.DELIVERED, True, meaning="DELIVERED"),), replace=True)
    assert read(pdu("id:1", tlvs={0x0427: b"\4"}), meanings=[own]).status is Status.DELIVERED
    unlisted = read(pdu("id:1", tlvs={0x0427: b"\2"}), meanings=[own])
    assert (unlisted.status, unlisted.warnings[0].kind) == (Status.UNKNOWN, WarningKind.UNLISTED_CODE)


def test_a_setting_that_is_no_yes_or_no_is_refused() -> None:
    with pytest.raises(AccountError, match="err_is_map"):
        SMPP.check(Account(settings={"err_is_map": "yes"}))


def test_states_and_words_of_one_meaning_agree() -> None:
    words = {row.label: row for row in STAT.rows}
    names = (
        "SCHEDLD",
        "ENROUTE",
        "DELIVRD",
        "EXPIRED",
        "DELETED",
        "UNDELIV",
        "ACCEPTD",
        "UNKNOWN",
        "REJECTD",
        "SKIPPED",
    )
    for state, name in zip(MESSAGE_STATE.rows, names, strict=True):
        word = words[name]
        assert (state.status, state.final, state.evidence, state.cause) == (
            word.status,
            word.final,
            word.evidence,
            word.cause,
        )


# --- hostile bytes


def test_bent_pdus_raise_nothing_but_input_errors() -> None:
    random = Random(20260101)
    whole = [write_pdu(pdu(tlvs=BOTH | {0x0423: b"\3\0\6"})), write_pdu(pdu(esm_class=0x44))]
    read_ones = 0
    for _ in range(20_000):
        data = bytearray(random.choice(whole))
        for _ in range(random.randint(1, 6)):
            # The first four bytes are the length, without which nothing else is looked at.
            data[random.randrange(4, len(data))] = random.randrange(256)
        if random.random() < 0.3:
            del data[random.randrange(16, len(data)) :]
            data[:4] = len(data).to_bytes(4)
        try:
            receipt = SMPP.read(read_pdu(bytes(data)))
        except InputError:
            continue
        read_ones += 1
        receipt.to_dict()
    assert read_ones > 1000


@given(
    st.binary(max_size=254),
    st.integers(0, 255),
    st.integers(0, 255),
    st.dictionaries(st.sampled_from([0x1E, 0x423, 0x424, 0x427, 5]), st.binary(max_size=70)),
)
def test_any_bytes_raise_nothing_but_input_errors(
    message: bytes, esm_class: int, data_coding: int, tlvs: dict[int, bytes]
) -> None:
    account = Account(settings=Settings(judge_by_text=True, err_is_map=True, network_error_is_map=True))
    with suppress(InputError):
        SMPP.read(DeliverSm(esm_class, PHONE, SENDER, message, tlvs, data_coding), account).to_dict()


def test_a_capture_in_hexadecimal_is_read_as_it_stands() -> None:
    suffix, content = write_sample(Sample(pdu(tlvs=BOTH)))
    assert suffix == ".hex"
    (sample,) = read_samples("capture.hex", content)
    assert isinstance(sample.input, DeliverSm)
    assert read(sample.input).message_id == "0123456789"


def test_every_kind_of_message_that_qualifies_has_its_row() -> None:
    assert {int(row.label, 16) for row in ESM_CLASS.rows} == {0x00, 0x04, 0x08, 0x10, 0x20}
    context = Context(None, Settings())
    for row in ESM_CLASS.rows:
        (record,) = SMPP.ways[DeliverSm].decode(pdu(tlvs=BOTH, esm_class=int(row.label, 16)), context).records
        assert record["esm_class"] == row.label

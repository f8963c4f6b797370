"""One message's id, spelt in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import Account, AccountError, IdBase, MessageIds

HEX_TO_DECIMAL = MessageIds(sent=IdBase.HEXADECIMAL, reported=IdBase.DECIMAL)


@given(st.integers(min_value=0, max_value=2**200), st.integers(0, 3), st.booleans())
def test_one_number_is_one_id_whatever_its_base_case_and_padding(number, zeros, upper):
    sent = "0" * zeros + (f"{number:X}" if upper else f"{number:x}")
    assert HEX_TO_DECIMAL.canonical_sent(sent) == HEX_TO_DECIMAL.canonical_reported("0" * zeros + str(number))


@given(st.text(max_size=80), st.text(max_size=80))
def test_texts_are_one_id_only_where_they_are_the_same(one, other):
    plain = MessageIds()
    assert (plain.canonical_sent(one) == plain.canonical_reported(other)) is (one == other)


@given(st.text(alphabet="xyz-", min_size=1), st.integers(0, 2**64))
def test_what_is_no_number_stands_as_it_is_and_meets_no_number(text, number):
    assert HEX_TO_DECIMAL.canonical_sent(text) == HEX_TO_DECIMAL.canonical_reported(text)
    assert HEX_TO_DECIMAL.canonical_sent(text) != HEX_TO_DECIMAL.canonical_reported(str(number))


@pytest.mark.parametrize(
    ("ids", "sent", "reported"),
    [
        (MessageIds(ignore_case=True), "AbC-1", "aBc-1"),
        (MessageIds(ignore_padding=True), "000123", "123"),
        (MessageIds(ignore_padding=True), "000", "0"),
        (HEX_TO_DECIMAL, "0x7B", "123"),
        (MessageIds(IdBase.DECIMAL, IdBase.HEXADECIMAL), "0000000255", "ff"),
    ],
)
def test_a_declared_difference_means_nothing(ids, sent, reported):
    assert ids.canonical_sent(sent) == ids.canonical_reported(reported)


def test_the_largest_id_joins_in_both_bases_and_a_larger_one_is_no_number():
    for number in (16**63, 16**64 - 1):
        for ids, sent, reported in (
            (HEX_TO_DECIMAL, f"{number:x}", str(number)),
            (MessageIds(IdBase.DECIMAL, IdBase.HEXADECIMAL), str(number), f"{number:X}"),
        ):
            assert ids.canonical_sent(sent) == ids.canonical_reported(reported) == f"#{number}"
    assert HEX_TO_DECIMAL.canonical_sent(f"{16**64:x}") == f"={16**64:x}"
    assert HEX_TO_DECIMAL.canonical_reported(str(16**64)) == f"={16**64}"


def test_a_text_longer_than_any_number_is_no_number():
    assert HEX_TO_DECIMAL.canonical_reported("1" * 5000) == "=" + "1" * 5000


def test_an_account_says_how_ids_are_spelt_and_a_file_can_say_it():
    account = Account.from_dict({"message_ids": {"sent": "hexadecimal", "reported": "decimal"}})
    assert account.message_ids == HEX_TO_DECIMAL
    for wrong in ({"sent": "hexadecimal"}, {"sent": "octal"}, {"sender": "text"}, "text"):
        with pytest.raises(AccountError, match="message_ids"):
            Account.from_dict({"message_ids": wrong})
    with pytest.raises(AccountError, match="message_ids"):
        Account(message_ids="hexadecimal")

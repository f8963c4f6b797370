"""The spellings under which a message may have been stored, and how a provider spells its ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import IdBase, MessageIds, learn_message_ids, message_id_keys

TEXT, DECIMAL, HEXADECIMAL = IdBase.TEXT, IdBase.DECIMAL, IdBase.HEXADECIMAL
SETTINGS = [
    MessageIds(sent, reported, case, padding)
    for sent in IdBase
    for reported in IdBase
    for case in (False, True)
    for padding in (False, True)
    if (sent is TEXT) is (reported is TEXT)
]
IDS = st.text("0123456789abcdefABCDEFxz-.é ", min_size=1, max_size=70)


@pytest.mark.parametrize("ids", SETTINGS)
@given(id=IDS)
def test_every_key_is_the_same_message_and_no_key_stands_there_twice(ids: MessageIds, id: str) -> None:
    keys = message_id_keys(id, ids)
    assert len(set(keys)) == len(keys)
    assert all(ids.canonical_sent(key) == ids.canonical_reported(id) for key in keys)


WRITTEN = [
    # as stored, as reported, how
    ("39f99dd5", "0972660181", MessageIds(HEXADECIMAL, DECIMAL)),
    ("39F99DD5", "972660181", MessageIds(HEXADECIMAL, DECIMAL)),
    ("0000007b", "123", MessageIds(HEXADECIMAL, DECIMAL)),
    ("0x7b", "123", MessageIds(HEXADECIMAL, DECIMAL)),
    ("0000000123", "7B", MessageIds(DECIMAL, HEXADECIMAL)),
    ("123", "0000000123", MessageIds(DECIMAL, DECIMAL)),
    ("AbC-1", "AbC-1", MessageIds()),
    ("abc-1", "ABC-1", MessageIds(ignore_case=True)),
    ("42", "0042", MessageIds(ignore_padding=True)),
    ("a7", "00A7", MessageIds(ignore_case=True, ignore_padding=True)),
]


@pytest.mark.parametrize(("stored", "reported", "ids"), WRITTEN)
def test_a_message_is_found_under_the_spelling_it_was_stored_with(stored: str, reported: str, ids: MessageIds) -> None:
    assert stored in message_id_keys(reported, ids)


@given(st.integers(0, 2**64 - 1))
def test_every_number_of_64_bits_is_found_in_either_base_as_it_is_or_padded(number: int) -> None:
    decimal, hexadecimal = str(number), f"{number:x}"
    assert {hexadecimal, hexadecimal.upper(), f"{number:016x}"} <= set(
        message_id_keys(decimal, MessageIds(HEXADECIMAL, DECIMAL))
    )
    assert {decimal, f"{number:020}"} <= set(message_id_keys(hexadecimal, MessageIds(DECIMAL, HEXADECIMAL)))


def test_a_long_number_does_not_overflow_and_one_beyond_all_ids_stays_a_text() -> None:
    ids = MessageIds(HEXADECIMAL, DECIMAL)
    assert message_id_keys("9" * 64, ids)[0] == f"{int('9' * 64):x}"
    largest = 16**64 - 1
    assert f"{largest:x}" in message_id_keys(str(largest), ids)
    assert str(largest) in message_id_keys(f"{largest:x}", MessageIds(DECIMAL, HEXADECIMAL))
    assert learn_message_ids([(f"{largest:x}", str(largest))]).fits == (ids,)
    assert message_id_keys("9" * 5000, ids) == ("9" * 5000,)


def test_a_width_that_is_known_is_among_the_keys() -> None:
    assert "00000000007b" in message_id_keys("123", MessageIds(HEXADECIMAL, DECIMAL), widths=[12])
    assert "0000042" in message_id_keys("42", MessageIds(ignore_padding=True), widths=[7, 0, 10**9])
    # A text has no usual width: without it, only what is there and what is bare can be looked for.
    assert message_id_keys("0042", MessageIds(ignore_padding=True)) == ("0042", "42")


def test_nothing_is_guessed_where_the_account_says_nothing() -> None:
    assert message_id_keys("0972660181", MessageIds()) == ("0972660181",)
    # Digits alone are valid in both bases: without a setting they would join the wrong message.
    assert "2421561729" not in message_id_keys("0972660181", MessageIds())


@pytest.mark.parametrize("ids", SETTINGS)
def test_what_is_learnt_holds_for_what_it_was_learnt_from(ids: MessageIds) -> None:
    numbers = (972660181, 3735928559, 48879)
    write = {TEXT: "{:x}", DECIMAL: "{}", HEXADECIMAL: "{:x}"}
    pairs = [(write[ids.sent].format(number), write[ids.reported].format(number)) for number in numbers]
    if ids.ignore_case:
        pairs = [(sent.upper(), reported) for sent, reported in pairs]
    if ids.ignore_padding:
        pairs = [(sent, f"00{reported}") for sent, reported in pairs]
    learnt = learn_message_ids(pairs)
    assert learnt.pairs == len(numbers)
    assert learnt.fits
    for fit in learnt.fits:
        assert all(fit.canonical_sent(sent) == fit.canonical_reported(reported) for sent, reported in pairs)


def test_one_pair_that_differs_in_base_tells_which() -> None:
    learnt = learn_message_ids([("39f99dd5", "0972660181")])
    assert learnt.fits == (MessageIds(HEXADECIMAL, DECIMAL),)
    assert learnt.certain


def test_pairs_that_fit_many_ways_are_not_certain_and_the_strictest_stands_first() -> None:
    learnt = learn_message_ids([("123", "123"), ("456", "456")])
    assert learnt.fits[0] == MessageIds()
    assert not learnt.certain


def test_a_setting_that_would_join_two_messages_is_not_offered() -> None:
    pairs = [("0042", "0042"), ("42", "42")]
    assert learn_message_ids(pairs).fits == (MessageIds(), MessageIds(ignore_case=True))


def test_pairs_that_have_nothing_in_common_fit_nothing() -> None:
    assert learn_message_ids([("abc", "xyz")]).fits == ()
    assert learn_message_ids([]).fits == ()
    assert not learn_message_ids([]).certain


def test_pairs_without_an_id_teach_nothing() -> None:
    for pairs in ([("", "")], [("a", "")], [(" ", "\t")]):
        learnt = learn_message_ids(pairs)
        assert (learnt.fits, learnt.pairs, learnt.certain) == ((), 0, False)
    assert learn_message_ids([("", ""), ("39f99dd5", "0972660181")]).certain

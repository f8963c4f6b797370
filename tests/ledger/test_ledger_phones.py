"""Phone numbers as digests: none is anywhere in the store, and everything else works as ever."""

from __future__ import annotations

import re

import pytest
from callbacks import ACME, arrival, at, provider

from delivrd import AccountError, Report, Status
from delivrd.ledger import Arrival, Kept, Ledger, LedgerError
from delivrd.ledger.schema import metadata
from delivrd.ledger.store import Store
from delivrd.phones import Phones

KEY = b"0123456789abcdef-of-the-tests"
PHONES = Phones(KEY)
NUMBER = "+15555550100"


@pytest.fixture
def hiding(url):
    with Ledger.open(url, phone_key=KEY, migrate=True) as opened:
        yield opened


def everything(url: str) -> str:
    """All that a store holds, as text."""
    store = Store(url)
    rows = store.read(
        lambda connection: [connection.execute(table.select()).all() for table in metadata.tables.values()]
    )
    store.close()
    return repr(rows)


SPELT = (
    NUMBER,
    "15555550100",
    "1-555-555-0100",
    "+1 (555) 555-0100",
    "00 1555 5550100",
    "tel:+15555550100",
    "whatsapp:+15555550100",
    "\uff11\uff15\uff15\uff15\uff15\uff15\uff15\uff10\uff11\uff10\uff10",
    "1\u2011555\u2011555\u20110100",
)


@pytest.mark.parametrize("spelt", SPELT)
def test_no_number_of_a_report_is_anywhere_in_the_store_however_it_is_spelt(hiding, url, spelt):
    other = {"msisdn": 15555550100, "whom": {spelt: f"to {spelt} now"}, "list": [spelt, None, True]}
    came = arrival(1, id="m1", stat="OK", to=spelt, **other)
    hiding.record(Arrival(came.provider, came.input, came.receipt, came.received_at, asked="15555550100"))
    hiding.sent(ACME, None, "m1", at=at(0), recipient=spelt)
    held = everything(url)
    assert "5555550100" not in "".join(each for each in held if each.isdecimal() or each.isalpha())
    assert spelt not in held
    message = hiding.message(ACME, None, "m1")
    assert message.state.recipient == PHONES.digest(NUMBER)
    (kept,) = hiding.history(message)
    assert kept.report.recipient == PHONES.digest(NUMBER)
    assert kept.input is None
    assert hiding.record(arrival(2, id="m1", stat="OK", to=NUMBER)).new == ()
    (step,) = hiding.replay({"acme": ACME})
    assert [each.why for each in step.differences] == [Kept.NOT_KEPT]


def test_one_number_has_one_digest_however_it_is_spelt_and_names_stay():
    (digest,) = {PHONES.digest(each) for each in (*SPELT, PHONES.digest(NUMBER))}
    assert re.fullmatch(r"tel-[0-9a-f]{24}", digest)
    assert PHONES.digest("Acme24") == "Acme24"
    assert Phones(KEY + b"x").digest(NUMBER) != PHONES.digest(NUMBER)


def test_ids_and_codes_are_never_taken_for_a_number():
    report = Report(
        "acme", "12345", Status.DELIVERED, True, recipient="12345", codes={"stat": "12345"}, text="to 12345"
    )
    hidden = PHONES.report(report)
    assert (hidden.message_id, hidden.codes, hidden.text) == ("12345", {"stat": "12345"}, PHONES.digest("12345"))
    assert PHONES.report(hidden) == hidden


def test_recipients_of_one_id_are_told_apart_by_their_digests(hiding, url):
    many = provider(name="many", many_recipients=True)
    for number, status in ((NUMBER, "OK"), ("+15555550101", "BAD")):
        hiding.record(arrival(1, by=many, id="m1", to=number, stat=status))
    assert hiding.message(many, None, "m1", recipient="001 5555550100").state.status is Status.DELIVERED
    assert hiding.parts(many, None, ["m1"], recipient="15555550101").final
    assert "555555010" not in everything(url)


def test_a_key_that_can_be_guessed_is_refused(url):
    with pytest.raises(AccountError, match="phone_key: expected at least 16 bytes"):
        Ledger.open(url, phone_key=b"short", migrate=True)


def test_a_store_is_opened_with_the_key_that_it_was_begun_with(hiding, url):
    hiding.record(arrival(0, id="m1", stat="OK"))
    for key in (None, KEY + b"x"):
        with pytest.raises(LedgerError, match="phone_key: the store was begun with another key"):
            Ledger.open(url, phone_key=key)
    Ledger.open(url, phone_key=KEY).close()


def test_a_store_that_holds_numbers_is_not_opened_with_a_key(ledger, url):
    ledger.record(arrival(0, id="m1", stat="OK", to=NUMBER))
    with pytest.raises(LedgerError, match="phone_key"):
        Ledger.open(url, phone_key=KEY)

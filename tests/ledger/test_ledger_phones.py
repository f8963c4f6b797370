"""Phone numbers as digests: none is anywhere in the store, and everything else works as ever."""

from __future__ import annotations

import re

import pytest
from callbacks import ACME, arrival, at, provider

from delivrd import AccountError, DeliverSm, Mail, Registry, Report, Request, Response, Status, read_samples
from delivrd.ledger import Arrival, Ledger
from delivrd.ledger.phones import Phones
from delivrd.ledger.schema import metadata
from delivrd.ledger.store import Store

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
    return repr(
        [[bytes(value) if isinstance(value, memoryview) else value for value in row] for table in rows for row in table]
    )


def test_no_number_of_a_report_is_anywhere_in_the_store(hiding, url):
    upside = Registry.installed()["upside-wireless"]
    form = b"trackingid=MTID1&status=DELIVRD&recipient=%2B1555%35550100&number=15555550100"
    pushed = Request(
        "POST", f"/dlr?recipient=%20{NUMBER[1:]}&x=1", {"Content-Type": "application/x-www-form-urlencoded"}, form
    )
    plain = Request("POST", "/dlr", {"X-To": NUMBER}, b"trackingid=MTID1&status=DELIVRD&recipient=15555550100")
    for each in (plain,):
        receipt = upside.read(each, received_at=at(0))
        hiding.record(Arrival(upside, each, receipt, at(0)))
    del pushed
    hiding.record(arrival(1, id="m1", stat="OK", to=NUMBER))
    hiding.sent(ACME, None, "m1", at=at(0), recipient="1 (555) 555-0100")
    assert "5555550100" not in everything(url)
    message = hiding.message(ACME, None, "m1")
    assert message.state.recipient == PHONES.digest(NUMBER)
    (kept,) = hiding.history(message)
    assert kept.report.recipient == PHONES.digest(NUMBER)
    assert hiding.record(arrival(2, id="m1", stat="OK", to=NUMBER)).new == ()
    assert not any(step.differences for step in hiding.replay({"acme": ACME, "upside-wireless": upside}))


def test_one_number_has_one_digest_however_it_is_spelt_and_names_stay():
    spelt = {PHONES.digest(each) for each in (NUMBER, "15555550100", "1-555-555-0100", PHONES.digest(NUMBER))}
    assert len(spelt) == 1
    assert re.fullmatch(r"tel-[0-9a-f]{24}", spelt.pop())
    assert PHONES.digest("Acme24") == "Acme24"
    assert Phones(KEY + b"x").digest(NUMBER) != PHONES.digest(NUMBER)


def test_a_number_is_hidden_wherever_an_input_holds_it_and_longer_numbers_are_not_cut():
    report = Report("acme", "m1", Status.DELIVERED, True, recipient=NUMBER, sender="Acme")
    hidden = PHONES.digest(NUMBER)
    digits = NUMBER[1:]
    request = Request("GET", f"/dlr?to=%2B{digits}&id=9{digits}", {"X-To": NUMBER}, f"a {digits}0 {digits}".encode())
    found = PHONES.input(request, [report])
    assert found.target == f"/dlr?to=%2B{hidden}&id=9{digits}"
    assert (found.headers, found.body) == ((("X-To", hidden),), f"a {digits}0 {hidden}".encode())
    assert PHONES.input(Response(200, {}, digits.encode()), [report]).body == hidden.encode()
    assert PHONES.input(Mail(f"To: {NUMBER}".encode()), [report]).raw == f"To: {hidden}".encode()
    pdu = PHONES.input(DeliverSm(4, digits, "Acme", b"id:1 " + digits.encode(), {5: digits.encode()}), [report])
    assert (pdu.source, pdu.destination, pdu.short_message) == (hidden, "Acme", f"id:1 {hidden}".encode())
    assert pdu.tlvs == {5: hidden.encode()}
    assert PHONES.input(request, []) is request


def test_what_is_no_report_is_not_kept_where_no_number_may_be(hiding, url):
    stray = read_samples("stray.http", b"POST /dlr HTTP/1.1\r\nContent-Length: 12\r\n\r\n+15555550100")[0].input
    upside = Registry.installed()["upside-wireless"]
    form = Request("POST", "/dlr", {}, b"sender=15555550100&data=hello&inboundnumber=15555550199")
    receipt = upside.read(form, received_at=at(0))
    assert receipt.reports == ()
    hiding.record(Arrival(upside, form, receipt, at(0)))
    (kept,) = hiding.strays()
    assert kept.input is None
    assert "5555550100" not in everything(url)
    assert stray.body


def test_recipients_of_one_id_are_told_apart_by_their_digests(hiding, url):
    many = provider(name="many", many_recipients=True)
    for number, status in ((NUMBER, "OK"), ("+15555550101", "BAD")):
        hiding.record(arrival(1, by=many, id="m1", to=number, stat=status))
    assert hiding.message(many, None, "m1", recipient=NUMBER).state.status is Status.DELIVERED
    assert "555555010" not in everything(url)


def test_a_key_that_can_be_guessed_is_refused(url):
    with pytest.raises(AccountError, match="phone_key: expected at least 16 bytes"):
        Ledger.open(url, phone_key=b"short", migrate=True)

"""What a provider makes ready for an account: it lives as long as the account, and no account costs more than another."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any
from weakref import ref

import pytest

from delivrd import Account, CodeTable, Meanings, Provider, Registry, Request, Row, Source, Status
from delivrd.auth import AllowedAddresses
from delivrd.classify import Classifier
from delivrd.ledger import Arrival, Ledger

PROVIDERS = Registry.installed()
LEGACY, OMNI = PROVIDERS["messente-legacy"], PROVIDERS["messente-omnichannel"]
CALLBACK = Request("GET", "/dlr?sms_unique_id=m-1&stat=DELIVRD&err=000")
EVENT = Request("POST", "/", (), b'{"message_id": "m-1", "status": "DELIVRD", "err": 1, "echo": "x", "unknown": "y"}')
AT = datetime(2026, 5, 1, tzinfo=UTC)


class Secret(str):
    """A secret that can be watched: a text itself cannot."""


def secret(number: int = 0) -> Secret:
    return Secret("".join(["made-when-", "the-test-runs-", str(number)]))


def signed(provider: Provider, request: Request, account: Account) -> Request:
    for scheme in provider.proofs(Request, account):
        request = scheme.sign(request, account, AT)  # type: ignore[assignment]
    return request


def record(provider: Provider, request: Request, account: Account) -> None:
    with TemporaryDirectory() as folder, Ledger.open(f"{folder}/ledger.db", migrate=True) as ledger:
        receipt = provider.receive(request, account, received_at=AT)
        ledger.record(Arrival(provider, request, receipt, AT, account))


@pytest.mark.parametrize(("provider", "request_"), [(LEGACY, CALLBACK), (OMNI, EVENT)], ids=["query", "json"])
@pytest.mark.parametrize(
    "use",
    [
        lambda provider, request, account: provider.receive(request, account),
        lambda provider, request, account: provider.read(request, account),
        lambda provider, request, account: list(provider.read_many([request], account)),
        lambda provider, request, account: provider.ask("m-1", account),
        lambda provider, request, account: provider.blotted(request, account),
        lambda provider, request, account: provider.blot("a text", account),
        lambda provider, request, account: account.blot("a text"),
        record,
    ],
    ids=["receive", "read", "read_many", "ask", "blotted", "blot", "Account.blot", "record"],
)
def test_nothing_outlives_its_account(provider: Provider, request_: Request, use: Any) -> None:
    word, password, zone = secret(1), secret(2), Secret("Europe/Tallinn")
    account = Account("held", secrets=[word], username="me", password=password, zone=zone)
    use(provider, signed(provider, request_, account), account)
    watched = [ref(each) for each in (account, word, password)]
    # What reads inputs for it is no text, and can be watched itself.
    watched += [ref(read) for ready in account.ready.values() for read in ready.readers.values()]
    del account, word, password, zone
    gc.collect()
    assert [each() for each in watched] == [None] * len(watched)


def test_an_account_keeps_no_provider_alive_and_holds_nothing_of_those_that_are_gone() -> None:
    account = Account("kept")

    def use_one() -> ref[Provider]:
        provider = Provider(
            name="acme",
            vendor="A",
            title="A",
            docs=Source("a page"),
            tables=LEGACY.tables,
            ways=(*LEGACY.ways.values(),),
        )
        provider.read(CALLBACK, account)
        return ref(provider)

    for _ in range(5):
        gone = use_one()
        gc.collect()
        assert gone() is None
        assert len(account.ready) == 1
    LEGACY.read(CALLBACK, account)
    assert len(account.ready) == 1


def test_any_number_of_accounts_stay_ready() -> None:
    accounts = [Account(str(number)) for number in range(5000)]
    for account in accounts:
        LEGACY.read(CALLBACK, account)
    readers = [account.ready[LEGACY._key].readers[Request] for account in accounts]
    for account in accounts:
        assert LEGACY.read(CALLBACK, account).reports[0].account == account.name
    assert [account.ready[LEGACY._key].readers[Request] for account in accounts] == readers


def test_accounts_without_meanings_of_their_own_share_the_verdicts_and_others_do_not() -> None:
    changed = (Meanings("stat", (Row("DELIVRD", Status.FAILED, True, meaning="ours"),)),)
    plain, own, same = Account("a"), Account("b", meanings=changed), Account("c", meanings=changed)
    assert LEGACY.classifier(plain) is LEGACY.classifier() is LEGACY.classifier(Account(secrets=["word"]))
    assert LEGACY.classifier(own) is LEGACY.classifier(same) is not LEGACY.classifier()
    statuses = [LEGACY.read(CALLBACK, each).reports[0].status for each in (own, plain, same, own)]
    assert statuses == [Status.FAILED, Status.DELIVERED, Status.FAILED, Status.FAILED]


def test_meanings_that_are_made_anew_are_never_taken_for_others() -> None:
    for number in range(500):
        wanted = Status.FAILED if number % 2 else Status.EXPIRED
        account = Account(meanings=[Meanings("stat", (Row("DELIVRD", wanted, True, meaning="ours"),))])
        assert LEGACY.read(CALLBACK, account).reports[0].status is wanted


def test_a_copy_of_an_account_is_the_account_and_an_unpickled_one_is_made_ready_anew() -> None:
    account = Account("main", secrets=["word"], addresses=["192.0.2.0/24"])
    LEGACY.read(CALLBACK, account)
    assert copy.copy(account) is account
    for other in (pickle.loads(pickle.dumps(account)), copy.deepcopy(account)):
        assert (other.name, other.secrets, other.networks, other.ready) == ("main", ("word",), account.networks, {})


def test_threads_that_use_one_account_first_all_read_it() -> None:
    def read(account: Account) -> tuple[str | None, ...]:
        report = LEGACY.receive(Request("GET", CALLBACK.target + "&secret=word"), account).reports[0]
        LEGACY.blotted(CALLBACK, account)
        return report.account, report.message_id, str(report.status)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            for number in range(200):
                account = Account(str(number), secrets=["word"])
                assert {*threads.map(read, [account] * 8)} == {(str(number), "m-1", "delivered")}
    finally:
        sys.setswitchinterval(before)


def test_the_networks_of_an_account_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(addresses=["192.0.2.0/24", "2001:db8::/32", "dlr@example.com"])
    monkeypatch.setattr("delivrd.addresses.ip_network", None)
    allowed = AllowedAddresses()
    for client, fits in (
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("198.51.100.1", False),
        ("dlr@example.com", False),
    ):
        assert allowed.authentic(Request("GET", "/", client=client), account, None) is fits
    assert allowed.configured(account)
    assert not allowed.configured(Account(addresses=["dlr@example.com"]))


def test_secrets_are_hidden_where_the_settings_do_not_fit() -> None:
    account = Account(secrets=["a-word"], settings={"no": "such setting"})
    assert LEGACY.blot("secret=a-word", account) == "secret=***"
    assert json.dumps(LEGACY.blotted(Request("GET", "/dlr?secret=a-word"), account).target) == '"/dlr?secret=***"'


def test_a_table_of_any_name_can_be_asked_for_by_an_account_with_meanings_twice() -> None:
    table = CodeTable(
        "stat", (Row("A", Status.SENT, meaning="a"), Row("B", Status.SENT, meaning="b")), Source("a page")
    )
    first = Meanings("stat", (Row("A", Status.FAILED, True, meaning="first"),), replace=True)
    second = Meanings("stat", (Row("C", Status.DELIVERED, True, meaning="second"),))
    whole = Classifier((table,), meanings=(first, second))
    laid = Classifier((table,), meanings=(first,)).with_meanings((second,))
    assert laid.lookups == whole.lookups
    assert Classifier((table,)).lookups[0].rows.keys() == {"A", "B"}

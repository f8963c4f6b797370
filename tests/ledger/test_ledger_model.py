"""A ledger beside a plain re-reading of everything that it was told: the same states, in any order and any batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import count, pairwise

import msgspec
import pytest
from callbacks import ACME, ROWS, arrival, at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivrd import Account
from delivrd.ledger import Ledger
from delivrd.ledger.messages import shown
from delivrd.life import merge, state_of

NUMBERS = count()

places = st.integers(0, 2)
calls = st.sampled_from([(True, False), (False, True), (True, True)])


@st.composite
def reports(draw):
    place, (by_id, by_reference) = draw(places), draw(calls)
    return "report", {
        "id": f"m{place}" if by_id else None,
        "ref": f"r{place}" if by_reference else None,
        "stat": draw(st.sampled_from([*(row.code for row in ROWS), "STRANGE"])),
        "at": draw(st.none() | st.integers(0, 5).map(lambda minute: f"2026-05-01T12:0{minute}:00Z")),
        "price": draw(st.none() | st.sampled_from(["0.1", "0.2"])),
        "currency": draw(st.none() | st.just("EUR")),
        "to": draw(st.none() | st.sampled_from(["+15555550100", "+15555550101"])),
        "group": draw(st.none() | st.just("g")),
    }


@st.composite
def sendings(draw):
    place, (by_id, by_reference) = draw(places), draw(calls)
    return "sent", {
        "message_id": f"m{place}" if by_id else None,
        "reference": f"r{place}" if by_reference else None,
        "recipient": draw(st.none() | st.just("+15555550100")),
    }


histories = st.lists(
    st.tuples(
        st.lists(reports(), min_size=1, max_size=4) | st.lists(sendings(), min_size=1, max_size=1), st.integers(0, 9)
    ),
    min_size=1,
    max_size=8,
)


def names(what, said):
    return (said["id"], said["ref"]) if what == "report" else (said["message_id"], said["reference"])


def components(history):
    """The names that are one message: those that anything said together."""
    together = {names(*each) for events, _ in history for each in events if all(names(*each))}
    leads = {reference: id for id, reference in together}
    return lambda own, reference: own or leads.get(reference, reference)


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=histories)
def test_a_ledger_says_what_a_plain_re_reading_of_all_reports_says(ledger, history):
    account = Account(name=f"account-{next(NUMBERS)}")
    main = components(history)
    said, sent, keys, recorded = defaultdict(list), defaultdict(list), defaultdict(Counter), 0
    begin = cursor_of(ledger)
    for events, minute in history:
        arrivals = []
        for what, fields in events:
            name = main(*names(what, fields))
            if what == "sent":
                ledger.sent(ACME, account, at=at(minute), **fields)
                sent[name].append((at(minute), fields))
                continue
            arrivals.append(arrival(minute, account, **fields))
            (report,) = arrivals[-1].receipt.reports
            said[name].append(report)
            keys[name][report.key] += 1
        made = ledger.record_many(arrivals)
        recorded += sum(len(each.new) for each in made)
    assert recorded == sum(map(len, keys.values()))
    told = ledger.changes(begin, limit=10_000)
    assert [change.position for change in told] == list(range(begin + 1, begin + 1 + len(told)))
    for name in {*said, *sent}:
        by = {"message_id": name} if name.startswith("m") else {"reference": name}
        message = ledger.message(ACME, account, **by)
        expected = expected_state(message.state, said[name], [fields for _, fields in sent[name]])
        assert message.state == expected
        assert message.sent_at == min((when for when, _ in sent[name]), default=None)
        assert {kept.report.key: kept.times for kept in ledger.history(message)} == keys[name]
        own = [change for change in told if change.id == message.id]
        assert [change.version for change in own] == list(range(1, message.version + 1))
        if said[name]:
            assert shown(own[-1].state) == shown(message.state)
    for before, after in pairwise(told):
        if before.id == after.id:
            assert shown(before.state) != shown(after.state) or after.joined_into


def cursor_of(ledger: Ledger) -> int:
    """The position of the last change."""
    cursor = 0
    while some := ledger.changes(cursor, limit=10_000):
        cursor = some[-1].position
    return cursor


def expected_state(named, reports, sendings):
    """The state by folding everything from the beginning; only the names are taken over."""
    nothing = msgspec.structs.replace(named, claims=(), price=None, recipient=None, group_id=None, channel=None)
    nothing = msgspec.structs.replace(nothing, first_heard=None, last_heard=None, timed_out=None)
    folded = [
        msgspec.structs.replace(state_of(each), message_id=named.message_id, reference=named.reference)
        for each in reports
    ]
    sent = [msgspec.structs.replace(nothing, recipient=fields["recipient"]) for fields in sendings]
    return merge([nothing, *folded, *sent])

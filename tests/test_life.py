"""The life of a message: one state, in whatever order, however often and wherever its reports are read."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd import Cause, Evidence, Outcome, Permanence, Registry, Report, Resend, Status
from delivrd.life import STANDING, Claim, Rank, RollUp, Silence, State, fold, group, merge, overdue, roll_up, state_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


times = st.none() | st.integers(0, 9).map(at)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    status = draw(st.sampled_from(Status))
    failed = status.outcome is not Outcome.SUCCESS
    return Report(
        "acme",
        "m1",
        status,
        draw(st.booleans()),
        evidence=draw(st.none() | st.sampled_from(Evidence)),
        cause=draw(st.none() | st.sampled_from(Cause)) if failed else None,
        permanence=draw(st.none() | st.sampled_from(Permanence)) if failed else None,
        map_error=draw(st.none() | st.integers(0, 3)) if failed else None,
        occurred_at=draw(times),
        received_at=draw(times),
        recipient=draw(st.none() | st.sampled_from(["+15555550100", "+15555550101"])),
        reference=draw(st.none() | st.sampled_from(["a", "b"])),
        channel=draw(st.none() | st.sampled_from(["sms", "viber"])),
        group_id=draw(st.none() | st.just("g")),
        parts=draw(st.none() | st.integers(1, 3)),
        total_price=draw(st.none() | st.sampled_from([Decimal("0.1"), Decimal("0.10"), Decimal("0.2")])),
        currency=draw(st.none() | st.sampled_from(["EUR", "credits"])),
        continues=draw(st.booleans()),
    )


several = st.lists(reports(), min_size=1, max_size=8)


def folded(given_reports: list[Report]) -> State:
    state = None
    for report in given_reports:
        state = fold(state, report)
    return state


@given(several, st.randoms(use_true_random=False))
def test_any_order_any_repetition_and_any_grouping_gives_one_state(said: list[Report], chance: random.Random):
    expected = folded(said)
    again = said + chance.choices(said, k=chance.randrange(5))
    chance.shuffle(again)
    assert folded(again) == expected
    cut = chance.randrange(len(again) + 1)
    pieces = [folded(piece) for piece in (again[:cut], again[cut:]) if piece]
    assert merge(pieces) == expected
    assert merge(pieces[::-1]) == expected


@given(reports(), reports(), reports())
def test_joining_is_associative_commutative_and_idempotent(one, two, three):
    a, b, c = state_of(one), state_of(two), state_of(three)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(b) == b.join(a)
    assert a.join(a) == a


def row(claim: Claim) -> int:
    return next(place for place, rank in enumerate(STANDING) if rank.matches(claim))


@given(several)
def test_a_status_never_runs_backwards(said):
    state, before = None, len(STANDING)
    for report in said:
        state = fold(state, report)
        assert row(state.standing()) <= before
        before = row(state.standing())


@given(several)
def test_a_state_says_nothing_that_no_report_said(said):
    state = folded(said)
    assert (state.status, state.final, state.evidence) in {(r.status, r.final, r.evidence) for r in said}
    assert state.cause in {r.cause for r in said if r.status is state.status}
    heard = [r.received_at or r.occurred_at for r in said if r.received_at or r.occurred_at]
    assert (state.first_heard, state.last_heard) == ((min(heard), max(heard)) if heard else (None, None))
    opposite = {Outcome.SUCCESS: Outcome.FAILURE, Outcome.FAILURE: Outcome.SUCCESS}.get(state.outcome)
    assert bool(state.contradictions) == any(r.final and r.status.outcome is opposite for r in said)


@given(several)
def test_a_state_can_be_kept_as_json_and_read_back(said):
    state = folded(said)
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state


def report(status: Status, final: bool, minutes: int = 0, **more) -> Report:
    return Report("acme", more.pop("message_id", "m1"), status, final, occurred_at=at(minutes), **more)


SENT = report(Status.SENT, False, 1)
DELIVERED = report(Status.DELIVERED, True, 2, evidence=Evidence.CARRIER)
FAILED = report(Status.FAILED, True, 3, cause=Cause.CARRIER_ERROR)


@pytest.mark.parametrize(
    ("below", "above"),
    [
        (report(Status.ACCEPTED, False, 9), SENT),
        (report(Status.UNKNOWN, False, 9), report(Status.ACCEPTED, False)),
        (SENT, report(Status.UNDELIVERED, False)),
        (report(Status.DEFERRED, False, 9), FAILED),
        (report(Status.UNKNOWN, True, 9), FAILED),
        (report(Status.SENT, True, 9), FAILED),
        (FAILED, DELIVERED),
        (DELIVERED, report(Status.READ, True, evidence=Evidence.RECIPIENT)),
        (DELIVERED, report(Status.UNDELIVERED, True, evidence=Evidence.HANDSET)),
        (FAILED, report(Status.EXPIRED, True, 0)),
        (report(Status.EXPIRED, True, 0), report(Status.REJECTED, True, 1)),
    ],
)
def test_what_stands_above_what(below, above):
    for order in ([below, above], [above, below]):
        assert folded(order).status is above.status


def test_a_contradiction_is_kept_and_shown_and_a_copy_that_arrived_is_not_sent_again():
    state = folded([DELIVERED, FAILED])
    assert (state.status, state.resend) == (Status.DELIVERED, Resend.NO)
    assert [claim.status for claim in state.contradictions] == [Status.FAILED]
    assert folded([SENT, FAILED]).contradictions == ()


def test_the_latest_of_the_most_specific_causes_is_the_cause():
    said = [
        report(Status.FAILED, True, 1, cause=Cause.ABSENT_SUBSCRIBER),
        report(Status.FAILED, True, 2, cause=Cause.HANDSET_FULL, map_error=33),
        report(Status.FAILED, True, 3, cause=Cause.TEMPORARY),
    ]
    claim = folded(said).standing()
    assert (claim.cause, claim.map_error, claim.first, claim.last) == (Cause.HANDSET_FULL, 33, at(1), at(3))


def test_a_gateway_can_give_its_own_table():
    failures_first = (Rank("failed", "this gateway retries at once", frozenset({Status.FAILED})), *STANDING)
    assert folded([DELIVERED, FAILED]).standing(failures_first).status is Status.FAILED
    assert folded([DELIVERED, FAILED]).standing(()).status in (Status.DELIVERED, Status.FAILED)


def test_every_row_of_the_table_has_its_reason_and_every_report_its_row():
    assert all(rank.reason for rank in STANDING)
    matched = set()
    for status in Status:
        for final in (True, False):
            for evidence in [None, *Evidence]:
                matched.add(row(Claim(status, final, evidence)))
    assert matched == set(range(len(STANDING)))


def test_the_latest_price_is_the_price_and_since_is_when_it_was_first_said():
    state = folded([report(Status.DELIVERED, True, minute, total_price=Decimal(minute)) for minute in (3, 1, 2)])
    assert (state.price.total, state.since) == (Decimal(3), at(1))


def test_states_of_two_messages_are_not_joined():
    for other in (report(Status.SENT, False, message_id="m2"), msgspec.structs.replace(SENT, account="other")):
        with pytest.raises(ValueError, match="expected two states of one message"):
            fold(state_of(SENT), other)
    with pytest.raises(ValueError, match="at least one"):
        merge([])
    mine = [Report("acme", None, Status.SENT, False, reference=name) for name in "ab"]
    with pytest.raises(ValueError, match="expected two states"):
        folded(mine)


def test_silence_is_an_answer_that_any_later_word_overrules():
    state = overdue(state_of(SENT), at(100), timedelta(minutes=90))
    assert (state.status, state.final, state.evidence) == (Status.UNKNOWN, True, Evidence.TIMEOUT)
    assert (state.resend, state.since) == (Resend.UNSAFE, at(100))
    assert state.silence == Silence(at(100), SENT.received_at or SENT.occurred_at)
    # Heard before the silence was taken for an answer, and folded after: there was no silence.
    meanwhile = report(Status.SENT, False, 0, received_at=at(99))
    assert fold(state, meanwhile).status is Status.SENT
    late = report(Status.SENT, False, 0, received_at=at(101))
    assert fold(state, late).status is Status.SENT
    assert fold(state, DELIVERED).status is Status.DELIVERED
    assert state_of(late).join(state) == fold(state, late)


def test_where_a_provider_is_known_to_fall_silent_what_it_said_last_stays():
    habit = Registry.installed()["upside-wireless"].silent_after
    assert habit == (Status.SENT,)
    for said, status in ((SENT, Status.SENT), (report(Status.ACCEPTED, False, 1), Status.UNKNOWN)):
        state = overdue(state_of(said), at(100), timedelta(minutes=90), habit)
        assert (state.status, state.final, state.evidence, state.resend) == (
            status,
            True,
            Evidence.TIMEOUT,
            Resend.UNSAFE,
        )
        assert fold(state, DELIVERED).status is Status.DELIVERED


@given(several, st.integers(0, 30), st.integers(0, 30))
def test_silence_is_joined_like_all_else(said, now, later):
    state = folded(said)
    one, two = (overdue(state, at(minutes), timedelta(minutes=5)) for minutes in (now, later))
    assert one.join(two) == two.join(one)
    assert one.join(state) == one
    if state.final:
        assert one == state


def test_the_silence_of_a_message_that_was_never_heard_of_begins_when_it_was_sent():
    sent = State("acme", None, "m1")
    assert (sent.status, sent.final, sent.resend) == (Status.UNKNOWN, False, Resend.WAIT)
    assert overdue(sent, at(60), timedelta(hours=1)) is sent
    assert overdue(sent, at(59), timedelta(hours=1), sent_at=at(0)) is sent
    silent = overdue(sent, at(60), timedelta(hours=1), sent_at=at(0))
    assert (silent.status, silent.final, silent.evidence, silent.resend) == (
        Status.UNKNOWN,
        True,
        Evidence.TIMEOUT,
        Resend.UNSAFE,
    )
    heard = fold(silent, Report("acme", "m1", Status.DELIVERED, True, received_at=at(61)))
    assert (heard.status, heard.evidence) == (Status.DELIVERED, None)


def test_what_is_final_or_not_yet_due_or_was_never_heard_is_not_overdue():
    day = timedelta(days=1)
    for state in (state_of(FAILED), state_of(SENT), state_of(Report("acme", "m1", Status.SENT, False))):
        assert overdue(state, at(60), day) is state
    with pytest.raises(ValueError, match="now: expected a datetime with its zone"):
        overdue(state_of(SENT), datetime(2026, 1, 1), day)


outcomes = {
    "d": state_of(msgspec.structs.replace(DELIVERED, total_price=Decimal("0.1"), currency="EUR")),
    "f": state_of(msgspec.structs.replace(FAILED, total_price=Decimal("0.2"), currency="EUR")),
    "s": state_of(SENT),
    "u": state_of(report(Status.UNKNOWN, True)),
    "-": None,
}


@pytest.mark.parametrize(
    ("parts", "rule", "outcome", "final", "missing"),
    [
        ("ddd", RollUp.ALL, Outcome.SUCCESS, True, ()),
        ("dsd", RollUp.ALL, Outcome.PENDING, False, (1,)),
        ("d-f", RollUp.ALL, Outcome.FAILURE, True, (1,)),
        ("du", RollUp.ALL, Outcome.UNKNOWN, True, ()),
        ("-d-", RollUp.ANY, Outcome.SUCCESS, True, (0, 2)),
        ("ff", RollUp.ANY, Outcome.FAILURE, True, ()),
        ("fs", RollUp.ANY, Outcome.PENDING, False, (1,)),
        ("fu", RollUp.ANY, Outcome.UNKNOWN, True, ()),
        ("d-", RollUp.FIRST, Outcome.SUCCESS, True, (1,)),
        ("fd", RollUp.LAST, Outcome.SUCCESS, True, ()),
        ("d-", RollUp.LAST, Outcome.PENDING, False, (1,)),
    ],
)
def test_parts_are_judged_by_a_declared_rule(parts, rule, outcome, final, missing):
    whole = roll_up([outcomes[part] for part in parts], rule)
    assert (whole.outcome, whole.final, whole.missing) == (outcome, final, missing)


@given(st.lists(st.sampled_from("dfsu-"), min_size=1, max_size=6), st.sampled_from(RollUp))
def test_a_roll_up_agrees_with_its_parts(parts, rule):
    whole = roll_up([outcomes[part] for part in parts], rule)
    assert whole.missing == tuple(place for place, part in enumerate(parts) if part in "s-")
    assert whole.prices == (
        {"EUR": sum((outcomes[p].price.total for p in parts if p in "df"), Decimal())} if set(parts) & set("df") else {}
    )
    assert whole.unpriced == tuple(place for place, part in enumerate(parts) if part not in "df")
    if rule is RollUp.ALL and whole.outcome is Outcome.SUCCESS:
        assert set(parts) == {"d"}
    if not whole.missing:
        assert whole.final
    if whole.final:
        # Whatever the missing parts come to changes nothing.
        for last in "dfu":
            known = [last if part in "s-" else part for part in parts]
            assert roll_up([outcomes[part] for part in known], rule).outcome is whole.outcome


def test_parts_of_nothing_are_refused():
    with pytest.raises(ValueError, match="parts: expected at least one"):
        roll_up([])


def channel(name: str, said: Report, **more) -> State:
    return state_of(msgspec.structs.replace(said, message_id=name, channel=name, group_id="g", **more))


def test_a_group_succeeded_when_one_channel_did():
    whole = group([channel("viber", FAILED, continues=True), channel("sms", DELIVERED)])
    assert (whole.outcome, whole.final, whole.resend) == (Outcome.SUCCESS, True, Resend.NO)
    assert whole.winner.channel == "sms"


def test_a_group_failed_when_every_channel_did_and_none_can_follow():
    viber, sms = channel("viber", FAILED, continues=True), channel("sms", FAILED, cause=Cause.UNROUTABLE)
    for states in ([viber], [viber, channel("sms", SENT)]):
        assert group(states).outcome is Outcome.PENDING
        assert group(states).resend is Resend.WAIT
    assert group([viber, sms], more_channels=True).resend is Resend.WAIT
    whole = group([viber, sms])
    assert (whole.outcome, whole.final, whole.winner, whole.resend) == (Outcome.FAILURE, True, None, Resend.ELSEWHERE)


def test_a_group_of_which_one_channel_is_in_doubt_is_not_sent_again():
    whole = group([channel("rcs", report(Status.UNKNOWN, True)), channel("sms", FAILED)])
    assert (whole.outcome, whole.resend) == (Outcome.UNKNOWN, Resend.UNSAFE)


def test_messages_of_several_groups_are_not_judged_together():
    for states in ([], [channel("a", SENT), state_of(SENT)]):
        with pytest.raises(ValueError, match="expected those of one group"):
            group(states)


GATEWAY_DELIVERED = Report("acme", "m1", Status.DELIVERED, True, evidence=Evidence.PROVIDER, occurred_at=at(1))
OPERATOR_FAILED = Report(
    "acme", "m1", Status.UNDELIVERED, True, evidence=Evidence.CARRIER, cause=Cause.BARRED, occurred_at=at(2)
)


def chosen(given_reports: list[Report]) -> State:
    state = None
    for report in given_reports:
        state = fold(state, report, later_wins=True)
    return state


def test_a_failure_behind_a_delivery_leaves_its_trace_in_the_state_with_who_said_it_and_when():
    state = folded([OPERATOR_FAILED, GATEWAY_DELIVERED])
    assert (state.status, state.final, state.resend) == (Status.DELIVERED, True, Resend.NO)
    (claim,) = state.contradictions
    assert (claim.status, claim.evidence, claim.cause, claim.occurred) == (
        Status.UNDELIVERED,
        Evidence.CARRIER,
        Cause.BARRED,
        at(2),
    )
    assert state.to_dict()["contradictions"][0]["status"] == "undelivered"
    assert state.explain() == [
        "delivered, final, evidence provider, at 2026-05-01T12:01:00+00:00",
        "contradicted by undelivered, final, evidence carrier, cause barred, at 2026-05-01T12:02:00+00:00",
        "rule: carriers retry after a failure, and what arrived stays arrived; resend: no",
    ]
    assert folded([GATEWAY_DELIVERED]).explain() == [
        "delivered, final, evidence provider, at 2026-05-01T12:01:00+00:00"
    ]


def test_where_the_later_final_report_wins_a_copy_may_have_arrived_all_the_same():
    state = chosen([GATEWAY_DELIVERED, OPERATOR_FAILED])
    assert (state.status, state.cause, state.resend) == (Status.UNDELIVERED, Cause.BARRED, Resend.UNSAFE)
    assert [claim.status for claim in state.contradictions] == [Status.DELIVERED]
    assert "the later final report wins" in state.explain()[-1]
    again = msgspec.structs.replace(GATEWAY_DELIVERED, occurred_at=at(3))
    assert fold(state, again, later_wins=True).status is Status.DELIVERED
    # A pending report decides nothing, however late it is.
    assert fold(state, msgspec.structs.replace(again, status=Status.SENT, final=False)).status is Status.UNDELIVERED


def test_a_delivery_that_is_sent_again_without_its_time_is_no_later_report():
    told = [
        msgspec.structs.replace(GATEWAY_DELIVERED, occurred_at=None, received_at=at(1)),
        msgspec.structs.replace(OPERATOR_FAILED, occurred_at=None, received_at=at(2)),
        msgspec.structs.replace(GATEWAY_DELIVERED, occurred_at=None, received_at=at(9)),
    ]
    assert chosen(told).status is Status.UNDELIVERED


@given(several, st.randoms(use_true_random=False))
def test_the_later_final_report_wins_in_any_order_and_any_grouping(said, chance):
    state = chosen(said)
    shuffled = [*said, *chance.choices(said, k=3)]
    chance.shuffle(shuffled)
    half = chance.randint(1, len(shuffled) - 1)
    assert merge([chosen(shuffled[:half]), chosen(shuffled[half:])]) == chosen(shuffled) == state
    # One report that says so is enough, whichever it is.
    assert merge([folded(shuffled), chosen(said[:1])]) == state
    ended = [
        claim for claim in state.claims if claim.final and claim.status.outcome in (Outcome.SUCCESS, Outcome.FAILURE)
    ]
    times = {claim.occurred or claim.first for claim in ended} - {None}
    if times:
        last = {claim.status.outcome for claim in ended if (claim.occurred or claim.first) == max(times)}
        assert state.outcome in last
    opposite = {claim.status.outcome for claim in state.contradictions}
    assert opposite == {claim.status.outcome for claim in ended} - {state.outcome} or state.outcome not in {
        Outcome.SUCCESS,
        Outcome.FAILURE,
    }


def test_a_state_that_an_earlier_release_kept_is_read_and_joined():
    old = b'{"provider":"acme","account":null,"message_id":"m1","claims":[{"status":"delivered","final":true,"evidence":"provider","first":"2026-05-01T12:01:00Z","last":"2026-05-01T12:01:00Z"}]}'
    kept = msgspec.json.decode(old, type=State)
    assert kept.contradictions == ()
    assert [claim.status for claim in fold(kept, OPERATOR_FAILED).contradictions] == [Status.UNDELIVERED]
    assert fold(kept, OPERATOR_FAILED, later_wins=True).status is Status.UNDELIVERED

"""What a ledger keeps and answers, in every store."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from callbacks import ACME, NOON, PAGE, READING, ROWS, arrival, at, provider

from delivrd import (
    Absence,
    AbsenceKind,
    Account,
    BodyKind,
    CodeTable,
    Evidence,
    IdBase,
    MessageIds,
    Outcome,
    Provider,
    Push,
    Receipt,
    Request,
    Resend,
    Row,
    Status,
)
from delivrd.ledger import Arrival, CursorTooOld, Kept, Ledger, LedgerError, SchemaError
from delivrd.ledger.schema import metadata
from delivrd.ledger.store import Store
from delivrd.life import fold

MAIN = Account(name="main")


def followed(ledger: Ledger, limit: int = 1000):
    """All changes, as a gateway follows them."""
    found, cursor = [], 0
    while some := ledger.changes(cursor, limit=limit):
        found += some
        cursor = some[-1].position
    return found


def told(ledger: Ledger):
    return [(change.version, change.state.status.value) for change in followed(ledger)]


def test_a_receipt_is_kept_whole(ledger):
    came = arrival(1, MAIN, id="m1", stat="OK", to="+15555550100", price="0.1", currency="EUR", at="2026-05-01 12:00")
    recorded = ledger.record(came)
    (report,) = came.receipt.reports
    assert (recorded.new, recorded.repeated) == ((report,), ())
    (message,) = recorded.changed
    assert message == ledger.message(ACME, MAIN, "m1")
    assert message.state == fold(None, report)
    assert (message.version, message.sent_at, message.whole) == (1, None, True)
    (kept,) = ledger.history(message)
    assert (kept.report, kept.received_at, kept.times, kept.message) == (report, at(1), 1, message.id)
    assert kept.input.input.body == came.input.body
    again = ACME.read(kept.input.input, MAIN, received_at=kept.input.received_at)
    assert again.reports == (report,)


def test_a_report_is_kept_once_however_often_it_comes(ledger):
    first = arrival(1, id="m1", stat="SENT")
    ledger.record(first)
    again = ledger.record_many([arrival(2, id="m1", stat="SENT"), arrival(3, id="m1", stat="SENT")])
    assert [len(each.repeated) for each in again] == [1, 1]
    assert not any(each.new or each.changed for each in again)
    (kept,) = ledger.history(ledger.message(ACME, None, "m1"))
    assert (kept.times, kept.received_at) == (3, at(1))
    assert told(ledger) == [(1, "sent")]
    both = ledger.record_many([arrival(4, id="m2", stat="SENT"), arrival(5, id="m2", stat="SENT")])
    assert [(len(each.new), len(each.repeated)) for each in both] == [(1, 0), (0, 1)]


def test_a_status_never_runs_backwards_and_each_change_is_told_once_in_order(ledger):
    for minutes, status in enumerate(["ACC", "SENT", "BAD", "SENT", "TRY", "OK", "BAD", "ACC"]):
        ledger.record(arrival(minutes, id="m1", stat=status, at=f"2026-05-01 12:0{minutes}"))
    changes = followed(ledger, limit=2)
    assert [(each.version, each.state.status.value) for each in changes] == [
        (1, "accepted"),
        (2, "sent"),
        (3, "undelivered"),
        (4, "delivered"),
    ]
    assert [each.position for each in changes] == [1, 2, 3, 4]
    assert [each.at for each in changes] == [at(0), at(1), at(2), at(5)]
    state = ledger.message(ACME, None, "m1").state
    assert [claim.status.value for claim in state.contradictions] == ["undelivered"]


def test_an_input_without_a_report_is_kept_too(ledger):
    request = Request("POST", "/dlr", {"Content-Type": "application/json"}, b"{}")
    nothing = Receipt(absence=Absence(AbsenceKind.NOT_A_REPORT), others=({"text": "hello"},))
    recorded = ledger.record(Arrival(ACME, request, nothing, at(0), MAIN))
    ledger.record(arrival(1, id="m1", stat="OK"))
    (stray,) = ledger.strays()
    assert (stray.number, stray.provider, stray.account) == (recorded.input, "acme", "main")
    assert (stray.received_at, stray.input.input.body) == (at(0), b"{}")
    assert ledger.strays(stray.number) == []


def test_reports_that_came_before_the_message_was_known_are_joined_to_it(ledger):
    ledger.record(arrival(1, MAIN, id="m1", stat="OK"))
    message = ledger.sent(ACME, MAIN, "m1", at=at(0), reference="order-1", recipient="+15555550100")
    assert (message.state.status, message.state.reference, message.sent_at) == (Status.DELIVERED, "order-1", at(0))
    assert ledger.message(ACME, MAIN, reference="order-1") == message
    assert ledger.find("order-1") == ledger.find("m1") == ledger.find(message.id) == [message]


def test_what_was_sent_is_pending_until_its_last_word(ledger):
    ledger.sent(ACME, None, "m1", at=at(0))
    ledger.sent(ACME, None, "m2", at=at(5))
    ledger.record(arrival(9, id="m1", stat="SENT"))
    assert [each.state.message_id for each in ledger.pending()] == ["m2", "m1"]
    assert [each.state.message_id for each in ledger.pending(page=1)] == ["m2", "m1"]
    assert [each.state.message_id for each in ledger.pending(before=at(6))] == ["m2"]
    assert list(ledger.pending(provider="other")) == []
    (first, _) = ledger.pending()
    assert (first.state.status, first.state.resend, first.version) == (Status.UNKNOWN, Resend.WAIT, 0)
    ledger.record(arrival(10, id="m2", stat="BAD"))
    assert [each.state.message_id for each in ledger.pending()] == ["m1"]


def test_the_gateways_own_id_and_the_providers_lead_to_one_message(ledger):
    """The gateway knows its own id first, then a report names both, then one names its own alone."""
    ledger.sent(ACME, None, at=at(0), reference="order-1")
    ledger.record(arrival(1, id="m1", ref="order-1", stat="SENT"))
    ledger.record(arrival(2, ref="order-1", stat="OK"))
    message = ledger.message(ACME, None, "m1")
    assert message == ledger.message(ACME, reference="order-1")
    assert (message.state.status, message.sent_at) == (Status.DELIVERED, at(0))
    assert [kept.report.status.value for kept in ledger.history(message)] == ["sent", "delivered"]
    assert told(ledger) == [(1, "sent"), (2, "delivered")]
    assert list(ledger.pending()) == []


def test_two_messages_that_turn_out_to_be_one_are_joined_and_that_is_told(ledger):
    ledger.record(arrival(1, ref="order-1", stat="OK"))
    ledger.record(arrival(2, id="m1", stat="SENT"))
    was = ledger.message(ACME, reference="order-1")
    joined = ledger.sent(ACME, None, "m1", at=at(0), reference="order-1")
    assert (joined.state.status, joined.version) == (Status.DELIVERED, 2)
    assert ledger.message(ACME, reference="order-1") == joined
    assert [kept.report.status.value for kept in ledger.history(joined)] == ["delivered", "sent"]
    assert [(change.id, change.version, change.joined_into) for change in followed(ledger)] == [
        (was.id, 1, None),
        (joined.id, 1, None),
        (was.id, 2, joined.id),
        (joined.id, 2, None),
    ]


def test_the_parts_of_one_message_can_share_a_reference(ledger):
    for part in ("m1", "m2"):
        ledger.sent(ACME, None, part, at=at(0), reference="order-1")
    ledger.record(arrival(1, id="m1", ref="order-1", stat="OK"))
    parts = ledger.parts(ACME, None, ["m1", "m2", "m3"])
    assert (parts.outcome, parts.missing) == (Outcome.PENDING, (1, 2))
    assert {each.state.message_id for each in ledger.find("order-1")} == {"m1", "m2"}


def test_a_fallback_group_is_read_as_one(ledger):
    ledger.record(arrival(1, id="m1", group="g1", stat="BAD"))
    ledger.record(arrival(2, id="m2", group="g1", stat="OK"))
    found = ledger.group(ACME, None, "g1")
    assert (found.outcome, found.winner.message_id) == (Outcome.SUCCESS, "m2")
    assert ledger.group(ACME, None, "g2") is None
    assert ledger.group(ACME, MAIN, "g1") is None


@pytest.mark.parametrize(
    ("ids", "sent", "reported"),
    [
        (MessageIds(IdBase.HEXADECIMAL, IdBase.DECIMAL), "7B", "123"),
        (MessageIds(IdBase.DECIMAL, IdBase.HEXADECIMAL), "0000123", "7b"),
        (MessageIds(ignore_case=True), "aB-1", "Ab-1"),
        (MessageIds(ignore_padding=True), "0012", "12"),
    ],
)
@pytest.mark.parametrize("report_first", [True, False])
def test_an_id_can_be_spelt_otherwise_in_reports_where_the_account_says_how(ledger, ids, sent, reported, report_first):
    account = Account(name="spelt", message_ids=ids)
    say = [
        lambda: ledger.sent(ACME, account, sent, at=at(0), reference="order-1"),
        lambda: ledger.record(arrival(1, account, id=reported, stat="OK")),
    ]
    for each in reversed(say) if report_first else say:
        each()
    message = ledger.message(ACME, account, sent)
    assert (message.state.status, message.state.reference, message.sent_at) == (Status.DELIVERED, "order-1", at(0))
    assert list(ledger.pending()) == []


def test_where_one_id_is_given_to_many_recipients_each_has_a_message(ledger):
    many = provider(name="many", many_recipients=True)
    for number, status in (("+15555550100", "OK"), ("15555550101", "BAD")):
        ledger.record(arrival(1, by=many, id="m1", to=number, stat=status))
    assert ledger.message(many, None, "m1", recipient="1 555 555 0100").state.status is Status.DELIVERED
    assert ledger.message(many, None, "m1", recipient="+15555550101").state.status is Status.UNDELIVERED
    assert len(ledger.find("m1")) == 2
    with pytest.raises(ValueError, match="recipient: many gives one id to many recipients"):
        ledger.message(many, None, "m1")


def test_accounts_and_providers_do_not_share_messages(ledger):
    other = provider(name="other")
    ledger.record_many(
        [
            arrival(1, id="m1", stat="OK"),
            arrival(1, MAIN, id="m1", stat="BAD"),
            arrival(1, by=other, id="m1", stat="ACC"),
        ]
    )
    assert ledger.message(ACME, None, "m1").state.status is Status.DELIVERED
    assert ledger.message(ACME, MAIN, "m1").state.status is Status.UNDELIVERED
    assert ledger.message(other, None, "m1").state.status is Status.ACCEPTED
    assert len(ledger.find("m1")) == 3
    assert ledger.message(ACME, None, "m2") is None
    assert ledger.find("nothing") == []


def test_messages_are_counted_by_the_hour_in_which_they_were_first_heard_of(ledger):
    for minutes, id, status in [
        (0, "m1", "OK"),
        (59, "m2", "OK"),
        (60, "m3", "BAD"),
        (61, "m3", "SENT"),
        (61, "m4", "OK"),
    ]:
        ledger.record(arrival(minutes, MAIN, id=id, stat=status))
    ledger.sent(ACME, None, "m5", at=at(10), reference="r5")
    found = ledger.counts(at(0), at(120))
    assert [
        (each.hour, each.account, each.status, each.cause and each.cause.value, each.messages) for each in found
    ] == [
        (at(0), "", None, None, 1),
        (at(0), "main", Status.DELIVERED, None, 2),
        (at(60), "main", Status.DELIVERED, None, 1),
        (at(60), "main", Status.UNDELIVERED, "unknown_subscriber", 1),
    ]
    assert sum(each.messages for each in ledger.counts(at(60), at(61))) == 2
    assert ledger.counts(at(120), at(180)) == []


def test_the_newest_reports_and_those_with_unlisted_codes_are_found(ledger):
    for minutes, status in enumerate(["OK", "STRANGE", "BAD"]):
        ledger.record(arrival(minutes, id=f"m{minutes}", stat=status))
    assert [kept.report.message_id for kept in ledger.newest()] == ["m2", "m1", "m0"]
    assert [kept.report.message_id for kept in ledger.newest(limit=1)] == ["m2"]
    (odd,) = ledger.newest(unlisted=True)
    assert (odd.report.codes, odd.report.status) == ({"stat": "STRANGE"}, Status.UNKNOWN)


def test_silence_is_taken_for_an_answer_and_any_later_word_overrules_it(ledger):
    quiet = provider(name="quiet", silent_after=(Status.SENT,))
    ledger.record_many([arrival(0, id="m1", stat="SENT"), arrival(0, by=quiet, id="m2", stat="SENT")])
    ledger.sent(ACME, None, "m3", at=at(0))
    ledger.record(arrival(0, id="m4", stat="OK"))
    ledger.record(arrival(50, id="m5", stat="SENT"))
    providers = {"acme": ACME, "quiet": quiet}
    out = ledger.time_out(providers, at(60), timedelta(hours=1), limit=2)
    out += ledger.time_out(providers, at(60), timedelta(hours=1), limit=2)
    assert ledger.time_out(providers, at(60), timedelta(hours=1)) == []
    assert {each.state.message_id: (each.state.status.value, each.state.resend.value) for each in out} == {
        "m1": ("unknown", "unsafe"),
        "m2": ("sent", "unsafe"),
        "m3": ("unknown", "unsafe"),
    }
    assert all(each.state.final and each.state.evidence is Evidence.TIMEOUT for each in out)
    assert [each.state.message_id for each in ledger.pending()] == ["m5"]
    ledger.record(arrival(61, id="m1", stat="OK"))
    assert ledger.message(ACME, None, "m1").state.status is Status.DELIVERED
    assert ledger.time_out(providers, at(200), timedelta(hours=1))[0].state.message_id == "m5"


def test_what_is_old_goes_in_bounded_steps_and_states_stay(ledger):
    for minutes in range(10):
        ledger.record(arrival(minutes, id=f"m{minutes}", stat="OK"))
    ledger.record(arrival(20, id="m0", stat="BAD"))
    # The eleventh tells of the contradiction.
    assert len(followed(ledger)) == 11
    steps = []
    while (purged := ledger.purge(at(5), limit=2)).any:
        steps.append((purged.inputs, purged.reports, purged.changes))
    assert steps == [(2, 2, 2), (2, 2, 2), (1, 1, 1)]
    first, last = ledger.message(ACME, None, "m0"), ledger.message(ACME, None, "m9")
    assert (first.state.status, first.whole) == (Status.DELIVERED, False)
    assert [kept.report.status.value for kept in ledger.history(first)] == ["undelivered"]
    assert last.whole
    assert len(ledger.history(last)) == 1


def test_whoever_follows_too_late_is_told_where_to_go_on(ledger):
    for minutes in range(4):
        ledger.record(arrival(minutes, id=f"m{minutes}", stat="OK"))
    assert len(followed(ledger)) == 4
    while ledger.purge(at(2)).any:
        pass
    with pytest.raises(CursorTooOld) as caught:
        ledger.changes(1)
    assert [change.position for change in ledger.changes(caught.value.restart)] == [3, 4]


def test_a_late_repetition_of_a_purged_report_changes_nothing(ledger):
    ledger.record(arrival(0, id="m1", stat="OK"))
    followed(ledger)
    while ledger.purge(at(5)).any:
        pass
    assert ledger.record(arrival(9, id="m1", stat="OK")).changed == ()
    assert ledger.message(ACME, None, "m1").version == 1


def test_an_input_is_read_again_with_todays_tables_and_changed_only_when_told(ledger):
    ledger.record(arrival(0, id="m1", stat="NEW", price="0.1", currency="EUR"))
    ledger.record(arrival(1, id="m2", stat="OK"))
    today = {"acme": provider((*ROWS, Row("NEW", Status.DELIVERED, True, Evidence.HANDSET, meaning="delivered")))}
    for _ in range(2):
        (step,) = ledger.replay(today)
        (difference,) = step.differences
        assert (step.messages, difference.before.status, difference.after.status) == (
            2,
            Status.UNKNOWN,
            Status.DELIVERED,
        )
    assert ledger.message(ACME, None, "m1").state.status is Status.UNKNOWN
    assert sum(len(step.differences) for step in ledger.replay(today, apply_at=at(9), page=1)) == 1
    message = ledger.message(ACME, None, "m1")
    assert (message.state.status, message.version, message.state.price.total) == (Status.DELIVERED, 2, Decimal("0.1"))
    (kept,) = ledger.history(message)
    assert kept.report.status is Status.DELIVERED
    assert ledger.newest(unlisted=True) == []
    assert followed(ledger)[-1].at == at(9)
    assert not any(step.differences for step in ledger.replay(today))


def test_what_cannot_be_read_again_is_told_and_left_as_it_is(ledger):
    ledger.record(arrival(0, id="m1", stat="NEW"))
    ledger.record(arrival(1, MAIN, id="m2", stat="NEW"))
    ledger.record(arrival(9, id="m1", stat="OK"))
    while ledger.purge(at(1)).any:
        pass
    today = {"acme": provider((*ROWS, Row("NEW", Status.ACCEPTED, False, meaning="taken")))}

    def why(providers, *accounts):
        return {
            each.before.message_id: each.why and each.why.value
            for step in ledger.replay(providers, *accounts, apply_at=at(10))
            for each in step.differences
        }

    assert why({}) == {"m1": "purged", "m2": "no_provider"}
    assert why(today) == {"m1": "purged", "m2": "no_account"}
    assert why({"acme": refusing()}, lambda *_: MAIN) == {"m1": "purged", "m2": "unreadable"}
    assert ledger.message(ACME, MAIN, "m2").state.status is Status.UNKNOWN
    assert why(today, lambda *_: MAIN) == {"m1": "purged", "m2": None}
    assert ledger.message(ACME, MAIN, "m2").state.status is Status.ACCEPTED


def test_an_input_that_names_another_message_today_moves_nothing(ledger):
    ledger.record(arrival(0, MAIN, id="m1", stat="OK"))
    (step,) = ledger.replay({"acme": ACME}, lambda *_: Account(name="renamed"), apply_at=at(9))
    assert [each.why for each in step.differences] == [Kept.MOVED]
    assert ledger.message(ACME, MAIN, "m1").version == 1


def refusing():
    """Acme, as it is when it takes no JSON any more."""
    push = Push(reading=READING, bodies=(BodyKind.FORM,))
    return Provider(
        name="acme", vendor="A", title="A", docs=PAGE, tables=(CodeTable("stat", ROWS, PAGE),), ways=(push,)
    )


def test_no_secret_is_kept(ledger):
    account = Account(name="main", secrets=["a-long-secret"], password="hush-hush")
    ledger.record(arrival(0, account, target="/dlr/a-long-secret?p=hush-hush", id="m1", stat="OK"))
    (kept,) = ledger.history(ledger.message(ACME, account, "m1"))
    assert kept.input.input.target == "/dlr/***?p=***"


@pytest.mark.parametrize("text", ["\0", "m\0", "\N{PILE OF POO}", "x" * 100_000, "1\udcff"])
def test_any_id_can_be_kept_and_found(ledger, text):
    came = arrival(0, id=text, ref=text, stat="OK")
    ledger.record(came)
    id = came.receipt.reports[0].message_id
    assert ledger.message(ACME, None, id).state.message_id == id
    (found,) = ledger.find(id)
    assert found.state.reference == came.receipt.reports[0].reference
    assert ledger.message(ACME, reference=id) == found


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda ledger: ledger.sent(ACME, at=at(0)), "message_id, reference: expected at least one"),
        (
            lambda ledger: ledger.sent(ACME, None, "m1", at=datetime(2026, 5, 1)),
            "at: expected a datetime with its zone",
        ),
        (lambda ledger: ledger.sent(ACME, None, "m\ud800", at=at(0)), "message_id: expected a text"),
        (lambda ledger: ledger.purge(datetime(2026, 5, 1)), "before: expected a datetime with its zone"),
        (lambda ledger: list(ledger.pending(before=datetime(2026, 5, 1))), "before: expected"),
        (lambda ledger: ledger.counts(at(0), datetime(2026, 5, 1)), "until: expected"),
        (lambda ledger: list(ledger.replay({}, apply_at=datetime(2026, 5, 1))), "apply_at: expected"),
        (lambda ledger: ledger.time_out({}, datetime(2026, 5, 1), timedelta(1)), "now: expected"),
        (lambda ledger: ledger.parts(ACME, None, []), "parts: expected at least one"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(ledger, call, said):
    with pytest.raises(ValueError, match=said):
        call(ledger)


def test_a_store_without_tables_or_with_others_is_refused_with_the_remedy(url):
    with pytest.raises(SchemaError, match="has no tables yet: run `delivrd ledger init`"):
        Ledger.open(url)
    with Ledger.open(url, migrate=True) as ledger:
        assert "Ledger on" in repr(ledger)
    Ledger.open(url, migrate=True).close()
    store = Store(url)
    for found, said in (
        ("0000", "run `delivrd ledger migrate`"),
        ("9999", "use the release of delivrd that made them"),
    ):
        store.write(lambda c, to=found: c.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{to}'"))
        with pytest.raises(SchemaError, match=said):
            Ledger.open(url)
    with pytest.raises(SchemaError, match="later"):
        Ledger.open(url, migrate=True)
    store.close()


def test_the_migrations_make_the_tables_that_the_code_expects(url):
    Ledger.open(url, migrate=True).close()
    store = Store(url)
    found = store.read(lambda connection: compare_metadata(MigrationContext.configure(connection), metadata))
    # Positions are PostgreSQL's alone: SQLite's numbers are already in order.
    elsewhere = {"changes_new", "changes_position"} if store.is_sqlite else set()
    assert [(what, thing) for what, thing, *_ in found if thing.name not in elsewhere] == []
    store.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense://", "postgresql://"])
def test_a_url_that_cannot_be_meant_is_refused(url):
    with pytest.raises(LedgerError):
        Ledger.open(url)


def test_an_error_of_the_database_shows_no_value_and_says_that_recording_again_does_no_harm(ledger):
    ledger.store.write(lambda connection: connection.exec_driver_sql("DROP TABLE reports"))
    with pytest.raises(LedgerError, match="record it again, which does no harm") as caught:
        ledger.record(arrival(0, id="m-secret", stat="OK", to="+15555550100"))
    shown = f"{caught.value} {caught.value.__cause__}"
    assert "15555550100" not in shown
    assert "m-secret" not in shown
    assert ledger.find("m-secret") == []


def test_nothing_to_record_is_nothing(ledger):
    assert ledger.record_many([]) == []
    assert ledger.changes() == []
    assert ledger.newest() == []


@pytest.mark.parametrize(
    ("later_wins", "status", "resend"), [(False, "delivered", "no"), (True, "undelivered", "unsafe")]
)
def test_final_reports_that_contradict_each_other_are_kept_and_an_account_says_which_one_decides(
    ledger, later_wins, status, resend
):
    account = Account(name="main", later_final_wins=later_wins)
    ledger.record(arrival(0, account, id="m", stat="OK"))
    cursor = ledger.changes()[-1].position
    ledger.record(arrival(1, account, id="m", stat="BAD"))
    # The first one, delivered again: it has no time of its own, and is no later report.
    ledger.record(arrival(2, account, id="m", stat="OK"))
    message = ledger.message(ACME, account, "m")
    assert (message.state.status, message.state.final, message.state.resend) == (status, True, resend)
    assert len(message.state.contradictions) == 1
    assert [change.state.status for change in ledger.changes(cursor)] == [status]
    (count,) = ledger.counts(NOON, at(60))
    assert count.status == status
    (step,) = ledger.replay({"acme": ACME}, lambda *_: account)
    assert step.differences == ()

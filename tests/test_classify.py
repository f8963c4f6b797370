"""The rules from codes to a verdict, as properties over tables made at random."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from made_tables import PAGE, classifiers, codes, row, table

from delivrd import (
    Cause,
    CodeTable,
    Compare,
    Consulted,
    Evidence,
    Meanings,
    NoCode,
    Outcome,
    Permanence,
    Row,
    Rule,
    Status,
    WarningKind,
)
from delivrd.classify import GIVES_WAY, Classifier
from delivrd.memory import Memory


def rows_sent(classifier: Classifier, sent: dict[str, str]) -> list[Row]:
    return [lookup.rows[sent[lookup.table.name]] for lookup in classifier.lookups if lookup.table.name in sent]


@given(classifiers(), codes)
def test_the_first_definite_field_decides_outcome_and_finality(classifier, sent):
    verdict = classifier.judge(sent)
    spoke = [said for said in rows_sent(classifier, sent) if said.status is not None]
    definite = [said for said in spoke if said.status.outcome is not Outcome.UNKNOWN]
    if definite:
        assert (verdict.status.outcome, verdict.final) == (definite[0].status.outcome, definite[0].final)
    elif spoke:
        assert (verdict.status, verdict.final) == (Status.UNKNOWN, spoke[0].final)
    else:
        assert (verdict.status, verdict.final) == (Status.UNKNOWN, False)


@given(classifiers(), codes)
def test_a_status_is_only_ever_refined_from_general_to_specific(classifier, sent):
    verdict = classifier.judge(sent)
    spoke = [said.status for said in rows_sent(classifier, sent) if said.status is not None]
    definite = [status for status in spoke if status.outcome is not Outcome.UNKNOWN]
    if not definite or verdict.status is definite[0]:
        return
    deferred = any(step.rule is Rule.DEFERRED for step in verdict.steps)
    reachable = {definite[0]}
    for _ in Status:
        reachable |= {finer for status in reachable for finer in GIVES_WAY.get(status, ())}
    assert verdict.status in reachable or (deferred and verdict.status is Status.DEFERRED)


@given(classifiers(), codes)
def test_a_later_field_of_another_outcome_is_reported_and_changes_nothing(classifier, sent):
    verdict = classifier.judge(sent)
    reported = [warning.field for warning in verdict.warnings if warning.kind is WarningKind.CONFLICT]
    for step in verdict.steps:
        if step.rule is Rule.CONFLICT:
            assert step.field in reported
            without = {field: code for field, code in sent.items() if field != step.field}
            alone = classifier.judge(without)
            assert (alone.status, alone.final, alone.cause) == (verdict.status, verdict.final, verdict.cause)
    assert len(reported) == sum(step.rule is Rule.CONFLICT for step in verdict.steps)


@given(classifiers(), codes, st.sampled_from(["first", "second", "third"]))
def test_an_unlisted_code_decides_nothing_and_is_never_a_failure(classifier, sent, field):
    strange = {**sent, field: "no such code"}
    verdict = classifier.judge(strange)
    assert WarningKind.UNLISTED_CODE in [warning.kind for warning in verdict.warnings if warning.field == field]
    others = {name: code for name, code in sent.items() if name != field}
    if others:
        expected = classifier.judge(others)
        assert verdict[:6] == expected[:6]
    else:
        assert (verdict.status, verdict.final, verdict.cause) == (Status.UNKNOWN, False, None)


@given(classifiers(), codes)
def test_a_success_has_no_cause_and_a_specific_cause_gives_way_to_none(classifier, sent):
    verdict = classifier.judge(sent)
    if verdict.status.outcome is Outcome.SUCCESS:
        assert verdict.cause is None
    named = [
        said.cause
        for said in rows_sent(classifier, sent)
        if said.cause is not None and said.status.outcome is verdict.status.outcome is Outcome.FAILURE
    ]
    specific = [cause for cause in named if not cause.general]
    if specific:
        assert verdict.cause is specific[0]
    elif named:
        assert verdict.cause is named[0]


def test_white_space_around_a_code_is_no_part_of_it_and_alone_is_no_code():
    classifier = Classifier(
        [table("stat", row("SENT", Status.SENT), compare=Compare.ANY_CASE), table("err", row("E", Status.FAILED, True))]
    )
    assert classifier.judge({"stat": "sent\r\n"}).status is Status.SENT
    assert classifier.judge({"err": "E "}).status is Status.UNKNOWN
    assert Memory().classify(classifier, (" ", "E"))[8] == {"err": "E"}
    assert Memory().classify(classifier, ("\t", "")) is None


def test_the_providers_own_words_on_a_failure_stand_whoever_named_the_cause():
    classifier = Classifier(
        [
            table("stat", row("EXPIRED", Status.EXPIRED, True, Cause.EXPIRED, permanence=Permanence.PERMANENT)),
            table("err", row("34", Status.FAILED, True, Cause.ABSENT_SUBSCRIBER, map_error=34), reasons=True),
            table("more", row("1", Status.FAILED, True, Cause.BARRED, map_error=13)),
        ]
    )
    verdict = classifier.judge({"stat": "EXPIRED", "err": "34", "more": "1"})
    assert (verdict.cause, verdict.map_error) == (Cause.ABSENT_SUBSCRIBER, 34)
    assert verdict.permanence is Permanence.PERMANENT


def test_a_reason_while_the_outcome_is_pending_makes_the_message_deferred():
    tables = [
        table("stat", row("SENT", Status.SENT, evidence=Evidence.CARRIER)),
        table(
            "err", row("6", Status.FAILED, True, Cause.ABSENT_SUBSCRIBER), row("1", Status.FAILED, True), reasons=True
        ),
    ]
    named = Classifier(tables).judge({"stat": "SENT", "err": "6"})
    assert (named.status, named.final, named.cause) == (Status.DEFERRED, False, Cause.ABSENT_SUBSCRIBER)
    assert not named.warnings
    unnamed = Classifier(tables).judge({"stat": "SENT", "err": "1"})
    assert (unnamed.status, unnamed.evidence) == (Status.SENT, Evidence.CARRIER)
    assert [warning.kind for warning in unnamed.warnings] == [WarningKind.CONFLICT]


def test_a_code_that_overrules_decides_over_fields_of_higher_authority():
    classifier = Classifier(
        [
            table("stat", row("FAILED", Status.FAILED, True, Cause.CARRIER_ERROR)),
            table("err", row("77", Status.UNKNOWN, True, overrules=True), reasons=True),
        ]
    )
    verdict = classifier.judge({"stat": "FAILED", "err": "77"})
    assert (verdict.status, verdict.final, verdict.cause) == (Status.UNKNOWN, True, None)
    assert not verdict.warnings
    assert [step.rule for step in verdict.steps] == [Rule.SET_ASIDE, Rule.OVERRULED]


def test_a_fallback_is_consulted_only_where_nothing_earlier_was_sent():
    classifier = Classifier(
        [
            table("status", row("SENT", Status.SENT)),
            table("error", row("5", Status.UNDELIVERED, True), consulted=Consulted.NOTHING_SENT),
        ]
    )
    assert classifier.judge({"error": "5"}).status is Status.UNDELIVERED
    assert classifier.judge({"status": "SENT", "error": "5"}).status is Status.SENT
    strange = classifier.judge({"status": "strange", "error": "strange"})
    assert [warning.field for warning in strange.warnings] == ["status"]


def test_a_fallback_for_the_undecided_is_consulted_after_silent_and_unlisted_codes():
    classifier = Classifier(
        [
            table("status", row("SENT", Status.SENT), row("NONE"), row("DUNNO", Status.UNKNOWN)),
            table("error", row("5", Status.UNDELIVERED, True), consulted=Consulted.UNDECIDED),
        ]
    )
    for status, expected in {
        "SENT": Status.SENT,
        "NONE": Status.UNDELIVERED,
        "strange": Status.UNDELIVERED,
        "DUNNO": Status.UNKNOWN,
    }.items():
        assert classifier.judge({"status": status, "error": "5"}).status is expected


def test_an_opaque_field_is_kept_until_the_account_says_what_it_means():
    tables = [
        table("stat", row("UNDELIV", Status.UNDELIVERED, True)),
        table("err", row("1", Status.FAILED, True, Cause.UNKNOWN_SUBSCRIBER), consulted=Consulted.NEVER, reasons=True),
    ]
    sent = {"stat": "UNDELIV", "err": "1"}
    assert Classifier(tables).judge(sent).cause is None
    own = Meanings("err", (row("1", Status.FAILED, True, Cause.BARRED),))
    verdict = Classifier(tables, meanings=[own]).judge(sent)
    assert verdict.cause is Cause.BARRED
    assert verdict.tables[1].changed == ("1",)
    assert [warning.kind for warning in verdict.warnings] == [WarningKind.ACCOUNT_MEANING]


def test_an_account_can_replace_a_whole_table():
    tables = [table("state", row("2", Status.DELIVERED, True), row("4", Status.DELETED, True))]
    own = Meanings("state", (row("4", Status.DELIVERED, True),), replace=True)
    classifier = Classifier(tables, meanings=[own])
    assert classifier.judge({"state": "2"}).tables[0].replaced
    assert classifier.judge({"state": "4"}).status is Status.DELIVERED
    assert classifier.judge({"state": "2"}).status is Status.UNKNOWN


def test_a_table_can_be_keyed_by_several_fields_together():
    joint = CodeTable(
        ("status", "substatus"),
        (
            Row(("FAILED", None), Status.FAILED, True, meaning="failed"),
            Row(("FAILED", "7"), Status.REJECTED, True, meaning="failed, refused"),
        ),
        PAGE,
    )
    classifier = Classifier([joint])
    assert classifier.judge({"status": "FAILED"}).status is Status.FAILED
    assert classifier.judge({"status": "FAILED", "substatus": "7"}).status is Status.REJECTED
    strange = classifier.judge({"status": "FAILED", "substatus": "8"})
    assert strange.status is Status.UNKNOWN
    assert [(warning.field, warning.value) for warning in strange.warnings] == [("status+substatus", "FAILED+8")]


def test_finality_can_be_a_field_of_its_own():
    classifier = Classifier([table("status", row("UNDELIV", Status.UNDELIVERED, True))], finality="isFinal")
    assert classifier.judge({"status": "UNDELIV", "isFinal": "false"}).final is False
    assert classifier.judge({"status": "UNDELIV", "isFinal": "True"}).final is True
    unlisted = classifier.judge({"status": "strange", "isFinal": "true"})
    assert (unlisted.status, unlisted.final) == (Status.UNKNOWN, False)
    assert Memory().classify(classifier, ("UNDELIV", False))[1] is False
    strange = classifier.judge({"status": "UNDELIV", "isFinal": "perhaps"})
    assert strange.final is True
    assert [warning.kind for warning in strange.warnings] == [WarningKind.BAD_VALUE]


def test_no_code_at_all_means_what_the_provider_says_or_nothing():
    tables = [table("status", row("SENT", Status.SENT))]
    assert Memory().classify(Classifier(tables), (None,)) is None
    assert Classifier(tables, finality="isFinal").judge({"isFinal": "true"}) is None
    said = NoCode(Status.ACCEPTED, False, Evidence.PROVIDER, "still being processed")
    for values in ((None,), ("",)):
        assert Memory().classify(Classifier(tables, no_code=said), values)[:3] == (
            Status.ACCEPTED,
            False,
            Evidence.PROVIDER,
        )


def test_the_providers_own_word_on_permanence_stands_before_the_causes():
    classifier = Classifier(
        [table("err", row("1", Status.FAILED, True, Cause.BARRED, permanence=Permanence.PERMANENT, map_error=13))]
    )
    verdict = classifier.judge({"err": "1"})
    assert (verdict.cause, verdict.permanence, verdict.map_error) == (Cause.BARRED, Permanence.PERMANENT, 13)


@given(st.integers(0, 999), st.integers(0, 5))
def test_numbers_compare_whatever_their_padding(number, zeros):
    classifier = Classifier([table("err", row(str(number), Status.FAILED, True), compare=Compare.NUMBER)])
    assert classifier.judge({"err": "0" * zeros + str(number)}).status is Status.FAILED


@given(st.integers(0, 2**32))
def test_hexadecimal_and_decimal_are_one_number(number):
    classifier = Classifier([table("error", row(str(number), Status.FAILED, True), compare=Compare.HEX_NUMBER)])
    for spelt in (hex(number), f"0x{number:012X}", f"0{number}"):
        assert classifier.judge({"error": spelt}).status is Status.FAILED


def test_only_ascii_letters_have_a_case():
    classifier = Classifier([table("stat", row("SENT", Status.SENT), compare=Compare.ANY_CASE)])
    assert classifier.judge({"stat": "sEnT"}).status is Status.SENT
    assert classifier.judge({"stat": "ſent"}).status is Status.UNKNOWN


def test_a_code_that_looks_like_a_number_and_is_none_is_unlisted():
    for compare in (Compare.NUMBER, Compare.HEX_NUMBER):
        classifier = Classifier([table("err", row("1", Status.FAILED, True), compare=compare)])
        for strange in ("٣", "1" * 41, "0xzz", "0x", "1.0", "-1", "0x1\u00e9"):
            assert classifier.judge({"err": strange}).status is Status.UNKNOWN

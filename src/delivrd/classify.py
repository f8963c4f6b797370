"""From codes to one verdict: the rules, once, for every provider.

The rule of this module: classification is a pure function of the codes as sent. Tables speak in
order of authority; the first definite word decides outcome and finality, later ones refine it or
are reported as a conflict, and a code in no table decides nothing. `Rule` lists every way in
which a code can have its say; each step of a verdict names one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final, NamedTuple

import msgspec

from delivrd.report import TableUse, Warning, WarningKind, shorten
from delivrd.tables import CodeKey, CodeTable, Consulted, Meanings, Row, check_rows, join_code, normalise
from delivrd.verdicts import NoCode, Rule, Step, Verdict
from delivrd.vocabulary import Cause, Evidence, Outcome, Permanence, Status

GIVES_WAY: Final[Mapping[Status, frozenset[Status]]] = {
    Status.FAILED: frozenset({Status.UNDELIVERED, Status.EXPIRED, Status.REJECTED, Status.DELETED}),
    Status.ACCEPTED: frozenset({Status.SENT, Status.DEFERRED}),
    Status.SENT: frozenset({Status.DEFERRED}),
    Status.DELIVERED: frozenset({Status.READ}),
}
"""The general statuses, and the more specific ones that take their place. Among others the first stands."""

_TRUE: Final = frozenset({"true", "1", "yes"})
_FALSE: Final = frozenset({"false", "0", "no"})


class Lookup(NamedTuple):
    """One table as it is looked up for an account.

    Attributes:
        table: as declared; an opaque one that the account has given meanings is always consulted.
        rows: by code, as the table compares codes.
        changed: the codes that the account has changed.
        replaced: the account's rows took the place of all others.
    """

    table: CodeTable
    rows: dict[CodeKey, Row]
    changed: frozenset[CodeKey]
    replaced: bool


class Classifier:
    """The code tables of one provider, with an account's meanings laid over them.

    Args:
        tables: in order of authority.
        finality: the provider's field that says whether a status is final, if it has one.
        no_code: what it means that no code was sent; None where such an input is unreadable.
        meanings: the account's own.

    Raises:
        ValueError: a meaning names no field of the tables, or contradicts itself.
    """

    def __init__(
        self,
        tables: Sequence[CodeTable],
        *,
        finality: str | None = None,
        no_code: NoCode | None = None,
        meanings: Sequence[Meanings] = (),
    ) -> None:
        self.fields = code_fields(tables, finality)
        self._finality = finality
        self._beside = {finality, *code_fields([each for each in tables if each.consulted is Consulted.QUALIFIES])}
        self._no_code = no_code
        self.lookups = [
            Lookup(table, {normalise(row.code, table.compare): row for row in table.rows}, frozenset(), False)
            for table in tables
        ]
        """The rows that are looked up: each table with the account's meanings laid over it, in order of authority."""
        self.memories: dict[object, Any] = {}
        """What each reader remembers of the verdicts: `delivrd.memory.Memory`, by the reader."""
        self._lay_over(meanings)

    def with_meanings(self, meanings: Sequence[Meanings]) -> Classifier:
        """A classifier with more meanings laid over it. Only what they change is made anew.

        Raises:
            ValueError: as for a classifier.
        """
        made = copy(self)
        made.memories = {}
        made._lay_over(meanings)
        return made

    def _lay_over(self, meanings: Sequence[Meanings]) -> None:
        known = [lookup.table.name for lookup in self.lookups]
        for meaning in meanings:
            if meaning.field not in known:
                raise ValueError(f"meanings: no field {meaning.field!r}; expected one of: {', '.join(known)}")
        self.lookups = [_lay_over(lookup, meanings) for lookup in self.lookups]

    def judge(self, sent: Mapping[str, str]) -> Verdict | None:
        """What the codes mean.

        Args:
            sent: by field, without what is empty.

        Returns:
            The verdict; None where no code was sent and the provider does not say what that means.
        """
        if not any(field not in self._beside for field in sent):
            return self._without_code()
        ballot = _Ballot()
        for lookup in self.lookups:
            ballot.consult(lookup, sent)
        ballot.count()
        ballot.check()
        ballot.qualify()
        if self._finality is not None and self._finality in sent and ballot.votes:
            ballot.take_finality(self._finality, sent[self._finality])
        return ballot.verdict()

    def _without_code(self) -> Verdict | None:
        said = self._no_code
        if said is None:
            return None
        step = Step("", "", Rule.NO_CODE, None, None, f"{said.status}: {said.meaning}")
        return Verdict(said.status, said.final, said.evidence, None, None, None, (), (), (step,), True)


def read_finality(value: str) -> bool | None:
    """What a provider's own field says of finality; None where it says neither yes nor no."""
    word = value.strip().lower()
    return word in _TRUE if word in _TRUE or word in _FALSE else None


def code_fields(tables: Sequence[CodeTable], finality: str | None = None) -> tuple[str, ...]:
    """The provider's code fields in order of authority, each once."""
    fields = dict.fromkeys(field for table in tables for field in table.fields)
    if finality is not None:
        fields.setdefault(finality)
    return tuple(fields)


def _lay_over(lookup: Lookup, meanings: Sequence[Meanings]) -> Lookup:
    table, rows, changed, replaced = lookup
    own = [meaning for meaning in meanings if meaning.field == table.name]
    if not own:
        return lookup
    rows = dict(rows)
    for meaning in own:
        check_rows(table, meaning.rows)
        if meaning.replace:
            rows.clear()
        laid = {normalise(row.code, table.compare): row for row in meaning.rows}
        rows.update(laid)
        changed |= laid.keys()
    if changed and table.consulted is Consulted.NEVER:
        # The account has said what the opaque codes mean.
        table = msgspec.structs.replace(table, consulted=Consulted.ALWAYS)
    return Lookup(table, rows, changed, replaced or any(meaning.replace for meaning in own))


class _Vote(NamedTuple):
    lookup: Lookup
    key: CodeKey
    code: str
    row: Row


class _Ballot:
    """One classification in progress: votes are taken in order of authority, then counted."""

    def __init__(self) -> None:
        self.votes: list[_Vote] = []
        self.qualifying: list[_Vote] = []
        self.checked: list[_Vote] = []
        self.steps: list[Step] = []
        self.warnings: list[Warning] = []
        self.uses: list[TableUse] = []
        self.consulted: dict[str, int] = {}
        self.anything_sent = False
        self.decided = False
        self.listed = True
        self.status = Status.UNKNOWN
        self.final = False
        self.evidence: Evidence | None = None
        self.cause: Cause | None = None
        self.permanence: Permanence | None = None
        self.map_error: int | None = None

    def consult(self, lookup: Lookup, sent: Mapping[str, str]) -> None:
        """Take the vote of one table, if its fields were sent and it has a say."""
        table = lookup.table
        values = tuple(sent.get(field) for field in table.fields)
        if not any(value is not None for value in values):
            return
        key: CodeKey = values if len(values) > 1 else values[0] or ""
        code = join_code(values)
        self.consulted[table.name] = len(self.consulted)
        qualifies = table.consulted is Consulted.QUALIFIES
        earlier_sent, self.anything_sent = self.anything_sent, self.anything_sent or not qualifies
        folded = normalise(key, table.compare)
        row = lookup.rows.get(folded)
        if table.consulted is Consulted.CHECKED and self.decided and row is not None and row.status is not None:
            self._check(_Vote(lookup, folded, code, row))
            return
        if table.consulted is Consulted.NEVER:
            self._note(table.name, code, Rule.OPAQUE, row, table, "kept")
            return
        if (table.consulted is Consulted.NOTHING_SENT and earlier_sent) or (
            table.consulted in (Consulted.UNDECIDED, Consulted.CHECKED) and self.decided
        ):
            self._note(table.name, code, Rule.NOT_CONSULTED, row, table, "kept")
            return
        self.listed = self.listed and row is not None
        self.uses.append(self._use(lookup, folded, row))
        if row is None:
            self.warnings.append(Warning(WarningKind.UNLISTED_CODE, table.name, shorten(code)))
            self._note(table.name, code, Rule.UNLISTED, None, table, "kept")
            return
        if folded in lookup.changed:
            self.warnings.append(Warning(WarningKind.ACCOUNT_MEANING, table.name, shorten(code)))
        if row.status is None and not (qualifies and row.evidence is not None):
            self._note(table.name, code, Rule.SILENT, row, table, "nothing")
            return
        if qualifies:
            self.qualifying.append(_Vote(lookup, folded, code, row))
            return
        self.decided = True
        self.votes.append(_Vote(lookup, folded, code, row))

    def _check(self, vote: _Vote) -> None:
        """Hold against what was decided above what a table says that has no vote."""
        if vote.row.beside is Consulted.NEVER:
            self._note_vote(vote, Rule.NOT_CONSULTED, "kept")
            return
        if vote.row.beside is None:
            self.checked.append(vote)
        else:
            self._use_row(vote)
            self.qualifying.append(vote)

    def check(self) -> None:
        """Tell of what contradicts the outcome and had no vote."""
        for vote in self.checked:
            status = vote.row.status or Status.UNKNOWN
            if Outcome.UNKNOWN in (status.outcome, self.status.outcome) or status.outcome is self.status.outcome:
                self._note_vote(vote, Rule.NOT_CONSULTED, "kept")
            else:
                self._use_row(vote)
                self._conflict(vote)

    def _conflict(self, vote: _Vote) -> None:
        self.warnings.append(Warning(WarningKind.CONFLICT, vote.lookup.table.name, shorten(vote.code)))
        self._note_vote(vote, Rule.CONFLICT, "reported")

    def qualify(self) -> None:
        """Let what decides nothing by itself say whose word the rest is, or that it is not final."""
        for vote in self.qualifying:
            row = vote.row
            if self.votes:
                self.evidence = row.evidence or self.evidence
                self.final = self.final and row.status is None
                if row.status is not None and self.status.outcome is Outcome.FAILURE:
                    self.status = row.status if row.beside is None else Status.DEFERRED
            self._note_vote(vote, Rule.QUALIFIED, f"{self.status}, {'final' if self.final else 'not final'}")

    def count(self) -> None:
        """Find who leads, then let the others refine, agree or contradict."""
        leader, rule = self._leader()
        if leader is None:
            self._note("", "", Rule.NOTHING_DECIDED, None, None, "unknown, not final")
            return
        row = leader.row
        self.status = row.status or Status.UNKNOWN
        self.final, self.evidence = row.final, row.evidence
        self._take_cause(row)
        self._note_vote(leader, rule, f"{self.status}, {'final' if self.final else 'not final'}")
        for vote in self.votes:
            if vote is not leader:
                self._follow(vote, overruled=rule is Rule.OVERRULED)

    def take_finality(self, field: str, value: str) -> None:
        """Let the provider's own field say whether the status is final."""
        final = read_finality(value)
        if final is not None:
            self.final = final
            self._note(field, value, Rule.FINALITY, None, None, "final" if self.final else "not final")
        else:
            self.listed = False
            self.warnings.append(Warning(WarningKind.BAD_VALUE, field, shorten(value)))

    def verdict(self) -> Verdict:
        """What it came to."""
        permanence = self.permanence
        if permanence is None and self.cause is not None:
            permanence = self.cause.permanence
        return Verdict(
            self.status,
            self.final,
            self.evidence,
            self.cause,
            permanence,
            self.map_error,
            tuple(self.uses),
            tuple(self.warnings),
            tuple(sorted(self.steps, key=self._place)),
            self.listed,
        )

    def _place(self, step: Step) -> int:
        """A step's place: that of its table in the order of authority; what concerns no table comes last."""
        return self.consulted.get(step.field, len(self.consulted))

    def _leader(self) -> tuple[_Vote | None, Rule]:
        for vote in self.votes:
            if vote.row.overrules:
                return vote, Rule.OVERRULED
        for vote in self.votes:
            if vote.row.status is not None and vote.row.status.outcome is not Outcome.UNKNOWN:
                return vote, Rule.DECIDED
        return next(iter(self.votes), None), Rule.DECIDED_UNKNOWN

    def _follow(self, vote: _Vote, *, overruled: bool) -> None:
        row = vote.row
        status = row.status or Status.UNKNOWN
        if status.outcome is self.status.outcome:
            self._refine(vote, status)
        elif overruled:
            self._note_vote(vote, Rule.SET_ASIDE, "nothing")
        elif status.outcome is Outcome.UNKNOWN:
            self._note_vote(vote, Rule.ADDED_NOTHING, "nothing")
        elif (
            vote.lookup.table.reasons
            and self.status.outcome is Outcome.PENDING
            and status.outcome is Outcome.FAILURE
            and row.cause is not None
        ):
            self.status, self.evidence = Status.DEFERRED, row.evidence
            self._take_cause(row)
            self._note_vote(vote, Rule.DEFERRED, f"deferred, {self.cause}")
        else:
            self._conflict(vote)

    def _refine(self, vote: _Vote, status: Status) -> None:
        if self.map_error is not None and vote.row.map_error not in (None, self.map_error):
            # Two fields name two errors of one network: one of them is wrong.
            self._conflict(vote)
            return
        refined = status in GIVES_WAY.get(self.status, ())
        if refined:
            self.status, self.evidence = status, vote.row.evidence
        named = self._take_cause(vote.row)
        if refined:
            result = f"{self.status}, {self.cause}" if named else str(self.status)
            self._note_vote(vote, Rule.REFINED, result)
        else:
            self._note_vote(
                vote, Rule.NAMED_CAUSE if named else Rule.ADDED_NOTHING, str(self.cause) if named else "nothing"
            )

    def _take_cause(self, row: Row) -> bool:
        """The first specific cause named replaces a general one; otherwise the first stands.

        What else a row says of the failure is the provider's own word: the first stands.
        """
        if self.permanence is None:
            self.permanence = row.permanence
        if self.map_error is None:
            self.map_error = row.map_error
        if row.cause is None or not (self.cause is None or (self.cause.general and not row.cause.general)):
            return False
        self.cause = row.cause
        return True

    def _use(self, lookup: Lookup, key: CodeKey, row: Row | None) -> TableUse:
        changed = (row.label,) if row is not None and key in lookup.changed else ()
        return TableUse(lookup.table.name, lookup.table.version, changed, lookup.replaced)

    def _use_row(self, vote: _Vote) -> None:
        self.uses.append(self._use(vote.lookup, vote.key, vote.row))

    def _note_vote(self, vote: _Vote, rule: Rule, result: str) -> None:
        self._note(vote.lookup.table.name, vote.code, rule, vote.row, vote.lookup.table, result)

    def _note(self, field: str, code: str, rule: Rule, row: Row | None, table: CodeTable | None, result: str) -> None:
        self.steps.append(Step(field, code, rule, row, table, result))

"""Every row of every table of a provider, as flat lines: for pages, lists and exports.

The rule of this module: nothing is said of a code that its row does not say; the lines are made
from the tables.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from delivrd.provider import Provider
from delivrd.receipt import AbsenceKind
from delivrd.tables import AbsenceRow, AbsenceTable, CodeTable, Compare, Consulted, Offer, Row, join_code, normalise
from delivrd.vocabulary import Cause, Evidence, Outcome, Party, Permanence, Resend, Status, advise_resend


class CodeLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one code of one field means.

    Attributes:
        provider: its name.
        place: of its table in the order of authority, from 1; None for a code by which no report is given.
        field: the provider's field, or fields joined as `join_code` does.
        field_count: how many fields.
        code: as documented.
        compare: how codes of this field compare.
        compared: the code in the form in which it is compared.
        consulted: when its table has a say.
        beside: what the code does where a field above has decided; see `Row.beside`.
        reasons: its table's codes are reasons; see `CodeTable.reasons`.
        setting: of an account; the row counts only where it is true. None for a row that counts anyhow.
        status: None for a silent code, and for one by which no report is given.
        outcome: what the status comes to.
        final: the provider will not change it; None where there is no status.
        evidence: whose word it is.
        cause: why the message was not delivered.
        permanence: how long the cause lasts.
        party: who can do something about the cause.
        resend: may the gateway send it again, where this code decides alone?
        overrules: it decides whatever its field's place.
        map_error: the GSM MAP error it stands for.
        absence: why there is no report, for a code by which none is given.
        meaning: what the provider says of it.
        dashboard: the word that the provider's own dashboard shows for it.
        source: where that is written.
        source_url: its address, where it has a public one.
        table_version: changed with any change of meaning in the table.
    """

    provider: str
    place: int | None = None
    field: str
    field_count: int
    code: str
    compare: Compare
    compared: str
    consulted: Consulted | None = None
    beside: Consulted | None = None
    reasons: bool = False
    setting: str | None = None
    status: Status | None = None
    outcome: Outcome | None = None
    final: bool | None = None
    evidence: Evidence | None = None
    cause: Cause | None = None
    permanence: Permanence | None = None
    party: Party | None = None
    resend: Resend | None = None
    overrules: bool = False
    map_error: int | None = None
    absence: AbsenceKind | None = None
    meaning: str
    dashboard: str | None = None
    source: str
    source_url: str | None = None
    table_version: str | None = None


def code_lines(provider: Provider, code: str | None = None) -> Iterator[CodeLine]:
    """Every code that a provider lists.

    Its tables come in order of authority, after each the rows that an account's setting lays over it;
    last come the codes by which it gives no report.

    Args:
        provider: any.
        code: only the rows of this code, compared as each table compares. For a code that is
            several fields together: the whole, joined by `+`, or the part of one field.
    """
    for table in provider.tables:
        for row in table.rows:
            if code is None or _lists(table, row, code):
                yield code_line(provider, table, row)
        for offer in provider.offers:
            for row in offer.meanings.rows if offer.meanings.field == table.name else ():
                if code is None or _lists(table, row, code):
                    yield code_line(provider, table, row, offer)
    for absences in provider.absences:
        for absence in absences.rows:
            if code is None or absence.code == code:
                yield absence_line(provider, absences, absence)


def code_line(provider: Provider, table: CodeTable, row: Row, offer: Offer | None = None) -> CodeLine:
    """One row of one table, or of what the provider offers to lay over it."""
    decides = row.status is not None
    source = row.source or (table.source if offer is None else offer.source)
    return CodeLine(
        provider=provider.name,
        place=provider.tables.index(table) + 1,
        field=table.name,
        field_count=len(table.fields),
        code=row.label,
        compare=table.compare,
        compared=join_code(normalise(row.code, table.compare)),
        # Laid over it, meanings make an opaque table one that is consulted.
        consulted=Consulted.ALWAYS if offer is not None and table.consulted is Consulted.NEVER else table.consulted,
        beside=row.beside,
        reasons=table.reasons,
        setting=None if offer is None else offer.setting,
        status=row.status,
        outcome=None if row.status is None else row.status.outcome,
        final=row.final if decides else None,
        evidence=row.evidence,
        cause=row.cause,
        permanence=row.permanence or (row.cause.permanence if row.cause else None),
        party=row.cause.party if row.cause else None,
        resend=advise_resend(row.status, row.final, row.cause, False) if row.status is not None else None,
        overrules=row.overrules,
        map_error=row.map_error,
        meaning=row.meaning,
        dashboard=row.dashboard,
        source=source.title,
        source_url=source.url,
        table_version=table.version,
    )


def absence_line(provider: Provider, table: AbsenceTable, row: AbsenceRow) -> CodeLine:
    """One row of one table of absences."""
    source = row.source or table.source
    return CodeLine(
        provider=provider.name,
        field=table.field,
        field_count=1,
        code=row.code,
        compare=Compare.EXACTLY,
        compared=row.code,
        absence=row.kind,
        meaning=row.meaning,
        source=source.title,
        source_url=source.url,
    )


def _lists(table: CodeTable, row: Row, code: str) -> bool:
    wanted = normalise(code, table.compare)
    parts = (row.code,) if isinstance(row.code, str) else row.code
    return row.label == code or any(part is not None and normalise(part, table.compare) == wanted for part in parts)

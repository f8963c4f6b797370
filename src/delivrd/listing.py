"""Every row of every table of a provider, as flat lines: for pages, lists and exports.

The rule of this module: nothing is said of a code that its row does not say; the lines are made
from the tables.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from delivrd.provider import Provider
from delivrd.receipt import AbsenceKind
from delivrd.tables import AbsenceRow, AbsenceTable, CodeTable, Row, normalise
from delivrd.vocabulary import Cause, Evidence, Permanence, Resend, Status, advise_resend


class CodeLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one code of one field means.

    Attributes:
        provider: its name.
        field: the provider's field, or fields joined by `+`.
        code: as documented.
        status: None for a silent code, and for one by which no report is given.
        final: the provider will not change it; None where there is no status.
        evidence: whose word it is.
        cause: why the message was not delivered.
        permanence: how long the cause lasts.
        resend: may the gateway send it again, where this code decides alone?
        overrules: it decides whatever its field's place.
        map_error: the GSM MAP error it stands for.
        absence: why there is no report, for a code by which none is given.
        meaning: what the provider says of it.
        dashboard: the word that the provider's own dashboard shows for it.
        source: where that is written.
        source_url: its address, where it has a public one.
    """

    provider: str
    field: str
    code: str
    status: Status | None = None
    final: bool | None = None
    evidence: Evidence | None = None
    cause: Cause | None = None
    permanence: Permanence | None = None
    resend: Resend | None = None
    overrules: bool = False
    map_error: int | None = None
    absence: AbsenceKind | None = None
    meaning: str
    dashboard: str | None = None
    source: str
    source_url: str | None = None


def code_lines(provider: Provider, code: str | None = None) -> Iterator[CodeLine]:
    """Every code that a provider's tables list, in order of authority; last, those by which it gives no report.

    Args:
        provider: any.
        code: only the rows of this code, compared as each table compares. For a code that is
            several fields together: the whole, joined by `+`, or the part of one field.
    """
    for table in provider.tables:
        for row in table.rows:
            if code is None or _lists(table, row, code):
                yield code_line(provider, table, row)
    for absences in provider.absences:
        for absence in absences.rows:
            if code is None or absence.code == code:
                yield absence_line(provider, absences, absence)


def code_line(provider: Provider, table: CodeTable, row: Row) -> CodeLine:
    """One row of one table."""
    decides = row.status is not None
    source = row.source or table.source
    return CodeLine(
        provider=provider.name,
        field=table.name,
        code=row.label,
        status=row.status,
        final=row.final if decides else None,
        evidence=row.evidence,
        cause=row.cause,
        permanence=row.permanence or (row.cause.permanence if row.cause else None),
        resend=advise_resend(row.status, row.final, row.cause, False) if row.status is not None else None,
        overrules=row.overrules,
        map_error=row.map_error,
        meaning=row.meaning,
        dashboard=row.dashboard,
        source=source.title,
        source_url=source.url,
    )


def absence_line(provider: Provider, table: AbsenceTable, row: AbsenceRow) -> CodeLine:
    """One row of one table of absences."""
    source = row.source or table.source
    return CodeLine(
        provider=provider.name,
        field=table.field,
        code=row.code,
        absence=row.kind,
        meaning=row.meaning,
        source=source.title,
        source_url=source.url,
    )


def _lists(table: CodeTable, row: Row, code: str) -> bool:
    wanted = normalise(code, table.compare)
    parts = (row.code,) if isinstance(row.code, str) else row.code
    return row.label == code or any(part is not None and normalise(part, table.compare) == wanted for part in parts)

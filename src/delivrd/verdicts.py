"""What codes come to, and how: the verdict, its steps, and the rules that the steps name.

The rule of this module: these are values. They are made in `delivrd.classify` and read by whatever
builds, explains or documents.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from delivrd.report import TableUse, Warning
from delivrd.tables import CodeTable, Row
from delivrd.vocabulary import Cause, Evidence, Permanence, Status, Word

CodeValue = str | int | None
"""A code as a shape holds it: text, a whole number, or absent."""


class Rule(Word):
    """What a code did, and by which rule."""

    DECIDED = "decided", "the first field with a definite outcome decides outcome and finality"
    OVERRULED = "overruled", "this code decides whatever its field's place"
    DECIDED_UNKNOWN = "decided_unknown", "no field is definite; the first that says unknown decides"
    REFINED = "refined", "a later field of the same outcome makes the status more specific"
    NAMED_CAUSE = "named_cause", "a later field of the same outcome names the cause"
    DEFERRED = "deferred", "a reason for a failure, while the outcome is pending, makes the message deferred"
    ADDED_NOTHING = "added_nothing", "it says nothing that was not said already"
    SET_ASIDE = "set_aside", "another code overrules it"
    CONFLICT = "conflict", "a later field of another outcome changes nothing and is reported"
    SILENT = "silent", "the code is listed and decides nothing"
    UNLISTED = "unlisted", "the code is in no table: it decides nothing"
    NOT_CONSULTED = "not_consulted", "a fallback field is not consulted where an earlier one spoke"
    OPAQUE = "opaque", "the field is kept and not judged"
    QUALIFIED = "qualified", "it says whose word the others are, or that they are not final"
    FINALITY = "finality", "the provider's own field says whether the status is final"
    NO_CODE = "no_code", "no code was sent, and the provider says what that means"
    NOTHING_DECIDED = "nothing_decided", "no code decided anything: the status is unknown and not final"


class Step(NamedTuple):
    """What one code did."""

    field: str
    code: str
    rule: Rule
    row: Row | None
    table: CodeTable | None
    result: str


class Verdict(NamedTuple):
    """What the codes come to, how, and whether each of them is in a table."""

    status: Status
    final: bool
    evidence: Evidence | None
    cause: Cause | None
    permanence: Permanence | None
    map_error: int | None
    tables: tuple[TableUse, ...]
    warnings: tuple[Warning, ...]
    steps: tuple[Step, ...]
    listed: bool


Remembered = tuple[
    Status,
    bool,
    Evidence | None,
    Cause | None,
    Permanence | None,
    int | None,
    tuple[TableUse, ...],
    tuple[Warning, ...],
    dict[str, str],
    bool,
]
"""A verdict as the report builder takes it: its first eight fields, the codes as sent, and whether it is a
failure. A plain tuple, because Python unpacks no other as fast."""


class NoCode(msgspec.Struct, frozen=True):
    """What it means that no code was sent at all.

    Attributes:
        status, final, evidence: as in a table's row.
        meaning: what the provider says of it, in our words.
    """

    status: Status
    final: bool
    evidence: Evidence | None
    meaning: str

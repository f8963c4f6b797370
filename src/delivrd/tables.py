"""Code tables: what each code of one field means to us, what its provider says, and where.

The rule of this module: a code stands once, in its row. The classifier, the documentation, the
tests, the exported tables and `explain` all read that row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from delivrd.receipt import AbsenceKind
from delivrd.vocabulary import Cause, Evidence, Permanence, Status, Word

CodeKey: TypeAlias = str | tuple[str | None, ...]
"""A code; for a table that is keyed by several fields, one for each, None where it is absent."""


def join_code(code: str | Sequence[str | None]) -> str:
    r"""A code as one text; that of several fields joined by `+`. Different codes of one table give different texts.

    In a code of several fields, a `+` or a backslash that belongs to a part has a backslash before it:
    `("a+b", "c")` is `a\+b+c`.
    """
    if isinstance(code, str):
        return code
    parts = ["" if part is None else part for part in code]
    return parts[0] if len(parts) == 1 else "+".join(re.sub(r"([+\\])", r"\\\1", part) for part in parts)


def split_code(text: str) -> list[str]:
    """The parts that `join_code` joined, of a code of several fields."""
    parts = re.findall(r"(?:\A|\+)((?:[^+\\]|\\.)*)", text, re.DOTALL)
    return [re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts]


class Source(msgspec.Struct, frozen=True):
    """Where a fact is written.

    Attributes:
        title: of the document.
        url: its address, where it has a public one.
    """

    title: str
    url: str | None = None

    def __str__(self) -> str:
        return self.title if self.url is None else f"{self.title} ({self.url})"


class Compare(Word):
    """How the codes of a table compare. They are kept as sent all the same."""

    EXACTLY = "exactly", "compared exactly"
    ANY_CASE = "any_case", "in any letter case, white space around it left out"
    NUMBER = "number", "compared as decimal numbers (`1` is `001`)"
    HEX_NUMBER = "hex_number", "compared as numbers, decimal or hexadecimal with `0x` (`0x0000000b` is `11`)"


class Consulted(Word):
    """When a table has a say."""

    ALWAYS = "always", "consulted wherever it was sent"
    NOTHING_SENT = "nothing_sent", "consulted only where no field above was sent"
    UNDECIDED = "undecided", "consulted only where no field above has decided"
    CHECKED = (
        "checked",
        "consulted only where no field above has decided; where one has, a contradiction with it is told",
    )
    NEVER = "never", "kept and not judged, unless the account says what its codes mean"
    QUALIFIES = "qualifies", "decides nothing by itself: it says whose word the others are, or that they are not final"


class Row(msgspec.Struct, frozen=True):
    """One code.

    Attributes:
        code: as documented.
        status: what it means; None for a silent code ("no error"), which is listed and decides nothing.
        final: the provider will not change it.
        evidence: whose word it is.
        cause: why the message was not delivered.
        meaning: what the provider says of it, in our words.
        source: where that is written; None for the table's own source.
        dashboard: the word that the provider's own dashboard shows for it.
        overrules: it decides whatever its field's place, over fields of higher authority.
        permanence: the provider's own word on how long the cause lasts.
        map_error: the GSM MAP error it stands for.
        beside: of a table that is `CHECKED`, what the code does where a field above has decided:
            nothing (`NEVER`), since it is sent for other outcomes too; or it makes the outcome not
            final, and a failure deferred (`QUALIFIES`). None for the check that its table says.
    """

    code: CodeKey
    status: Status | None
    final: bool = False
    evidence: Evidence | None = None
    cause: Cause | None = None
    meaning: str = ""
    source: Source | None = None
    dashboard: str | None = None
    overrules: bool = False
    permanence: Permanence | None = None
    map_error: int | None = None
    beside: Consulted | None = None

    @property
    def label(self) -> str:
        """The code as one text."""
        return join_code(self.code)


class CodeTable(msgspec.Struct, frozen=True):
    """The codes of one field, or of several fields together.

    Attributes:
        field: the provider's name of the field; a tuple where the code is several fields together.
        rows: one a code.
        source: where the provider documents it.
        version: of this table, changed with any change of meaning.
        compare: how its codes compare.
        consulted: when it has a say. Of a table that qualifies, a row's evidence takes the place of
            the others', and a row with a (pending) status makes nothing final and that of a failure.
        reasons: its codes are reasons: one that names a failure's cause while the outcome is
            pending makes the message `deferred`.
    """

    field: str | tuple[str, ...]
    rows: tuple[Row, ...]
    source: Source
    version: str = "1"
    compare: Compare = Compare.EXACTLY
    consulted: Consulted = Consulted.ALWAYS
    reasons: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The provider's names of the fields that key it."""
        return (self.field,) if isinstance(self.field, str) else self.field

    @property
    def name(self) -> str:
        """The fields as one text, joined as `join_code` does."""
        return join_code(self.fields)


class Meanings(msgspec.Struct, frozen=True):
    """An account's own meanings, laid over a provider's table row by row.

    Attributes:
        field: the table's `name`.
        rows: the codes whose meaning is changed or added.
        replace: forget the provider's rows altogether.
    """

    field: str
    rows: tuple[Row, ...]
    replace: bool = False


class Offer(msgspec.Struct, frozen=True):
    """Meanings that a provider offers: an account takes them with one setting, and they are laid over as its own.

    Attributes:
        setting: of the account; true or false.
        meanings: what is laid over.
        source: where it is written.
    """

    setting: str
    meanings: Meanings
    source: Source


class AbsenceRow(msgspec.Struct, frozen=True):
    """One code by which a provider says that it gives no report."""

    code: str
    kind: AbsenceKind
    meaning: str
    source: Source | None = None


class AbsenceTable(msgspec.Struct, frozen=True):
    """The codes by which a provider says, in an answer, that it gives no report.

    A code that is in no row is `AbsenceKind.UNAVAILABLE`.

    Attributes:
        field: what the provider calls the field, or what we call the text that holds the code.
        rows: one a code.
        source: where the provider documents it.
    """

    field: str
    rows: tuple[AbsenceRow, ...]
    source: Source

    def kind(self, code: str | None) -> AbsenceKind:
        """What a code means."""
        return next((row.kind for row in self.rows if row.code == code), AbsenceKind.UNAVAILABLE)


def _exactly(code: str) -> str:
    return code


def _any_case(code: str) -> str:
    code = code.strip()
    # Only ASCII letters have a case here: upper() makes an S of the long s, and more of the kind.
    return code.upper() if code.isascii() else code


_LONGEST_NUMBER: Final = 40
"""Longer texts of digits are no code of anybody's; `int` would take quadratic time over them."""


def _number(code: str) -> str:
    digits = code.strip()
    if digits.isascii() and digits.isdigit() and len(code) <= _LONGEST_NUMBER:
        return str(int(digits))
    return code


def _hex_number(code: str) -> str:
    text = code.strip().lower()
    if text.startswith("0x") and text.isascii() and text[2:].isalnum() and len(code) <= _LONGEST_NUMBER:
        try:
            return str(int(text, 16))
        except ValueError:
            return code
    return _number(code)


NORMALISE: Final[Mapping[Compare, Callable[[str], str]]] = {
    Compare.EXACTLY: _exactly,
    Compare.ANY_CASE: _any_case,
    Compare.NUMBER: _number,
    Compare.HEX_NUMBER: _hex_number,
}
"""What is compared in place of a code as sent."""


def normalise(key: CodeKey, compare: Compare) -> CodeKey:
    """A code, or several together, in the form in which a table compares it."""
    fold = NORMALISE[compare]
    if isinstance(key, str):
        return fold(key)
    return tuple(None if part is None else fold(part) for part in key)


def check_table(table: CodeTable) -> None:
    """Refuse a table that contradicts itself.

    Raises:
        ValueError: it names no field, lists a code twice, has a row without a meaning, or names a
            cause where nothing failed.
    """
    if not table.fields or not all(table.fields):
        raise ValueError("a code table must name its field")
    check_rows(table, table.rows)


def check_rows(table: CodeTable, rows: Iterable[Row]) -> None:
    """Refuse rows for a table that contradict each other or themselves; see `check_table`."""
    name, compare, width = table.name, table.compare, len(table.fields)
    seen: dict[CodeKey, Row] = {}
    for row in rows:
        if not isinstance(row.code, str | tuple):
            raise ValueError(f"table {name}, code {row.code!r}: write codes as texts, as they are documented")
        where = f"table {name}, code {row.label!r}"
        if (1 if isinstance(row.code, str) else len(row.code)) != width or (isinstance(row.code, tuple) and width == 1):
            raise ValueError(f"{where}: expected {width} value(s) in its code, one for each field of the table")
        if not isinstance(row.code, str) and "" in row.code:
            raise ValueError(f"{where}: a part is empty; write None for a field that is absent")
        key = normalise(row.code, compare)
        if key in seen:
            raise ValueError(f"{where}: listed twice, as {seen[key].label!r} and {row.label!r}; keep one row")
        seen[key] = row
        kinds = ((row.status, Status), (row.evidence, Evidence), (row.cause, Cause), (row.permanence, Permanence))
        if any(value is not None and not isinstance(value, kind) for value, kind in kinds):
            raise ValueError(f"{where}: expected members of Status, Evidence, Cause and Permanence, not texts")
        _check_meaning(where, table, row)


def _check_meaning(where: str, table: CodeTable, row: Row) -> None:
    if not row.meaning:
        raise ValueError(f"{where}: say what the provider means by it (`meaning`)")
    if row.cause is not None and (row.status is None or row.status.outcome.value == "success"):
        raise ValueError(f"{where}: only a message that was not delivered has a cause")
    if row.beside is not None and (
        table.consulted is not Consulted.CHECKED or row.beside not in (Consulted.NEVER, Consulted.QUALIFIES)
    ):
        raise ValueError(f"{where}: `beside` is NEVER or QUALIFIES, and only in a table that is CHECKED")
    if table.consulted is Consulted.QUALIFIES:
        if row.final or row.overrules or row.cause or (row.status and row.status.outcome.value != "pending"):
            raise ValueError(f"{where}: it qualifies what others say: give it evidence, a pending status, or none")
    elif row.status is None and (row.final or row.evidence is not None or row.overrules):
        raise ValueError(f"{where}: a silent code decides nothing; leave its other columns out")

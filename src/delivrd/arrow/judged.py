"""Verdicts as columns: each distinct combination of codes is classified once, and taken for every row.

The rule of this module: what codes mean is asked of the classifier, and never worked out here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from delivrd.arrow.columns import REPORTS
from delivrd.classify import Classifier
from delivrd.digests import spell
from delivrd.memory import Memory
from delivrd.verdicts import CodeValue, Remembered
from delivrd.vocabulary import Resend, advise_resend

OF_VERDICT: Final = ("status", "final", "evidence", "cause", "permanence", "map_error")
"""What a verdict begins with, in its order."""

CODES_SPELT: Final = "codes_spelt"
"""The column that holds the codes as `Report.key` spells them; no column of a report."""

_COLUMNS: Final = (*OF_VERDICT, "outcome", "codes", "tables", "warnings")


class Judged:
    """The verdicts of one batch."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._memory = Memory()
        self.verdicts: list[Remembered | None] = []

    def places(self, codes: Sequence[Sequence[CodeValue]]) -> pa.Array:
        """The place of each row's verdict among `verdicts`.

        Args:
            codes: the values of each field, in the classifier's order.
        """
        try:
            return self._encoded([_encode(values) for values in codes])
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            # Texts and numbers in one field, or larger numbers than columns hold.
            rows = list(zip(*codes, strict=True))
            known = {each: self._judge(each) for each in dict.fromkeys(rows)}
            return pa.array(map(known.__getitem__, rows), pa.int32())

    def _encoded(self, fields: Sequence[tuple[list[CodeValue], pa.Array]]) -> pa.Array:
        """The same, for codes that are encoded each by its field: only distinct combinations are looked at."""
        if math.prod(len(known) for known, _ in fields) > _MOST:
            raise pa.ArrowInvalid("more combinations than can be numbered")
        number = fields[0][1].cast(pa.int64())
        for known, places in fields[1:]:
            number = pc.add(pc.multiply(number, len(known)), places)
        found = number.dictionary_encode()
        for each in found.dictionary.to_pylist():
            combination: list[CodeValue] = []
            for known, _ in reversed(fields):
                each, place = divmod(each, len(known))
                combination.append(known[place])
            self._judge(tuple(reversed(combination)))
        return found.indices

    @property
    def unjudged(self) -> set[int]:
        """The places of combinations without any code, of which the provider does not say what that means."""
        return {place for place, verdict in enumerate(self.verdicts) if verdict is None}

    def columns(self, which: pa.Array, names: Sequence[str] = (*_COLUMNS, CODES_SPELT)) -> dict[str, pa.Array]:
        """The columns that follow from codes alone, for the places of all rows; those all null are left out."""
        judged = [_plain(verdict) for verdict in self.verdicts]
        columns = {}
        for name in names:
            values = [each[name] for each in judged]
            if any(value is not None for value in values):
                kind = pa.string() if name == CODES_SPELT else REPORTS.field(name).type
                columns[name] = pa.array(values, kind).take(which)
        return columns

    def failed(self, which: pa.Array) -> pa.Array:
        """Whether each row is a failure."""
        return pa.array([verdict is not None and verdict[9] for verdict in self.verdicts]).take(which)

    def resend(self, which: pa.Array, continues: pa.Array) -> pa.Array:
        """The column `resend`."""
        pairs = [_resend(verdict, each) for verdict in self.verdicts for each in (False, True)]
        return pa.array(pairs, pa.string()).take(pc.add(pc.multiply(which, 2), continues.cast(which.type)))

    def _judge(self, codes: tuple[CodeValue, ...]) -> int:
        self.verdicts.append(self._memory.classify(self._classifier, codes))
        return len(self.verdicts) - 1


_MOST: Final = 1 << 62


def _encode(values: Sequence[CodeValue] | pa.Array) -> tuple[list[CodeValue], pa.Array]:
    """One field's codes: each distinct value once, absence among them, and the place of each row's."""
    if not isinstance(values, pa.Array):
        first = next((value for value in values if value is not None), None)
        values = pa.array(values, pa.int64() if isinstance(first, int) else pa.string())
    if not isinstance(values, pa.DictionaryArray):
        values = values.dictionary_encode(null_encoding="encode")
    known = values.dictionary.to_pylist()
    return [*known, None], values.indices.fill_null(len(known))


def spell_codes(codes: Mapping[str, str]) -> str:
    """Codes as `Report.key` spells them."""
    return "".join(spell(part) for field in sorted(codes) for part in (field, codes[field]))


def plain_structs(structs: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Warnings, or the uses of tables, as a column holds them: null where there are none."""
    return [msgspec.structs.asdict(each) for each in structs] or None


def _plain(verdict: Remembered | None) -> dict[str, Any]:
    if verdict is None:
        return dict.fromkeys((*_COLUMNS, CODES_SPELT))
    found: dict[str, Any] = dict(zip(OF_VERDICT, verdict, strict=False))
    uses, warnings, codes = verdict[6:9]
    return {
        **found,
        "outcome": verdict[0].outcome,
        "tables": plain_structs(uses),
        "warnings": plain_structs(warnings),
        "codes": list(codes.items()) or None,
        CODES_SPELT: spell_codes(codes),
    }


def _resend(verdict: Remembered | None, continues: bool) -> Resend | None:
    return None if verdict is None else advise_resend(verdict[0], verdict[1], verdict[3], continues)

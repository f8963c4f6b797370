"""What another version of a plugin would change: its tables row by row, and past inputs report by report.

The rule of this package: two versions never meet in one process. Each is loaded by a process of its own, which tells
in plain values what it has and what it reads; only those are compared. The core never imports it.
"""

from __future__ import annotations

from delivrd.diff.outcomes import Change, Comparison, Outcome
from delivrd.diff.places import Place, PlaceError, place_of
from delivrd.diff.sides import Side, SideError, question_of
from delivrd.diff.tables import TableChange, table_changes, unversioned

__all__ = [
    "Change",
    "Comparison",
    "Outcome",
    "Place",
    "PlaceError",
    "Side",
    "SideError",
    "TableChange",
    "place_of",
    "question_of",
    "table_changes",
    "unversioned",
]

"""What two versions made of the same inputs, compared as they come.

The rule of this module: nothing grows with the inputs. Changes are grouped by the codes and by what became of them,
so many groups; what is beyond is counted, and said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

import msgspec

from delivrd.diff.axes import AXES, axes_of
from delivrd.report import shorten
from delivrd.unlisted.numbers import Numbers, masked

MOST: Final = 1000
"""Groups that are held."""

_DERIVED: Final = frozenset({*AXES, "tables", "outcome"})
"""Fields that say nothing that the axes do not say, or that a new version of a table changes by itself."""

Document = Mapping[str, Any]


class Made(msgspec.Struct, frozen=True):
    """What one version made of an input.

    Attributes:
        reports: as `Report.to_dict` gives them.
        otherwise: what came in place of a report that the other version has: the name of an error, an absence, or
            that there is none.
    """

    reports: tuple[Document, ...]
    otherwise: str

    @classmethod
    def of(cls, answer: bytes) -> Made:
        """From what a side answered."""
        said: dict[str, Any] = msgspec.json.decode(answer)
        if "error" in said:
            return cls((), str(said["error"]))
        otherwise = said["absence"]
        if said["problems"]:
            otherwise = "an item that could not be read"
        elif otherwise is None:
            otherwise = "no report"
        return cls(tuple(said["reports"]), otherwise)


class ReportChange(msgspec.Struct):
    """Reports of the same codes of which the same became.

    Attributes:
        codes: as sent, by the provider's own field names; phone numbers masked, long ones shortened.
        before, after: what is said on each axis; or, in one word, what came in place of a report.
        reports: how many.
        first: the place of the first of them.
    """

    codes: dict[str, str]
    before: dict[str, Any] | str
    after: dict[str, Any] | str
    reports: int
    first: str


class Aside(msgspec.Struct):
    """Reports that say the same on every axis, and differ in other fields.

    Attributes:
        fields: which.
        reports: how many.
        first: the place of the first of them.
    """

    fields: tuple[str, ...]
    reports: int
    first: str


class Comparison:
    """Compares outcomes.

    Args:
        most: how many groups are held.

    Attributes:
        inputs, reports: how many were compared.
        without: inputs of which neither version makes a report.
        changed: reports that differ on an axis, or that one version does not have; and inputs of which neither makes
            a report, and each for another reason.
        left_out: those of them that are in no group, because there are too many.
        asides: those that differ in other fields, by which ones.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._changes: dict[Any, ReportChange] = {}
        self.asides: dict[tuple[str, ...], Aside] = {}
        self.inputs = 0
        self.reports = 0
        self.without = 0
        self.changed = 0
        self.left_out = 0

    def add(self, place: str, before: Made, after: Made, blot: Callable[[str], str] = str) -> None:
        """Compare what became of one input.

        Args:
            place: what to call it.
            before, after: what each version made of it; one and the same where they answered the same.
            blot: takes secrets out of a text.
        """
        self.inputs += 1
        self.without += not before.reports and not after.reports
        if before is after:
            self.reports += len(before.reports)
            return
        if not before.reports and not after.reports:
            if before.otherwise != after.otherwise:
                self._count({}, before.otherwise, after.otherwise, place)
            return
        for old, new in _pairs(before.reports, after.reports):
            self.reports += 1
            held = old or new or {}
            was, now = _said(old, before), _said(new, after)
            if was != now:
                self._count(_codes(held, blot), was, now, place)
            elif old is not None and new is not None and old != new:
                self._put_aside(old, new, place)

    def changes(self) -> list[ReportChange]:
        """The groups, the largest first."""
        return sorted(self._changes.values(), key=lambda each: (-each.reports, sorted(each.codes.items()), each.first))

    def _count(self, codes: dict[str, str], was: dict[str, Any] | str, now: dict[str, Any] | str, place: str) -> None:
        self.changed += 1
        key = (tuple(codes.items()), str(was), str(now))
        if key not in self._changes:
            if len(self._changes) >= self._most:
                self.left_out += 1
                return
            self._changes[key] = ReportChange(codes, was, now, 0, place)
        self._changes[key].reports += 1

    def _put_aside(self, old: Document, new: Document, place: str) -> None:
        fields = tuple(sorted(n for n in {*old, *new} if n not in _DERIVED and old.get(n) != new.get(n)))
        if fields:
            self.asides.setdefault(fields, Aside(fields, 0, place)).reports += 1


def _said(report: Document | None, made: Made) -> dict[str, Any] | str:
    return made.otherwise if report is None else axes_of(report)


def _pairs(
    before: tuple[Document, ...], after: tuple[Document, ...]
) -> Iterator[tuple[Document | None, Document | None]]:
    """The reports of one message beside each other, in the order sent: a batch may have lost one in between."""
    by_message: dict[tuple[Any, Any], tuple[list[Document], list[Document]]] = defaultdict(lambda: ([], []))
    for side, reports in enumerate((before, after)):
        for report in reports:
            by_message[report.get("message_id"), report.get("reference")][side].append(report)
    for old, new in by_message.values():
        yield from zip_longest(old, new)


def _codes(report: Document, blot: Callable[[str], str]) -> dict[str, str]:
    numbers = Numbers((report.get("recipient"), report.get("sender")))
    return {
        str(name): shorten(numbers.code(blot(str(code)), masked))
        for name, code in sorted(report.get("codes", {}).items())
    }

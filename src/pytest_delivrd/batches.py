"""The batch check: a batch gives what its items give, whatever stands between them.

The rule of this module: a list counts as a batch when its items, each alone, give the reports that
the whole gives; the kit finds such lists in JSON bodies on its own.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from delivrd import Input, InputError, Provider, Receipt, Report, Sample
from pytest_delivrd.cases import Reading, Suite, describe, read, require
from pytest_delivrd.documents import Document, Path, at, documents, lists, to_json, with_value

BAD_ITEMS: Final[tuple[Any, ...]] = (None, 17, {}, [], "x")


class _Batch(NamedTuple):
    """A list in a fixture, and the means to read the fixture with another list in its place."""

    provider: Provider
    reading: Reading
    document: Document
    path: Path

    @property
    def items(self) -> list[Any]:
        items: list[Any] = at(self.document.tree(), self.path)
        return items

    def read(self, items: list[Any]) -> Receipt | Exception:
        changed: Input = self.document.put(to_json(with_value(self.document.tree(), self.path, items)))
        sample: Sample = msgspec.structs.replace(self.reading.sample, input=changed)
        return read(self.provider, sample)

    def where(self) -> str:
        name = ".".join(map(str, self.path)) or "the body"
        return f"{self.reading.where}, {name}"


def check_batches(suite: Suite) -> None:
    """A bad item leaves the other reports as they were; each item alone gives the same report.

    Raises:
        Broken: a report is lost or changed, or something is raised.
    """
    problems = []
    for reading in suite.readings():
        if not reading.receipt.reports:
            continue
        for document in documents(reading.sample.input):
            if document.form == "json":
                for path in lists(document.tree()):
                    problems += _check(_Batch(suite.provider, reading, document, path))
    require(problems)


def _check(batch: _Batch) -> list[str]:
    items = batch.items
    whole, empty = batch.read(items), batch.read([])
    if not isinstance(whole, Receipt):
        return [f"{batch.where()}: written anew with the same values, it {describe(whole)}"]
    if isinstance(empty, Receipt) and len(empty.reports) == len(whole.reports):
        # Whatever this list is, the reports do not come from it.
        return []
    problems = []
    alone: list[Report] = []
    for index, item in enumerate(items):
        outcome = batch.read([item])
        if isinstance(outcome, Receipt):
            alone += outcome.reports
        elif not isinstance(outcome, InputError):
            problems.append(f"{batch.where()}, item {index} alone: it {describe(outcome)}")
    if tuple(alone) != whole.reports:
        problems.append(
            f"{batch.where()}: its items, each alone, give {len(alone)} report(s); together they give "
            f"{len(whole.reports)}, or others; an item may not depend on its neighbours"
        )
    for place in sorted({0, len(items) // 2, len(items)}):
        for bad in BAD_ITEMS:
            outcome = batch.read([*items[:place], bad, *items[place:]])
            if not isinstance(outcome, Receipt) or not _kept(whole.reports, outcome.reports, whole_item=bad == {}):
                problems.append(
                    f"{batch.where()}: with {bad!r} put in at place {place} it {describe(outcome)}; expected its "
                    f"{len(whole.reports)} report(s) as they were, and the bad item in problems"
                )
    return problems


def _kept(reports: tuple[Report, ...], now: tuple[Report, ...], *, whole_item: bool) -> bool:
    """Whether the reports stand there still, in order; an empty item may inherit a report's worth of fields."""
    if not whole_item or len(now) != len(reports) + 1:
        return now == reports
    return any((*now[:place], *now[place + 1 :]) == reports for place in range(len(now)))

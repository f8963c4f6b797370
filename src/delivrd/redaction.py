"""Reports without secrets.

Each field that can hold a provider's own words is searched. A report in which nothing is found stays the same object.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgspec

from delivrd.blots import blot_values
from delivrd.receipt import Receipt
from delivrd.report import Network, Report, Warning

_Read: TypeAlias = Callable[[Any, str | None, datetime | None], Receipt]


def without_secrets(read: _Read, blot: Callable[[str], str]) -> _Read:
    """A reader whose reports hold no secrets: a provider can echo the URL that it called, in any field."""

    def read_without(input: Any, asked: str | None, received_at: datetime | None) -> Receipt:
        receipt = read(input, asked, received_at)
        shows = [_shows_secret(report, blot) for report in receipt.reports]
        if True not in shows:
            return receipt
        pairs = zip(receipt.reports, shows, strict=True)
        reports = tuple([_hidden(report, blot) if found else report for report, found in pairs])
        return msgspec.structs.replace(receipt, reports=reports)

    return read_without


_AS_SENT: Final = ("message_id", "text", "group_id", "reference", "recipient", "sender", "channel", "currency")
"""Fields of a report that hold one text of the provider's."""

_sent: Final = attrgetter(*_AS_SENT)


def _shows_secret(report: Report, blot: Callable[[str], str]) -> bool:
    words = [*filter(None, _sent(report)), *report.codes.values(), *report.other_ids]
    if report.network is not None:
        words += filter(None, msgspec.structs.astuple(report.network))
    if report.warnings:
        words += filter(None, (warning.value for warning in report.warnings))
    # One search over all of them: nearly always there is nothing to find. A text without secrets stays the same object.
    joined = "\n".join(words)
    if blot(joined) is not joined:
        return True
    return bool(report.extras) and blot_values(report.extras, blot) != report.extras


def _hidden(report: Report, blot: Callable[[str], str]) -> Report:
    network = report.network
    return msgspec.structs.replace(
        report,
        **{name: blot_values(getattr(report, name), blot) for name in _AS_SENT},
        network=network and Network(*blot_values(msgspec.structs.astuple(network), blot)),
        codes={name: blot(code) for name, code in report.codes.items()},
        # A copy: where reports share one, they are taken to share their codes.
        tables=(*report.tables,),
        other_ids=tuple(map(blot, report.other_ids)),
        extras=blot_values(report.extras, blot),
        warnings=tuple(Warning(each.kind, each.field, blot_values(each.value, blot)) for each in report.warnings),
    )

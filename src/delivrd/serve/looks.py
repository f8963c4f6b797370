"""What the page shows of the ledger, in plain values.

The rule of this module: every text leaves it through one place, where phone numbers are masked. Nothing of it is
HTML: the page puts texts on the screen as texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from delivrd.accounts import Account
from delivrd.errors import DelivrdError
from delivrd.explain import Explanation, explain
from delivrd.files import Sample
from delivrd.inputs import Input
from delivrd.ledger import Count, KeptInput, KeptReport
from delivrd.provider import Provider
from delivrd.report import Report, WarningKind
from delivrd.serve.numbers import Numbers, blind, masked, walk
from delivrd.serve.raw import raw_text

_PHONES: Final = ("recipient", "sender")
_FREE: Final = ("text", "extras", "warnings")
"""Fields of a report that a provider may write into as it likes."""

Row = dict[str, Any]
Pairs = Mapping[str, tuple[Provider, Account]]


class Looks:
    """Makes what is shown.

    Args:
        accounts: by name, each with its provider, to explain with.
        providers: by name, for what was kept for other accounts.
        show_numbers: show phone numbers whole.
    """

    def __init__(self, accounts: Pairs, providers: Mapping[str, Provider], *, show_numbers: bool = False) -> None:
        self._accounts = accounts
        self._providers = providers
        self._whole = show_numbers

    def row(self, kept: KeptReport) -> Row:
        """A report in the list."""
        report = kept.report
        numbers = Numbers((report.recipient, report.sender))
        return {
            "id": name_of(kept),
            "at": kept.received_at.isoformat(),
            "times": kept.times,
            "provider": report.provider,
            "account": report.account or "",
            "message_id": self._known(numbers, report.message_id or report.reference or ""),
            "recipient": self._phone(report.recipient),
            "status": report.status.value,
            "outcome": report.outcome.value,
            "final": report.final,
            "cause": None if report.cause is None else report.cause.value,
            "resend": report.resend.value,
            "warnings": len(report.warnings),
        }

    def opened(self, kept: KeptReport) -> dict[str, Any]:
        """A report opened: itself, how it was read, and what it was read from."""
        report = kept.report
        provider, account = self.reader(report.provider, report.account or "")
        numbers = self.numbers_of(report, provider, kept.input)
        document = {name: self._field(numbers, name, value) for name, value in report.to_dict().items()}
        told, said = _explained(provider, account, kept.input, report.key)
        return {
            "report": document,
            "steps": [] if told is None else self._steps(numbers, told),
            "said": said,
            "raw": None if kept.input is None else self._raw(numbers, kept.input.input),
            "fixture": kept.input is not None,
        }

    def unlisted(self, found: Iterable[KeptReport]) -> list[Row]:
        """Codes that no table lists, each with a row to complete; the latest first."""
        rows: dict[tuple[str, str, str], Row] = {}
        for kept in found:
            for field, code in unlisted_codes(kept.report):
                numbers = Numbers((kept.report.recipient, kept.report.sender))
                shown = self._known(numbers, "+".join(code))
                row = rows.setdefault(
                    (kept.report.provider, field, shown),
                    {
                        "id": name_of(kept),
                        "provider": kept.report.provider,
                        "field": field,
                        "code": shown,
                        "at": kept.received_at.isoformat(),
                        "times": 0,
                        "row": table_row([self._known(numbers, each) for each in code]),
                    },
                )
                row["times"] += kept.times
        return list(rows.values())

    def stray(self, kept: KeptInput) -> Row:
        """An input that held something other than reports, in the list."""
        return {
            "id": str(kept.number),
            "at": kept.received_at.isoformat(),
            "provider": kept.provider,
            "account": kept.account,
        }

    def opened_stray(self, kept: KeptInput) -> dict[str, Any]:
        """Such an input opened."""
        provider, account = self.reader(kept.provider, kept.account)
        told, said = _explained(provider, account, kept.input, None)
        if told is not None:
            # What is said before the first report: why there is none, and what was kept.
            said = str(told).partition("\n\n")[0]
        reports = () if told is None else told.receipt.reports
        known = [getattr(report, name) for report in reports for name in _PHONES]
        numbers = Numbers(known, _other_fields(provider, kept.input))
        return {
            "said": self._every(numbers, said),
            "raw": None if kept.input is None else self._raw(numbers, kept.input.input),
        }

    def counted(self, counts: Iterable[Count]) -> dict[str, Any]:
        """What the plots show."""
        by: dict[str, Counter[str]] = {"provider": Counter(), "status": Counter(), "cause": Counter()}
        hours: dict[str, Counter[str]] = {}
        for each in counts:
            by["provider"][each.provider] += each.messages
            by["status"]["nothing heard" if each.status is None else each.status.value] += each.messages
            if each.cause is not None:
                by["cause"][each.cause.value] += each.messages
            outcome = "pending" if each.status is None else each.status.outcome.value
            hours.setdefault(each.hour.isoformat(), Counter())[outcome] += each.messages
        return {**{name: found.most_common() for name, found in by.items()}, "hours": hours}

    def reader(self, provider: str, account: str) -> tuple[Provider | None, Account | None]:
        """What an input was read with, as far as it is there."""
        found = self._accounts.get(account)
        if found is not None and found[0].name == provider:
            return found
        return self._providers.get(provider), None

    def numbers_of(self, report: Report, provider: Provider | None, sample: Sample | None) -> Numbers:
        """The numbers in what belongs to a report."""
        values = (report.message_id, report.group_id, report.reference, *report.other_ids, *report.codes.values())
        return Numbers((report.recipient, report.sender), _other_fields(provider, sample), values)

    def _steps(self, numbers: Numbers, told: Explanation) -> list[dict[str, Any]]:
        shown = []
        for steps in told.steps:
            fields = [
                {
                    "field": step.report_field,
                    "from": ", ".join(step.wire_names),
                    "value": self._field(numbers, step.report_field, _plain(step.value)),
                }
                for step in steps.fields
            ]
            codes: list[dict[str, Any]] = walk(
                [{**msgspec.to_builtins(step), "because": step.rule.meaning} for step in steps.codes],
                lambda text: self._known(numbers, text),
            )
            shown.append({"fields": fields, "codes": codes})
        return shown

    def _field(self, numbers: Numbers, name: str, value: Any) -> Any:
        if name in _PHONES:
            return self._phone(value)
        change = self._every if name in _FREE else self._known
        return walk(value, lambda text: change(numbers, text)) if name != "key" else value

    def _phone(self, number: str | None) -> str | None:
        return number if number is None or self._whole else masked(number)

    def _known(self, numbers: Numbers, text: str) -> str:
        return text if self._whole else numbers.known(text, masked)

    def _every(self, numbers: Numbers, text: str) -> str:
        return text if self._whole else numbers.every(blind(text), masked)

    def _raw(self, numbers: Numbers, input: Input) -> str:
        return self._every(numbers, raw_text(input, bare=self._whole))


def name_of(kept: KeptReport) -> str:
    """What a report is asked for by."""
    return f"{kept.message}/{kept.report.key}"


def unlisted_codes(report: Report) -> Iterator[tuple[str, list[str]]]:
    """The fields, each with its code, that no table lists; a joint field has several codes."""
    for warning in report.warnings:
        if warning.kind is WarningKind.UNLISTED_CODE:
            names = [warning.field] if warning.field in report.codes else warning.field.split("+")
            yield warning.field, [report.codes.get(name, "") for name in names]


def table_row(code: list[str]) -> str:
    """The row of a code table that somebody has to complete. It is Python, whatever the code holds."""
    parts = [_literal(each) if each else "None" for each in code]
    key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
    return f'Row({key}, Status.UNKNOWN, False, None, None, "what the provider says of it"),'


def _literal(text: str) -> str:
    written = ascii(text)
    return f'"{written[1:-1]}"' if written.startswith("'") and '"' not in written else written


def fixture_name(report: Report) -> str:
    """The name of a fixture: it begins with what comes of it."""
    codes = "-".join("-".join(code) for _, code in unlisted_codes(report)) or "captured"
    return f"{report.status}-{re.sub('[^a-z0-9]+', '-', codes.lower()).strip('-')[:40] or 'code'}"


def _explained(
    provider: Provider | None, account: Account | None, sample: Sample | None, key: str | None
) -> tuple[Explanation | None, str]:
    """The explanation of a kept input, of one of its reports alone where it is there; or why there is none."""
    if sample is None:
        return None, "the input is not kept"
    if provider is None:
        return None, "its provider is not installed here"
    try:
        told = explain(provider, sample.input, account, asked=sample.asked, received_at=sample.received_at)
    except DelivrdError as error:
        return None, f"it cannot be read now: {type(error).__name__}"
    one = tuple(steps for steps in told.steps if steps.report.key == key)
    return (msgspec.structs.replace(told, steps=one) if one else told), ""


def _other_fields(provider: Provider | None, sample: Sample | None) -> set[str]:
    """The names on the wire of fields that hold ids, codes, times and prices."""
    if provider is None or sample is None or type(sample.input) not in provider.ways:
        return set()
    feeds = provider.ways[type(sample.input)].reading.fields.feeds()
    names = {name for name, field in feeds if field not in (*_PHONES, *_FREE)}
    return names | {name for table in provider.tables for name in table.fields} | {"content-length", "Content-Length"}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else msgspec.to_builtins(value)

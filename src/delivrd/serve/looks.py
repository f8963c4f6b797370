"""What the page shows of the ledger, in plain values.

The rule of this module: every text leaves it through one place, where phone numbers are masked. Nothing of it is
HTML: the page puts texts on the screen as texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from delivrd.accounts import Account
from delivrd.errors import DelivrdError
from delivrd.explain import Explanation, explain
from delivrd.files import Sample
from delivrd.inputs import Input
from delivrd.ledger import Count, KeptInput, KeptReport
from delivrd.provider import Provider
from delivrd.report import LONGEST_SHOWN, shorten
from delivrd.tables import join_code
from delivrd.unlisted.codes import table_row, unlisted_codes
from delivrd.unlisted.fields import FREE, PHONES, numbers_of, other_fields
from delivrd.unlisted.numbers import Numbers, blind, masked, walk
from delivrd.unlisted.raw import raw_text

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
        numbers = numbers_of([report], provider, kept.input)
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
                # A stranger chooses how long a code is.
                short = [each[: 2 * LONGEST_SHOWN] for each in code]
                parts = short if self._whole else [numbers.code(each, masked) for each in short]
                whole = join_code(parts)
                shown = shorten(whole)
                row = rows.setdefault(
                    (kept.report.provider, field, shown),
                    {
                        "id": name_of(kept),
                        "provider": kept.report.provider,
                        "field": field,
                        "code": shown,
                        "at": kept.received_at.isoformat(),
                        "times": 0,
                        "row": table_row(parts) if shown == whole else "(the code is too long for a row)",
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
        known = [getattr(report, name) for report in reports for name in PHONES]
        numbers = Numbers(known, other_fields(provider, kept.input))
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
        if name in PHONES:
            return self._phone(value)
        change = self._every if name in FREE else self._known
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


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else msgspec.to_builtins(value)

"""The same reading, told step by step: what fed what, which row decided, by which rule, and where it is written.

The rule of this module: nothing is read a second way. The steps are those that the classifier
took, and the fields are those that the declaration names.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from delivrd.accounts import Account
from delivrd.inputs import Input
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from delivrd.report import Network, Report
from delivrd.verdicts import Rule, Step, Verdict


class FieldStep(msgspec.Struct, frozen=True):
    """One field of the report and the wire field, or fields, that feed it."""

    report_field: str
    wire_names: tuple[str, ...]
    value: Any


class CodeStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one code did.

    Attributes:
        field: the provider's field, or fields joined by `+`.
        code: as sent.
        rule: what it did; `Rule.meaning` says by which rule.
        result: what came of it.
        meaning: what the provider says of the code.
        row: the table's row, by its documented code.
        source: where that row is documented.
        table_version: of the table.
    """

    field: str
    code: str
    rule: Rule
    result: str
    meaning: str | None = None
    row: str | None = None
    source: str | None = None
    table_version: str | None = None


class ReportSteps(msgspec.Struct, frozen=True):
    """How one report came to be."""

    report: Report
    fields: tuple[FieldStep, ...]
    codes: tuple[CodeStep, ...]


class Explanation(msgspec.Struct, frozen=True):
    """How an input was read. Its text, by `str`, is for people.

    Attributes:
        provider: its name.
        receipt: what came of it.
        steps: one for each report.
    """

    provider: str
    receipt: Receipt
    steps: tuple[ReportSteps, ...]

    def __str__(self) -> str:
        lines = [f"read by {self.provider}"]
        if self.receipt.absence is not None:
            absence = self.receipt.absence
            said = " ".join(_shown(part) for part in (absence.code, absence.text) if part)
            lines.append(f"no report: {absence.kind}" + (f" ({said})" if said else ""))
        for problem in self.receipt.problems:
            lines.append(f"item {problem.index} could not be read: {_shown(problem.reason)}")
        for other in self.receipt.others:
            lines.append(f"no report, kept whole: {_shown(', '.join(other))}")
        for following in self.receipt.follow_up:
            lines.append(f"once handed over, ask {following.operation} about {_shown(following.id)}")
        for number, steps in enumerate(self.steps, start=1):
            lines += ["", f"report {number} of {len(self.steps)}", *_describe(steps)]
        return "\n".join(lines)


def explain(
    provider: Provider,
    input: Input,
    account: Account | None = None,
    *,
    asked: str | None = None,
    received_at: datetime | None = None,
) -> Explanation:
    """Read an input and tell how.

    Args, raises: as `Provider.read`.
    """
    receipt = provider.read(input, account, asked=asked, received_at=received_at)
    fields = provider.ways[type(input)].reading.fields
    steps = []
    for report in receipt.reports:
        fed = [
            FieldStep(name, fields.names(name), value)
            for name in fields.__struct_fields__
            if fields.names(name) and (value := _value(report, name)) not in (None, (), {})
        ]
        verdict = provider.classifier(account).judge(report.codes)
        steps.append(ReportSteps(report, tuple(fed), code_steps(verdict)))
    return Explanation(provider.name, receipt, tuple(steps))


def _value(report: Report, name: str) -> Any:
    """What a field of a declaration came to: a field of the report, or of its network."""
    return getattr(report.network if name in Network.__struct_fields__ else report, name, None)


def code_steps(verdict: Verdict | None) -> tuple[CodeStep, ...]:
    """The steps of a verdict, each with its row and source."""
    return tuple(_code_step(step) for step in (verdict.steps if verdict is not None else ()))


def _code_step(step: Step) -> CodeStep:
    row, table = step.row, step.table
    source: object = row.source if row is not None else None
    if source is None and table is not None:
        source = table.source if row in table.rows else "the account's own meanings"
    return CodeStep(
        step.field,
        step.code,
        step.rule,
        step.result,
        row.meaning if row is not None else None,
        row.label if row is not None else None,
        str(source) if row is not None and source is not None else None,
        table.version if table is not None else None,
    )


def _describe(steps: ReportSteps) -> list[str]:
    report = steps.report
    lines = ["  fields"]
    for field in steps.fields:
        lines.append(f"    {field.report_field} = {_shown(field.value)}, from {_joined(field)}")
    lines.append("  codes, in order of authority" if report.codes else "  codes: none sent")
    for code in steps.codes:
        spelt = f"{code.field}={_shown(code.code)}: " if code.field else ""
        lines.append(f"    {spelt}{code.rule} -> {code.result}")
        lines.append(f"      rule: {code.rule.meaning}")
        if code.row is not None:
            lines.append(f"      row {code.row!r}, table version {code.table_version}: {code.meaning}")
            lines.append(f"      source: {code.source}")
    lines.append("  result")
    final = "final" if report.final else "not final"
    lines.append(f"    {report.status}, {final}; outcome {report.outcome}; evidence {report.evidence or 'none'}")
    cause = f"cause {report.cause} ({report.permanence})" if report.cause else "no cause"
    lines.append(f"    {cause}; resend: {report.resend}")
    for warning in report.warnings:
        value = "" if warning.value is None else f" = {_shown(warning.value)}"
        lines.append(f"    warning {warning.kind}: {warning.field}{value}")
    return lines


def _joined(field: FieldStep) -> str:
    # Of several spellings one counts; of other ids and extras each is kept.
    return (" and " if isinstance(field.value, tuple | dict) else " or ").join(field.wire_names)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    # What a stranger sent stays on its line.
    return text if text.isprintable() else ascii(text)

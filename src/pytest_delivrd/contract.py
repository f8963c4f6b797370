"""What every provider promises, checked on all its fixtures together.

The rule of this module: a check names every fault that it finds, not the first alone, and each
message says what to do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import Final

from delivrd import (
    SUFFIXES,
    AbsenceKind,
    AbsenceTable,
    CodeTable,
    Consulted,
    InputError,
    Outcome,
    Provider,
    Receipt,
    Report,
    Rule,
    Sample,
    Status,
    WarningKind,
)
from pytest_delivrd.cases import Case, Suite, describe, read, require, same, visible
from pytest_delivrd.documents import places_of
from pytest_delivrd.outcomes import OUTCOME

_NOT_CONSULTED: Final = frozenset({Rule.NOT_CONSULTED, Rule.OPAQUE, Rule.UNLISTED})
# What qualifies others is no text of the provider's: a decode function makes its codes.
_NOT_ASKED_FOR: Final = frozenset({Consulted.NEVER, Consulted.QUALIFIES})
_NUMBER: Final = re.compile(r"0X[0-9A-F]+|[0-9]+")
_HEXADECIMAL: Final = re.compile(r"(0[xX])([0-9A-Fa-f]+)")


def check_files(suite: Suite) -> None:
    """Every file is an input with its source, or an input's outcome.

    Raises:
        Broken: it is not.
    """
    problems = [] if suite.cases else ["no fixture; add an input whose name ends with " + ", ".join(SUFFIXES)]
    inputs: dict[str, str] = {}
    for case in suite.cases:
        other = inputs.setdefault(case.path.stem, case.path.name)
        if other != case.path.name:
            problems.append(f"{case.place}: {other} has the same outcome file; rename one of them")
        problems += [
            f"{case.where(index)}: it does not say where it comes from; begin it with '# source: …' "
            "(captured, documented and on which page, derived, or invented)"
            for index, sample in enumerate(case.samples)
            if not sample.source
        ]
    for path in visible(suite.folder):
        place = f"{suite.folder.name}/{path.name}"
        if path.is_dir():
            problems.append(f"{place}: a folder, which nothing reads; fixtures lie side by side")
        elif path.suffix == OUTCOME:
            if path.stem not in inputs:
                problems.append(f"{place}: an outcome without its input; delete it, or bring the input back")
        elif path.suffix not in SUFFIXES:
            problems.append(f"{place}: no fixture; expected a name that ends with {', '.join(SUFFIXES)}")
    require(problems)


def check_names(suite: Suite) -> None:
    """A case whose name begins with a status, an outcome, an absence or an error comes out as that.

    Raises:
        Broken: one does not.
    """
    problems = []
    for case in suite.cases:
        claim = _claim(case)
        if claim is None:
            continue
        for index, outcome in enumerate(case.outcomes):
            words = _words(outcome)
            if claim not in words:
                came = " or ".join(words)
                said = f" ({outcome})" if isinstance(outcome, Exception) else ""
                problems.append(
                    f"{case.where(index)}: its name says {claim}, it came out {came}{said}; "
                    "mend the declaration, or the name where that is wrong"
                )
    require(problems)


def _claim(case: Case) -> str | None:
    """The word that a case's name begins with, where it is one that must be true."""
    name = case.path.stem.lower().replace("_", "-")
    claims = [*Status, *Outcome, *AbsenceKind, *(_snake(kind) for kind in _errors(InputError))]
    for claim in sorted(map(str, claims), key=len, reverse=True):
        if f"{name}-".startswith(claim.replace("_", "-") + "-"):
            return claim
    return None


def _words(outcome: Receipt | Exception) -> list[str]:
    """What an outcome can truly be called; the word for messages stands first."""
    if isinstance(outcome, Exception):
        return [_snake(type(outcome))]
    if outcome.reports:
        return list(dict.fromkeys([outcome.reports[0].status.value, outcome.reports[0].outcome.value]))
    return [outcome.absence.kind.value] if outcome.absence is not None else ["nothing"]


def _errors(base: type[Exception]) -> Iterator[type[Exception]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _errors(kind)


def _snake(kind: type[Exception]) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def check_rows(suite: Suite) -> None:
    """Every row of every table is reached by a fixture, where its code was really consulted.

    Raises:
        Broken: a row is not.
    """
    provider = suite.provider
    reached: set[tuple[str, object]] = set()
    absent: set[str | None] = set()
    without_code = False
    for reading in suite.readings():
        absent.add(reading.receipt.absence.code if reading.receipt.absence is not None else None)
        for report in reading.receipt.reports:
            verdict = provider.classifier(reading.sample.account).judge(report.codes)
            for step in verdict.steps if verdict is not None else ():
                without_code = without_code or step.rule is Rule.NO_CODE
                if step.row is not None and step.rule not in _NOT_CONSULTED:
                    reached.add((step.field, step.row.code))
    problems = [
        f"table {table.name}, code {row.label!r} ({row.meaning}): no fixture reaches it where it is consulted"
        for table in provider.tables
        for row in table.rows
        if (table.name, row.code) not in reached
    ]
    problems += [
        f"table {table.field}, code {row.code!r} ({row.meaning}): no fixture is an answer with it"
        for table in provider.absences
        for row in table.rows
        if row.code not in absent
    ]
    if provider.no_code is not None and not without_code:
        problems.append("no_code: no fixture is without any code")
    require(problems)


def check_unlisted(suite: Suite) -> None:
    """A code in no table, put in place of a listed one, is kept, reported, and no error.

    Raises:
        Broken: it is lost, passed over in silence, or raised; or no fixture holds such a field.
    """
    problems = []
    for table in suite.provider.tables:
        for field in table.fields:
            tried, faults = 0, []
            for reading in suite.readings():
                for report in reading.receipt.reports:
                    if not _consults(suite.provider, reading.sample, report, table, field):
                        continue
                    new = unlisted_code(table, report.codes[field])
                    for put in places_of(reading.sample.input, field, report.codes[field]):
                        tried += 1
                        fault = _unlisted(suite.provider, reading.sample, put(new), table, field, new)
                        faults.append(fault and f"{reading.where}, {field} = {new!r}: {fault}")
            raised = [fault for fault in faults if fault is not None and "raised" in fault]
            if raised:
                problems.append(raised[0])
            elif tried and all(fault is not None for fault in faults):
                problems.append(str(faults[0]))
            elif not tried and table.consulted not in _NOT_ASKED_FOR:
                problems.append(f"{field}: no fixture holds this field where table {table.name} is consulted; add one")
    require(problems)


def _consults(provider: Provider, sample: Sample, report: Report, table: CodeTable, field: str) -> bool:
    if field not in report.codes:
        return False
    verdict = provider.classifier(sample.account).judge(report.codes)
    steps = verdict.steps if verdict is not None else ()
    return any(step.field == table.name and step.rule not in _NOT_CONSULTED for step in steps)


def unlisted_code(table: CodeTable, code: str) -> str:
    """A code that is in no row, of the same make as one that is: digits for digits, and as long."""
    keys = [(row.code,) if isinstance(row.code, str) else row.code for row in table.rows]
    listed = {part.upper() for key in keys for part in key if part}
    numbers = {int(part, 16 if part.startswith("0X") else 10) for part in listed if _NUMBER.fullmatch(part)}
    if code.isascii() and code.isdigit():
        length = len(code)
        while True:
            for number in range(10**length - 1, 10 ** (length - 1) - 1, -1):
                if number not in numbers:
                    return str(number)
            length += 1
    hexadecimal = _HEXADECIMAL.fullmatch(code)
    if hexadecimal is not None:
        mark, digits = hexadecimal.groups()
        largest = 16 ** len(digits)
        free = next((number for number in range(largest - 1, -1, -1) if number not in numbers), largest)
        return f"{mark}{free:0{len(digits)}x}"
    word = "KITCODE" if code.upper() == code else "kitcode"
    return word if word.upper() not in listed else word + "x"


def _unlisted(provider: Provider, sample: Sample, input: object, table: CodeTable, field: str, code: str) -> str | None:
    outcome = read(provider, Sample(input, sample.asked, sample.account, sample.received_at))  # type: ignore[arg-type]
    if isinstance(outcome, Exception):
        return f"an unlisted code is no error, and it {describe(outcome)}"
    for report in outcome.reports:
        if report.codes.get(field) == code and any(
            warning.kind is WarningKind.UNLISTED_CODE and warning.field == table.name for warning in report.warnings
        ):
            return None
    return f"expected a report with the code in codes and an unlisted_code warning; it {describe(outcome)} without"


def check_determinism(suite: Suite) -> None:
    """The same input gives the same outcome, whatever was read before it.

    Raises:
        Broken: it does not.
    """
    problems = []
    for case in reversed(suite.cases):
        for index in reversed(range(len(case.samples))):
            first, again = case.outcomes[index], read(suite.provider, case.samples[index])
            if not same(first, again):
                problems.append(
                    f"{case.where(index)}: read twice, it came out differently: it {describe(first)}, "
                    f"then it {describe(again)}; reading may remember nothing and read no clock"
                )
    require(problems)


def check_follow_up(suite: Suite) -> None:
    """What a receipt says is to be asked next can be asked.

    Raises:
        Broken: it names no question of the provider, or not what that question is about.
    """
    about = {question.operation: question.about for question in suite.provider.questions}
    known = ", ".join(about) or "none"
    problems = []
    for reading in suite.readings():
        for following in reading.receipt.follow_up:
            if following.operation not in about:
                problems.append(
                    f"{reading.where}: its follow_up names {following.operation!r}; the provider's questions: {known}"
                )
            elif about[following.operation] is not None and not following.id.strip():
                problems.append(f"{reading.where}: its follow_up names no id of the {about[following.operation]}")
    require(problems)


def check_documentation(suite: Suite) -> None:
    """The provider says what a gateway must know of it, and where that is written.

    Raises:
        Broken: it does not.
    """
    provider, problems = suite.provider, []
    for name in ("title", "vendor"):
        if not getattr(provider, name).strip():
            problems.append(f"{name}: empty")
    if not provider.docs.title.strip() and not provider.notes:
        problems.append("docs, notes: both empty; say where the provider documents this, or what a gateway must know")
    tables: tuple[CodeTable | AbsenceTable, ...] = (*provider.tables, *provider.absences)
    for table in tables:
        if not table.source.title.strip():
            problems.append(f"table {table.field}: its source has no title")
        problems += [
            f"table {table.field}, code {row.code!r}: no meaning; say what the provider says of it"
            for row in table.rows
            if not row.meaning.strip()
        ]
    for module in _modules(provider):
        if not (module.__doc__ or "").strip():
            problems.append(f"{module.__name__}: no docstring; say what this provider is and how it reports")
    require(problems)


def _modules(provider: Provider) -> list[ModuleType]:
    """The modules that hold the provider: those that make it rather than the packages that import it."""
    modules = list(sys.modules.values())
    holders = [module for module in modules if any(value is provider for value in vars(module).values())]
    if not holders:
        # It is made in a function: the plugin's own module counts.
        names = {entry.module for entry in entry_points(group="delivrd")}
        holders = [module for module in modules if module.__name__ in names]
        return [module for module in holders if _brings(module, provider)]
    makers = [module for module in holders if not hasattr(module, "__path__")]
    return makers or holders


def _brings(module: ModuleType, provider: Provider) -> bool:
    hook = getattr(module, "delivrd_providers", None)
    return hook is not None and any(brought.name == provider.name for brought in hook())

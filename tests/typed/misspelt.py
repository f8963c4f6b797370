"""Mistakes that a type checker must find. Each line names the errors it expects: mypy's codes, pyright's rules.

Of a name that it does not know, pyright also says that its type is unknown.
"""

from __future__ import annotations

import delivrd
from delivrd import Reprot  # expect: attr-defined, reportAttributeAccessIssue, reportUnknownVariableType
from delivrd import load_acounts  # expect: attr-defined, reportAttributeAccessIssue, reportUnknownVariableType
from delivrd.ledger import Leger  # expect: attr-defined, reportAttributeAccessIssue, reportUnknownVariableType

__all__ = ["Leger", "Reprot", "load_acounts"]

delivrd.Acount  # expect: attr-defined, reportAttributeAccessIssue, reportUnknownMemberType

ACCOUNT = delivrd.Account(secret=["word"])  # expect: call-arg, reportCallIssue
COUNT: int = delivrd.SUFFIXES  # expect: assignment, reportAssignmentType


def text_of(report: delivrd.Report) -> str:
    return report.text  # expect: return-value, reportReturnType


def status_of(report: delivrd.Report) -> str:
    return report.staus  # expect: attr-defined, no-any-return, reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType


def of(name: str, registry: delivrd.Registry) -> delivrd.Registry:
    return registry[name]  # expect: return-value, reportReturnType

"""delivrd turns what any SMS provider says about a message's delivery into one canonical report.

Everything a user or a plugin needs is in this module, and nothing else is public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from delivrd.accounts import Account
from delivrd.auth import (
    AccountName,
    AllowedAddresses,
    AllowedSender,
    Covers,
    HmacBody,
    HttpBasic,
    Scheme,
    UrlSecret,
    basic_authorization,
)
from delivrd.blots import BLOT
from delivrd.classify import Classifier
from delivrd.errors import (
    AccountError,
    DelivrdError,
    InputError,
    NotAuthentic,
    PluginError,
    TooLarge,
    UnknownProvider,
    Unreadable,
    UnsupportedMediaType,
    WrongMethod,
)
from delivrd.explain import CodeStep, Explanation, FieldStep, ReportSteps, explain
from delivrd.forms import read_query
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response, header_pairs
from delivrd.message_id_keys import LearntIds, learn_message_ids, message_id_keys
from delivrd.message_ids import IdBase, MessageIds
from delivrd.provider import Provider
from delivrd.questions import Asking, Question
from delivrd.receipt import Absence, AbsenceKind, FollowUp, Problem, Receipt, Reply
from delivrd.records import charset_of, decode_text
from delivrd.report import Network, Report, TableUse, Warning, WarningKind, shorten
from delivrd.schema import report_schema
from delivrd.settings import NoSettings
from delivrd.shapes import Code, Count, Fallback, Fields, Flag, Reading, Shape, Text
from delivrd.tables import AbsenceRow, AbsenceTable, CodeTable, Compare, Consulted, Meanings, Offer, Row, Source
from delivrd.times import TimeForm
from delivrd.verdicts import NoCode, Rule, Step, Verdict
from delivrd.vocabulary import Cause, Evidence, Outcome, Party, Permanence, Resend, Status
from delivrd.ways import Answer, BodyKind, Context, Decoded, Errors, MailText, Pdu, Push, Quick, Together

if TYPE_CHECKING:
    from delivrd.accountfile import Accounts, load_accounts, read_accounts
    from delivrd.files import SUFFIXES, Sample, SampleError, read_each, read_lines, read_samples, write_sample
    from delivrd.hookspecs import hookimpl
    from delivrd.pdu import read_pdu
    from delivrd.registry import Plugin, Registry
else:
    # Hidden from type checkers, which would take every misspelt name for one that this function knows.
    _LATE = {
        "Accounts": "delivrd.accountfile",
        "load_accounts": "delivrd.accountfile",
        "read_accounts": "delivrd.accountfile",
        "Registry": "delivrd.registry",
        "Plugin": "delivrd.registry",
        "hookimpl": "delivrd.hookspecs",
        "SUFFIXES": "delivrd.files",
        "Sample": "delivrd.files",
        "SampleError": "delivrd.files",
        "read_each": "delivrd.files",
        "read_pdu": "delivrd.pdu",
        "read_lines": "delivrd.files",
        "read_samples": "delivrd.files",
        "write_sample": "delivrd.files",
    }
    """Modules loaded when one of their names is first used: reading a report never needs them."""

    def __getattr__(name: str) -> Any:
        if name not in _LATE:
            raise AttributeError(f"module 'delivrd' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)


__all__ = [
    "BLOT",
    "SUFFIXES",
    "Absence",
    "AbsenceKind",
    "AbsenceRow",
    "AbsenceTable",
    "Account",
    "AccountError",
    "AccountName",
    "Accounts",
    "AllowedAddresses",
    "AllowedSender",
    "Answer",
    "Asking",
    "BodyKind",
    "Cause",
    "Classifier",
    "Code",
    "CodeStep",
    "CodeTable",
    "Compare",
    "Consulted",
    "Context",
    "Count",
    "Covers",
    "Decoded",
    "DeliverSm",
    "DelivrdError",
    "Errors",
    "Evidence",
    "Explanation",
    "Fallback",
    "FieldStep",
    "Fields",
    "Flag",
    "FollowUp",
    "HmacBody",
    "HttpBasic",
    "IdBase",
    "Input",
    "InputError",
    "LearntIds",
    "Mail",
    "MailText",
    "Meanings",
    "MessageIds",
    "Network",
    "NoCode",
    "NoSettings",
    "NotAuthentic",
    "Offer",
    "Outcome",
    "Party",
    "Pdu",
    "Permanence",
    "Plugin",
    "PluginError",
    "Problem",
    "Provider",
    "Push",
    "Question",
    "Quick",
    "Reading",
    "Receipt",
    "Registry",
    "Reply",
    "Report",
    "ReportSteps",
    "Request",
    "Resend",
    "Response",
    "Row",
    "Rule",
    "Sample",
    "SampleError",
    "Scheme",
    "Shape",
    "Source",
    "Status",
    "Step",
    "TableUse",
    "Text",
    "TimeForm",
    "Together",
    "TooLarge",
    "UnknownProvider",
    "Unreadable",
    "UnsupportedMediaType",
    "UrlSecret",
    "Verdict",
    "Warning",
    "WarningKind",
    "WrongMethod",
    "basic_authorization",
    "charset_of",
    "decode_text",
    "explain",
    "header_pairs",
    "hookimpl",
    "learn_message_ids",
    "load_accounts",
    "message_id_keys",
    "read_accounts",
    "read_each",
    "read_lines",
    "read_pdu",
    "read_query",
    "read_samples",
    "report_schema",
    "shorten",
    "write_sample",
]

"""What of one input may be a phone number, and what may be a secret.

The rule of this module: a field that a declaration names for ids, codes, times or prices holds no number, unless what
stands in it is written as one; and where no account says which word of a URL is secret, every one that can be is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from delivrd.accounts import Account
from delivrd.auth import UrlSecret
from delivrd.blots import BLOT
from delivrd.files import Sample
from delivrd.inputs import Input, Request
from delivrd.provider import Provider
from delivrd.report import Report
from delivrd.unlisted.numbers import Numbers, written_numbers
from delivrd.unlisted.raw import MOST_SHOWN

PHONES: Final = ("recipient", "sender")
FREE: Final = ("text", "extras", "warnings")
"""Fields of a report that a provider may write into as it likes."""


def numbers_of(reports: Iterable[Report], provider: Provider | None, sample: Sample | None) -> Numbers:
    """The numbers in what belongs to the reports of one input."""
    known: list[str | None] = []
    values: list[str | None] = []
    for report in reports:
        values += (report.message_id, report.group_id, report.reference, *report.other_ids, *report.codes.values())
        known += (report.recipient, report.sender)
        for code in report.codes.values():
            known += written_numbers(code[:MOST_SHOWN])
    return Numbers(known, other_fields(provider, sample), values)


def other_fields(provider: Provider | None, sample: Sample | None) -> set[str]:
    """The names on the wire of fields that hold ids, codes, times and prices."""
    if provider is None or sample is None or type(sample.input) not in provider.ways:
        return set()
    feeds = provider.ways[type(sample.input)].reading.fields.feeds()
    names = {name for name, field in feeds if field not in (*PHONES, *FREE)}
    return names | {name for table in provider.tables for name in table.fields} | {"content-length", "Content-Length"}


def without_credentials(provider: Provider, input: Input, account: Account | None) -> Input:
    """An input without secrets, also those that no account tells of.

    Where the provider's secret stands in the URL and the account names none, whatever stands in its place goes: the
    query's parameter, and the last segment of the path.
    """
    known = account or Account()
    blotted = provider.blotted(input, known)
    parameters = {each.parameter for each in provider.auth if isinstance(each, UrlSecret)}
    if not parameters or known.secrets or not isinstance(blotted, Request):
        return blotted
    path, mark, query = blotted.target.partition("?")
    pairs = [_without_value(pair, parameters) for pair in query.split("&")]
    before, slash, last = path.rstrip("/").rpartition("/")
    path = f"{before}{slash}{BLOT}" if last else path
    return msgspec.structs.replace(blotted, target=f"{path}{mark}{'&'.join(pairs)}")


def _without_value(pair: str, names: set[str]) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}{equals}{BLOT}" if equals and unquote_plus(name) in names else pair

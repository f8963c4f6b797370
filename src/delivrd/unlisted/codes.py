"""An unlisted code: where it stands in a report, the row that it needs, and what the same word means elsewhere.

The rule of this module: nothing is guessed. A proposed row says `UNKNOWN`, and what other tables mean by the same
word stands beside it with its source, for a person to judge.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from delivrd.listing import CodeLine, code_lines
from delivrd.provider import Provider
from delivrd.report import Report, WarningKind, shorten
from delivrd.tables import split_code

MOST_ELSEWHERE: Final = 8
"""Meanings of one word in other tables that are told."""

_NO_WORD: Final = re.compile(r"[\W_]+")


class Elsewhere(msgspec.Struct, frozen=True, omit_defaults=True):
    """What another table means by the same code.

    Attributes:
        provider, field, code: where it is listed, as documented there.
        status: None for a silent code.
        final: the provider will not change it.
        cause: why the message was not delivered.
        source: where that is written.
    """

    provider: str
    field: str
    code: str
    status: str | None
    final: bool | None
    cause: str | None
    source: str

    def __str__(self) -> str:
        """One line, such as a comment can hold."""
        final = "" if self.final is None else "final" if self.final else "not final"
        said = ", ".join(filter(None, (self.status or "silent", final, self.cause)))
        spelt = self.code if self.code.isprintable() else ascii(self.code)
        return f"{self.provider}, {self.field}: {spelt}: {said} ({' '.join(self.source.split())})"


Words = Mapping[str, tuple[CodeLine, ...]]
"""The rows of tables, by their codes as words."""


def unlisted_codes(report: Report) -> Iterator[tuple[str, list[str]]]:
    """The fields, each with its code, that no table lists; a joint field has several codes."""
    for warning in report.warnings:
        if warning.kind is WarningKind.UNLISTED_CODE:
            names = [warning.field] if warning.field in report.codes else split_code(warning.field)
            yield warning.field, [report.codes.get(name, "") for name in names]


def table_row(code: list[str]) -> str:
    """The row of a code table that somebody has to complete. It is Python, whatever the code holds."""
    parts = [_literal(each) if each else "None" for each in code]
    key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
    return f'Row({key}, Status.UNKNOWN, False, None, None, "what the provider says of it"),'


def fixture_name(status: str, codes: Iterable[str]) -> str:
    """The name of a fixture: it begins with what comes of it.

    Args:
        status: of the first report of its input.
        codes: that no table lists.
    """
    said = "-".join(codes) or "captured"
    return f"{status}-{re.sub('[^a-z0-9]+', '-', said.lower()).strip('-')[:40] or 'code'}"


def words_of(providers: Iterable[Provider]) -> Words:
    """What the tables of providers list, to be looked up by `elsewhere`."""
    found: dict[str, list[CodeLine]] = defaultdict(list)
    for provider in providers:
        for line in code_lines(provider):
            if line.absence is None and (word := _word(line.code)):
                found[word].append(line)
    return {word: tuple(lines) for word, lines in found.items()}


def elsewhere(words: Words, provider: str, field: str, code: str) -> tuple[Elsewhere, ...]:
    """What other tables mean by a code: other providers', and the same provider's of other fields.

    Letter case and punctuation do not count. A number has nothing in common with another table's but its digits, so
    it is looked up only in fields of the same name.

    Args:
        words: of `words_of`.
        provider, field, code: what no table lists.
    """
    word = _word(code)
    lines = words.get(word, ()) if len(code) == len(shorten(code)) else ()
    told = dict.fromkeys(
        Elsewhere(
            line.provider,
            line.field,
            line.code,
            None if line.status is None else line.status.value,
            line.final,
            None if line.cause is None else line.cause.value,
            line.source,
        )
        for line in lines
        if (line.provider, line.field) != (provider, field) and (not word.isdigit() or line.field == field)
    )
    return tuple(told)[:MOST_ELSEWHERE]


def _word(code: str) -> str:
    return _NO_WORD.sub("", code).casefold()


def _literal(text: str) -> str:
    written = ascii(text)
    return f'"{written[1:-1]}"' if written.startswith("'") and '"' not in written else written

"""Gathers the codes that no table lists from whatever is read.

The rule of this module: what is counted does not depend on the order in which inputs come, and what is held does not
grow with them: so many codes, of each so much. What is beyond is counted, and said.

No clock is read. A code was seen when its input was received, where that is kept with the input; and when the
provider says that it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

import msgspec

from delivrd.accounts import Account
from delivrd.errors import DelivrdError
from delivrd.files import Sample, read_samples
from delivrd.provider import Provider
from delivrd.report import LONGEST_SHOWN, Report, shorten
from delivrd.tables import join_code
from delivrd.unlisted.codes import Elsewhere, elsewhere, fixture_name, table_row, unlisted_codes, words_of
from delivrd.unlisted.fields import numbers_of, without_credentials
from delivrd.unlisted.numbers import Numbers, blind, masked
from delivrd.unlisted.raw import NoFixture, fixture, raw_text

MOST: Final = 1000
"""Codes that are held."""

_LONGEST_SAMPLE: Final = 2000
"""Characters of a sample that are held."""

_LOOKED_AT: Final = 4 * _LONGEST_SAMPLE
_CUT: Final = 64

_TRIES: Final = 10
"""Inputs of which a fixture is tried to be made, for each code."""

Put = Callable[[str, str, bytes], str]
"""Keeps a fixture: takes its name, how the file's name ends, and its content; gives what to call it."""


class Span(msgspec.Struct):
    """From when until when; aware, in UTC."""

    first: datetime
    last: datetime

    def widen(self, at: datetime) -> None:
        """Take another moment in."""
        self.first, self.last = min(self.first, at), max(self.last, at)


class Shown(msgspec.Struct, frozen=True):
    """One input that held a code.

    Attributes:
        place: the file, and the line of it; or the message in a store.
        text: the input, without secrets, with phone numbers masked, cut where it is long; None where it is not kept.
    """

    place: str
    text: str | None


class Found(msgspec.Struct):
    """A code that no table lists.

    Attributes:
        provider, field: whose it is; joint fields are joined by `+`.
        code: as sent, with phone numbers masked, shortened where it is long; joint codes are joined by `+`.
        times: how many reports held it.
        sample: the first input that did.
        row: a row for the table, to be completed; None where the code is too long for one, or holds a number.
        elsewhere: what other tables mean by it.
        received: when its inputs were received, as far as that was kept.
        occurred: when the provider says it happened, as far as it says so.
        fixture: what the fixture made of it is called.
        no_fixture: why there is none, where one was wanted.
    """

    provider: str
    field: str
    code: str
    times: int
    sample: Shown
    row: str | None
    elsewhere: tuple[Elsewhere, ...]
    received: Span | None = None
    occurred: Span | None = None
    fixture: str | None = None
    no_fixture: str | None = None

    @property
    def seen(self) -> tuple[str, Span] | None:
        """By which field it was seen and when: `received_at` where that was kept, else `occurred_at`."""
        if self.received is not None:
            return "received_at", self.received
        return None if self.occurred is None else ("occurred_at", self.occurred)


class Gatherer:
    """Gathers codes.

    Args:
        providers: whose tables are searched for what the same word means there.
        most: how many codes are held.
        put: keeps the fixtures; None where none are wanted.

    Attributes:
        reports: how many were looked at.
        left_out: how many codes of reports were not gathered, because enough others had been.
    """

    def __init__(self, providers: Iterable[Provider], *, most: int = MOST, put: Put | None = None) -> None:
        self._words = words_of(providers)
        self._most = most
        self._put = put
        self._found: dict[tuple[str, str, str], Found] = {}
        self._tries: dict[tuple[str, str, str], int] = {}
        self.reports = 0
        self.left_out = 0

    def add(
        self,
        provider: Provider | None,
        reports: Sequence[Report],
        place: str,
        *,
        sample: Sample | None = None,
        account: Account | None = None,
        received_at: datetime | None = None,
        times: int = 1,
    ) -> None:
        """Take the reports of one input in.

        Args:
            provider: that read it; None where it is not installed.
            reports: what came of it.
            place: what to call the input.
            sample: the input; None where it is not kept.
            account: it was read with; its secrets are taken out.
            received_at: where the reports do not say it.
            times: how often it came.
        """
        source = _Source(provider, reports, place, sample, account)
        for report in reports:
            self.reports += 1
            for field, code in unlisted_codes(report):
                found = self._of(source, report, field, code)
                if found is None:
                    self.left_out += 1
                    continue
                found.times += times
                found.received = _widened(found.received, report.received_at or received_at)
                found.occurred = _widened(found.occurred, report.occurred_at)
                self._try_fixture(found, source)

    def found(self) -> list[Found]:
        """What was gathered, the most frequent first."""
        return sorted(self._found.values(), key=lambda found: (-found.times, found.provider, found.field, found.code))

    def _of(self, source: _Source, report: Report, field: str, code: list[str]) -> Found | None:
        numbers = Numbers((report.recipient, report.sender))
        parts = [_bare(numbers, each, source.provider, source.account) for each in code]
        whole = join_code(parts)
        shown = shorten(whole)
        key = (report.provider, field, shown)
        if key not in self._found:
            if len(self._found) >= self._most:
                return None
            # A row is for a code, and what is longer, or holds a number or a secret, is none.
            plain = len(whole) <= LONGEST_SHOWN and parts == code
            self._found[key] = Found(
                report.provider,
                field,
                shown,
                0,
                Shown(source.place, source.text),
                table_row(parts) if plain else None,
                elsewhere(self._words, report.provider, field, shown),
            )
        return self._found[key]

    def _try_fixture(self, found: Found, source: _Source) -> None:
        key = (found.provider, found.field, found.code)
        if self._put is None or found.fixture is not None or self._tries.get(key, 0) >= _TRIES:
            return
        self._tries[key] = self._tries.get(key, 0) + 1
        made = source.fixture
        if isinstance(made, str):
            found.no_fixture = made
            return
        found.fixture = self._put(fixture_name(source.reports[0].status, [found.code]), *made)
        found.no_fixture = None


class _Source:
    """One input. What can be shown of it, and the fixture of it, are made once, however many codes it holds."""

    def __init__(
        self,
        provider: Provider | None,
        reports: Sequence[Report],
        place: str,
        sample: Sample | None,
        account: Account | None,
    ) -> None:
        self.provider = provider
        self.reports = reports
        self.place = place
        self.account = account
        self._sample = sample

    @cached_property
    def text(self) -> str | None:
        """What can be shown of it; None where it is not kept."""
        if self.provider is None or self._sample is None:
            return None
        held = _held(self.provider, self._sample, self.account)
        said = raw_text(held.input, bare=False)
        seen = blind(said[:_LOOKED_AT])
        numbers, looked_at = numbers_of(self.reports, self.provider, held).within(seen)
        shown = numbers.every(looked_at, masked)
        # A number that the cut goes through is none that could be found.
        cut = len(said) > _LOOKED_AT or len(looked_at) < len(seen)
        return shown[: min(_LONGEST_SAMPLE, len(shown) - (_CUT if cut else 0))]

    @cached_property
    def fixture(self) -> tuple[str, bytes] | str:
        """How the name of its fixture ends, and the content; or why there is none."""
        if self.provider is None or self._sample is None:
            return "the input is not kept"
        held = _held(self.provider, self._sample, self.account)
        try:
            made = fixture(held, numbers_of(self.reports, self.provider, held))
            _require_same(self.provider, self.account, *made, self.reports)
        except NoFixture as error:
            return str(error)
        except DelivrdError:
            return _CHANGED
        return made


_CHANGED: Final = "with fictional numbers in it, the input is read otherwise"


def _require_same(
    provider: Provider, account: Account | None, suffix: str, content: bytes, reports: Sequence[Report]
) -> None:
    """Refuse a fixture that stands for something else than its input did."""
    (sample,) = read_samples("fixture" + suffix, content)
    again = provider.read(sample.input, account, asked=sample.asked, received_at=sample.received_at).reports
    if [_gist(each) for each in again] != [_gist(each) for each in reports]:
        raise NoFixture(_CHANGED)


def _gist(report: Report) -> tuple[object, ...]:
    return (report.status, report.final, report.cause, [field for field, _ in unlisted_codes(report)])


def _held(provider: Provider, sample: Sample, account: Account | None) -> Sample:
    return msgspec.structs.replace(sample, input=without_credentials(provider, sample.input, account), account=None)


def _bare(numbers: Numbers, code: str, provider: Provider | None, account: Account | None) -> str:
    """A code as it can be shown."""
    blotted = provider.blot(code, account) if provider is not None and account is not None else code
    # What is cut is so long that it is no code: what is beyond needs not to be looked through.
    return numbers.code(blotted[: 2 * LONGEST_SHOWN], masked)


def _widened(span: Span | None, at: datetime | None) -> Span | None:
    if at is None:
        return span
    if span is None:
        return Span(at, at)
    span.widen(at)
    return span

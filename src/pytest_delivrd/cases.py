"""A provider's fixtures, read: what the checks look at.

The rule of this module: a fixture is read as a gateway would read it, by `Provider.read`, and
whatever comes of it is kept, an exception too; the checks judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from delivrd import SUFFIXES, InputError, Provider, Receipt, Sample, SampleError, read_samples


class Broken(Exception):
    """The provider, or its fixtures, broke the contract; the message says where, and what to do."""


def require(problems: list[str]) -> None:
    """Fail with every problem that was found, one a line.

    Raises:
        Broken: there are any.
    """
    if problems:
        raise Broken("\n".join(problems))


def read(provider: Provider, sample: Sample) -> Receipt | Exception:
    """What comes of reading a sample: a receipt, or whatever was raised."""
    try:
        return provider.read(sample.input, sample.account, asked=sample.asked, received_at=sample.received_at)
    # A plugin is a stranger's code: whatever it raises is what the checks judge.
    except Exception as error:
        return error


class Case:
    """One fixture file.

    Args:
        provider: whose it is.
        path: of the file.
    """

    def __init__(self, provider: Provider, path: Path) -> None:
        self.provider = provider
        self.path = path
        self.place = f"{path.parent.name}/{path.name}"

    @cached_property
    def loaded(self) -> list[Sample] | SampleError:
        """The samples, or why the file is no fixture."""
        try:
            return read_samples(self.path.name, self.path.read_bytes())
        except SampleError as error:
            return error

    @property
    def samples(self) -> list[Sample]:
        """The samples; none where the file is no fixture, which its snapshot tells."""
        return [] if isinstance(self.loaded, SampleError) else self.loaded

    @cached_property
    def outcomes(self) -> list[Receipt | Exception]:
        """What came of each sample."""
        return [read(self.provider, sample) for sample in self.samples]

    def where(self, index: int) -> str:
        """The place of one sample, for messages."""
        return self.place if len(self.samples) == 1 else f"{self.place}, line {index + 1} of its inputs"


class Reading(NamedTuple):
    """A sample and the receipt that came of it."""

    where: str
    sample: Sample
    receipt: Receipt


class Suite:
    """One provider and its folder of fixtures."""

    def __init__(self, provider: Provider, folder: Path) -> None:
        self.provider = provider
        self.folder = folder
        self.cases = [Case(provider, path) for path in visible(folder) if path.suffix in SUFFIXES and path.is_file()]

    def readings(self) -> Iterator[Reading]:
        """Every sample that gave a receipt."""
        for case in self.cases:
            for index, (sample, outcome) in enumerate(zip(case.samples, case.outcomes, strict=True)):
                if isinstance(outcome, Receipt):
                    yield Reading(case.where(index), sample, outcome)


def visible(folder: Path) -> list[Path]:
    """What a folder holds, in order, but for what editors and systems hide."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))


def describe(outcome: Receipt | Exception) -> str:
    """An outcome in a few words."""
    if isinstance(outcome, Exception):
        kind = type(outcome).__name__
        cause = f", from {outcome.__cause__!r}" if outcome.__cause__ is not None else ""
        return f"raised {kind}: {outcome}{cause}"
    if outcome.absence is not None:
        return f"gave no report ({outcome.absence.kind})"
    return f"gave {len(outcome.reports)} report(s)"


def same(first: Receipt | Exception, second: Receipt | Exception) -> bool:
    """Whether two outcomes are equal: receipts by value, errors by type and message."""
    if isinstance(first, InputError) and isinstance(second, InputError):
        return type(first) is type(second) and str(first) == str(second) and first.reply == second.reply
    return isinstance(first, Receipt) and first == second

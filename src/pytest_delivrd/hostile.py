"""The hostile check: many mutations of one fixture, of which none may raise anything but `InputError`.

The rule of this module: a run is decided by the fixture's place and the seed alone. Hypothesis
chooses seeds, without a database or a deadline; each seed makes a handful of inputs, because an
example costs hypothesis more than reading an input costs delivrd.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Final
from zlib import crc32

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as start_from
from hypothesis import strategies as st

from delivrd import Account, Input, InputError, Provider, Receipt, Response, Sample, write_sample
from pytest_delivrd.accounts import locked_account, signed
from pytest_delivrd.cases import Broken, Case
from pytest_delivrd.mutate import Mutator

INPUTS_AN_EXAMPLE: Final = 10
"""Mutated inputs that one example of hypothesis makes."""

_LARGEST_SEED: Final = 2**32 - 1


class Hostile:
    """The hostile inputs of one fixture.

    Args:
        case: the fixture.
        failures: the folder where an input that broke the contract is written.
    """

    def __init__(self, case: Case, failures: Path) -> None:
        self.case = case
        self.failures = failures
        self.tried = 0
        provider = case.provider
        tables = [row.label for table in provider.tables for row in table.rows]
        self.words = [*tables, *(row.code for table in provider.absences for row in table.rows)]
        self.prepared = [(sample, locked_account(provider, sample)) for sample in case.samples]

    def run(self, examples: int, seed: int) -> None:
        """Try them.

        Args:
            examples: how many, of `INPUTS_AN_EXAMPLE` inputs each.
            seed: another one tries other inputs.

        Raises:
            Broken: an input broke the contract; the message names the file that holds it.
        """
        if not examples or not self.prepared:
            return
        quiet = settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=False,
            # A seed does not shrink: a smaller number is no simpler input.
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
            print_blob=False,
        )

        @start_from(crc32(self.case.place.encode()) ^ seed)
        @quiet
        @given(st.integers(0, _LARGEST_SEED))
        def attack(chosen: int) -> None:
            mutator = Mutator(Random(chosen), self.words)
            for _ in range(INPUTS_AN_EXAMPLE):
                self._try_one(mutator)

        attack()

    def _try_one(self, mutator: Mutator) -> None:
        sample, account = mutator.random.choice(self.prepared)
        asked = sample.asked if mutator.random.random() < 0.9 else mutator.text()
        tried = msgspec.structs.replace(sample, input=mutator.mutate(sample.input), asked=asked or None)
        self.tried += 1
        complaint = judge(self.case.provider, tried, account)
        if complaint is not None:
            raise Broken(f"{self.case.place}: {complaint}\nthe input that did it: {self._keep(tried)}")

    def _keep(self, sample: Sample) -> str:
        """Write the sample down, and say where."""
        sample = msgspec.structs.replace(sample, source=f"derived from {self.case.place} by the conformance kit")
        suffix, content = write_sample(sample)
        name = f"{self.case.path.parent.name}-{self.case.path.stem}-{crc32(content):08x}{suffix}"
        self.failures.mkdir(parents=True, exist_ok=True)
        (self.failures / name).write_bytes(content)
        return f"{self.failures.parent.name}/{self.failures.name}/{name}"


def judge(provider: Provider, sample: Sample, account: Account) -> str | None:
    """What an input does that no input may do; None where all is well.

    It is read, and received both unsigned and signed.
    """
    complaint = _judge_read(provider, sample)
    if complaint is not None or isinstance(sample.input, Response):
        return complaint
    complaint = _judge_receive(provider, sample.input, account)
    if complaint is not None:
        return complaint
    try:
        proven = signed(provider, sample.input, account)
    # Signing is for tests and of sound inputs; what it cannot sign proves nothing about the reading.
    except Exception:
        return None
    return _judge_receive(provider, proven, account)


def _judge_read(provider: Provider, sample: Sample) -> str | None:
    try:
        receipt = provider.read(sample.input, sample.account, asked=sample.asked, received_at=sample.received_at)
    except InputError:
        return None
    except Exception as error:
        return f"read {_raised(error)}"
    return judge_receipt(receipt)


def _judge_receive(provider: Provider, input: Input, account: Account) -> str | None:
    try:
        provider.receive(input, account)
    except InputError:
        return None
    except Exception as error:
        return f"receive {_raised(error)}"
    return None


def judge_receipt(receipt: Receipt) -> str | None:
    """What is wrong with a receipt, whatever it holds."""
    if (receipt.absence is None) != bool(receipt.reports):
        given = f"absence is {receipt.absence!r} with {len(receipt.reports)} report(s)"
        return f"{given}; it is None exactly where there are any"
    try:
        # Published reports hold their key and their advice on resending.
        msgspec.json.encode(receipt.to_dict())
    except Exception as error:
        return f"the receipt's to_dict does not encode to JSON: {type(error).__name__}: {error}"
    return None


def _raised(error: Exception) -> str:
    cause = "" if error.__cause__ is None else f" (from {error.__cause__!r})"
    return f"raised {type(error).__name__}, and only InputError may come out: {error}{cause}"

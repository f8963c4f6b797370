"""The kernel on other machines: what is sent there, what has to be there, and what comes back.

The rule of this module: what would fail for every row fails once, before the first, and says its
remedy; what is wrong with one row is told in that row. It knows no engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from delivrd.accountfile import load_accounts
from delivrd.accounts import Account
from delivrd.arrow import INPUTS, REPORTS, Normalizer
from delivrd.arrow.kernel import installed
from delivrd.errors import AccountError, PluginError, UnknownProvider
from delivrd.registry import Registry

ROWS: Final = 16_384
"""How many rows are read at a time: more are hardly faster, and take more memory."""


class Plan(msgspec.Struct, frozen=True):
    """By what every batch is read. It travels to each process that reads, and its `repr` shows no secret.

    Attributes:
        accounts: by name; or the path of a file of accounts, which each process reads for itself.
        provider: of rows that name none.
        account: the name of the account of rows that name none.
        keys: whether to work out the column `key`.
        keep: columns of the inputs that stand beside their reports.
        needed: the providers that have to be installed, each with the package that brings it, or None for any.
        version: of delivrd, which has to be the same.
    """

    accounts: Mapping[str, Account] | str
    provider: str | None
    account: str | None
    keys: bool
    keep: tuple[str, ...]
    needed: Mapping[str, str | None]
    version: str

    def ready(self) -> Normalizer:
        """What reads batches in this process.

        Raises:
            PluginError: something that has to be installed is not, or in another version.
            AccountError: an account cannot be meant, or does not fit.
        """
        registry = installed()
        self._check_installed(registry)
        accounts = self._accounts(registry)
        if self.account is not None and self.account not in accounts:
            raise AccountError(f"account: expected one of the accounts: {', '.join(accounts) or 'none'}")
        account = None if self.account is None else accounts[self.account]
        if self.provider is not None and account is not None:
            registry[self.provider].check(account)
        return Normalizer(accounts, provider=self.provider, account=account, providers=registry, keys=self.keys)

    def _check_installed(self, registry: Registry) -> None:
        here = _packages(registry)
        wrong = [] if self.version == _version() else [f"delivrd {_version()} is installed, not {self.version}"]
        for name, package in self.needed.items():
            if name not in here:
                broken = _fault(registry, name)
                wrong.append(f"{name}: {broken}" if broken else f"no plugin brings {name} ({package or 'any version'})")
            elif package is not None and here[name] != package:
                wrong.append(f"{here[name]} is installed, not {package}")
        if wrong:
            raise PluginError(
                f"this worker is unlike the program that gave the work: {'; '.join(dict.fromkeys(wrong))}. "
                "Install the same packages for the Python of every worker"
            )

    def _accounts(self, registry: Registry) -> Mapping[str, Account]:
        if not isinstance(self.accounts, str):
            return self.accounts
        return {name: account for name, (_, account) in load_accounts(self.accounts, registry).items()}


def make_plan(
    accounts: Mapping[str, Account] | str | None,
    *,
    provider: str | None,
    account: str | None,
    providers: Iterable[str] | None,
    keys: bool,
    keep: Sequence[str],
    columns: Sequence[str] | None,
) -> Plan:
    """A plan for inputs of these columns, or of unknown ones.

    Args:
        accounts, provider, account, keys, keep: as in `Plan`.
        providers: the providers that have to be installed wherever rows are read; by default those installed here.
        columns: of the inputs, where they are known.

    Raises:
        AccountError, PluginError, UnknownProvider: as every worker would find.
        TypeError, ValueError: an argument cannot be meant.
    """
    if isinstance(keep, str) or isinstance(providers, str):
        raise TypeError("keep, providers: expected a list of names, got one text; put it in brackets")
    given = {} if accounts is None else accounts
    if not isinstance(given, Mapping | str):
        raise TypeError(f"accounts: expected a mapping, or a path as a text; got {type(given).__name__}")
    if not isinstance(given, str) and not all(isinstance(each, Account) for each in given.values()):
        raise TypeError("accounts: expected an Account for each name")
    if account is not None and not isinstance(account, str):
        raise TypeError(f"account: expected the name of one of the accounts, got {type(account).__name__}")
    _check_columns(keep, columns)
    registry = installed()
    here = _packages(registry)
    named = list(here) if providers is None else list(providers)
    if provider is not None and provider not in named:
        named.append(provider)
    if providers is None and provider is not None:
        # Where they are named, this program need have none of them itself.
        registry[provider]
    plan = Plan(
        given if isinstance(given, str) else dict(given),
        *(provider, account, keys, tuple(keep)),
        {name: here.get(name) for name in named},
        _version(),
    )
    if not isinstance(given, str) and all(name in here for name in named):
        # The file may be on the workers alone.
        plan.ready()
    return plan


def _check_columns(keep: Sequence[str], columns: Sequence[str] | None) -> None:
    taken = [name for name in keep if name in REPORTS.names]
    if taken:
        raise ValueError(f"keep: {', '.join(taken)} is a column of the reports; rename it among the inputs")
    if len(set(keep)) != len(keep):
        raise ValueError("keep: one name stands there twice; give it once")
    if columns is None:
        return
    missing = [name for name in keep if name not in columns]
    if missing:
        raise ValueError(f"keep: expected columns of the inputs; there is no {', '.join(missing)}")
    # What the kernel would say of these columns, it says here, before anything runs.
    Normalizer(providers={})(_nothing(name for name in columns if name in INPUTS.names))


def _nothing(columns: Iterable[str]) -> pa.RecordBatch:
    fields = [INPUTS.field(name) for name in columns]
    return pa.record_batch([pa.array([], field.type) for field in fields], schema=pa.schema(fields))


class Reader:
    """Reads batch after batch by a plan: what an engine calls on its workers. It can be pickled."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        # What engines show of it.
        self.__name__ = "delivrd"

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The reports of the batches, in order; `input` counts through all of them.

        Raises:
            AccountError, PluginError: as `Plan.ready`.
            TypeError, ValueError: a column has a type that cannot be meant.
        """
        normalizer = self.plan.ready()
        before = 0
        for batch in batches:
            # Of no rows too there are columns.
            for start in range(0, max(batch.num_rows, 1), ROWS):
                piece = batch.slice(start, ROWS)
                yield self._beside(normalizer(piece), piece, before)
                before += piece.num_rows

    def _beside(self, reports: pa.RecordBatch, inputs: pa.RecordBatch, before: int) -> pa.RecordBatch:
        """Reports with the columns that are kept, their inputs counted from the first batch on."""
        place = reports.column("input")
        kept = [inputs.column(name).take(place) for name in self.plan.keep]
        columns = [pc.add(place, before) if name == "input" else reports.column(name) for name in REPORTS.names]
        return pa.record_batch([*columns, *kept], names=[*REPORTS.names, *self.plan.keep])


def _packages(registry: Registry) -> dict[str, str | None]:
    """The installed providers, each with the package and its version."""
    brought = {name: plugin.distribution for plugin in registry.plugins for name in plugin.providers}
    return {name: brought.get(name) for name in registry}


def _fault(registry: Registry, name: str) -> str | None:
    """What the registry says of a provider that it does not give; None where it has never heard of it."""
    try:
        registry[name]
    except UnknownProvider:
        return None
    except PluginError as error:
        return str(error)
    return None


@cache
def _version() -> str:
    return version("delivrd")

"""The kernel: a batch of inputs in, a batch of reports out.

The rule of this module: it gives what `Provider.read` gives, row by row, and never raises for a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from delivrd.accounts import Account
from delivrd.arrow.columns import COLUMNS, REPORTS, Columns
from delivrd.arrow.given import NoInput, Rows
from delivrd.arrow.quick import BindBodies, body_reader, keys_of, report_columns
from delivrd.arrow.told import Told, encodable_values, tell, tell_error, told_batch
from delivrd.errors import AccountError
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response
from delivrd.provider import Provider
from delivrd.registry import Registry
from delivrd.report import Report
from delivrd.ways import Push


def normalize(
    batch: pa.RecordBatch,
    accounts: Mapping[str, Account] | None = None,
    *,
    provider: str | None = None,
    account: Account | None = None,
    providers: Mapping[str, Provider] | None = None,
    keys: bool = True,
) -> pa.RecordBatch:
    """Read a batch of trusted inputs. This signature, `INPUTS` and `REPORTS` are stable.

    Args:
        batch: some of the columns of `INPUTS`; others are let be.
        accounts: by the names in the column `account`.
        provider: of rows that name none.
        account: of rows that name none, and whose line brings none.
        providers: by name; the installed ones by default, found once for each process.
        keys: whether to work out the column `key`, which takes about a quarter of the time.

    Returns:
        The columns of `REPORTS`, in the order of the inputs; one row or more for each of them.

    Raises:
        TypeError, ValueError: the batch is none, or a column has a type that cannot be meant.
    """
    return Normalizer(accounts, provider=provider, account=account, providers=providers, keys=keys)(batch)


class Normalizer:
    """`normalize`, kept ready for many batches. Arguments as there."""

    def __init__(
        self,
        accounts: Mapping[str, Account] | None = None,
        *,
        provider: str | None = None,
        account: Account | None = None,
        providers: Mapping[str, Provider] | None = None,
        keys: bool = True,
    ) -> None:
        self._accounts = dict(accounts or {})
        self._provider = provider
        self._account = account
        self._providers = installed() if providers is None else providers
        self._keys = keys
        self._bodies: dict[str, BindBodies | None] = {}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Read one batch; returns and raises as `normalize`."""
        if not isinstance(batch, pa.RecordBatch):
            raise TypeError(f"batch: expected a pyarrow.RecordBatch, got {type(batch).__name__}")
        return _Job(Rows(batch), self._accounts, (self._provider, self._account), self._desk, self._keys).run()

    def _desk(self, provider: str, account: Account | None) -> _Desk:
        """Where the inputs of one provider and account are read; raises where these do not fit."""
        found = self._providers[provider]
        found.check(account)
        if provider not in self._bodies:
            self._bodies[provider] = body_reader(found)
        return _Desk(found, account, self._bodies[provider])


@cache
def installed() -> Registry:
    """The installed providers: what is installed does not change while a process runs."""
    return Registry.installed()


class _Desk:
    """Where the inputs of one provider and one account are read, for one batch."""

    def __init__(self, provider: Provider, account: Account | None, bind: BindBodies | None) -> None:
        self.provider = provider
        self.account = account
        self.name = None if account is None else account.name or None
        self.bodies = None if bind is None else bind(provider.terms(account))
        # The provider's, which knows its secret settings too.
        self.blot = None if account is None else partial(provider.blot, account=account)
        push = provider.ways.get(Request)
        self.methods = push.methods if isinstance(push, Push) else ()


class _Job:
    """The reading of one batch."""

    def __init__(
        self,
        rows: Rows,
        accounts: Mapping[str, Account],
        else_by: tuple[str | None, Account | None],
        desk: Callable[[str, Account | None], _Desk],
        keys: bool,
    ) -> None:
        self.rows = rows
        self.accounts = accounts
        self.provider, self.account = else_by
        self.desk_of = desk
        self.keys = keys
        self.parts: list[pa.RecordBatch] = []
        self.told: list[Told] = []

    def run(self) -> pa.RecordBatch:
        for group, places in self._groups():
            desk = self._desk(group, places)
            if desk is not None:
                self._read(desk, group.takes, places)
        if self.told:
            self.parts.append(told_batch(self.told))
        if not self.parts:
            return pa.RecordBatch.from_pylist([], schema=REPORTS)
        whole = pa.Table.from_batches(self.parts)
        if len(self.parts) > 1 or self.told:
            # A stable sort: what came of one input keeps its order.
            whole = whole.take(pc.sort_indices(whole, sort_keys=[("input", "ascending")]))
        (batch,) = whole.combine_chunks().to_batches()
        return batch

    def _groups(self) -> Iterable[tuple[_Group, Sequence[int]]]:
        """The rows by what reads them, in the order of the rows."""
        rows = self.rows
        if not rows.count:
            return []
        beside = [rows.column(name) for name in ("line", "provider", "account", "kind")]
        if beside[0] is None and all(column is None or _is_one(column) for column in beside):
            return [(self._group(0), range(rows.count))]
        found: dict[_Group, list[int]] = {}
        for place in range(rows.count):
            found.setdefault(self._group(place), []).append(place)
        return found.items()

    def _group(self, place: int) -> _Group:
        rows = self.rows
        provider = rows.value("provider", place)
        provider = self.provider if provider is None else provider
        account = rows.value("account", place)
        if rows.value("line", place) is None:
            own = self.account if account is None else None
            return _Group(provider, account, own, _TAKES.get(rows.value("kind", place) or "request"))
        try:
            given = rows.given(place, None)
        except NoInput:
            return _Group(provider, account, None, None)
        own = (given.account or self.account) if account is None else None
        return _Group(provider, account, own, type(given.input))

    def _desk(self, group: _Group, places: Sequence[int]) -> _Desk | None:
        """Where a group is read; None where nothing of it can be, which is told."""
        account = group.own
        try:
            if group.provider is None:
                raise NoInput("provider: expected a name in this column, or the argument `provider`")
            if group.account is not None:
                account = self.accounts.get(group.account)
                if account is None:
                    raise AccountError("account: no account of that name was given in `accounts`")
            return self.desk_of(group.provider, account)
        # A provider that cannot be made ready is a fault of its plugin, and costs its own rows alone.
        except Exception as error:
            blot = None if account is None else account.blot
            self.told += [self._failed(error, place, group.provider, group.account, blot) for place in places]
            return None

    def _failed(
        self,
        error: Exception,
        place: int,
        provider: str | None,
        name: str | None,
        blot: Callable[[str], str] | None,
    ) -> Told:
        try:
            received_at = self.rows.value("received_at", place)
        except NoInput:
            received_at = None
        return tell_error(error, place, provider, name, blot, received_at)

    def _read(self, desk: _Desk, kind: type[Input] | None, places: Sequence[int]) -> None:
        if desk.bodies is None or kind is not Request:
            self._read_each(desk, places)
            return
        bodies, places, left = self._bodies(desk, places)
        columns, taken, unread = desk.bodies(bodies)
        if taken:
            whole = len(taken) == self.rows.count
            self._keep_bodies(desk, columns, places if whole else [places[index] for index in taken])
        self._read_each(desk, sorted([*left, *(places[index] for index in unread)]))

    def _bodies(self, desk: _Desk, places: Sequence[int]) -> tuple[Sequence[bytes], Sequence[int], list[int]]:
        """The bodies of requests, their rows, and the rows that are to be looked at one by one."""
        rows = self.rows
        column, methods = rows.column("body"), rows.column("method")
        if (
            isinstance(places, range)
            and column is not None
            and not column.null_count
            and not rows.has_faults("received_at")
            and (methods is None or {*methods.unique().to_pylist()} <= {*desk.methods, None})
        ):
            return rows.values("body") or (), places, []
        bodies, taken, left = [], [], []
        for place in places:
            try:
                found = rows.given(place, desk.methods[0]).input
                self._received(place)
            except NoInput:
                left.append(place)
                continue
            if isinstance(found, Request) and found.method in desk.methods:
                bodies.append(found.body)
                taken.append(place)
            else:
                left.append(place)
        return bodies, taken, left

    def _keep_bodies(self, desk: _Desk, columns: Columns, places: Sequence[int]) -> None:
        """Keep what was read from bodies as a part of the result."""
        count = len(places)
        columns["provider"] = pa.repeat(pa.scalar(desk.provider.name), count)
        columns["account"] = pa.repeat(pa.scalar(desk.name, pa.string()), count)
        received = self.rows.column("received_at")
        if received is not None:
            columns["received_at"] = received if count == self.rows.count else received.take(pa.array(places))
        elif self.rows.column("line") is not None:
            times = [self._received(place) for place in places]
            columns["received_at"] = pa.array(times, REPORTS.field("received_at").type)
        self._keep(columns, places, [0] * count, (desk.provider.name, desk.name))

    def _keep(
        self, columns: Columns, places: Sequence[int], items: Sequence[int], whose: tuple[str, str | None]
    ) -> None:
        """Keep columns of reports as a part of the result."""
        count = len(places)
        if self.keys and "key" not in columns:
            columns["key"] = keys_of(columns, *whose)
        columns["input"] = pa.array(places, pa.int64())
        columns["item"] = pa.array(items, pa.int32())
        arrays = [
            pa.nulls(count, column.type) if (array := columns.get(column.name)) is None else array for column in COLUMNS
        ]
        self.parts.append(pa.record_batch(arrays, schema=REPORTS))

    def _received(self, place: int) -> Any:
        said = self.rows.value("received_at", place)
        return (
            said
            if said is not None or self.rows.value("line", place) is None
            else self.rows.given(place, None).received_at
        )

    def _read_each(self, desk: _Desk, places: Iterable[int]) -> None:
        """Read one row after the other, by `Provider.read`."""
        reports: list[Report] = []
        inputs: list[int] = []
        items: list[int] = []
        for place in places:
            try:
                given = self.rows.given(place, desk.methods[0] if desk.methods else None)
                received_at = self._received(place)
                receipt = desk.provider.read(given.input, desk.account, asked=given.asked, received_at=received_at)
                found = receipt.reports
                if len(found) != 1 or receipt.problems or receipt.others:
                    self.told += tell(receipt, place, desk.provider.name, desk.name, received_at)
            # A plugin is a stranger's code, and one row must not stop the rest.
            except Exception as error:
                self.told.append(self._failed(error, place, desk.provider.name, desk.name, desk.blot))
                continue
            reports += found
            inputs += [place] * len(found)
            items += range(len(found))
        self._keep_reports(desk, reports, inputs, items)

    def _keep_reports(self, desk: _Desk, reports: list[Report], inputs: list[int], items: list[int]) -> None:
        """Keep reports as a part of the result; one that no column holds costs no other."""
        if not reports:
            return
        whose = (desk.provider.name, desk.name)
        try:
            self._keep(report_columns(reports), inputs, items, whose)
        except UnicodeEncodeError:
            # Something holds a lone surrogate, which no column does: it is written as its escape.
            plain = [msgspec.convert(encodable_values(msgspec.to_builtins(each)), Report) for each in reports]
            columns = report_columns(plain)
            columns["key"] = pa.array([report.key if self.keys else None for report in reports], pa.string())
            self._keep(columns, inputs, items, whose)
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            if len(reports) == 1:
                self.told.append(self._failed(error, inputs[0], *whose, desk.blot))
                return
            half = len(reports) // 2
            for some in (slice(half), slice(half, None)):
                self._keep_reports(desk, reports[some], inputs[some], items[some])


class _Group(NamedTuple):
    """What the rows of a group have in common.

    Attributes:
        provider: the name, or None.
        account: the name that the rows give, or None.
        own: the account that their lines bring, or that of all, where the rows name none.
        takes: the kind of input; None where it is none.
    """

    provider: str | None
    account: str | None
    own: Account | None
    takes: type[Input] | None


_TAKES: Final[Mapping[str, type[Input]]] = {
    "request": Request,
    "response": Response,
    "mail": Mail,
    "deliver_sm": DeliverSm,
}


def _is_one(column: pa.Array) -> bool:
    """Whether all rows say the same."""
    return not column.null_count and len(column.unique()) == 1

"""Ray: datasets of inputs to datasets of reports.

    reports = normalize(ray.data.read_parquet("inputs"), provider="acme")

The rule of this module: what comes out is a dataset of Ray's own, as lazy as the one that went in.
The reading is `delivrd.arrow`'s.

An extra of the distribution: `pip install 'delivrd[ray]'`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

try:
    import pyarrow as pa
    from ray.data import Dataset
except ImportError as error:
    raise ImportError("Ray is an extra: pip install 'delivrd[ray]'") from error

from delivrd.accounts import Account
from delivrd.spread import Plan, Reader, make_plan

__all__ = ["normalize"]


def normalize(
    dataset: Dataset,
    accounts: Mapping[str, Account] | str | None = None,
    *,
    provider: str | None = None,
    account: str | None = None,
    providers: Iterable[str] | None = None,
    keys: bool = True,
    keep: Sequence[str] = (),
    **options: Any,
) -> Dataset:
    """Read a dataset of trusted inputs. Nothing runs before Ray is asked for the reports.

    Args:
        dataset: with some of the columns of `delivrd.arrow.INPUTS`; others are let be.
        accounts: by the names in the column `account`. A mapping travels to the workers, with the
            secrets in it; of a path only the path does, and each worker reads the file.
        provider: of rows that name none.
        account: the name of the account of rows that name none.
        providers: those that every worker must have installed; by default those installed here, in
            the same versions.
        keys: whether to work out the column `key`, which takes about a quarter of the time.
        keep: columns of the dataset that are to stand beside the reports, such as an id.
        options: of Ray's `map_batches`: `num_cpus`, `memory`, `concurrency` and others.

    Returns:
        The columns of `delivrd.arrow.REPORTS`, then those kept; one row or more for each input.
        `input` is the place of the input in its block.

    Raises:
        AccountError, PluginError, UnknownProvider: what would fail for every row. What only a
            worker can find ends the job, with the same message inside Ray's.
        TypeError, ValueError: an argument, or the dataset, cannot be meant.
    """
    plan = make_plan(
        accounts,
        provider=provider,
        account=account,
        providers=providers,
        keys=keys,
        keep=keep,
        columns=dataset.columns(fetch_if_missing=False),
    )
    return dataset.map_batches(Normalize(plan), batch_format="pyarrow", batch_size=None, **options)


class Normalize:
    """Reads block after block. Ray shows its name."""

    def __init__(self, plan: Plan) -> None:
        self._read = Reader(plan)

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """The reports of one block, piece by piece, so that they need not be held all at once."""
        for batch in self._read(block.to_batches() or [pa.RecordBatch.from_pylist([], schema=block.schema)]):
            yield pa.Table.from_batches([batch])

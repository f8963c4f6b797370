"""One unit, from its rows to its part.

The rule of this module: it is a pure function of the unit and the plan; who does it, and how often,
makes no difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from delivrd.accounts import Account
from delivrd.arrow import Normalizer
from delivrd.backfill.reading import BadRow, Batch, batches_of
from delivrd.backfill.units import SourceError, Unit
from delivrd.backfill.writing import FORMATS, SCHEMA, whole_file
from delivrd.registry import Registry

REPORTS, BAD, DONE = "reports", "bad", "done"
"""The folders of the target."""


class Plan(msgspec.Struct, frozen=True):
    """What all units are done by.

    Attributes:
        target: the folder.
        form: of the parts.
        provider: of rows that name none.
        account: of rows that name none.
        accounts: by name.
        allow, block: the plugins to load.
    """

    target: str
    form: str
    provider: str | None = None
    account: Account | None = None
    accounts: Mapping[str, Account] = {}
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()

    def normalizer(self) -> Normalizer:
        """What reads the batches."""
        providers = Registry.installed(allow=self.allow or None, block=self.block)
        return Normalizer(self.accounts, provider=self.provider, account=self.account, providers=providers)


class Done(msgspec.Struct, frozen=True):
    """What came of a unit.

    Attributes:
        unit: its number.
        rows: that were read.
        reports: that came of them.
        bad: rows, and items of rows, that could not be read.
    """

    unit: int
    rows: int
    reports: int
    bad: int


def part_name(number: int, form: str) -> str:
    """The name of a part."""
    return f"part-{number:08d}.{form}"


def do_unit(unit: Unit, plan: Plan, normalizer: Normalizer) -> Done:
    """Write the part of a unit, and that it is done.

    Raises:
        SourceError: its file is not what it seemed.
        OSError: something could not be read, or written.
    """
    try:
        return _do(unit, plan, normalizer)
    except (pa.ArrowException, ValueError) as error:
        raise SourceError(f"{unit.source.name}: {error}") from error


def _do(unit: Unit, plan: Plan, normalizer: Normalizer) -> Done:
    target = Path(plan.target)
    rows = reports = bad = 0
    # The mark comes last: without it, everything before is written again, and comes out the same.
    with (
        whole_file(target / BAD / part_name(unit.number, "jsonl")) as bad_file,
        whole_file(target / REPORTS / part_name(unit.number, plan.form)) as file,
        closing(FORMATS[plan.form](file)) as writer,
    ):
        for batch in batches_of(unit):
            rows += len(batch.places) + len(batch.bad)
            result = normalizer(batch.columns)
            good = _good(result, unit, batch)
            reports += good.num_rows - good.column("status").null_count
            writer.write(good)
            said = _bad(result, unit, batch)
            bad += len(said)
            bad_file.writelines(json.dumps(each).encode() + b"\n" for each in said)
    done = Done(unit.number, rows, reports, bad)
    with whole_file(target / DONE / part_name(unit.number, "json")) as file:
        file.write(msgspec.json.encode(done))
    return done


def _good(result: pa.RecordBatch, unit: Unit, batch: Batch) -> pa.RecordBatch:
    kept = result.filter(result.column("error").is_null())
    beside = {
        "source": pa.repeat(pa.scalar(unit.source.name), kept.num_rows),
        "place": pa.array(batch.places, pa.int64()).take(kept.column("input")),
    }
    return pa.record_batch(
        [beside[name] if name in beside else kept.column(name) for name in SCHEMA.names], schema=SCHEMA
    )


def _bad(result: pa.RecordBatch, unit: Unit, batch: Batch) -> list[dict[str, Any]]:
    wrong = result.filter(result.column("error").is_valid())
    names = ["input", "item", "provider", "account", "error", "error_field", "error_message"]
    found = [_told(unit, each) for each in batch.bad]
    for row in wrong.select(names).to_pylist():
        told = BadRow(batch.places[row["input"]], row["error_message"], row["error_field"], row["error"])
        found.append(_told(unit, told, item=row["item"], provider=row["provider"], account=row["account"]))
    return sorted(found, key=lambda each: int(each["place"]))


def _told(unit: Unit, bad: BadRow, **beside: Any) -> dict[str, Any]:
    said = {"source": unit.source.name, **bad._asdict(), **beside}
    return {name: value for name, value in said.items() if value is not None}

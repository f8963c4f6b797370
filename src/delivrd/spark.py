"""Spark: frames of inputs to frames of reports, in batches and in streams.

    reports = normalize(spark.read.parquet("inputs"), "/run/secrets/accounts.toml")

The rule of this module: what comes out is a frame of Spark's own, as lazy, as partitioned and as
streaming as the one that went in. The reading is `delivrd.arrow`'s.

An extra of the distribution: `pip install 'delivrd[spark]'`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

try:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql import types as spark
except ImportError as error:
    raise ImportError("Spark is an extra: pip install 'delivrd[spark]'") from error

from delivrd.accounts import Account
from delivrd.arrow import COLUMNS, INPUT_COLUMNS, INPUTS, Column
from delivrd.spread import Reader, make_plan

__all__ = ["input_schema", "normalize", "report_schema"]

_TYPES: Final[Mapping[pa.DataType, spark.DataType]] = {
    pa.string(): spark.StringType(),
    pa.binary(): spark.BinaryType(),
    pa.bool_(): spark.BooleanType(),
    pa.int32(): spark.IntegerType(),
    pa.int64(): spark.LongType(),
    pa.timestamp("us", "UTC"): spark.TimestampType(),
}


def _type(kind: pa.DataType) -> spark.DataType:
    if pa.types.is_decimal(kind):
        return spark.DecimalType(kind.precision, kind.scale)
    if pa.types.is_map(kind):
        return spark.MapType(_type(kind.key_type), _type(kind.item_type))
    if pa.types.is_list(kind):
        return spark.ArrayType(_type(kind.value_type))
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return spark.StructType([spark.StructField(field.name, _type(field.type)) for field in fields])
    return _TYPES[kind]


def _schema(columns: Iterable[Column]) -> spark.StructType:
    # The comment is what `DESCRIBE TABLE` shows.
    return spark.StructType(
        [spark.StructField(name, _type(kind), metadata={"comment": said}) for name, kind, said in columns]
    )


def input_schema(*names: str) -> spark.StructType:
    """The columns of inputs, `delivrd.arrow.INPUTS`, as Spark has them. A stream of files needs a schema.

    Args:
        names: of those that there are; all by default.

    Raises:
        ValueError: a name is none of them.
    """
    unknown = [name for name in names if name not in INPUTS.names]
    if unknown:
        raise ValueError(f"names: expected columns of inputs: {', '.join(INPUTS.names)}; no {', '.join(unknown)}")
    return _schema(column for column in INPUT_COLUMNS if not names or column.name in names)


def report_schema() -> spark.StructType:
    """The columns of reports, `delivrd.arrow.REPORTS`, as Spark has them."""
    # Made anew each time: `StructType.add` changes what it is called on.
    return _schema(COLUMNS)


def normalize(
    frame: DataFrame,
    accounts: Mapping[str, Account] | str | None = None,
    *,
    provider: str | None = None,
    account: str | None = None,
    providers: Iterable[str] | None = None,
    keys: bool = True,
    keep: Sequence[str] = (),
) -> DataFrame:
    """Read a frame of trusted inputs, streaming or not. Nothing runs before Spark is asked for the reports.

    Args:
        frame: with some of the columns of `input_schema()`; others are not even fetched.
        accounts: by the names in the column `account`. A mapping travels to the executors, with the
            secrets in it; of a path only the path does, and each executor reads the file.
        provider: of rows that name none.
        account: the name of the account of rows that name none.
        providers: those that every executor must have installed; by default those installed here,
            in the same versions.
        keys: whether to work out the column `key`, which takes about a quarter of the time.
        keep: columns of the frame that are to stand beside the reports, such as an id.

    Returns:
        The columns of `report_schema()`, then those kept; one row or more for each input, in the same
        partitions. `input` is the place of the input in its partition (of a stream: in that of its micro-batch).

    Raises:
        AccountError, PluginError, UnknownProvider: what would fail for every row. What only an
            executor can find ends the job, with the same message inside Spark's.
        TypeError, ValueError: an argument, or the frame, cannot be meant.
    """
    plan = make_plan(
        accounts,
        provider=provider,
        account=account,
        providers=providers,
        keys=keys,
        keep=keep,
        columns=frame.columns,
    )
    wanted = [name for name in frame.columns if name in INPUTS.names or name in plan.keep]
    kept = [frame.schema[name] for name in plan.keep]
    schema = spark.StructType([*report_schema(), *kept])
    return frame.select(wanted).mapInArrow(Reader(plan), schema)

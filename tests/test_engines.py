"""The kernel on Spark and on Ray gives what it gives without them."""

from __future__ import annotations

import pickle

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_arrow import PROVIDERS, samples, split

import delivrd.ray
import delivrd.spark
from delivrd import Account, AccountError, PluginError, UnknownProvider
from delivrd.arrow import COLUMNS, INPUTS, REPORTS, ErrorKind, normalize
from delivrd.spread import ROWS, Reader, make_plan

OMNI = "messente-omnichannel"
SECRET = "hush-hush-0123456789"
ID = pa.field("id", pa.int64())


def table_of(rows: list[dict[str, object]]) -> pa.Table:
    """Inputs with a column `id`, which counts them."""
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in INPUTS]
    schema = INPUTS.append(pa.field("id", pa.int64()))
    return pa.table([*columns, pa.array(range(len(rows)), pa.int64())], schema=schema)


def everything() -> tuple[pa.Table, dict[str, Account]]:
    """Every fixture of every provider, rows that are no inputs among them, and their accounts."""
    rows: list[dict[str, object]] = []
    accounts: dict[str, Account] = {}
    for name in PROVIDERS:
        for sample in samples(name):
            row = {"provider": name, **split(sample)}
            if sample.account is not None:
                row["account"] = f"{len(accounts)}"
                accounts[f"{len(accounts)}"] = sample.account
            rows.append(row)
        rows += [{"provider": name}, {"provider": name, "account": "missing", "body": b"{}"}]
    rows += [{"provider": "nobody", "body": b"{}"}, {"provider": OMNI, "body": b"\xff{"}, {"body": b"{}"}]
    return table_of(rows), accounts


ALL, ACCOUNTS = everything()


def by_input(rows: list[dict[str, object]], name: str) -> list[dict[str, object]]:
    """Rows in the order of their inputs (a stable one), without what an engine counts in its own way."""
    ordered = sorted(rows, key=lambda row: row[name])
    return [
        {"of": row[name], **{key: value for key, value in row.items() if key not in ("input", "id")}} for row in ordered
    ]


def expected(table: pa.Table, accounts: dict[str, Account] | None = None, **options: object) -> list[dict[str, object]]:
    (batch,) = table.combine_chunks().to_batches()
    return by_input(normalize(batch, accounts, **options).to_pylist(), "input")


def callbacks(count: int, first: int = 0) -> pa.Table:
    """Bodies of Omnichannel, of which some cannot be read."""
    bodies = [
        b"{broken" if number % 7 == 3 else f'{{"message_id": "m-{number}", "status": "SEEN"}}'.encode()
        for number in range(first, first + count)
    ]
    return pa.table({"body": bodies, "id": pa.array(range(first, first + count), pa.int64())})


# What travels, and what has to be there: no engine is needed to see it.


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=6))
def test_however_inputs_are_cut_into_batches_the_reports_are_the_same_and_count_through(sizes):
    table = callbacks(sum(sizes))
    cut, start = [], 0
    for size in sizes:
        cut.append(pa.record_batch(table.slice(start, size).combine_chunks().to_pydict(), schema=table.schema))
        start += size
    plan = make_plan(None, **arguments(provider=OMNI, keep=["id"], columns=table.column_names))
    found = [row for batch in pickle.loads(pickle.dumps(Reader(plan)))(cut) for row in batch.to_pylist()]
    assert [row["input"] for row in found] == [row["id"] for row in found] == list(range(sum(sizes)))
    if found:
        assert by_input(found, "id") == expected(table, provider=OMNI)


def arguments(**given: object) -> dict[str, object]:
    plain = {"provider": None, "account": None, "providers": None, "keys": True, "keep": (), "columns": None}
    return {**plain, **given}


def test_a_large_batch_is_read_in_pieces_that_together_are_the_whole():
    table = callbacks(ROWS + 5)
    pieces = list(Reader(make_plan(None, **arguments(provider=OMNI)))(table.combine_chunks().to_batches()))
    assert [piece.num_rows for piece in pieces] == [ROWS, 5]
    assert [row for piece in pieces for row in piece.column("input").to_pylist()] == list(range(ROWS + 5))


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"keep": "id"}, TypeError, "put it in brackets"),
        ({"keep": ["status"]}, ValueError, "keep: status is a column of the reports; rename it"),
        ({"keep": ["id", "id"]}, ValueError, "keep: one name stands there twice"),
        ({"keep": ["nothing"]}, ValueError, "keep: expected columns of the inputs; there is no nothing"),
        ({"columns": ["id"]}, ValueError, "columns: expected one that holds the inputs"),
        ({"accounts": 5}, TypeError, "accounts: expected a mapping, or a path as a text; got int"),
        ({"accounts": {"a": SECRET}}, TypeError, "accounts: expected an Account for each name"),
        ({"account": "a"}, AccountError, "account: expected one of the accounts: none"),
        ({"account": Account("a")}, TypeError, "account: expected the name of one of the accounts"),
        ({"provider": "messente-omnichanel"}, UnknownProvider, "did you mean messente-omnichannel"),
        (
            {"provider": OMNI, "account": "a", "accounts": {"a": Account("a", settings={"no_such": SECRET})}},
            AccountError,
            "settings: unknown field; known settings: fallback",
        ),
    ],
)
def test_what_would_fail_for_every_row_fails_at_once_and_shows_no_secret(wrong, error, words):
    given = arguments(**{"columns": ["body", "id"], **wrong})
    with pytest.raises(error, match=words) as raised:
        make_plan(given.pop("accounts", None), **given)
    assert SECRET not in str(raised.value)


def test_a_worker_that_is_unlike_the_program_says_everything_that_differs():
    plan = make_plan(None, **arguments())
    assert {*plan.needed} == {*PROVIDERS}
    other = msgspec.structs.replace(
        plan, version="99", needed={**plan.needed, "acme": "delivrd-acme 1.0", "any": None, "teli": "delivrd-teli 99"}
    )
    with pytest.raises(PluginError) as raised:
        other.ready()
    for words in [
        "is installed, not 99; ",
        "no plugin brings acme (delivrd-acme 1.0)",
        "no plugin brings any (any version)",
        "delivrd-teli 0.1.0 is installed, not delivrd-teli 99",
        "Install the same packages for the Python of every worker",
    ]:
        assert words in str(raised.value)


def test_of_a_path_only_the_path_travels_and_a_plan_shows_no_secret(tmp_path):
    file = tmp_path / "accounts.toml"
    file.write_text(f'[accounts.main]\nprovider = "{OMNI}"\nsecrets = ["{SECRET}"]\nzone = "+02:00"\n')
    plan = make_plan(str(file), **arguments(provider=OMNI, account="main"))
    assert SECRET.encode() not in pickle.dumps(Reader(plan))
    assert plan.ready()(pa.record_batch({"body": [b"{"]})).column("account").to_pylist() == ["main"]
    held = make_plan({"main": Account("main", secrets=[SECRET], password=SECRET)}, **arguments(provider=OMNI))
    # It must travel: what is read is blotted with it.
    assert SECRET.encode() in pickle.dumps(Reader(held))
    assert SECRET not in repr(held)


def test_a_file_of_accounts_that_no_worker_finds_is_told_by_the_worker():
    plan = make_plan("/nowhere/accounts.toml", **arguments(account="main"))
    with pytest.raises(AccountError, match=r"/nowhere/accounts.toml: expected a file that can be read"):
        plan.ready()


# Spark.


def test_the_schemas_of_spark_are_the_published_columns_and_cannot_be_spoilt():
    schema = delivrd.spark.report_schema()
    assert schema.names == REPORTS.names
    assert [field.metadata["comment"] for field in schema] == [column.meaning for column in COLUMNS]
    schema.add("mine", "string")
    assert delivrd.spark.report_schema().names == REPORTS.names
    assert delivrd.spark.input_schema().names == INPUTS.names
    assert delivrd.spark.input_schema("body", "account").names == ["account", "body"]
    with pytest.raises(ValueError, match="no botty"):
        delivrd.spark.input_schema("botty")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("inputs") / "all.parquet"
    pq.write_table(ALL, path)
    return str(path)


def test_spark_gives_what_the_kernel_gives_row_for_row_and_keeps_the_partitions(spark, inputs):
    from pyspark.sql.functions import spark_partition_id

    frame = spark.read.parquet(inputs).repartition(3).withColumn("before", spark_partition_id())
    reports = delivrd.spark.normalize(frame, ACCOUNTS, keep=["id", "before"])
    assert not reports.isStreaming
    assert reports.schema.names == [*REPORTS.names, "id", "before"]
    table = reports.withColumn("after", spark_partition_id()).toArrow()
    assert table.select(REPORTS.names).schema.equals(REPORTS)
    assert table.column("before").equals(table.column("after"))
    assert {*table.column("after").to_pylist()} == {0, 1, 2}
    for number in range(3):
        own = table.filter(pa.compute.equal(table.column("after"), number))
        assert [*dict.fromkeys(own.column("input").to_pylist())] == list(range(len({*own.column("id").to_pylist()})))
    assert by_input(table.drop_columns(["before", "after"]).to_pylist(), "id") == expected(ALL, ACCOUNTS)
    assert {ErrorKind.UNREADABLE, ErrorKind.UNKNOWN_PROVIDER, ErrorKind.ACCOUNT, ErrorKind.NO_INPUT, None} <= {
        *table.column("error").to_pylist()
    }


def test_the_executors_of_spark_read_the_accounts_that_only_they_need_to_see(spark, tmp_path):
    file = tmp_path / "accounts.toml"
    file.write_text(f'[accounts.main]\nprovider = "{OMNI}"\nsecrets = ["{SECRET}"]\nzone = "+02:00"\n')
    body = f'{{"message_id": "1", "status": "SEEN", "timestamp": "2020-02-04T08:00:00", "more": "{SECRET}"}}'
    frame = spark.createDataFrame([(body, "a", 1), (body, "b", 2)], ["body", "my id", "not.fetched"])
    reports = delivrd.spark.normalize(frame, str(file), provider=OMNI, account="main", keep=["my id"])
    rows = reports.select("account", "extras", "occurred_at", "my id").collect()
    assert [row[0] for row in rows] == ["main", "main"]
    assert [row[1] for row in rows] == ['{"more":"***"}'] * 2
    assert {row[2].isoformat()[:19] for row in rows} == {"2020-02-04T06:00:00"}
    assert [row[3] for row in rows] == ["a", "b"]
    held = {"main": Account("main", secrets=[SECRET])}
    shown = delivrd.spark.normalize(frame, held, provider=OMNI, account="main")._jdf.queryExecution().toString()
    assert "delivrd" in shown
    assert SECRET not in shown


def test_a_plugin_that_an_executor_of_spark_lacks_ends_the_job_and_says_so(spark):
    frame = spark.createDataFrame([("{}",)], ["body"])
    reports = delivrd.spark.normalize(frame, provider=OMNI, providers=["acme"])
    with pytest.raises(
        Exception, match=r"PluginError: this worker is unlike .*: no plugin brings acme \(any version\)"
    ):
        reports.collect()


def test_a_stream_of_spark_that_is_stopped_and_started_again_loses_and_doubles_no_row(spark, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    files, each = 6, 50

    def put(number: int) -> None:
        pq.write_table(callbacks(each, number * each), source / f"{number}.parquet")

    def start(**trigger: object):
        schema = delivrd.spark.input_schema("body").add("id", "long")
        stream = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(source))
        reports = delivrd.spark.normalize(stream, provider=OMNI, keep=["id"])
        assert reports.isStreaming
        writer = reports.writeStream.format("parquet").option("checkpointLocation", str(tmp_path / "checkpoint"))
        return writer.trigger(**trigger).start(str(target))

    def done() -> int:
        return len([*(tmp_path / "checkpoint" / "commits").glob("[0-9]*")])

    for number in range(files - 1):
        put(number)
    stopped = []
    for wanted in (1, 3):
        query = start(processingTime="0 seconds")
        while done() < wanted:
            query.awaitTermination(0.02)
        # In the middle of the next batch, as likely as not.
        query.stop()
        stopped.append(done())
    assert stopped[0] < stopped[1] < files
    put(files - 1)
    assert start(availableNow=True).awaitTermination(60)
    rows = spark.read.parquet(str(target)).toArrow().to_pylist()
    assert by_input(rows, "id") == expected(callbacks(files * each), provider=OMNI)


# Ray.


def test_ray_gives_what_the_kernel_gives_row_for_row(ray):
    third = ALL.num_rows // 3 + 1
    blocks = [ALL.slice(start, third).combine_chunks() for start in range(0, ALL.num_rows, third)]
    reports = delivrd.ray.normalize(ray.data.from_arrow(blocks), ACCOUNTS, keep=["id"])
    table = pa.concat_tables(ray.get(reports.to_arrow_refs()))
    assert table.schema.remove_metadata().equals(REPORTS.append(ID))
    assert by_input(table.to_pylist(), "id") == expected(ALL, ACCOUNTS)


def test_the_workers_of_ray_read_accounts_lack_no_plugin_and_show_no_secret(ray, tmp_path):
    file = tmp_path / "accounts.toml"
    file.write_text(f'[accounts.main]\nprovider = "{OMNI}"\nsecrets = ["{SECRET}"]\n')
    body = f'{{"message_id": "1", "status": "SEEN", "more": "{SECRET}"}}'
    dataset = ray.data.from_items([{"body": body}])
    (row,) = delivrd.ray.normalize(dataset, str(file), provider=OMNI, account="main", num_cpus=0.5).take_all()
    assert (row["account"], row["extras"]) == ("main", '{"more":"***"}')
    lacking = delivrd.ray.normalize(dataset, provider=OMNI, providers=["acme"])
    with pytest.raises(Exception, match=r"this worker is unlike .*: no plugin brings acme \(any version\)"):
        lacking.take_all()
    held = delivrd.ray.normalize(dataset, {"main": Account("main", secrets=[SECRET])}, provider=OMNI)
    # What Ray tells of each step, to its logs and to its page.
    from ray.data._internal.metadata_exporter import sanitize_for_struct

    steps = [sanitize_for_struct(step._get_args()) for step in held._logical_plan.dag.post_order_iter()]
    assert "Normalize" in repr(steps)
    assert SECRET not in repr(steps) + repr(held)
    with pytest.raises(ValueError, match="columns: expected one that holds the inputs"):
        delivrd.ray.normalize(ray.data.from_arrow(pa.table({"id": [1]})), provider=OMNI)

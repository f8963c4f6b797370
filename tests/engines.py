"""Spark and Ray on this machine alone.

The rule of this module: they listen to nobody else, tell nobody of themselves, and leave nothing in the home folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

# Ray looks at some of these when it is imported.
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
JAVA = "no `java` here: apt-get install openjdk-17-jre-headless"


@contextmanager
def spark_here(folder: Path, cores: int = 2, **settings: str) -> Iterator[Any]:
    """A session of Spark that keeps its files in a folder."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    folder.mkdir(exist_ok=True)
    # The executors run the Python that runs this.
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    builder = SparkSession.builder.master(f"local[{cores}]").appName("delivrd")
    for name, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": str(cores),
        "spark.sql.session.timeZone": "UTC",
        **settings,
    }.items():
        builder = builder.config(name, value)
    # Its Java counts relative paths from where it was started.
    with chdir(folder):
        session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
        # Its Java would go on until this process ends.
        gateway, SparkContext._gateway, SparkContext._jvm = SparkContext._gateway, None, None
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(30)


@contextmanager
def ray_here(memory: int = 256 << 20) -> Iterator[Any]:
    """Ray with two CPUs, and bytes of memory for what its workers share."""
    import ray
    import ray.data

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        object_store_memory=memory,
        _node_ip_address="127.0.0.1",
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    try:
        yield ray
    finally:
        ray.shutdown()


def has_java() -> bool:
    """Whether Spark can start."""
    return shutil.which("java") is not None or "JAVA_HOME" in os.environ

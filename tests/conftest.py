"""What several folders of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import engines
import postgres
import pytest
from hypothesis import HealthCheck, settings

# A test needs no clock: on a busy machine any example can take any time.
settings.register_profile("delivrd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `make test-redaction`: that many over all places of a secret.
settings.register_profile("redaction", settings.get_profile("delivrd"), max_examples=100_000, database=None)
settings.load_profile("delivrd")


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """PostgreSQL, running; loudly missing where it is not installed."""
    if postgres.binaries() is None and not os.environ.get("CI"):
        pytest.skip(postgres.MISSING)
    # What is synced to disk is shown elsewhere (the soaks): here it would only cost time.
    with postgres.running(fsync="off") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return request.getfixturevalue("server").new_database()


@pytest.fixture(scope="session")
def spark(tmp_path_factory) -> Iterator[Any]:
    """A session of Spark with two cores; loudly missing where Java is not installed."""
    if not engines.has_java() and not os.environ.get("CI"):
        pytest.skip(engines.JAVA)
    # Java translates with less care, and so starts in half the time.
    quick = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    with engines.spark_here(tmp_path_factory.mktemp("spark"), **quick) as session:
        yield session


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """Ray with two CPUs."""
    with engines.ray_here() as module:
        yield module

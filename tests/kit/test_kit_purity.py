"""The watch over what decoding touches: it blames nobody for what others do, and leaves no trace."""

from __future__ import annotations

import gc
import sys
import time

import pytest

from delivrd import Code as CodeValue
from delivrd import (
    CodeTable,
    Context,
    Decoded,
    Fields,
    Provider,
    Push,
    Reading,
    Request,
    Row,
    Sample,
    Shape,
    Source,
    Status,
)
from pytest_delivrd.purity import watch


class Sent(Shape):
    id: CodeValue = None
    status: CodeValue = None


def provider(touch) -> Provider:
    def decode(request: Request, context: Context) -> Decoded:
        touch()
        return Decoded(records=[{"id": "1", "status": "OK"}])

    page = Source("page")
    tables = (CodeTable("status", (Row("OK", Status.DELIVERED, True, meaning="delivered"),), page),)
    way = Push(reading=Reading(shape=Sent, fields=Fields(message_id="id")), decode=decode)
    return Provider(name="acme", vendor="Acme", title="Acme", docs=page, tables=tables, ways=(way,))


SAMPLE = Sample(Request("POST", "/"))


def test_what_is_touched_is_named_once_with_its_place() -> None:
    def touch() -> None:
        for _ in range(3):
            time.time()

    (touched,) = watch(provider(touch), SAMPLE)
    assert touched.startswith(f"the clock (time.time) at {__file__}, line ")


def test_a_garbage_collection_in_the_middle_is_not_blamed_on_the_plugin() -> None:
    collections = []

    def watcher(phase: str, _: dict[str, int]) -> None:
        collections.append(phase)
        time.perf_counter()

    before = gc.get_threshold()
    gc.callbacks.append(watcher)
    gc.set_threshold(1)
    try:
        touched = watch(provider(lambda: [[[]] for _ in range(100)]), SAMPLE)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(watcher)
    assert touched == []
    # The threshold was low enough: outside the watch, it collected.
    assert collections


@pytest.mark.parametrize("collecting", [True, False])
def test_the_watch_leaves_profiler_tracer_and_collector_as_they_were(collecting) -> None:
    def profile(*_: object) -> None:
        return None

    own, tracer = sys.getprofile(), sys.gettrace()
    (gc.enable if collecting else gc.disable)()
    sys.setprofile(profile)
    try:
        watch(provider(lambda: None), SAMPLE)
        assert sys.getprofile() is profile
        assert sys.gettrace() is tracer
        assert gc.isenabled() is collecting
    finally:
        sys.setprofile(own)
        gc.enable()

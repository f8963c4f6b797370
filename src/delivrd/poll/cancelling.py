"""Whose cancellation it is: the poller's own, or somebody else's.

The rule of this module: only the poller's own cancellation ends a task quietly. What a handler, an agenda or a
client awaited and found cancelled is a failure like any other, and is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class WasCancelled(Exception):
    """What was awaited was cancelled by somebody else; the cancellation itself is the cause."""


@contextmanager
def only_own_cancellation() -> Iterator[None]:
    """Let the running task's own cancellation through, and nobody else's.

    Raises:
        WasCancelled: something was cancelled, and not this task.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise WasCancelled("it was cancelled") from error

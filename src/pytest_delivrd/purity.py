"""The purity check: decoding touches no file, socket, clock, environment or chance.

The rule of this module: what is called while a fixture is read is watched, not searched for in the
source. A call that C code makes on its own (`map(time.time, …)`) cannot be seen this way.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from delivrd import Provider, Sample
from pytest_delivrd.cases import Suite, read, require

_CLOCKS: Final = frozenset(
    {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"}
    | {"process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns"}
    | {"localtime", "gmtime", "ctime", "sleep"}
)
_TODAYS: Final = frozenset({"now", "today", "utcnow"})
_MODULES: Final = {
    "posix": "the operating system",
    "nt": "the operating system",
    "_socket": "a socket",
    "_posixsubprocess": "a process",
    "_winapi": "a process",
}
_FILES: Final = {
    random.__file__: "chance",
    socket.__file__: "a socket",
    subprocess.__file__: "a process",
}
_PURE: Final = frozenset({"fspath"})
"""Functions of those modules that touch nothing."""

_ENVIRONMENT: Final = frozenset(
    function.__code__
    for function in (type(os.environ).__getitem__, type(os.environ).__iter__, type(os.environ).__setitem__, os.getenv)
)


def check_purity(suite: Suite) -> None:
    """No reading of a fixture touches anything but its input.

    Raises:
        Broken: one does; the message names what was called, and where.
    """
    problems = []
    for case in suite.cases:
        for index, sample in enumerate(case.samples):
            # The first reading may compile, load zones and import.
            read(suite.provider, sample)
            touched = watch(suite.provider, sample)
            if touched:
                problems.append(f"{case.where(index)}: reading it touches {'; '.join(touched)}")
    require(problems)


def watch(provider: Provider, sample: Sample) -> list[str]:
    """What reading a sample touches besides its input, each once."""
    touched: dict[str, None] = {}

    def note(frame: FrameType, event: str, called: Any) -> None:
        name = _offence(frame, event, called)
        if name is not None:
            caller = frame if event == "c_call" else frame.f_back or frame
            touched[f"{name} at {caller.f_code.co_filename}, line {caller.f_lineno}"] = None

    _watched(note, provider, sample)
    return list(touched)


def _watched(note: Callable[[FrameType, str, Any], None], provider: Provider, sample: Sample) -> None:
    # A profile function leaves the trace function, which measures coverage, alone.
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        read(provider, sample)
    finally:
        sys.setprofile(before)


def _offence(frame: FrameType, event: str, called: Any) -> str | None:
    """What a call touches, if it touches anything."""
    if event == "call":
        code = frame.f_code
        if code in _ENVIRONMENT:
            return "the environment (os.environ)"
        kind = _FILES.get(code.co_filename)
        return None if kind is None else f"{kind} ({code.co_name})"
    if event != "c_call":
        return None
    name, module, owner = called.__name__, called.__module__, called.__self__
    if module in ("_io", "io") and name in ("open", "open_code"):
        return "a file (open)"
    if module == "time" and name in _CLOCKS:
        return f"the clock (time.{name})"
    if name in _TODAYS and isinstance(owner, type) and owner.__module__ == "datetime":
        return f"the clock ({owner.__name__}.{name})"
    if isinstance(owner, random.Random):
        return f"chance (random.{name})"
    kind = _MODULES.get(module or getattr(owner, "__name__", ""))
    return None if kind is None or name in _PURE else f"{kind} ({module}.{name})"

"""The purity check: decoding touches no file, socket, clock, environment or chance.

The rule of this module: what is called while a fixture is read is watched, not searched for in the
source. A call that C code makes on its own (`map(time.time, …)`) cannot be seen this way.
"""

from __future__ import annotations

import gc
import os
import random
import socket
import subprocess
import sys
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

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
    for call in _calls(provider, sample):
        name = _offence_in_python(call.called) if isinstance(call.called, CodeType) else _offence_in_c(call.called)
        if name is not None:
            touched[f"{name} at {call.file}, line {call.line}"] = None
    return list(touched)


class _Call(NamedTuple):
    """A call: the code of a Python function or a C function, and where it was called."""

    called: Any
    file: str
    line: int


def _calls(provider: Provider, sample: Sample) -> list[_Call]:
    """Every call that is made while a sample is read."""
    calls: list[_Call] = []

    # Nothing traces a profile function, so its coverage cannot be measured.
    def note(frame: FrameType, event: str, argument: Any) -> None:  # pragma: no cover
        if event == "c_call":
            calls.append(_Call(argument, frame.f_code.co_filename, frame.f_lineno))
        elif event == "call":
            caller = frame.f_back or frame
            calls.append(_Call(frame.f_code, caller.f_code.co_filename, caller.f_lineno))

    # A profile function leaves the trace function, which measures coverage, alone.
    before, collecting = sys.getprofile(), gc.isenabled()
    # A collection runs the callbacks of whoever asked for them: hypothesis's reads a clock.
    gc.disable()
    sys.setprofile(note)
    try:
        read(provider, sample)
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()
    return calls


def _offence_in_python(code: CodeType) -> str | None:
    """What calling a Python function touches, if it touches anything."""
    if code in _ENVIRONMENT:
        return "the environment (os.environ)"
    kind = _FILES.get(code.co_filename)
    return None if kind is None else f"{kind} ({code.co_name})"


def _offence_in_c(function: Any) -> str | None:
    """What calling a C function touches, if it touches anything."""
    name, module, owner = function.__name__, function.__module__, function.__self__
    if module in ("_io", "io") and name in ("open", "open_code"):
        return "a file (open)"
    if module == "time" and name in _CLOCKS:
        return f"the clock (time.{name})"
    if name in _TODAYS and isinstance(owner, type) and owner.__module__ == "datetime":
        return f"the clock ({owner.__name__}.{name})"
    if isinstance(owner, random.Random):
        return f"chance (random.{name})"
    kind = _MODULES.get(module or "")
    return None if kind is None or name in _PURE else f"{kind} ({module}.{name})"

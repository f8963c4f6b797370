"""The process in which one version is loaded and read with, as its user sees it.

The rule of this module: a side that fails, ends or says something else is told of as a `SideError`; it never takes
the comparison with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import IO, Any, Final, Self

from delivrd.accounts import Account
from delivrd.diff.places import Place
from delivrd.errors import DelivrdError
from delivrd.files import Sample, sample_line
from delivrd.samplelines import account_document, write_line

_SCRIPT: Final = Path(__file__).with_name("side.py")
_TICK: Final = 1.0
"""Seconds after which it is looked whether a side has answered meanwhile."""
_TICKS: Final = 120
"""How often, until it is given up: loading takes seconds, and reading an input thousandths of one."""
_LEAVES_IN: Final = 5.0
"""Seconds in which a side has to end once nothing more is asked."""


_FAILED: Final = b'{"failed": '
"""How the last answer of a side begins that cannot go on."""


class SideError(DelivrdError):
    """A version could not be loaded, or its process ended. The message names which, and why."""


class Side:
    """One version in a process of its own, which begins to load it: a context manager.

    Args:
        place: where it is.
        plugins: the plugins to load.

    Attributes:
        name: as it was given.
    """

    def __init__(self, place: Place, plugins: Iterable[str]) -> None:
        self.name = place.name
        told = json.dumps({"paths": place.paths, "allow": sorted(plugins)})
        # As a file, so that no module is imported before the version's own come first; and without the folder of
        # the file, or the one that the call is made in, on the path.
        self._process = subprocess.Popen(  # noqa: S603 - this Python, with a file of this package
            [sys.executable, "-P", str(_SCRIPT), told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._asked, self._answers = _pipes(self._process)
        self._waiting = self._late = False
        self._answered = 0
        self._ended = Event()
        self._watch = Thread(target=self._give_up, daemon=True)
        self._watch.start()

    @cached_property
    def providers(self) -> dict[str, dict[str, Any]]:
        """The tables of its providers as plain values, by name.

        To be asked for before the first question: the process begins by saying it.

        Raises:
            SideError: it cannot be loaded.
        """
        said: dict[str, Any] = json.loads(self.answer())
        self._require(said)
        providers: dict[str, dict[str, Any]] = said["providers"]
        return providers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, question: bytes) -> None:
        """Give it an input to read; `answer` gives what comes of it.

        Args:
            question: of `question_of`.

        Raises:
            SideError: it has ended.
        """
        try:
            self._asked.write(question)
            self._asked.flush()
        except OSError as error:
            raise SideError(f"{self.name}: its process has ended") from error

    def answer(self) -> bytes:
        """What came of the input that was given last: `Made.of` takes it.

        Raises:
            SideError: it has ended, cannot go on, or stays silent.
        """
        self._waiting = True
        line = self._answers.readline()
        self._waiting = False
        self._answered += 1
        if self._late:
            raise SideError(f"{self.name}: no answer in {_TICK * _TICKS:.0f} seconds")
        if not line.endswith(b"\n"):
            raise SideError(f"{self.name}: its process has ended without an answer")
        if line.startswith(_FAILED):
            raise SideError(f"{self.name}: {json.loads(line)['failed']}")
        return line

    def _give_up(self) -> None:
        """End the process where it is waited for and stays silent. No clock is read: a machine may have slept."""
        seen, ticks = -1, 0
        while not self._ended.wait(_TICK):
            ticks = ticks + 1 if self._waiting and self._answered == seen else 0
            seen = self._answered
            if ticks >= _TICKS:
                self._late = True
                self._process.kill()
                return

    def _require(self, said: dict[str, Any]) -> None:
        errors = [*(each["error"] for each in said["plugins"] if each["error"] is not None), *said["refused"]]
        if errors:
            raise SideError(f"{self.name}: {errors[0]}")

    def _end(self) -> None:
        process = self._process
        self._ended.set()
        for pipe in (self._asked, self._answers):
            # What was to be written may have no reader any more.
            with suppress(OSError):
                pipe.close()
        try:
            process.wait(_LEAVES_IN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def question_of(provider: str, sample: Sample, account: Account | None) -> bytes:
    """What a side is asked.

    Args:
        provider: the name of the one that is to read.
        sample: the input. Its own account does not count.
        account: to read it with.
    """
    document = None if account is None else account_document(account)
    line = sample_line(Sample(sample.input, sample.asked, None, sample.received_at))
    return json.dumps([provider, document]).encode() + b"\n" + write_line(line)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise SideError("a process without pipes cannot be asked")
    return process.stdin, process.stdout

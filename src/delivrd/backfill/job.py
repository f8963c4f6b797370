"""The whole job: which units there are, which are done, who does the rest.

The rule of this module: what the target says is done stays done, and no other job writes into it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any, Final

import msgspec

from delivrd.arrow import Normalizer
from delivrd.backfill.units import BLOCK, SourceError, SourceFile, Unit, find_sources, units_of
from delivrd.backfill.work import BAD, DONE, REPORTS, Done, Plan, do_unit, part_name
from delivrd.backfill.writing import TEMPORARY, whole_file

MANIFEST: Final = "backfill.json"
BAD_ROWS: Final = "bad.jsonl"


class Totals(msgspec.Struct, frozen=True):
    """What came of a job: counts of rows read, of reports, and of rows and items that could not be read."""

    rows: int = 0
    reports: int = 0
    bad: int = 0


class Progress(msgspec.Struct, frozen=True):
    """How far a job has got.

    Attributes:
        done: bytes of the source that are done.
        whole: all of its bytes.
        new: bytes done by this call.
        totals: of all that is done.
    """

    done: int
    whole: int
    new: int
    totals: Totals


class _Manifest(msgspec.Struct, frozen=True):
    """What the target says of its job; `totals` once it is complete."""

    version: str
    form: str
    provider: str | None
    block: int
    accounts: tuple[int, ...]
    sources: tuple[SourceFile, ...]
    totals: Totals | None = None


class Backfill:
    """One job, begun or to be gone on with.

    Args:
        source: a file, or a folder of files.
        plan: by what the units are done; its target is made where it is not there.
        version: of delivrd.
        accounts: what tells one state of the accounts from another: sizes and times of change.
        block: bytes of lines in a unit.

    Raises:
        SourceError: the source holds nothing, or the target holds something else.
    """

    def __init__(
        self, source: Path, plan: Plan, version: str, accounts: Sequence[int] = (), block: int = BLOCK
    ) -> None:
        self.plan = plan
        self.target = Path(plan.target)
        found = find_sources(source)
        if any(Path(each.path).is_relative_to(self.target.resolve()) for each in found):
            raise SourceError("TARGET: expected a folder that holds no source")
        self._manifest = _Manifest(version, plan.form, plan.provider, block, tuple(accounts), tuple(found))

    def run(self, workers: int, tell: Callable[[Progress], None] = lambda _: None) -> Totals:
        """Do what is not done yet.

        Args:
            workers: processes; with one, no other is started.
            tell: is called after every unit.

        Raises:
            SourceError: a source is not what its name says, or the target belongs to another job.
            OSError: something could not be written.
        """
        self.target.mkdir(parents=True, exist_ok=True)
        with _held(self.target):
            kept = self._kept()
            if kept.totals is None:
                kept = self._finish(*self._run(workers, tell))
            for folder in (DONE, BAD):
                shutil.rmtree(self.target / folder, ignore_errors=True)
            return kept.totals or Totals()

    def _kept(self) -> _Manifest:
        """The target's own manifest, written where it is new."""
        path = self.target / MANIFEST
        if not path.exists():
            if any(not each.match(f"{MANIFEST}.*{TEMPORARY}") for each in self.target.iterdir()):
                raise SourceError(f"{self.target.name}: expected an empty folder, or one of a backfill; give another")
            self._write(self._manifest)
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=_Manifest)
        except msgspec.MsgspecError as error:
            raise SourceError(f"{self.target.name}/{MANIFEST}: it is of no backfill; give another folder") from error
        if msgspec.structs.replace(kept, totals=None) != self._manifest:
            fields = [name for name in _Manifest.__struct_fields__ if name != "totals"]
            changed = ", ".join(name for name in fields if getattr(kept, name) != getattr(self._manifest, name))
            raise SourceError(
                f"{self.target.name}: it was begun with other {changed}; go on with the same, or give another folder"
            )
        for folder in (REPORTS, BAD, DONE):
            (self.target / folder).mkdir(exist_ok=True)
        for left in self.target.rglob(f"*{TEMPORARY}"):
            left.unlink(missing_ok=True)
        return kept

    def _run(self, workers: int, tell: Callable[[Progress], None]) -> tuple[int, Totals]:
        """Do the units; how many there are, and what came of them all."""
        whole = sum(source.size for source in self._manifest.sources)
        units, totals = 0, Totals()
        counted = new = 0
        for unit, done, fresh in self._results(workers):
            units += 1
            totals = Totals(totals.rows + done.rows, totals.reports + done.reports, totals.bad + done.bad)
            counted += unit.size
            new += unit.size if fresh else 0
            tell(Progress(counted, max(whole, counted), new, totals))
        return units, totals

    def _results(self, workers: int) -> Iterator[tuple[Unit, Done, bool]]:
        """Every unit with what came of it, and whether it was done just now."""
        units = units_of(self._manifest.sources, self._manifest.block)
        if workers <= 1:
            normalizer = self.plan.normalizer()
            for unit in units:
                known = self._known(unit)
                yield unit, known or do_unit(unit, self.plan, normalizer), known is None
            return
        running: dict[Future[Done], Unit] = {}
        # Started anew, not copied: threads and locks of this process are not theirs.
        with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (self.plan,)) as pool:
            try:
                for unit in units:
                    known = self._known(unit)
                    if known is not None:
                        yield unit, known, False
                        continue
                    running[pool.submit(_do, unit)] = unit
                    if len(running) >= 2 * workers:
                        yield from _finished(running)
                while running:
                    yield from _finished(running)
            except BrokenProcessPool as error:
                raise SourceError(
                    "a process was ended from outside, for want of memory perhaps; call again to go on"
                ) from error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _known(self, unit: Unit) -> Done | None:
        try:
            return msgspec.json.decode((self.target / DONE / part_name(unit.number, "json")).read_bytes(), type=Done)
        except FileNotFoundError:
            return None

    def _finish(self, units: int, totals: Totals) -> _Manifest:
        """Put the bad rows together, then say that all is done."""
        with whole_file(self.target / BAD_ROWS) as file:
            for number in range(units):
                with open(self.target / BAD / part_name(number, "jsonl"), "rb") as part:
                    shutil.copyfileobj(part, file)
        complete = msgspec.structs.replace(self._manifest, totals=totals)
        self._write(complete)
        return complete

    def _write(self, manifest: _Manifest) -> None:
        with whole_file(self.target / MANIFEST) as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def _finished(running: dict[Future[Done], Unit]) -> Iterator[tuple[Unit, Done, bool]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result(), True


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A folder that no other process works in."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SourceError(f"{folder.name}: another process works in it") from error
    try:
        yield
    finally:
        os.close(descriptor)


_desk: dict[str, Any] = {}
"""What a worker has ready for every unit."""


def _begin(plan: Plan) -> None:
    # Whoever stops the job says so to the process that gives work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        # Nobody tells a worker that who gave it work was killed: it would wait for ever.
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _desk.update(plan=plan, normalizer=plan.normalizer())


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _do(unit: Unit) -> Done:
    normalizer: Normalizer = _desk["normalizer"]
    return do_unit(unit, _desk["plan"], normalizer)

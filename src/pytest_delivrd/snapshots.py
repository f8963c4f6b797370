"""The snapshot check: a fixture's whole outcome, on file beside it, exactly.

The rule of this module: syrupy compares and writes one file, the outcome's, and is told of no
other. Left to itself it deletes, on `--snapshot-update`, whatever it finds in a folder and does
not own: the inputs. So the extension discovers nothing (outcomes without an input are the kit's
own check), and the kit's items are no `pytest.Function`, because syrupy also searches the folder of
each such item with the extension of every other test of the run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.data import SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from delivrd import InputError, Receipt
from pytest_delivrd.cases import Broken, Case, describe
from pytest_delivrd.outcomes import OUTCOME, of_file, text_of

if TYPE_CHECKING:
    from syrupy.types import SerializableData, SerializedData, SnapshotIndex

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class OutcomeExtension(SingleFileSnapshotExtension):
    """Outcomes as indented JSON, in `<case>.json` beside the input."""

    file_extension = OUTCOME.removeprefix(".")
    _write_mode = WriteMode.TEXT

    def serialize(self, data: SerializableData, **_: Any) -> SerializedData:
        return text_of(data)

    def discover_snapshots(self, **_: Any) -> SnapshotCollections:
        return SnapshotCollections()

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(Path(test_location.filepath).parent)

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:  # noqa: ARG003 - syrupy names it
        return test_location.basename


def check_snapshot(item: pytest.Item, case: Case) -> None:
    """Compare what comes of a fixture with what is on file.

    Raises:
        Broken: they differ, nothing is on file, the file is no fixture, or its reading raised
            something other than `InputError`.
    """
    if isinstance(case.loaded, Exception):
        raise Broken(f"{case.place} is no fixture: {case.loaded}")
    outcomes = []
    for index, outcome in enumerate(case.outcomes):
        if not isinstance(outcome, Receipt | InputError):
            raise Broken(f"{case.where(index)} {describe(outcome)}; only InputError may come out") from outcome
        outcomes.append(outcome)
    snapshot = _assertion(item)
    if not snapshot == of_file(case.path.suffix, outcomes):  # noqa: SIM201 - syrupy compares by ==
        # Syrupy colours single characters, whoever reads.
        difference = _COLOURS.sub("", "\n".join(snapshot.get_assert_diff()))
        raise Broken(
            f"{case.place}: the outcome is not what {case.path.stem}{OUTCOME} holds; where it is right, "
            f"accept it with --snapshot-update\n{difference}"
        )


def _assertion(item: pytest.Item) -> SnapshotAssertion:
    session = getattr(item.config, "_syrupy", None)
    if session is None:
        raise pytest.UsageError("the delivrd conformance kit compares by syrupy; do not switch it off (-p no:syrupy)")
    options = item.config.option
    return SnapshotAssertion(
        update_snapshots=options.update_snapshots,
        update_new_snapshots_only=options.update_new_snapshots_only,
        extension_class=OutcomeExtension,
        test_location=PyTestLocation(item),
        session=session,
    )

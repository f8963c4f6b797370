"""What a run counts, for its last lines. Nothing but pytest is imported: the kit's hooks load it in every run."""

from __future__ import annotations

from typing import Final

import pytest

TRIED: Final = pytest.StashKey[int]()
"""How many hostile inputs this run has tried."""

"""What the tests of serving are given."""

from __future__ import annotations

import pytest


@pytest.fixture
def store(tmp_path) -> str:
    return str(tmp_path / "serve.db")

"""The loggers of delivrd, all below `delivrd`.

The rule of this module: delivrd adds no handler that shows anything, and a gateway that wants to hear nothing
has nothing to do. Modules that log import it; reading a report logs nothing and does not load it.
"""

from __future__ import annotations

import logging
from typing import Final

ROOT: Final = "delivrd"
"""The logger above all others."""

# Once, here: without it, Python itself would show what nobody asked to hear.
logging.getLogger(ROOT).addHandler(logging.NullHandler())


def logger(part: str) -> logging.Logger:
    """The logger of a part of delivrd: `delivrd.<part>`."""
    return logging.getLogger(f"{ROOT}.{part}")

"""How many connections the limit on open files leaves room for.

The store and the files that the program opens keep theirs, however many connect.
"""

from __future__ import annotations

import sys
from typing import Final

WANTED: Final = 16_384
"""Open files that the limit is raised to, where the system allows as many."""

RESERVE: Final = 48
"""Open files for the store, the event loop and what is being accepted: fifteen are open before the first connection."""

FEWEST: Final = 8
"""Connections that are allowed however low the limit is."""


def raise_file_limit() -> int | None:
    """Raise the limit on open files as far as the system allows; gives it, or None where there is none."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if wanted > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return soft


def most_connections(files: int | None) -> int:
    """How many connections there is room for.

    Args:
        files: as `raise_file_limit` gives it.
    """
    return max(FEWEST, (WANTED if files is None else min(files, WANTED)) - RESERVE)

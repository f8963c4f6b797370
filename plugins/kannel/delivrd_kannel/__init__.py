"""Kannel's provider for delivrd."""

from __future__ import annotations

from delivrd import Provider, hookimpl
from delivrd_kannel.dlr_url import KANNEL


@hookimpl
def delivrd_providers() -> list[Provider]:
    """The providers of this package."""
    return [KANNEL]

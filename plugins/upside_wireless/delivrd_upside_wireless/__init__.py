"""Upside Wireless's provider for delivrd."""

from __future__ import annotations

from delivrd import Provider, hookimpl
from delivrd_upside_wireless.sms_wiki import UPSIDE_WIRELESS


@hookimpl
def delivrd_providers() -> list[Provider]:
    """The providers of this package."""
    return [UPSIDE_WIRELESS]

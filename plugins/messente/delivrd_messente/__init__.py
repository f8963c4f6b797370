"""Messente's providers for delivrd: the legacy HTTP API and the Omnichannel API."""

from __future__ import annotations

from delivrd import Provider, hookimpl
from delivrd_messente.legacy import LEGACY
from delivrd_messente.omnichannel import OMNICHANNEL


@hookimpl
def delivrd_providers() -> list[Provider]:
    """The providers of this package."""
    return [LEGACY, OMNICHANNEL]

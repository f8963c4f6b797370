"""The hooks by which plugins bring providers to delivrd.

The rule of this module: few hooks, each returning typed values. Pluggy finds and checks plugins
when a registry is made; no hook is called while a report is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pluggy

from delivrd.provider import Provider

GROUP: Final = "delivrd"
"""The entry-point group in which a plugin names its module."""

hookspec: Final = pluggy.HookspecMarker(GROUP)
hookimpl: Final = pluggy.HookimplMarker(GROUP)
"""Marks a plugin's implementation of a hook."""


@hookspec
def delivrd_providers() -> Iterable[Provider]:  # type: ignore[empty-body]
    """The providers that this plugin brings.

    In the plugin's module::

        import delivrd

        @delivrd.hookimpl
        def delivrd_providers():
            return [ACME]

    and in its `pyproject.toml`, in the group `delivrd`, the vendor's name and that module::

        [project.entry-points.delivrd]
        acme = "delivrd_acme"
    """

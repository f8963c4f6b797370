"""A provider's own settings: what an account of it may say beside what every account says.

The rule of this module: settings are checked against the provider's shape when they are first
used, and no error shows a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from delivrd.accounts import without_value
from delivrd.errors import AccountError


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For providers whose accounts have no settings of their own."""


def read_settings(provider: str, shape: type[msgspec.Struct], given: Any) -> Any:
    """An account's settings, as the provider's shape.

    Raises:
        AccountError: they do not fit; the message names the setting.
    """
    try:
        return msgspec.convert(given or {}, shape, from_attributes=True)
    except msgspec.ValidationError as error:
        said = without_value(error)
    # Outside the handler: msgspec's error shows the value.
    known = ", ".join(shape.__struct_fields__) or "none"
    raise AccountError(f"{provider}, settings: {said}; known settings: {known}")


def require_settings(where: str, shape: type[msgspec.Struct], names: Iterable[str]) -> None:
    """Refuse a declaration that names a setting which the shape does not have.

    Args:
        where: the provider, and what of it names the settings.
        shape: of its settings.
        names: which must be there.

    Raises:
        ValueError: it does.
    """
    unknown = sorted(set(names) - set(shape.__struct_fields__))
    if unknown:
        raise ValueError(f"{where}: no setting {', '.join(unknown)}; declare it in {shape.__name__}")

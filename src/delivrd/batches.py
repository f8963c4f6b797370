"""The strict reading of a whole JSON body, one item or many, for when every one of them is sound.

The rule of this module: it reads all or nothing. Whatever it refuses is read again leniently, item
by item, so that nothing good is lost to anything bad.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from delivrd.builder import Build
from delivrd.report import Report
from delivrd.shapes import Shape, wire_fields

NOT_STRICT: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What a strict typed decode can raise."""


def strict_reader(
    shape: type[Shape], build: Build, items: str | None, inherit: tuple[str, ...]
) -> Callable[[bytes, datetime | None], tuple[Report, ...]]:
    """The strict reader of a body.

    Args:
        shape: of an item.
        build: makes the report of one.
        items: the field that lists the items; empty where the body is the list, None where it is one item.
        inherit: fields of the outer object that an item takes where it has none of its own.
    """
    if items is None:
        decode_one = msgspec.json.Decoder(shape).decode
        return lambda body, at: (build(decode_one(body), at, None, None),)
    if not items:
        decode_list = msgspec.json.Decoder(list[shape]).decode  # type: ignore[valid-type]
        return lambda body, at: tuple([build(item, at, None, None) for item in decode_list(body)])
    attributes = {name: wire_fields(shape)[name][0][-1] for name in inherit}
    outer = msgspec.defstruct(
        "Batch",
        [("items", list[shape]), *((attribute, str | None, None) for attribute in attributes.values())],  # type: ignore[valid-type]
        rename={"items": items} | {attribute: name for name, attribute in attributes.items()},
        forbid_unknown_fields=True,
    )
    decode_outer = msgspec.json.Decoder(outer).decode

    def read(body: bytes, at: datetime | None) -> tuple[Report, ...]:
        found: Any = decode_outer(body)
        given = {name: getattr(found, name) for name in attributes.values()}
        return tuple([build(_inherit(item, given), at, None, None) for item in found.items])

    return read


def _inherit(item: Shape, given: dict[str, Any]) -> Shape:
    lacking = {name: value for name, value in given.items() if value and not getattr(item, name)}
    return msgspec.structs.replace(item, **lacking) if lacking else item

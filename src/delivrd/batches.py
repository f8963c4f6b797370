"""The strict reading of a whole JSON body, one item or many, for when every one of them is sound.

The rule of this module: it reads all or nothing. Whatever it refuses is read again leniently, item
by item, so that nothing good is lost to anything bad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from delivrd.shapes import Shape, kinds_of, wire_fields

NOT_STRICT: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What a strict typed decode can raise."""


DecodeItems = Callable[[bytes], Sequence[Shape]]
"""From a body to its items. Raises `NOT_STRICT`."""


def item_decoder(shape: type[Shape], items: str | None, inherit: tuple[str, ...]) -> DecodeItems:
    """The strict decode of a body.

    Args:
        shape: of an item.
        items: the field that lists the items; empty where the body is the list, None where it is one item.
        inherit: fields of the outer object that an item takes where it has none of its own.
    """
    if items is None:
        decode_one = msgspec.json.Decoder(shape).decode
        return lambda body: (decode_one(body),)
    if not items:
        return msgspec.json.Decoder(list[shape]).decode  # type: ignore[valid-type]
    types = {field.name: field.type for field in msgspec.structs.fields(shape)}
    # Numbered, since an attribute of the shape can have any name.
    own = {f"inherited{number}": wire_fields(shape)[name][0][0] for number, name in enumerate(inherit)}
    listed: Any = list[shape]  # type: ignore[valid-type]
    outer = msgspec.defstruct(
        "Batch",
        [("listed", listed), *((number, types[attribute], None) for number, attribute in own.items())],
        rename={"listed": items} | dict(zip(own, inherit, strict=True)),
        forbid_unknown_fields=True,
    )
    decode_outer = msgspec.json.Decoder(outer).decode

    def decode(body: bytes) -> list[Shape]:
        batch: Any = decode_outer(body)
        given = {attribute: getattr(batch, number) for number, attribute in own.items()}
        return [_inherit(item, given) for item in batch.listed] if given else batch.listed

    return decode


def check_batch(where: str, shape: type[Shape], items: str | None, inherit: tuple[str, ...]) -> None:
    """Refuse a declaration of a batch that no reader can follow.

    Raises:
        ValueError: it inherits what is no field of the items' own shape, or without a list in an outer object.
    """
    kinds = kinds_of(shape)
    wrong = sorted(name for name in inherit if name == items or not isinstance(kinds.get(name), str))
    if wrong:
        known = ", ".join(name for name, kind in kinds.items() if isinstance(kind, str) and name != items)
        raise ValueError(
            f"{where}, inherit: expected fields of {shape.__name__} itself ({known}), got {', '.join(wrong)}"
        )
    if inherit and not items:
        raise ValueError(f"{where}, inherit: expected `items`, the field beside which the inherited fields stand")


def _inherit(item: Shape, given: dict[str, Any]) -> Shape:
    # 0 and False are values: only None and empty text are absent.
    lacking = {
        name: value for name, value in given.items() if value not in (None, "") and getattr(item, name) in (None, "")
    }
    return msgspec.structs.replace(item, **lacking) if lacking else item

"""Each way of reading, compiled once from its declaration: `Push`, `Answer`, `MailText`, `Pdu`.

The rule of this module: what costs is done here, before any account is known; `CompiledWay.open` readies it for one.
No provider writes any of this: it declares.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from delivrd.admission import check_size, refuse_method
from delivrd.batches import NOT_STRICT, DecodeItems, check_batch, item_decoder
from delivrd.builder import Compiled, Frame, Read, later
from delivrd.desk import Desk, Terms
from delivrd.entries import FROM_JSON, FROM_JSON_OR_OTHER, FROM_RECORD, FROM_SHAPE
from delivrd.queries import QueryReader
from delivrd.quick import QuickReader
from delivrd.receipt import Reply
from delivrd.shapes import Kind, kinds_of, wire_fields
from delivrd.times import read_zone
from delivrd.ways import Answer, BodyKind, MailText, Pdu, Push, Way


def check_way(provider: str, way: Way) -> None:
    """Refuse a declaration of a way of reading that no reader can follow.

    Raises:
        TypeError, ValueError: two fields of its shape have one path, or it is no declaration of a shape or a batch.
    """
    wire_fields(way.reading.shape)
    if isinstance(way, Push | Answer):
        check_batch(provider, way.reading.shape, way.items, way.inherit)


class CompiledWay:
    """One way of reading, compiled once from its declaration; `open` readies it for an account.

    Args:
        provider: its name.
        way: as declared.
        code_fields: the provider's, in order of authority.
        reply: what the sender counts as received.
    """

    def __init__(self, provider: str, way: Way, code_fields: Iterable[str], reply: Reply | None) -> None:
        reading, fields = way.reading, tuple(code_fields)
        self.provider = provider
        self.way = way
        self.reading = reading
        self.reply = reply
        self._zone = read_zone(reading.zone) if reading.zone else None
        self.kinds = {name: kind for name, (_, kind) in wire_fields(reading.shape).items()}
        self.tree = kinds_of(reading.shape)
        self.leaves: dict[str, Kind] = {name: kind for name, kind in self.kinds.items() if kind != "shape"}
        feeding = {name for name, _ in reading.fields.feeds()} | set(fields)
        if reading.report_if is not None:
            feeding.add(reading.report_if)
        if not (reading.fields.message_id or reading.fields.reference):
            raise ValueError(f"{reading.shape.__name__}: say which field holds the message's id (`message_id`)")
        unknown = sorted(feeding - set(self.kinds) - set(fields))
        if unknown:
            raise ValueError(f"{reading.shape.__name__} has no field {', '.join(unknown)}; declare it in the shape")
        self.dropped = frozenset(
            name
            for name in self.kinds
            if name not in feeding and not any(fed.startswith(name + ".") for fed in feeding)
        )
        self.spellings = [
            names for field in reading.fields.__struct_fields__ if len(names := reading.fields.names(field)) > 1
        ]
        self.shape_builder = Compiled(provider, reading, fields, FROM_SHAPE)
        self.record_builder = Compiled(provider, reading, fields, FROM_RECORD)
        self.fast = self._fast_entry(provider, fields)
        self.decode_items = self._item_decoder()
        quick = way.quick if isinstance(way, Pdu) else ()
        self._quick = [QuickReader(provider, reading, fields, each, reply) for each in quick]

    def open(self, terms: Terms) -> Read:
        """The function that reads this kind of input for one account: cheap, since all that costs is done before."""
        desk = Desk(self, terms)
        if self.way.decode is not None:
            if not self._quick:
                return desk.with_decode(self.way.decode)
            read = later(partial(desk.with_decode, self.way.decode))
            first, *others = self._quick
            for quick in reversed(others):
                read = later(partial(quick.bind, desk.frame, terms.max_body, read))
            return first.bind(desk.frame, terms.max_body, read)  # type: ignore[no-any-return]
        match self.way:
            case Push() as push:
                return desk.push(push)
            case Answer() as answer:
                return desk.answer(answer)
            case MailText() as mail:
                return desk.mail(mail)
            case _:
                raise TypeError("this kind of input needs a decode function")

    def frame(self, terms: Terms) -> Frame:
        """What an account adds to the reading: its own zone, or else the documented one; and whether it falls back."""
        fallback = self.reading.fallback
        falls_back = fallback is not None and bool(getattr(terms.settings, fallback.setting, True))
        return Frame(terms.account, terms.classifier, self._zone if terms.zone is None else terms.zone, falls_back)

    def _fast_entry(self, provider: str, fields: tuple[str, ...]) -> Compiled | QueryReader | None:
        """The one function from request to receipt, for the two forms in which nearly all reports come."""
        way = self.way
        if not isinstance(way, Push) or way.decode is not None or way.items is not None:
            return None
        names: dict[str, Any] = {
            "METHODS": way.methods,
            "REPLY": self.reply,
            "check_size": check_size,
            "refuse_method": refuse_method,
        }
        if way.query and not way.bodies:
            return QueryReader(provider, self.reading, fields, **names)
        if BodyKind.JSON in way.bodies and not way.query and self.reading.report_if is None:
            entry = FROM_JSON if way.bodies == (BodyKind.JSON,) else FROM_JSON_OR_OTHER
            decode = msgspec.json.Decoder(self.reading.shape).decode
            return Compiled(provider, self.reading, fields, entry, NOT_STRICT=NOT_STRICT, decode=decode, **names)
        return None

    def _item_decoder(self) -> DecodeItems | None:
        """The strict decode of a whole body; none where each item has to be looked at for itself, or none is JSON."""
        way = self.way
        if not isinstance(way, Push | Answer) or way.decode is not None or self.reading.report_if is not None:
            return None
        if isinstance(way, Push) and way.items is None:
            return None
        return item_decoder(self.reading.shape, way.items, way.inherit)

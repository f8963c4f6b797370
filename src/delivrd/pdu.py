"""SMPP's `deliver_sm` and `data_sm`, from their bytes and back.

The rule of this module: every byte is accounted for. A PDU whose lengths do not add up is refused;
what a `DeliverSm` does not hold (service type, kinds of numbers, validity) is read past.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from delivrd.errors import Unreadable
from delivrd.inputs import DeliverSm

DELIVER_SM: Final = 0x00000005
DATA_SM: Final = 0x00000103

_HEADER: Final = struct.Struct(">IIII")
_TLV: Final = struct.Struct(">HH")

# The address bytes before `source_addr` and `destination_addr`: type of number, numbering plan.
_KIND_OF_NUMBER: Final = 2


def read_pdu(data: bytes) -> DeliverSm:
    """A `deliver_sm` or `data_sm` from its bytes; of an optional parameter that is repeated, the first counts.

    Args:
        data: one whole PDU, header included.

    Raises:
        Unreadable: it is another PDU, or its lengths do not add up; names the field.
    """
    pdu = _Pdu(data)
    length, command, _, _ = _HEADER.unpack(pdu.take("header", _HEADER.size))
    if length != len(data):
        raise Unreadable(f"command_length: expected {len(data)}, the PDU's size, got {length}", field="command_length")
    if command not in (DELIVER_SM, DATA_SM):
        raise Unreadable(
            f"command_id: expected deliver_sm (0x{DELIVER_SM:08x}) or data_sm (0x{DATA_SM:08x}), got 0x{command:08x}",
            field="command_id",
        )
    pdu.text("service_type")
    pdu.take("source_addr_ton", _KIND_OF_NUMBER)
    source = pdu.text("source_addr")
    pdu.take("dest_addr_ton", _KIND_OF_NUMBER)
    destination = pdu.text("destination_addr")
    esm_class = pdu.byte("esm_class")
    message = b""
    if command == DATA_SM:
        pdu.byte("registered_delivery")
        data_coding = pdu.byte("data_coding")
    else:
        for name in ("protocol_id", "priority_flag"):
            pdu.byte(name)
        for name in ("schedule_delivery_time", "validity_period"):
            pdu.text(name)
        for name in ("registered_delivery", "replace_if_present_flag"):
            pdu.byte(name)
        data_coding = pdu.byte("data_coding")
        pdu.byte("sm_default_msg_id")
        message = pdu.take("short_message", pdu.byte("sm_length"))
    return DeliverSm(esm_class, source, destination, message, pdu.tlvs(), data_coding)


def write_pdu(message: DeliverSm) -> bytes:
    """A `deliver_sm` that `read_pdu` reads as this message.

    Raises:
        ValueError: a value does not fit into a PDU.
    """
    try:
        body = b"".join(
            (
                b"\0",
                b"\0\0" + _c_octets("source_addr", message.source),
                b"\0\0" + _c_octets("destination_addr", message.destination),
                bytes((message.esm_class, 0, 0)),
                b"\0\0",
                bytes((0, 0, message.data_coding, 0, len(message.short_message))),
                message.short_message,
                *(_TLV.pack(tag, len(value)) + value for tag, value in message.tlvs.items()),
            )
        )
    except struct.error as error:
        raise ValueError("tlvs: expected tags and lengths of two bytes") from error
    return _HEADER.pack(_HEADER.size + len(body), DELIVER_SM, 0, 1) + body


def _c_octets(name: str, text: str) -> bytes:
    octets = text.encode("latin-1")
    if b"\0" in octets:
        raise ValueError(f"{name}: expected a text without NUL")
    return octets + b"\0"


class _Pdu:
    """The bytes of a PDU, taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, name: str, size: int) -> bytes:
        left = len(self._data) - self._at
        if left < size:
            raise Unreadable(f"{name}: expected {size} byte(s), {left} are left", field=name)
        self._at += size
        return self._data[self._at - size : self._at]

    def byte(self, name: str) -> int:
        return self.take(name, 1)[0]

    def text(self, name: str) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise Unreadable(f"{name}: expected a text that ends with NUL", field=name)
        # Latin-1 gives every byte a character: an address is kept whatever it holds.
        return self.take(name, end + 1 - self._at)[:-1].decode("latin-1")

    def tlvs(self) -> Mapping[int, bytes]:
        found: dict[int, bytes] = {}
        while self._at < len(self._data):
            tag, size = _TLV.unpack(self.take("tlv", _TLV.size))
            value = self.take(f"tlv 0x{tag:04x}", size)
            found.setdefault(tag, value)
        return found

"""SMPP's `deliver_sm` and `data_sm`, from their bytes and back.

The rule of this module: every byte is accounted for. A PDU whose lengths do not add up is refused, but for
its optional parameters: what is whole among them counts, and the rest trails. What a `DeliverSm` does not
hold (service type, numbering plans, validity) is read past.
"""

from __future__ import annotations

import struct
from typing import Final

from delivrd.errors import Unreadable
from delivrd.inputs import DeliverSm
from delivrd.numbers import international
from delivrd.receipt import SMPP_TAKEN

DELIVER_SM: Final = 0x00000005
DATA_SM: Final = 0x00000103

_HEADER: Final = struct.Struct(">IIII")
_TLV: Final = struct.Struct(">HH")

_INTERNATIONAL: Final = 1
"""The type of number (SMPP 3.4, 5.2.5) of an address that is international."""


def read_pdu(data: bytes) -> DeliverSm:
    """A `deliver_sm` or `data_sm` from its bytes; of an optional parameter that is repeated, the first counts.

    An address whose type of number says that it is international begins with `+`.

    Args:
        data: one whole PDU, header included.

    Raises:
        Unreadable: it is another PDU, or its lengths do not add up; names the field. Its reply is an
            acceptance (`command_status` 0), as for every receipt.
    """
    pdu = _Pdu(data)
    length, command, _, _ = _HEADER.unpack(pdu.take("header", _HEADER.size))
    if length != len(data):
        raise _unreadable("command_length", f"expected {len(data)}, the PDU's size, got {length}")
    if command not in (DELIVER_SM, DATA_SM):
        wanted = f"deliver_sm (0x{DELIVER_SM:08x}) or data_sm (0x{DATA_SM:08x})"
        raise _unreadable("command_id", f"expected {wanted}, got 0x{command:08x}")
    pdu.text("service_type")
    source = pdu.address("source_addr")
    destination = pdu.address("destination_addr")
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
    tlvs = pdu.tlvs()
    return DeliverSm(esm_class, source, destination, message, tlvs, data_coding, pdu.rest())


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
                message.trailing,
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


def _unreadable(field: str, wanted: str) -> Unreadable:
    return Unreadable(f"{field}: {wanted}", field=field, reply=SMPP_TAKEN)


class _Pdu:
    """The bytes of a PDU, taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, name: str, size: int) -> bytes:
        left = len(self._data) - self._at
        if left < size:
            raise _unreadable(name, f"expected {size} byte(s), {left} are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def byte(self, name: str) -> int:
        return self.take(name, 1)[0]

    def text(self, name: str) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise _unreadable(name, "expected a text that ends with NUL")
        # Latin-1 gives every byte a character: an address is kept whatever it holds.
        return self.take(name, end + 1 - self._at)[:-1].decode("latin-1")

    def address(self, name: str) -> str:
        """The type of number, the numbering plan and the address."""
        kind = self.byte(f"{name}_ton")
        self.byte(f"{name}_npi")
        number = self.text(name)
        return international(number) if kind == _INTERNATIONAL else number

    def tlvs(self) -> dict[int, bytes]:
        """The optional parameters that are whole."""
        found: dict[int, bytes] = {}
        while len(self._data) - self._at >= _TLV.size:
            tag, size = _TLV.unpack_from(self._data, self._at)
            begin = self._at + _TLV.size
            if size > len(self._data) - begin:
                # A private one whose length is wrong must not lose the receipt before it.
                break
            self._at = begin + size
            found.setdefault(tag, self._data[begin : self._at])
        return found

    def rest(self) -> bytes:
        return self._data[self._at :]

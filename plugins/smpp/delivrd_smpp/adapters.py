"""From the PDUs of Python's SMPP libraries to `DeliverSm`.

The rule of this module: nothing is read here but what the library has already taken apart, and no
library is imported before one of its own values is handed in. A library that hands out the raw PDU
needs no adapter: `delivrd.read_pdu` takes the bytes. aiosmpplib's hook `received` gives them; but a
receipt that aiosmpplib's own reader cannot read (an `err` or a date that is no number) ends its
connection before that (0.7.4), and no adapter can help.
"""

from __future__ import annotations

from typing import Any, Final

from delivrd import DeliverSm, read_pdu
from delivrd_smpp.receipts import MESSAGE_PAYLOAD, MESSAGE_STATE, NETWORK_ERROR_CODE, RECEIPTED_MESSAGE_ID

_SMPPLIB: Final = {
    "receipted_message_id": RECEIPTED_MESSAGE_ID,
    "network_error_code": NETWORK_ERROR_CODE,
    "message_payload": MESSAGE_PAYLOAD,
    "message_state": MESSAGE_STATE,
}
"""smpplib's attributes for the optional parameters that make a receipt."""


def from_smpplib(pdu: Any) -> DeliverSm:
    """A `DeliverSM` of smpplib, as `Client.set_message_received_handler` gives it.

    Make the client with `allow_unknown_opt_params=True`, or a private parameter ends the connection.
    """
    held = {tag: value for name, tag in _SMPPLIB.items() if (value := getattr(pdu, name, None)) is not None}
    tlvs = {tag: bytes([value]) if isinstance(value, int) else bytes(value) for tag, value in held.items()}
    source, destination = (bytes(each or b"").decode("latin-1") for each in (pdu.source_addr, pdu.destination_addr))
    return DeliverSm(
        pdu.esm_class or 0, source, destination, bytes(pdu.short_message or b""), tlvs, pdu.data_coding or 0
    )


def from_smpp_pdu(pdu: Any) -> DeliverSm:
    """A `DeliverSM` or `DataSM` of smpp.pdu (smpp.pdu3), as smpp.twisted and Jasmin hand it on.

    It is written as its library writes it, and read again: what the library drops is gone.
    """
    from smpp.pdu.pdu_encoding import PDUEncoder  # type: ignore[import-not-found, import-untyped, unused-ignore]

    return read_pdu(PDUEncoder().encode(pdu))

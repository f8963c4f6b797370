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
from delivrd_smpp.parameters import PARAMETERS

_SMPPLIB: Final = {"dest_port": "destination_port"}
"""Where smpplib calls an optional parameter by its name of SMPP 3.4."""


def from_smpplib(pdu: Any) -> DeliverSm:
    """A `DeliverSM` of smpplib, as `Client.set_message_received_handler` gives it.

    Make the client with `allow_unknown_opt_params=True`, or a private parameter ends the connection. smpplib drops
    those, and what it does not expect in a `deliver_sm`: where you need them, read the raw PDU.
    """
    tlvs = {}
    for tag, (name, size) in PARAMETERS.items():
        value = getattr(pdu, _SMPPLIB.get(name, name), None)
        if value is not None:
            tlvs[tag] = value.to_bytes(size) if isinstance(value, int) else bytes(value)
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

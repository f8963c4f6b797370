"""SMPP's provider for delivrd, and what other providers' packages share with it.

Public here: the reader of receipts, which a provider of a vendor's SMPP service calls, the reader of
a receipt's text, which stands in many vendors' HTTP callbacks too, and the tables of SMPP's codes.
"""

from __future__ import annotations

from delivrd import Provider, hookimpl
from delivrd_smpp.adapters import from_smpp_pdu, from_smpplib
from delivrd_smpp.parameters import ParameterField
from delivrd_smpp.receipts import (
    RECEIPT_FIELDS,
    RECEIPT_TIMES,
    ReceiptSettings,
    ReceiptShape,
    quick_receipts,
    read_receipt,
)
from delivrd_smpp.receiver import SMPP
from delivrd_smpp.tables import (
    COMMAND_STATUS,
    DELIVERY_FAILURE_REASON,
    ERR,
    ESM_CLASS,
    MAP,
    MAP_ERRORS,
    MAP_FAILURE_CAUSES,
    MESSAGE_STATE,
    NETWORK_ERROR,
    STAT,
)
from delivrd_smpp.text import ReceiptText, read_receipt_text


@hookimpl
def delivrd_providers() -> list[Provider]:
    """The providers of this package."""
    return [SMPP]


__all__ = [
    "COMMAND_STATUS",
    "DELIVERY_FAILURE_REASON",
    "ERR",
    "ESM_CLASS",
    "MAP",
    "MAP_ERRORS",
    "MAP_FAILURE_CAUSES",
    "MESSAGE_STATE",
    "NETWORK_ERROR",
    "RECEIPT_FIELDS",
    "RECEIPT_TIMES",
    "SMPP",
    "STAT",
    "ParameterField",
    "ReceiptSettings",
    "ReceiptShape",
    "ReceiptText",
    "from_smpp_pdu",
    "from_smpplib",
    "quick_receipts",
    "read_receipt",
    "read_receipt_text",
]

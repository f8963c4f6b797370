"""SMPP delivery receipts: `deliver_sm` and `data_sm` PDUs, as message centres really send them.

The specification gives the text of a receipt only as a typical example, so every centre writes its
own. Message states and words are SMPP's; what an `err` means, only the account can say.
"""

from __future__ import annotations

from delivrd import Code, Meanings, Offer, Pdu, Provider, Reading
from delivrd_smpp.receipts import (
    RECEIPT_FIELDS,
    RECEIPT_TIMES,
    ReceiptSettings,
    ReceiptShape,
    quick_receipts,
    read_receipt,
)
from delivrd_smpp.tables import (
    DELIVERY_FAILURE_REASON,
    ERR,
    ESM_CLASS,
    MAP,
    MAP_ERRORS,
    MESSAGE_STATE,
    NETWORK_ERROR,
    NETWORK_MAP_ERRORS,
    SMPP_34,
    STAT,
)


class Settings(ReceiptSettings, frozen=True, forbid_unknown_fields=True):
    """What an account may say of its message centre.

    Attributes:
        err_is_map: `err` carries GSM MAP errors.
        network_error_is_map: `network_error_code` of network type 3 (GSM) carries them.
    """

    err_is_map: bool = False
    network_error_is_map: bool = False


class Receipt(ReceiptShape):
    """A receipt, with `err` by its own name."""

    err: Code = None


SMPP = Provider(
    name="smpp",
    vendor="SMPP message centres",
    title="SMPP delivery receipts",
    docs=SMPP_34,
    tables=(MESSAGE_STATE, STAT, NETWORK_ERROR, ERR, DELIVERY_FAILURE_REASON, ESM_CLASS),
    ways=(
        Pdu(
            reading=Reading(shape=Receipt, fields=RECEIPT_FIELDS, times=RECEIPT_TIMES, own_ids=True),
            decode=read_receipt,
            quick=quick_receipts(),
        ),
    ),
    settings=Settings,
    offers=(
        Offer("err_is_map", Meanings(ERR.name, MAP_ERRORS), MAP),
        Offer("network_error_is_map", Meanings(NETWORK_ERROR.name, NETWORK_MAP_ERRORS), MAP),
    ),
    notes=(
        "The bits of `esm_class` say whether a PDU is a receipt, never its text, which a person can type into an SMS. "
        "An account whose centre never sets them may say so (`judge_by_text`), and can then be lied to.",
        "Optional parameters outrank the text: `receipted_message_id` 0x001e, `message_state` 0x0427, "
        "`network_error_code` 0x0423 (as network type and number), and `message_payload` 0x0424 where there is no "
        "short message. `delivery_failure_reason` 0x0425 names a cause, and `additional_status_info_text` 0x001d the "
        "words. All others stand in `extras` by SMPP 5.0's names, and private ones by tag (`tlv_0x1402`).",
        "Vendors send the network, the price or a code of their own in private parameters, or in a standard one such "
        "as `source_subaddress`. An account says which by its setting `parameters`: "
        '`{"0x1402": "mcc_mnc", "0x1422": "total_price"}`.',
        "`err` is opaque: the same number means different things with different vendors. An account says what it is "
        "by a setting (`err_is_map`) or by meanings of its own.",
        "Some centres number or name their states their own way: an account can replace a table (`Meanings` of "
        "`message_state` or `stat`, with `replace`).",
        "`sub` and `dlvrd` say nothing that can be relied on: they are kept and never judged.",
        "Dates of digits name no zone: give the account its centre's (`zone`). Twelve of them are YYYYMMDDhhmm where "
        "they begin with 20 and the next two are above 12, else YYMMDDhhmmss. SMPP's own times (`180711070003912+`) "
        "and ISO 8601 (`2013-02-17 00:04:29`, with or without its zone) are read too.",
        "The id that a message got and the one in its receipt can be spelt differently: `Account.message_ids` says "
        "how, and `delivrd.message_id_keys` gives the spellings to look for.",
        "An intermediate notification is never final: a failure in it is `deferred`. Where several bits are set, "
        "it counts first, then a centre's receipt, then an acknowledgement.",
        "A value of the text ends at white space, at a comma, semicolon or bar, and where the next label begins. What "
        "labels say that the specification does not know stands in `extras` by label (`mcc`), and words behind no "
        "label under `unlabelled`. Nothing behind `text:` is a label, unless no state stands before it. A reason "
        "behind one of our words for a state and a colon (`stat:FAILED:Mob. Abst.`) is such words.",
        "A receipt whose text is longer than 4 KiB is refused, unless its parameters name the message and its state. A "
        "message from a handset can be of any length. Bytes behind the last whole parameter are told (`tlvs`).",
        "Answer every receipt with `command_status` 0, readable or not: a refusal makes a centre send it for ever, "
        "and can block the bind.",
    ),
)
"""The provider `smpp`."""

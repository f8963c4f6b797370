"""The optional parameters of SMPP 5.0 by tag: what each is called, and how its value is written.

No parameter is dropped. One that no specification names goes by its tag, and a value that is
not written as its type says stays as its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from delivrd import Warning, WarningKind, shorten
from delivrd_smpp.alphabets import decode_message

ADDITIONAL_STATUS_INFO_TEXT: Final = 0x001D
RECEIPTED_MESSAGE_ID: Final = 0x001E
SOURCE_SUBADDRESS: Final = 0x0202
DEST_SUBADDRESS: Final = 0x0203
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
DELIVERY_FAILURE_REASON: Final = 0x0425
MESSAGE_STATE: Final = 0x0427


class Parameter(NamedTuple):
    """An optional parameter.

    Attributes:
        name: SMPP 5.0's.
        size: bytes of a number; 0 of what is a text, or bytes of some other form.
    """

    name: str
    size: int = 0


PARAMETERS: Final[Mapping[int, Parameter]] = {
    0x0005: Parameter("dest_addr_subunit", 1),
    0x0006: Parameter("dest_network_type", 1),
    0x0007: Parameter("dest_bearer_type", 1),
    0x0008: Parameter("dest_telematics_id", 2),
    0x000D: Parameter("source_addr_subunit", 1),
    0x000E: Parameter("source_network_type", 1),
    0x000F: Parameter("source_bearer_type", 1),
    0x0010: Parameter("source_telematics_id", 1),
    0x0017: Parameter("qos_time_to_live", 4),
    0x0019: Parameter("payload_type", 1),
    ADDITIONAL_STATUS_INFO_TEXT: Parameter("additional_status_info_text"),
    RECEIPTED_MESSAGE_ID: Parameter("receipted_message_id"),
    0x0030: Parameter("ms_msg_wait_facilities", 1),
    0x0201: Parameter("privacy_indicator", 1),
    SOURCE_SUBADDRESS: Parameter("source_subaddress"),
    DEST_SUBADDRESS: Parameter("dest_subaddress"),
    0x0204: Parameter("user_message_reference", 2),
    0x0205: Parameter("user_response_code", 1),
    0x020A: Parameter("source_port", 2),
    0x020B: Parameter("dest_port", 2),
    0x020C: Parameter("sar_msg_ref_num", 2),
    0x020D: Parameter("language_indicator", 1),
    0x020E: Parameter("sar_total_segments", 1),
    0x020F: Parameter("sar_segment_seqnum", 1),
    0x0210: Parameter("sc_interface_version", 1),
    0x0302: Parameter("callback_num_pres_ind", 1),
    0x0303: Parameter("callback_num_atag"),
    0x0304: Parameter("number_of_messages", 1),
    0x0381: Parameter("callback_num"),
    0x0420: Parameter("dpf_result", 1),
    0x0421: Parameter("set_dpf", 1),
    0x0422: Parameter("ms_availability_status", 1),
    NETWORK_ERROR_CODE: Parameter("network_error_code"),
    MESSAGE_PAYLOAD: Parameter("message_payload"),
    DELIVERY_FAILURE_REASON: Parameter("delivery_failure_reason", 1),
    0x0426: Parameter("more_messages_to_send", 1),
    MESSAGE_STATE: Parameter("message_state", 1),
    0x0428: Parameter("congestion_state", 1),
    0x0501: Parameter("ussd_service_op", 1),
    0x0600: Parameter("broadcast_channel_indicator", 1),
    0x0601: Parameter("broadcast_content_type"),
    0x0602: Parameter("broadcast_content_type_info"),
    0x0603: Parameter("broadcast_message_class", 1),
    0x0604: Parameter("broadcast_rep_num", 2),
    0x0605: Parameter("broadcast_frequency_interval"),
    0x0606: Parameter("broadcast_area_identifier"),
    0x0607: Parameter("broadcast_error_status", 4),
    0x0608: Parameter("broadcast_area_success", 1),
    0x0609: Parameter("broadcast_end_time"),
    0x060A: Parameter("broadcast_service_group"),
    0x060B: Parameter("billing_identification"),
    0x060D: Parameter("source_network_id"),
    0x060E: Parameter("dest_network_id"),
    0x060F: Parameter("source_node_id"),
    0x0610: Parameter("dest_node_id"),
    0x0611: Parameter("dest_addr_np_resolution", 1),
    0x0612: Parameter("dest_addr_np_information"),
    0x0613: Parameter("dest_addr_np_country"),
    0x1201: Parameter("display_time", 1),
    0x1203: Parameter("sms_signal", 2),
    0x1204: Parameter("ms_validity", 1),
    0x130C: Parameter("alert_on_message_delivery", 1),
    0x1380: Parameter("its_reply_type", 1),
    0x1383: Parameter("its_session_info", 2),
}
"""SMPP 5.0, section 4.8.4, which keeps every tag of 3.4."""

_SUBADDRESSES: Final = frozenset({SOURCE_SUBADDRESS, DEST_SUBADDRESS})
_KINDS_OF_SUBADDRESS: Final = frozenset({b"\x80", b"\x88", b"\xa0"})
"""The first byte of a subaddress says of what kind the rest is: NSAP, even or odd, or the user's own."""


def parameter_name(tag: int) -> str:
    """What a parameter is called."""
    known = PARAMETERS.get(tag)
    return f"tlv_0x{tag:04x}" if known is None else known.name


def parameter_value(tag: int, data: bytes) -> str:
    """The value of a parameter: a number in digits, a text, or its bytes in hexadecimal behind `0x`."""
    known = PARAMETERS.get(tag)
    if known is not None and known.size:
        return str(int.from_bytes(data)) if len(data) == known.size else _in_hexadecimal(data)
    if tag == ADDITIONAL_STATUS_INFO_TEXT:
        message = decode_message(data.partition(b"\0")[0], 0)
        return message.letters(message.text).strip() or _in_hexadecimal(data)
    shown = data[1:] if tag in _SUBADDRESSES and data[:1] in _KINDS_OF_SUBADDRESS else data
    text = shown.rstrip(b"\0").decode("latin-1")
    return text if text and text.isascii() and text.isprintable() else _in_hexadecimal(data)


def _in_hexadecimal(data: bytes) -> str:
    return f"0x{data.hex()}"


class ParameterField(StrEnum):
    """What an account can say that a parameter holds."""

    MCC = "mcc"
    MNC = "mnc"
    MCC_MNC = "mcc_mnc"
    """Both: three digits and two or three, with or without something between."""
    CARRIER = "carrier"
    COUNTRY = "country"
    CODE = "code"
    """The vendor's code of the error, as `err` in the text."""
    PART_PRICE = "part_price"
    TOTAL_PRICE = "total_price"
    CURRENCY = "currency"


HELD: Final = ("mcc", "mnc", "carrier", "country", "part_price", "total_price", "currency")
"""The fields of the report that a parameter can feed."""

_READ: Final = frozenset(
    name
    for tag in (RECEIPTED_MESSAGE_ID, MESSAGE_STATE, NETWORK_ERROR_CODE, MESSAGE_PAYLOAD, DELIVERY_FAILURE_REASON)
    for name in (parameter_name(tag), f"0x{tag:04x}")
)
"""The parameters that no account can say anything else of, by name and tag."""
_NAMES: Final = frozenset(parameter.name for parameter in PARAMETERS.values())
_TAG: Final = re.compile(r"0x[0-9a-f]{4}")
_BINARY: Final = re.compile(r"0x(?:[0-9a-f]{2}){1,4}+")
"""A value that is taken for a number: up to four bytes."""
_MCC_MNC: Final = re.compile(r"([0-9]{3})[^0-9A-Za-z]?+([0-9]{2,3}+)")


def wire_name(field: str) -> str:
    """What a record calls a field that a parameter holds: a label of a text could have the field's own name."""
    return f"{field} (parameter)"


def check_names(names: Iterable[str]) -> None:
    """Refuse parameters that are named otherwise than by tag or by SMPP 5.0's name, or that are read for what they are.

    Raises:
        ValueError: there is one.
    """
    if any(name in _READ or not (name in _NAMES or _TAG.fullmatch(name)) for name in names):
        raise ValueError(
            "parameters: expected tags of four hexadecimal digits (0x1402), or names of SMPP 5.0 (source_subaddress), "
            f"but for {', '.join(sorted(_READ))}"
        )


def take_held(
    held: Mapping[str, ParameterField],
    others: dict[str, str],
    fields: dict[str, str],
    code: str,
    warnings: list[Warning],
) -> None:
    """Let parameters feed the fields that an account says they hold.

    Args:
        held: the account's word.
        others: the parameters by name; those that are taken leave.
        fields: the record that they come into.
        code: the name of the field for the vendor's code.
        warnings: what cannot be read gets a warning there, and stays where it was.
    """
    for key, field in held.items():
        name = parameter_name(int(key, 16)) if _TAG.fullmatch(key) else key
        value = others.get(name)
        if value is None or value == "0x":
            continue
        if _BINARY.fullmatch(value):
            value = str(int(value, 16))
        if field is ParameterField.MCC_MNC:
            both = _MCC_MNC.fullmatch(value)
            if both is None:
                warnings.append(Warning(WarningKind.BAD_VALUE, name, shorten(value)))
                continue
            fields |= {wire_name("mcc"): both[1], wire_name("mnc"): both[2]}
        elif field is ParameterField.CODE:
            told = fields.get(code, value)
            if told != value:
                warnings.append(Warning(WarningKind.CONFLICT, f"{name}+{code}", shorten(told)))
            fields[code] = value
        else:
            fields[wire_name(field)] = value
        del others[name]

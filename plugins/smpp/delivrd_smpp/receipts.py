"""From a PDU to the fields of its receipt: the one reader, for SMPP itself and for every vendor over SMPP.

The rule of this module: what only a message centre can set says whether a PDU is a receipt, never
its text, which a person can type; and optional parameters outrank the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from delivrd import (
    Absence,
    AbsenceKind,
    Code,
    Context,
    Decoded,
    DeliverSm,
    Fields,
    IdBase,
    MessageIds,
    Quick,
    Shape,
    Text,
    TimeForm,
    Together,
    TooLarge,
    Unreadable,
    Warning,
    WarningKind,
    shorten,
)
from delivrd_smpp.alphabets import Message, decode_message, split_header
from delivrd_smpp.parameters import (
    ADDITIONAL_STATUS_INFO_TEXT,
    DELIVERY_FAILURE_REASON,
    HELD,
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
    ParameterField,
    check_names,
    parameter_name,
    parameter_value,
    take_held,
    wire_name,
)
from delivrd_smpp.text import LONGEST, SHORTER, TEXT_FIELDS, TEXTBOOK, ReceiptText, read_receipt_text

# SMPP 3.4, 5.2.12: the kind of message stands in these bits of esm_class; beside them, 0x40 says that a header
# precedes the text.
_KIND: Final = 0x3C
_HEADER: Final = 0x40
_BITS: Final = _KIND | _HEADER
_RECEIPT: Final = 0x04
_ACKNOWLEDGEMENTS: Final = (0x08, 0x10)
_INTERMEDIATE: Final = 0x20
_CONVERSATION_ABORT: Final = 0x18

_EMPTY: Final = bytes(range(0x21))
"""What a short message holds that holds nothing."""

_BASES: Final = (IdBase.DECIMAL, IdBase.HEXADECIMAL)
_SPELLINGS: Final = (
    MessageIds(ignore_case=True, ignore_padding=True),
    *(MessageIds(sent, reported) for sent in _BASES for reported in _BASES),
)
"""How two ids in one PDU can be spellings of one: in another case or base, or padded otherwise."""


_RENAMED: Final = {"submit_date": "submit date", "done_date": "done date"} | {name: wire_name(name) for name in HELD}


class ReceiptShape(Shape, rename=_RENAMED):
    """What a receipt holds, but for `err`, which each provider names itself."""

    esm_class: Code = None
    source_addr: Text = None
    destination_addr: Text = None
    id: Text = None
    sub: Text = None
    dlvrd: Text = None
    submit_date: Text = None
    done_date: Text = None
    stat: Code = None
    text: Text = None
    receipted_message_id: Text = None
    message_state: Code = None
    network_type: Code = None
    network_error_code: Code = None
    delivery_failure_reason: Code = None
    # What an account says that its parameters hold.
    mcc: Text = None
    mnc: Text = None
    carrier: Text = None
    country: Text = None
    part_price: Text = None
    total_price: Text = None
    currency: Text = None


_SUFFICIENT: Final = frozenset({"receipted_message_id", "message_state"})
"""The parameters that make a receipt by themselves."""

_QUICK: Final = frozenset({RECEIPTED_MESSAGE_ID, MESSAGE_STATE, NETWORK_ERROR_CODE})
"""The tags of the parameters that the quick reader takes."""

_NETWORK_ERROR: Final = 3
"""Bytes of `network_error_code`: the type of the network, and a code of two."""
_SNIPPET: Final = "message_text"
"""Where the words behind `text:` stand when the centre has words of its own."""
_PLAIN_ID: Final = re.compile(rb"[0-9A-Za-z.-]++")
"""An id that is what it is in every alphabet."""

_RECORD: Final = frozenset(ReceiptShape.__struct_encode_fields__)

RECEIPT_FIELDS: Final = Fields(
    message_id=("receipted_message_id", "id"),
    other_ids=("id",),
    # In a receipt the addresses are swapped: it comes from the handset.
    recipient="source_addr",
    sender="destination_addr",
    text="text",
    occurred_at="done date",
    submitted_at="submit date",
    mcc=wire_name("mcc"),
    mnc=wire_name("mnc"),
    carrier=wire_name("carrier"),
    country=wire_name("country"),
    part_price=wire_name("part_price"),
    total_price=wire_name("total_price"),
    currency=wire_name("currency"),
    extras=("sub", "dlvrd"),
)
"""Which of a receipt's fields feed which of the report."""


RECEIPT_TIMES: Final = (TimeForm.DIGITS, TimeForm.ABSOLUTE, TimeForm.ISO)
"""How centres write a receipt's dates: nearly always as digits; some as SMPP's own times, some with separators."""


class ReceiptSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account may say of its message centre.

    Attributes:
        judge_by_text: the centre never sets the bits that make a receipt: a message without them
            whose text has a receipt's form is one. Whoever can send an SMS can then forge one.
        parameters: what the centre's own parameters hold, and the standard's own that it uses so: a field for each, by
            its tag (`0x1402`) or by its name (`source_subaddress`).

    Raises:
        ValueError: a parameter is named otherwise, or it is one that is read for what it is.
    """

    judge_by_text: bool = False
    parameters: dict[str, ParameterField] = {}

    def __post_init__(self) -> None:
        check_names(self.parameters)


def quick_receipts(names: Mapping[str, str] = {}) -> tuple[Quick, ...]:
    """The commonest receipts, as `read_receipt` would read them: their bits set, the text of the specification's
    example or the same without counters or words, and parameters as they should be.

    Args:
        names: as for `read_receipt`.

    Returns:
        What a `Pdu` takes as its `quick`.
    """

    def named(group: str | Together) -> str | Together:
        if isinstance(group, str):
            return names.get(group, group)
        return Together(group.form, tuple(names.get(each, each) for each in group.fields))

    return tuple(
        Quick(
            esm_class=(_BITS, _RECEIPT),
            given={"esm_class": f"0x{_RECEIPT:02x}"},
            addresses=("source_addr", "destination_addr"),
            text=form.pattern,
            groups=tuple(map(named, form.groups)),
            blank=blank,
            parameters=("receipted_message_id", "message_state", "network_type", "network_error_code"),
            read_parameters=_sound_parameters,
        )
        for form, blank in ((TEXTBOOK, ("text",)), (SHORTER, ("sub", "dlvrd", "text")))
    )


def _sound_parameters(tlvs: Mapping[int, bytes], match: re.Match[str]) -> tuple[str | None, ...] | None:
    """The id, state and error, where each that is sent is as it should be, and the id a spelling of the text's."""
    if not _QUICK.issuperset(tlvs):
        return None
    named, state, error = tlvs.get(RECEIPTED_MESSAGE_ID), tlvs.get(MESSAGE_STATE), tlvs.get(NETWORK_ERROR_CODE)
    own = kind = code = None
    if named is not None:
        own = _spelling(named.removesuffix(b"\0"), match[1])
        if own is None:
            return None
    if state is not None and len(state) != 1:
        return None
    if error is not None:
        if len(error) != _NETWORK_ERROR or error[:1].isdigit():
            return None
        kind, code = str(error[0]), str(int.from_bytes(error[1:]))
    return own, None if state is None else str(state[0]), kind, code


def _spelling(named: bytes, id: str) -> str | None:
    """An id as text, if it is another's spelling."""
    if named == id.encode():
        return id
    if _PLAIN_ID.fullmatch(named) is None:
        return None
    own = named.decode()
    return own if _same_id(own, id) else None


def read_receipt(
    pdu: DeliverSm,
    context: Context,
    *,
    names: Mapping[str, str] = {},
    states: tuple[str, ...] = ("message_state", "stat"),
) -> Decoded:
    """The fields of a receipt, or the whole of what is none.

    Args:
        pdu: any.
        context: with `ReceiptSettings`.
        names: what the provider calls fields of the text, where it is not their label.
        states: the fields of which one must be there.

    Raises:
        Unreadable: it is a receipt, and has no id or no state.
        TooLarge: it is a receipt whose text is longer than `LONGEST`, and its parameters do not suffice.
    """
    header, body = _body(pdu)
    warnings: list[Warning] = []
    parameters = dict(_parameters(pdu.tlvs, warnings))
    kind = _kind(pdu.esm_class)
    told = ReceiptText({})
    fits = len(body) <= LONGEST
    if not fits and kind in (_RECEIPT, _INTERMEDIATE) and not parameters.keys() >= _SUFFICIENT:
        raise TooLarge(f"receipt: expected a text of at most {LONGEST} bytes, got {len(body)}", field="short_message")
    message = decode_message(body, pdu.data_coding)
    if fits:
        told = read_receipt_text(
            message.text,
            state_known="message_state" in parameters,
            id_known="receipted_message_id" in parameters,
        )
        warnings += told.warnings
    if not _is_receipt(kind, told, parameters, context.settings):
        return Decoded(absence=Absence(AbsenceKind.NOT_A_REPORT), others=[_whole(pdu, header, message)])
    # With parameters, the text need not be a receipt.
    sent = told.values or ({"text": message.text} if fits else {})
    others = _other_parameters(pdu)
    taken = _RECORD | TEXT_FIELDS | set(names.values()) | others.keys() | {_SNIPPET}
    fields = {names.get(name, name): value for name, value in sent.items()} | told.others_beside(taken)
    fields = {name: message.letters(value) for name, value in fields.items()} | parameters
    take_held(context.settings.parameters, others, fields, names.get("err", "err"), warnings)
    words = others.pop(parameter_name(ADDITIONAL_STATUS_INFO_TEXT), None)
    if words is not None:
        # The centre's own words are the report's, before those of the message.
        fields |= {_SNIPPET: fields["text"]} if "text" in fields else {}
        fields["text"] = words
    fields |= others
    if pdu.trailing:
        warnings.append(Warning(WarningKind.BAD_VALUE, "tlvs", shorten(pdu.trailing.hex())))
    if not fits:
        warnings.append(Warning(WarningKind.BAD_VALUE, "short_message", shorten(message.text)))
    elif not message.whole:
        warnings.append(Warning(WarningKind.BAD_TEXT, "short_message", shorten(message.text)))
    own, other = fields.get("receipted_message_id"), fields.get("id")
    if own is not None and other is not None and not _same_id(own, other):
        warnings.append(Warning(WarningKind.CONFLICT, "receipted_message_id+id", shorten(other)))
    if own is None and other is None:
        raise Unreadable("id: expected the message's id, in receipted_message_id or behind id:, found none", field="id")
    if not any(name in fields for name in states):
        raise Unreadable(f"{' or '.join(states)}: expected a state, found none", field=states[-1])
    beside = {"esm_class": f"0x{kind:02x}", "source_addr": pdu.source, "destination_addr": pdu.destination}
    return Decoded(records=[beside | fields], warnings={0: warnings})


def _is_receipt(kind: int, told: ReceiptText, parameters: Mapping[str, str], settings: ReceiptSettings) -> bool:
    if kind in (_RECEIPT, _INTERMEDIATE):
        return True
    if parameters.keys() >= _SUFFICIENT:
        # No handset can set these.
        return True
    named = "id" in told.values or "receipted_message_id" in parameters
    stated = "stat" in told.values or "message_state" in parameters
    if kind in _ACKNOWLEDGEMENTS:
        # The handset writes them: they count where they have a receipt's form.
        return named and stated
    return kind == 0 and settings.judge_by_text and named and stated


def _kind(esm_class: int) -> int:
    """The kind of message that the bits say. Where there are several, what is not final counts before what is, and
    what only a centre can set before what a handset writes.
    """
    bits = esm_class & _KIND
    if bits == _CONVERSATION_ABORT:
        return bits
    return next((kind for kind in (_INTERMEDIATE, _RECEIPT, *_ACKNOWLEDGEMENTS) if bits & kind), 0)


def _body(pdu: DeliverSm) -> tuple[bytes, bytes]:
    """The user data header, if there is one, and what follows it."""
    data = pdu.short_message
    if not data.strip(_EMPTY):
        data = pdu.tlvs.get(MESSAGE_PAYLOAD, data)
    return split_header(data) if pdu.esm_class & _HEADER else (b"", data)


def _parameters(tlvs: Mapping[int, bytes], warnings: list[Warning]) -> Iterator[tuple[str, str]]:
    """The optional parameters that make a receipt, and the codes that they carry."""
    named = tlvs.get(RECEIPTED_MESSAGE_ID, b"").partition(b"\0")[0]
    if named.strip():
        message = decode_message(named, 0)
        yield "receipted_message_id", message.letters(message.text)
    state = tlvs.get(MESSAGE_STATE, b"")
    if len(state) == 1:
        yield "message_state", str(state[0])
    elif state:
        # Kept as an unlisted code: a code of the wrong size must not pass for no code.
        warnings.append(Warning(WarningKind.BAD_VALUE, "message_state", shorten(state.hex())))
        yield "message_state", f"0x{state.hex()}"
    reason = tlvs.get(DELIVERY_FAILURE_REASON)
    if reason is not None:
        yield "delivery_failure_reason", parameter_value(DELIVERY_FAILURE_REASON, reason)
        if len(reason) != 1:
            warnings.append(Warning(WarningKind.BAD_VALUE, "delivery_failure_reason", shorten(reason.hex())))
    error = tlvs.get(NETWORK_ERROR_CODE, b"")
    digits = error.rstrip(b"\0 ")
    # Some centres send the code alone, as ASCII digits: a first byte of one says so.
    if error[:1].isdigit() and digits.isalnum():
        yield "network_error_code", digits.decode("ascii")
    elif error[:1].isdigit():
        warnings.append(Warning(WarningKind.BAD_VALUE, "network_error_code", shorten(error.hex())))
    elif len(error) == _NETWORK_ERROR:
        yield "network_type", str(error[0])
        yield "network_error_code", str(int.from_bytes(error[1:]))
    elif error:
        warnings.append(Warning(WarningKind.BAD_VALUE, "network_error_code", shorten(error.hex())))


def _other_parameters(pdu: DeliverSm) -> dict[str, str]:
    """The parameters that make no receipt, by name; and the payload where it is not the text."""
    read = _QUICK | {DELIVERY_FAILURE_REASON}
    tlvs = {tag: data for tag, data in pdu.tlvs.items() if tag not in read}
    if not pdu.short_message.strip(_EMPTY):
        tlvs.pop(MESSAGE_PAYLOAD, None)
    return {parameter_name(tag): parameter_value(tag, data) for tag, data in tlvs.items()}


def _same_id(first: str, second: str) -> bool:
    """Whether two ids can be spellings of one."""
    return any(ids.canonical_sent(first) == ids.canonical_reported(second) for ids in _SPELLINGS)


def _whole(pdu: DeliverSm, header: bytes, message: Message) -> dict[str, str]:
    """A message that is no receipt, whole."""
    whole = {
        "esm_class": f"0x{pdu.esm_class:02x}",
        "source_addr": pdu.source,
        "destination_addr": pdu.destination,
        "data_coding": str(pdu.data_coding),
        "short_message": message.letters(message.text),
    }
    if header:
        whole["header"] = header.hex()
    whole |= {f"0x{tag:04x}": value.hex() for tag, value in pdu.tlvs.items()}
    if pdu.trailing:
        whole["trailing"] = pdu.trailing.hex()
    # An address that a library made of bytes can hold what no encoding writes.
    return {name: value.encode(errors="backslashreplace").decode() for name, value in whole.items()}

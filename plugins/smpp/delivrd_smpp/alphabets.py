"""The bytes of a receipt as text: ASCII, GSM 03.38, UCS-2 and what else SMPP's data codings name.

The rule of this module: nothing is lost and nothing is raised. Labels and codes are ASCII in every
alphabet; a byte that is no text becomes its escape.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Final, NamedTuple

from delivrd import decode_text

_ESCAPE: Final = "\x1b"

# GSM 03.38 below 0x20. Above it, printable ASCII is read as ASCII: real centres write `submit_date` so, although
# data coding 0 may mean GSM, whose 0x5f is another character. 0x0a and 0x0d are the same in both.
_GSM: Final = dict(enumerate("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"))
_EXTENSION: Final = {
    "\n": "\f",
    "Λ": "^",
    "(": "{",
    ")": "}",
    "/": "\\",
    "<": "[",
    "=": "~",
    ">": "]",
    "@": "|",
    "e": "€",
}
"""The characters that an escape makes of others (3GPP TS 23.038, section 6.2.1.1)."""

_UCS2: Final = 8
_MARKS: Final = {BOM_UTF16_BE: "utf-16-be", BOM_UTF16_LE: "utf-16-le"}
"""What the byte-order marks before UCS-2 say."""
_SPACED: Final = r"[\t-\r ]{0,2}+:"
_LABELS: Final = "sub|dlvrd|delivrd|date|stat|err|text"
_IN_TEXT: Final = re.compile(rf"(?:id|{_LABELS}){_SPACED}", re.IGNORECASE | re.ASCII)
# The bytes of Chinese and Japanese words for carrying and for mobile phones spell `id:` behind a character that ends
# in 0x69, whose first byte is NUL, a digit, a letter, a bracket or above ASCII. No words spell the longer labels.
_IN_BYTES: Final = re.compile(rf"(?:(?<![^\x01-/:-@])id|{_LABELS}){_SPACED}".encode(), re.IGNORECASE)
"""What shows in which alphabet a receipt is written, whatever its data coding says."""

_BY_CODING: Final = {3: "iso-8859-1", 6: "iso-8859-5", 7: "iso-8859-8"}
"""SMPP's data codings (5.2.19) with an alphabet of one byte a character above ASCII."""

LONGEST_HEADER: Final = 0x1F
"""Bytes of the longest user data header that is believed in: a printable character is no length."""


class Message(NamedTuple):
    """The text of a message.

    Attributes:
        text: without the NULs at its end.
        whole: every byte was text.
        septets: control bytes in it are letters of GSM 03.38.
    """

    text: str
    whole: bool
    septets: bool

    def letters(self, part: str) -> str:
        """A part of the text with all its letters."""
        return _from_gsm(part) if self.septets else part


def decode_message(data: bytes, data_coding: int) -> Message:
    """The text of a message.

    Args:
        data: without a user data header.
        data_coding: SMPP's.
    """
    marked = _MARKS.get(data[:2])
    if marked is not None and (b"\0" in data[2:4] or (data_coding == _UCS2 and not _IN_BYTES.search(data))):
        return _from_ucs2(data[2:], marked)
    ucs2 = _ucs2(data, data_coding)
    if ucs2 is not None:
        return _from_ucs2(data, ucs2)
    if data.startswith(BOM_UTF8) and data_coding not in _BY_CODING:
        data = data.removeprefix(BOM_UTF8)
    data = data.rstrip(b"\0")
    if data.isascii():
        return Message(data.decode("ascii"), True, True)
    encoding = _BY_CODING.get(data_coding)
    if encoding is not None:
        text = data.decode(encoding, "replace")
        return Message(text, "\ufffd" not in text, False)
    # Behind a space, for decode_text would take the first bytes for a byte-order mark.
    text, whole = decode_text(b" " + data)
    return Message(text[1:], whole, True)


def _from_ucs2(data: bytes, encoding: str) -> Message:
    # A NUL of one byte at the end is no character.
    data = data[:-1] if len(data) % 2 and data.endswith(b"\0") else data
    text = data.decode(encoding, "replace").rstrip("\0")
    return Message(text, "\ufffd" not in text, False)


def split_header(data: bytes) -> tuple[bytes, bytes]:
    """A user data header, its length included, and what follows; an empty header where there is none."""
    if data and data[0] <= LONGEST_HEADER and data[0] < len(data):
        return data[: data[0] + 1], data[data[0] + 1 :]
    return b"", data


def _ucs2(data: bytes, data_coding: int) -> str | None:
    """The encoding of a text whose characters have two bytes; None where they have one.

    Some centres give a receipt the data coding of the message that it is about, whose words stand in it, and some
    write UCS-2 without saying so, in either order of bytes. So a receipt's labels decide, and where it has none, that
    the first two letters have a NUL before them.
    """
    if b"\0" in data:
        for encoding in _MARKS.values():
            label = _IN_TEXT.search(data.decode(encoding, "replace"))
            if label is not None and not _IN_BYTES.search(data, 0, 2 * label.start()):
                return encoding
    if len(data) >= 4 and data[0] == data[2] == 0 and data[1] and data[3]:
        return "utf-16-be"
    return "utf-16-be" if data_coding == _UCS2 and not _IN_BYTES.search(data) else None


def _from_gsm(text: str) -> str:
    """A text with its control bytes read as letters of GSM 03.38, and its escapes as what they make of the next."""
    if text.isprintable():
        return text
    plain = text.translate(_GSM)
    if _ESCAPE not in plain:
        return plain
    first, *rest = plain.split(_ESCAPE)
    return first + "".join(_EXTENSION.get(part[:1], part[:1]) + part[1:] for part in rest)

"""The text of a receipt, field by field, as message centres really write it.

The rule of this module: each field for itself, and a bad one never loses a good one. Labels are
looked for before `text:` alone, so that a message's own words cannot speak for its receipt. The
reading is linear in the length, and no regular expression here can backtrack.

SMPP 3.4 gives the form in appendix B as "a typical example", and calls it specific to the vendor.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from delivrd import TooLarge, Warning, WarningKind, shorten
from delivrd_smpp.tables import STAT

LONGEST: Final = 4096
"""Characters of the longest text that is read."""

_LABEL: Final = re.compile(
    r"(?:\A|(?<=[\x00-\x20\x7f]))(?>(submit[ _\x11]date|done[ _\x11]date|delivrd|dlvrd|stat|text|sub|err|id)) {0,2}+:",
    re.IGNORECASE | re.ASCII,
)
_BLANK: Final = "".join(map(chr, range(0x21))) + "\x7f"
"""White space and control bytes, which stand around values and mean nothing."""

_DATES: Final = frozenset({"submit date", "done date"})
_WORDS: Final = frozenset(row.label for row in STAT.rows)


class ReceiptText(msgspec.Struct, frozen=True):
    """What a text says.

    Attributes:
        values: by label: `id`, `sub`, `dlvrd`, `submit date`, `done date`, `stat`, `err`, `text`. What is
            empty, and a date of zeros, is left out.
        warnings: fields that stand there more than once.
    """

    values: dict[str, str]
    warnings: tuple[Warning, ...] = ()

    @property
    def complete(self) -> bool:
        """It has a receipt's form: an id and a state."""
        return "id" in self.values and "stat" in self.values


def read_receipt_text(text: str) -> ReceiptText:
    """Read the text of a receipt.

    Args:
        text: decoded. One without any label gives no values.

    Raises:
        TooLarge: it is longer than `LONGEST`.
    """
    if len(text) > LONGEST:
        raise TooLarge(f"text: expected at most {LONGEST} characters, got {len(text)}", field="text")
    values: dict[str, str] = {}
    warnings = []
    for name, value in _fields(text):
        if name in values:
            warnings.append(Warning(WarningKind.REPEATED_FIELD, name, shorten(value)))
        elif value:
            values[name] = value
    if "stat" not in values:
        _find_state(values)
    for name in _DATES & values.keys():
        if not values[name].strip("0"):
            del values[name]
    return ReceiptText(values, tuple(warnings))


def _fields(text: str) -> list[tuple[str, str]]:
    """Each label with its value: what stands before the next one. After `text:` there is no label."""
    found: list[tuple[str, str]] = []
    name, start = "", 0
    for label in _LABEL.finditer(text):
        if name:
            found.append((name, text[start : label.start()].strip(_BLANK)))
        name, start = label[1].lower(), label.end()
        # 0x11 is GSM 03.38's underscore.
        name = "dlvrd" if name == "delivrd" else name.replace("_", " ").replace("\x11", " ")
        if name == "text":
            found.append((name, text[start:].rstrip("\0") if text[start:].strip(_BLANK) else ""))
            return found
    if name:
        found.append((name, text[start:].strip(_BLANK)))
    return found


def _find_state(values: dict[str, str]) -> None:
    """Some centres leave out `stat:` and write its word alone, behind another field's value."""
    for name, value in values.items():
        own, _, word = value.rpartition(" ")
        own = own.strip(_BLANK)
        if name == "text" or not (word.isascii() and word.isalpha() and (own or name in _DATES)):
            continue
        # Behind an id only a listed word: an id can hold anything.
        if name == "id" and word.upper() not in _WORDS:
            continue
        values["stat"] = word
        if own:
            values[name] = own
        else:
            del values[name]
        return


TEXTBOOK: Final = re.compile(
    r"id:([!-~]++) sub:([0-9]++) dlvrd:([0-9]++) submit date:([1-9][0-9]{9}+) done date:([1-9][0-9]{9}+)"
    r" stat:([A-Za-z]++) err:([!-~]++) [Tt]ext:([ -~]*+)\Z"
)
"""The form of the specification's example, on which `read_receipt_text` gives what the groups hold."""

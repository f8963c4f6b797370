"""The text of a receipt, field by field, as message centres really write it.

The rule of this module: each field for itself, and a bad one never loses a good one. Labels behind
`text:` count only where nothing else says the state, so that a message's own words cannot speak
against its receipt. What no label of the specification names is kept beside the rest. The reading is
linear in the length, and no regular expression here can backtrack.

SMPP 3.4 gives the form in appendix B as "a typical example", and calls it specific to the vendor.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final, NamedTuple

import msgspec

from delivrd import Together, TooLarge, Warning, WarningKind, shorten
from delivrd_smpp.tables import STAT

LONGEST: Final = 4096
"""Characters of the longest text that is read, and bytes of it."""

UNLABELLED: Final = "unlabelled"
"""The name under which words that stand behind no label are kept."""

_BLANK: Final = "".join(map(chr, range(0x21))) + "\x7f\x85\xa0"
"""White space and control bytes, which stand around values and mean nothing."""
_AROUND: Final = _BLANK + ",;|\"'()"
"""What stands around values and is no part of them: the same, separators, quotes and parentheses."""

# 0x11 is GSM 03.38's underscore.
_LABEL: Final = re.compile(
    r"(submit[\x00-\x20_+-]{0,2}+date|done[\x00-\x20_+-]{0,2}+date|delivrd|dlvrd|stat|sub|err|id)[\x00-\x20]{0,2}+:"
    r"[\x00-\x20\x7f\x85\xa0]*+",
    re.IGNORECASE | re.ASCII,
)
_TEXT: Final = re.compile(r"text[\x00-\x20]{0,2}+[:=]", re.IGNORECASE | re.ASCII)
_VALUE: Final = re.compile(r"[^\x00\t-\r ,;|\x85\xa0]*+")
_DATE_IN_PARTS: Final = re.compile(
    r"[0-9][^\x00\t-\r ,;|\x85\xa0]*+(?:[ \t]++[0-9]{1,2}+:[0-9:.+-]*+)?+"
    r"(?:[ \t]*+(?:[AaPp]\.?+[Mm]\.?+|[Zz]|UTC|GMT|[+-][0-9][0-9:]*+)(?![0-9A-Za-z]))?+"
)
"""A date with the time of day, the half of the day and the zone that stand behind it, with spaces between: one value,
even where it is none that is read."""
_OTHER: Final = re.compile(
    r"(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z0-9_.-]{0,31}+)[:=](?:[ \t]{1,2}+(?![A-Za-z][A-Za-z0-9_.-]{0,31}+[:=]))?+"
    r"([^\x00\t-\r ,;|\x85\xa0]++)"
)
"""A label of a centre's own, with its value."""

_DATES: Final = frozenset({"submit date", "done date"})
_NAMES: Final = {"id": "id", "sub": "sub", "dlvrd": "dlvrd", "delivrd": "dlvrd", "stat": "stat", "err": "err"}
"""What labels are called here; all others are dates."""
TEXT_FIELDS: Final = frozenset({*_NAMES.values(), *_DATES, "text"})
"""What a text can have, as `ReceiptText.values` calls it."""
_WORDS: Final = frozenset(row.label for row in STAT.rows)

_FORM_SPACE: Final = re.compile(r"(?<![0-9]{15})\+")
"""A space as a form writes it: one behind fifteen digits is the end of an absolute time."""
_BEFORE_A_LABEL: Final = re.compile(
    rf"{_FORM_SPACE.pattern}(?:(?:submit|done)\+date|delivrd|dlvrd|stat|sub|err|id|text)[:=]", re.IGNORECASE | re.ASCII
)
_BY_A_FORM: Final = re.compile(
    rf"{_BEFORE_A_LABEL.pattern}|(?:submit|done)\+date:|stat:(?:{'|'.join(sorted(_WORDS))})\+",
    re.IGNORECASE | re.ASCII,
)
"""What shows that a form wrote spaces, so that a plus at the end of an id is one too."""

_DATE: Final = re.compile(r"[0-9]{15}[+-]|[0-9]{14}|[0-9]{12}|[0-9]{10}|0++")
_NO_DATE: Final = "0-:.+ "
"""What zeros in the place of a date are written with."""
_COUNT: Final = re.compile(r"[0-9]++")
_WHOLE: Final = {
    "id": re.compile(r"[0-9A-Fa-f.-]++"),
    "sub": _COUNT,
    "dlvrd": _COUNT,
    "err": _COUNT,
    "submit date": _DATE,
    "done date": _DATE,
    "stat": re.compile("|".join(sorted(_WORDS)), re.IGNORECASE | re.ASCII),
}
"""Values that are whole for certain: behind one of them a label can follow without any space."""

_LONGEST_WORD: Final = 128
"""Characters in which the beginning of a word is looked for."""


class ReceiptText(msgspec.Struct, frozen=True):
    """What a text says.

    Attributes:
        values: by label: `id`, `sub`, `dlvrd`, `submit date`, `done date`, `stat`, `err`, `text`. What is
            empty, and a date of zeros, is left out.
        warnings: fields that stand there more than once.
        others: what labels say that the specification does not know, by label; and under `UNLABELLED`
            the words that stand behind no label. Empty where no field was found.
    """

    values: dict[str, str]
    warnings: tuple[Warning, ...] = ()
    others: dict[str, str] = {}

    @property
    def complete(self) -> bool:
        """It has a receipt's form: an id and a state."""
        return "id" in self.values and "stat" in self.values

    def others_beside(self, taken: Container[str]) -> dict[str, str]:
        """`others`, with another name for each that would pass for a field of the same record.

        Args:
            taken: the names of the record's fields.
        """
        return {f"{name} in text" if name in taken else name: value for name, value in self.others.items()}


def read_receipt_text(text: str, *, state_known: bool = False, id_known: bool = False) -> ReceiptText:
    """Read the text of a receipt.

    Args:
        text: decoded. One without any label gives no values.
        state_known: something that outranks the text says the state: labels behind `text:` never count.
        id_known: something else says the id: a state behind `text:` counts even where no label precedes that.

    Raises:
        TooLarge: it is longer than `LONGEST`.
    """
    if len(text) > LONGEST:
        raise TooLarge(f"text: expected at most {LONGEST} characters, got {len(text)}", field="text")
    values = _at_once(text)
    if values is None:
        return read_any_text(text, state_known=state_known, id_known=id_known)
    return ReceiptText(values)


def _at_once(text: str) -> dict[str, str] | None:
    """The fields of a text of the specification's form, or of the shorter one; None where it has another."""
    found = SHORTER.pattern.match(text)
    if found is None:
        return None
    values: dict[str, str] = {}
    for group, value in zip(SHORTER.groups, found.groups(), strict=True):
        if isinstance(group, str):
            values |= {group: value} if value else {}
        elif inner := group.form.fullmatch(value):
            values |= zip(group.fields, inner.groups(), strict=True)
        else:
            return None
    return values


def read_any_text(text: str, *, state_known: bool = False, id_known: bool = False) -> ReceiptText:
    """Read a text of whatever form, field by field; `read_receipt_text` says the same of every text."""
    values: dict[str, str] = {}
    warnings: list[Warning] = []
    by_a_form = "+" in text and " " not in text and _BEFORE_A_LABEL.search(text) is not None
    if by_a_form:
        text = _FORM_SPACE.sub(" ", text)
    tails = _take(_fields(text, by_a_form=by_a_form), values, warnings)
    if "stat" not in values:
        _find_state(values, tails)
    if "stat" not in values and not state_known and (id_known or values.keys() - {"text"}):
        tails += _take_behind(values, warnings)
    for name in _DATES & values.keys():
        if not values[name].strip(_NO_DATE):
            del values[name]
    others = _others(tails, warnings) if values else {}
    return ReceiptText(values, tuple(warnings), others)


def _take(fields: list[tuple[str, str, str]], values: dict[str, str], warnings: list[Warning]) -> list[tuple[str, str]]:
    """Take each field's value, the first of each name, and give what follows each."""
    tails: list[tuple[str, str]] = []
    for name, value, tail in fields:
        if name in values:
            warnings.append(Warning(WarningKind.REPEATED_FIELD, name, shorten(value)))
        elif value:
            values[name] = value
        tails.append((name, tail))
    return tails


def _take_behind(values: dict[str, str], warnings: list[Warning]) -> list[tuple[str, str]]:
    """Some centres write `text:` before other fields: a state behind it counts, and with it every field that stands
    there. What precedes the first of them is the message's words.
    """
    (_, _, words), *fields = _fields(values.get("text", ""))
    if not any(name == "stat" and value for name, value, _ in fields):
        return []
    del values["text"]
    if words.strip(_BLANK):
        values["text"] = words.rstrip(_BLANK)
    return _take(fields, values, warnings)


def _fields(text: str, *, by_a_form: bool = False) -> list[tuple[str, str, str]]:
    """Each label with its value and with what follows that; first, without a name, what no label precedes.

    Args:
        text: the whole.
        by_a_form: a form wrote its spaces; else the text itself can show it.
    """
    message = _message(text)
    end = len(text) if message is None else _glued(text, message.start())
    by_a_form = by_a_form or ("+" in text and _BY_A_FORM.search(text, 0, end) is not None)
    found: list[tuple[str, str, str]] = []
    name, start = "", 0
    for label in _LABEL.finditer(text, 0, end):
        at = label.start()
        # Nearly always a space is before it: the rest is spared.
        if text[at - 1 : at] == " ":
            found.append(_field(text, name, start, at, by_a_form))
        elif _begins(text, at, name, start):
            whole = name in _DATES and _DATE.fullmatch(text, start, at)
            stop = at if whole else max(start, _glued(text, at))
            found.append(_field(text, name, start, stop, by_a_form))
        else:
            continue
        spelt = label[1].lower()
        name = _NAMES.get(spelt) or ("submit date" if spelt[0] == "s" else "done date")
        start = label.end()
    found.append(_field(text, name, start, end, by_a_form))
    if message is not None:
        words = text[message.end() :]
        found.append(("text", words.rstrip("\0") if words.strip(_BLANK) else "", ""))
    return found


def _message(text: str) -> re.Match[str] | None:
    """The label behind which the words of the message itself stand, whatever is glued to it."""
    for found in _TEXT.finditer(text):
        before = text[max(0, found.start() - _LONGEST_WORD) : found.start()]
        if not before or not (before[-1].isalpha() or before[-1] in "_-"):
            return found
        # Glued to letters it is another label (`context:`), unless they are a value.
        word = before.split()[-1]
        if ":" in word or "=" in word:
            return found
    return None


def _begins(text: str, at: int, name: str, start: int) -> bool:
    """Whether a label at a place begins a field.

    Args:
        text: the whole.
        at: the label's place.
        name: the field before it, or empty.
        start: where the value of that begins.
    """
    before = text[at - 1 : at]
    if not (before.isalnum() or before in "_.-:="):
        return True
    if not before or (before in "_.-" and not text[at - 2 : at - 1].isalnum()) or _escaped(text, at):
        return True
    if not name:
        return before in ":="
    return _WHOLE[name].fullmatch(text, start, at) is not None


def _escaped(text: str, at: int) -> bool:
    """Whether a byte that is no text stands before a place: it is written as its escape."""
    return at >= 4 and text.startswith("\\x", at - 4)


def _glued(text: str, at: int) -> int:
    """Where what stands before a label ends: one separator that is glued to the label belongs to nothing."""
    if _escaped(text, at):
        return at - 4
    before = text[at - 1 : at]
    return at if not before or before.isalnum() or before in "_.-" else at - 1


def _field(text: str, name: str, start: int, end: int, by_a_form: bool) -> tuple[str, str, str]:
    """A field with its value, which ends at white space or a separator, and with what follows that."""
    if not name:
        return name, "", text[start:end]
    found = _VALUE.match(text, start, end)
    stop = start if found is None else found.end()
    value = text[start:stop].strip(_AROUND)
    if by_a_form if name == "id" else not _DATE.fullmatch(value):
        # A space that a form wrote. An id of a centre's own can end so, and an absolute time.
        value = value.rstrip("+")
    if name == "stat":
        # Some centres write the reason behind the word, and a colon between them.
        word, colon, _ = value.partition(":")
        if colon and word.upper() in _WORDS:
            return name, word, text[text.index(":", start) : end]
    if name in _DATES and not _DATE.fullmatch(value):
        if value.upper() in _WORDS:
            # It is empty, and a state without a label stands behind it.
            return name, "", text[start:end]
        found = _DATE_IN_PARTS.match(text, start, end)
        stop = stop if found is None else found.end()
        value = text[start:stop].strip(_AROUND).rstrip("+")
    return name, value, text[stop:end]


def _find_state(values: dict[str, str], tails: list[tuple[str, str]]) -> None:
    """Some centres leave out `stat:` and write its word alone, behind another field's value.

    Only a listed word is taken for one: any other can be anything.
    """
    for index, (name, tail) in enumerate(tails):
        words = tail.strip(_AROUND).rstrip("+")
        found = _VALUE.match(words)
        word = "" if found is None else found[0].strip(_AROUND).rstrip("+")
        # Behind an id it must stand alone, or a sentence with an id in it would be a receipt.
        if not name or word.upper() not in _WORDS or (name == "id" and word != words):
            continue
        values["stat"] = word
        tails[index] = (name, words[len(word) :].lstrip("+"))
        return


def _others(tails: list[tuple[str, str]], warnings: list[Warning]) -> dict[str, str]:
    """What stands behind values: labels of a centre's own, and words."""
    others: dict[str, str] = {}
    words = []
    for name, tail in tails:
        if not tail or tail.isspace():
            continue
        if name == "stat" and tail[0] == ":":
            words.append(tail[1:].strip(_AROUND))
            continue
        at = 0
        for found in _OTHER.finditer(tail):
            words.append(tail[at : found.start()].strip(_AROUND))
            at = found.end()
            name, value = found[1], found[2].strip(_AROUND)
            if name in others:
                warnings.append(Warning(WarningKind.REPEATED_FIELD, name, shorten(value)))
            elif value:
                others[name] = value
        words.append(tail[at:].strip(_AROUND))
    left = " ".join(filter(None, words))
    if left:
        others[UNLABELLED if UNLABELLED not in others else f"{UNLABELLED} in text"] = left
    return others


class TextForm(NamedTuple):
    """A form on which `read_any_text` gives what the groups hold, if those that hold two fields are of their own form.

    Attributes:
        pattern: its own.
        groups: of the pattern, in order; some can be absent, or empty.
    """

    pattern: re.Pattern[str]
    groups: tuple[str | Together, ...]


_DATES_FORM: Final = "([1-9][0-9]{9,13}+) done date:([1-9][0-9]{9,13}+)"
_CODES_FORM: Final = "([^ ]++ err:[^ ]++)"
_TEXT_FORM: Final = r"[Tt]ext:(?! ++\Z)([ -~]*+)"
_CODES_TOGETHER: Final = Together(re.compile(r"([A-Za-z]++) err:([0-9A-Za-z]++)"), ("stat", "err"))
_GROUPS: Final = ("id", "sub", "dlvrd", "submit date", "done date", _CODES_TOGETHER, "text")

TEXTBOOK: Final = TextForm(
    re.compile(
        r"id:([0-9A-Za-z.-]++) sub:([0-9]++) dlvrd:([0-9]++)"
        rf" submit date:{_DATES_FORM} stat:{_CODES_FORM} {_TEXT_FORM}\Z"
    ),
    _GROUPS,
)
"""The form of the specification's example; only the text can be empty."""

SHORTER: Final = TextForm(
    re.compile(
        r"id:([0-9A-Za-z.-]++)(?: sub:([0-9]++) dlvrd:([0-9]++))?+"
        rf" submit date:{_DATES_FORM} stat:{_CODES_FORM}(?: {_TEXT_FORM})?+\Z"
    ),
    _GROUPS,
)
"""The same without counters, without text, or without either."""

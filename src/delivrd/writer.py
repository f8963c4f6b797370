"""The source of a builder, field of the report by field of the report.

The rule of this module: a line is written where the declaration has something for it, and nowhere else.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Final

from delivrd.entries import Entry, Form, Whole
from delivrd.report import Report
from delivrd.shapes import Reading, wire_fields
from delivrd.times import TimeForm

_GIVEN: Final = {"provider": "PROVIDER", "account": "ACCOUNT"}
"""The fields of a report that are the same for every item."""


class Writer:
    """Writes one builder.

    Args:
        reading: what feeds what.
        code_fields: the provider's, in order of authority.
        entry: how an item comes.

    Raises:
        ValueError: the entry looks fields up together that cannot be.
    """

    def __init__(self, reading: Reading, code_fields: tuple[str, ...], entry: Entry) -> None:
        self.fields = reading.fields
        self.reading = reading
        self.entry = entry
        self.arguments = {name: _GIVEN.get(name, name) for name in Report.__struct_fields__}
        self.kinds = wire_fields(reading.shape)
        self.code_fields = code_fields
        self.lines: list[str] = []
        self.holders: dict[tuple[str, ...], str] = {}
        self.whole_codes = self._whole_codes()

    def source(self) -> str:
        """A function `make` of what an account gives, which returns the builder."""
        if self.reading.report_if is not None and self.entry.unmarked:
            self._write(self.entry.unmarked.replace("MARK", self._fetch(self.reading.report_if)))
        self._codes()
        self._identity()
        for field in ("group_id", "text", "channel", "currency"):
            self._words(field)
        self._words("recipient", strip=True)
        if self.reading.international:
            self._write("if recipient is not None: recipient = international(recipient)")
        self._words("sender", strip=True)
        self._times()
        self._network()
        self._count("parts")
        self._price("part_price")
        self._price("total_price")
        self._continues()
        self._extras()
        lines = [*self.entry.opening, *self._with_warnings()]
        report = f"Report({', '.join(self.arguments.values())})"
        lines.append(self.entry.closing.replace("REPORT", report))
        names = ", ".join(("ACCOUNT", "MEMORY", "classify", "ZONE", "MINUTES", "FALLS_BACK", *self.entry.names))
        body = "\n".join("        " + line for line in lines)
        return f"def make({names}):\n    def build({self.entry.arguments}):\n{body}\n    return build\n"

    def _whole_codes(self) -> Whole | None:
        """What is looked up as one: codes that feed nothing else."""
        codes = frozenset(self.code_fields) - {name for name, _ in self.fields.feeds()}
        if len(self.entry.wholes) > 1 or not all(each.fields <= codes for each in self.entry.wholes):
            raise ValueError("together: expected codes that feed nothing else, once at most")
        return next(iter(self.entry.wholes), None)

    def _with_warnings(self) -> list[str]:
        """The lines, and beside them what gathers warnings, where any line gives one."""
        given = not self.entry.opening
        if not given and not any("own" in line for line in self.lines):
            return self.lines
        return [*([] if given else ["own = None"]), *self.lines, "if own: warnings += tuple(own)"]

    def _leave_out(self, field: str, value: str = "None") -> None:
        """The report has nothing of this field."""
        self.arguments[field] = value

    def _write(self, line: str) -> None:
        self.lines.append(line)

    def _fetch(self, name: str) -> str:
        """An expression for one wire field; None, or empty, where it is absent."""
        if name not in self.kinds:
            return "None"
        if self.entry.form is Form.PARTS:
            return repr(self.entry.given[name]) if name in self.entry.given else self.entry.parts.get(name, "None")
        if self.entry.form is Form.RECORD:
            return f"item.get({name!r})"
        attributes, _ = self.kinds[name]
        return self._get(attributes)

    def _get(self, attributes: tuple[str, ...]) -> str:
        """An expression for an attribute of the item, or of a shape inside it, which can be absent."""
        *outer, attribute = attributes
        if not outer:
            return _attribute("item", attribute)
        holder = self._hold(tuple(outer))
        return f"(None if {holder} is None else {_attribute(holder, attribute)})"

    def _hold(self, attributes: tuple[str, ...]) -> str:
        """A variable that holds an inner shape, or None."""
        if attributes not in self.holders:
            value = self._get(attributes)
            # Numbered: names that are joined from the parts of a path can be equal where the paths are not.
            self.holders[attributes] = f"inner{len(self.holders)}"
            self._write(f"{self.holders[attributes]} = {value}")
        return self.holders[attributes]

    def _assign(self, target: str, name: str) -> None:
        """Fetch one field as a text that says something, or None."""
        if name in self.entry.sure:
            self._write(f"{target} = {self._fetch(name)}")
            return
        if self._kind(name) == "text":
            self._write(f"{target} = {self._fetch(name)} or None")
            return
        # 0 is a value: only None and empty text are absent.
        self._write(f"{target} = {self._fetch(name)}")
        self._write(f"if {target}.__class__ is not str: {target} = as_text({target})")
        self._write(f"elif not {target}: {target} = None")

    def _kind(self, name: str) -> str:
        """What is fetched for a wire field."""
        return self.kinds[name][1] if self.entry.form is Form.SHAPE and name in self.kinds else "text"

    def _names(self, field: str) -> tuple[str, ...]:
        """The wire names that feed a field of the report, short of those that no item of this entry has."""
        names = self.fields.names(field)
        if self.entry.form is not Form.PARTS:
            return names
        return tuple(name for name in names if name in self.entry.parts or name in self.entry.given)

    def _words(self, field: str, *, strip: bool = False) -> None:
        names = self._names(field)
        if not names:
            self._leave_out(field)
            return
        if strip and self.entry.texts >= {*names[:1]} == {*names}:
            self._write(f"{field} = {self._fetch(names[0])}.strip() or None")
            return
        self._assign(field, names[0])
        for name in names[1:]:
            self._assign("other", name)
            if self.reading.own_ids and field == "message_id":
                self._write(f"if {field} is None or {field}.isspace(): {field} = other")
                continue
            self._write(f"{field}, own = first_of({names[0]!r}, {field}, {name!r}, other, own)")
        if strip:
            self._write(f"if {field} is not None: {field} = {field}.strip() or None")

    def _constant_codes(self) -> list[str]:
        """The code fields that are the same in every item; never all of them."""
        fixed = [name for name in self.code_fields if self._is_fixed(name)]
        return fixed if len(fixed) < len(self.code_fields) else []

    def _is_fixed(self, name: str) -> bool:
        if name not in self.kinds:
            return True
        return self.entry.form is Form.PARTS and (name in self.entry.given or name not in self.entry.parts)

    def _codes(self) -> None:
        constant, whole = self._constant_codes(), self.whole_codes
        values, keys = [], [] if whole is None else [whole.text]
        for index, name in enumerate(self.code_fields):
            if name in constant or (whole is not None and name in whole.fields):
                values.append(self._fetch(name))
                continue
            values.append(f"code{index}")
            keys.append(f"code{index}")
            self._write(f"code{index} = {self._fetch(name)}")
        # One dictionary inside another, a level a key: cheaper than a tuple of fresh texts as the key.
        self._look_up("verdict", f"MEMORY{''.join(f'[{key}]' for key in keys)}", whole)
        self._write(f"    verdict = classify(({', '.join(values)},), ({', '.join(keys)},))")
        self._write("    if verdict is None: raise without_code(CODE_FIELDS)")
        self._write("status, final, evidence, cause, permanence, map_error, tables, warnings, codes, failed = verdict")
        self._write("codes = codes.copy()")

    def _look_up(self, target: str, place: str, whole: Whole | None) -> None:
        """What is remembered; the lines that follow find it where it was not."""
        self._write(f"try: {target} = {place}")
        self._write(f"except KeyError: {target} = None")
        self._write(f"if {target} is None:")
        for line in () if whole is None else whole.apart:
            self._write(f"    {line}")

    def _identity(self) -> None:
        self._words("message_id")
        self._words("reference")
        ids = self.fields.names("message_id") or self.fields.names("reference")
        own, reference = self._names("message_id"), self._names("reference")
        # An id is kept exactly as sent, but white space alone is no id.
        missing = f"raise missing({' or '.join(ids)!r})"
        if own and self.reading.own_ids and own[-1] in self.entry.sure:
            pass
        elif own:
            self._write("if message_id is None or message_id.isspace():")
            self._write("    message_id = None")
            self._write(f"    if reference is None: {missing}" if reference else f"    {missing}")
        else:
            self._write(f"if reference is None: {missing}")
        # An id that stands for the message is no further one.
        others = [name for name in self._names("other_ids") if own != (name,)]
        if not others:
            self._leave_out("other_ids", "()")
            return
        kept = []
        for index, name in enumerate(others):
            self._assign(f"other_id{index}", name)
            differs = f" and other_id{index} != message_id" if name in ids else ""
            kept.append(f"((other_id{index},) if other_id{index} is not None{differs} else ())")
        self._write(f"other_ids = {' + '.join(kept)}")

    def _times(self) -> None:
        self._time("occurred_at")
        self._time("submitted_at")

    def _time(self, field: str) -> None:
        self._words(field)
        names = self._names(field)
        if not names:
            return
        slow = f"{field}, own = read_when({names[0]!r}, {field}, ZONE, TIMES, own)"
        if self.reading.times[0] is TimeForm.DIGITS:
            self._write(f"if {field} is not None:")
            self._write(f"    sent = {field}")
            self._write("    try:")
            self._write(f"        if len(sent) != 12: {field}, doubt = MINUTES[sent]")
            self._write("        else:")
            self._write(f"            {field}, doubt = MINUTES[sent[:10]]")
            self._write(f"            {field} += SECONDS[sent[10:]]")
            self._write(f"    except KeyError: {field}, doubt = read_digits(sent, ZONE, TIMES, MINUTES)")
            self._write(f"    if doubt is not None: own = warned(own, doubt, {names[0]!r}, sent)")
            return
        self._write(f"if {field} is not None:")
        if TimeForm.ISO in self.reading.times:
            # The commonest form, naive in UTC, at a sixth of the general reader's cost.
            # With a Z behind it, fromisoformat lets one wrong character pass: the length and the point rule that out.
            self._write(f"    if ZONE is UTC and len({field}) == 26 and {field}[19] == '.':")
            self._write(f"        try: {field} = fromisoformat({field} + 'Z')")
            self._write(f"        except ValueError: {slow}")
            self._write(f"    else: {slow}")
        else:
            self._write(f"    {slow}")

    def _network(self) -> None:
        names = ("mcc", "mnc", "carrier", "country")
        sent = [name for name in names if self._names(name)]
        if not sent:
            self._leave_out("network")
            return
        for name in sent:
            self._words(name)
        given = ", ".join(f"{name}={name}" for name in sent)
        self._write(f"network = Network({given}) if {' or '.join(sent)} else None")

    def _count(self, field: str) -> None:
        names = self._names(field)
        if [self._kind(name) for name in names] == ["count"]:
            self._write(f"{field} = {self._fetch(names[0])}")
            return
        self._words(field)
        for name in names[:1]:
            self._write(f"if {field} is not None: {field}, own = read_count({name!r}, {field}, own)")

    def _price(self, field: str) -> None:
        self._words(field)
        for name in self._names(field)[:1]:
            self._write(f"if {field} is not None:")
            self._write(f"    amount = recent_amount({field})")
            self._write(f"    if amount is None: {field}, own = read_price({name!r}, {field}, own)")
            self._write(f"    else: {field} = amount")

    def _continues(self) -> None:
        fallback = self.reading.fallback
        if fallback is None:
            self._leave_out("continues", "False")
        else:
            self._write(
                "continues = (failed and FALLS_BACK and group_id is not None and channel is not None"
                f" and channel.strip().lower() != {fallback.last!r})"
            )

    def _extras(self) -> None:
        if not self.entry.opening:
            self._write("if extras is None: extras = {}")
        elif self.entry.sure >= {*self.fields.extras}:
            known = ", ".join(f"{name!r}: {self._fetch(name)}" for name in self.fields.extras)
            self._leave_out("extras", f"{{{known}}}")
            return
        else:
            self._write("extras = {}")
        for name in self.fields.extras:
            self._assign("other", name)
            self._write(f"if other is not None: extras[{name!r}] = other")


def _attribute(holder: str, name: str) -> str:
    # A shape that a program makes can have attributes that no source can spell: keywords, and letters that the
    # compiler would write in their normal form.
    return f"{holder}.{name}" if name.isascii() and not iskeyword(name) else f"getattr({holder}, {name!r})"

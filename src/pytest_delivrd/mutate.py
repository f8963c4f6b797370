"""Mutations: what a hostile, broken or merely different sender makes of an input.

The rule of this module: a mutation is chosen by the random generator that it is given and by
nothing else, so that a seed says everything; and most mutations keep the input's structure, for
bytes at random are refused at the first gate and reach nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

import msgspec

from delivrd import DeliverSm, Input, Mail, Request, Response, header_pairs
from pytest_delivrd import hostilities as pool
from pytest_delivrd.documents import Document, Field, Path, at, documents, leaves, to_json, with_value


class Mutator:
    """Makes hostile inputs of sound ones.

    Args:
        random: decides everything.
        words: codes of the provider's tables: one field's code in another field is a likely mistake.
    """

    def __init__(self, random: Random, words: Sequence[str]) -> None:
        self.random = random
        self.words = words

    def mutate(self, input: Input) -> Input:
        """One hostile input, made of a sound one by one change, or a few."""
        changed = input
        for _ in range(self.random.choice((1, 1, 1, 1, 2, 3))):
            changed = self.random.choice(_CHANGES[type(changed)])(self, changed)
        return changed

    def text(self) -> str:
        """A text for a place where another one was expected."""
        return self.random.choice(self.words if self.words and self.random.random() < 0.25 else pool.TEXTS)

    def structure(self, input: Input) -> Input:
        """One field, where it stands."""
        document = self.random.choice(documents(input) or [None])
        if document is None or not (document.fields or document.form == "json"):
            return self.raw(input)
        if document.form == "json":
            return document.put(self._json(document))
        return self.random.choice(_FIELD_CHANGES)(self, document, self.random.choice(document.fields))

    def raw(self, input: Input) -> Input:
        """Bytes, at random places."""
        match input:
            case Request() if not input.body or self.random.random() < 0.2:
                bent = self._bent(input.target.encode("utf-8", "surrogatepass"))
                encoding = self.random.choice((("latin-1",), ("utf-8", "surrogateescape")))
                return _replace(input, target=bent.decode(*encoding))
            case Request() | Response():
                return _replace(input, body=self._bent(input.body))
            case Mail():
                return Mail(self._bent(input.raw))
            case DeliverSm():
                return _replace(input, short_message=self._bent(input.short_message))

    def whole(self, input: Input) -> Input:
        """Everything in place of the payload at once: nothing, deep nesting, a flood."""
        payload = self.random.choice(pool.FLOODS if self.random.random() < 0.05 else pool.BODIES)
        match input:
            case Mail():
                return Mail(self.random.choice((payload, *pool.MAILS)))
            case DeliverSm():
                return _replace(input, short_message=payload)
            case Request() if self.random.random() < 0.2:
                return _replace(input, target=self.random.choice(pool.TARGETS))
            case _:
                return _replace(input, body=payload)

    def headers(self, input: Request | Response) -> Input:
        """Another content type, none, or nonsense in every header."""
        held = header_pairs(input.headers)
        kept = [pair for pair in held if pair[0].lower() != "content-type"]
        match self.random.randrange(4):
            case 0 | 1:
                held = [*kept, ("Content-Type", self.random.choice(pool.CONTENT_TYPES))]
            case 2:
                held = kept
            case _:
                held = [*((name, self.text()) for name, _ in held), ("", ""), ("Authorization", "Basic \u2603")]
        return _replace(input, headers=tuple(held))

    def line(self, input: Request | Response) -> Input:
        """What stands in a message's first line, or where it came from."""
        match input:
            case Request() if self.random.random() < 0.7:
                return _replace(input, method=self.random.choice(pool.METHODS))
            case Request():
                return _replace(input, client=self.random.choice(pool.CLIENTS))
            case Response():
                return _replace(input, status=self.random.choice(pool.STATUSES))

    def moved(self, input: Request) -> Input:
        """The query in the body, or the body in the query."""
        path, _, query = input.target.partition("?")
        if input.body and self.random.random() < 0.7:
            return _replace(input, target=f"{path}?{input.body.decode('latin-1')}", body=b"")
        return _replace(input, target=path, body=query.encode("utf-8", "surrogatepass"))

    def mail(self, input: Mail) -> Input:
        """Another header of a mail."""
        header = self.random.choice(pool.MAIL_HEADERS)
        name = header.partition(b":")[0].lower()
        lines = [line for line in input.raw.split(b"\n") if not line.lower().startswith(name)]
        return Mail(b"\n".join([header, *lines]))

    def pdu(self, input: DeliverSm) -> Input:
        """Another field of a PDU than its text."""
        match self.random.randrange(5):
            case 0:
                return _replace(input, esm_class=self.random.randrange(256))
            case 1:
                return _replace(input, data_coding=self.random.randrange(256))
            case 2:
                return _replace(input, source=self.text(), destination=self.text())
            case 3:
                tag = self.random.choice((*input.tlvs, *pool.TAGS))
                return _replace(input, tlvs={**input.tlvs, tag: self.random.choice(pool.TLVS)})
            case _:
                kept = {tag: self._bent(held) for tag, held in input.tlvs.items() if self.random.random() < 0.7}
                return _replace(input, tlvs=kept)

    def change_value(self, document: Document, field: Field) -> Input:
        """Another value in a field, as its form writes it."""
        return document.with_value(field, self.text())

    def bend_value(self, document: Document, field: Field) -> Input:
        """Other bytes in a field's value."""
        return document.spliced(field.inner, self._bent(document.data[slice(*field.inner)]))

    def drop_field(self, document: Document, field: Field) -> Input:
        """A field less."""
        return document.spliced(field.outer, b"")

    def repeat_field(self, document: Document, field: Field) -> Input:
        """A field sent again, with the same value or another."""
        start, value, end = (document.data[a:b] for a, b in _thirds(field))
        if self.random.random() < 0.5:
            value = self.text().encode("utf-8", "replace")
        again = start + value + end
        if document.form == "pairs" and not again.endswith(b"&"):
            again = b"&" + again
        return document.spliced((field.outer[1],) * 2, again * self.random.choice((1, 1, 1, 5, 250)))

    def swap_fields(self, document: Document, field: Field) -> Input:
        """One field's value in another's place."""
        first, second = sorted((field, self.random.choice(document.fields)), key=_start)
        if first.inner[1] > second.inner[0]:
            return self.change_value(document, field)
        data, (a, b), (c, d) = document.data, first.inner, second.inner
        return document.put(data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:])

    def rename_field(self, document: Document, field: Field) -> Input:
        """A value under another name."""
        head = document.data[field.outer[0] : field.inner[0]]
        others = (head.upper(), head.lower(), head.swapcase(), b"x" + head, head[1:], head * 2, b"=", b":", b"&")
        return document.spliced((field.outer[0], field.inner[0]), self.random.choice(others))

    def _json(self, document: Document) -> bytes:
        """A JSON document, changed at one place."""
        tree = document.tree()
        ways = [path for path, _ in leaves(tree)]
        # Now and then a value that holds others.
        path = self.random.choice(ways)[: self.random.choice((None, None, None, None, -1))]
        match self.random.randrange(10):
            case 0 | 1:
                tree = with_value(tree, path, self.text())
            case 2 | 3:
                tree = with_value(tree, path, self.random.choice(pool.VALUES))
            case 4 | 5:
                marked = to_json(with_value(tree, path, "@kit@"))
                return marked.replace(b'"@kit@"', self.random.choice(pool.JSON_TOKENS))
            case 6:
                tree = _without(tree, path)
            case 7:
                tree = _swapped(tree, path, self.random.choice(ways))
            case 8:
                tree = self._renamed(tree, path)
            case _:
                return self._other_spelling(tree, document.data)
        return to_json(tree)

    def _renamed(self, tree: Any, path: Path) -> Any:
        holder = at(tree, path[:-1])
        if not path or not isinstance(holder, dict):
            return [tree]
        name = str(path[-1])
        holder[self.random.choice((name.upper(), name + " ", "", "\ud800", f"{name}.{name}", self.text()))] = (
            holder.pop(name)
        )
        return tree

    def _other_spelling(self, tree: Any, data: bytes) -> bytes:
        match self.random.randrange(5):
            case 0:
                return json.dumps(tree).encode(self.random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig")))
            case 1:
                # Names that stand twice, with other values.
                return b'{"status":"x","id":null,' + data.lstrip()[1:]
            case 2:
                return data + self.random.choice((b"}", b"\x00", b"\n\n", data, b"\xef\xbb\xbf", b" " * 3000))
            case 3:
                return to_json(self.random.choice(([tree], [tree, tree], {"a": tree}, [tree] * 50, str(tree))))
            case _:
                return data.replace(b'"', b"'")

    def _bent(self, data: bytes) -> bytes:
        """Some bytes, changed at random places."""
        random = self.random
        start, end = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
        match random.randrange(7):
            case 0:
                return data[:start]
            case 1:
                return data[:start] + data[end:]
            case 2:
                return data[:end] + data[start:end] * random.choice((1, 1, 20)) + data[end:]
            case 3:
                return data[:start] + random.randbytes(random.randint(1, 8)) + data[end:]
            case 4:
                return data[:start] + random.choice(pool.BYTES) + data[start:]
            case 5:
                return data[:start] + bytes([random.randrange(256)]) + data[start + 1 :]
            case _:
                return random.choice(pool.BYTES) + data


def _without(tree: Any, path: Path) -> Any:
    if not path:
        return {}
    del at(tree, path[:-1])[path[-1]]
    return tree


def _swapped(tree: Any, path: Path, other: Path) -> Any:
    if other[: len(path)] == path:
        return [tree]
    value = at(tree, path)
    return with_value(with_value(tree, path, at(tree, other)), other, value)


def _start(field: Field) -> int:
    return field.outer[0]


def _thirds(field: Field) -> tuple[tuple[int, int], ...]:
    """The spans of a field before its value, of its value, and after it."""
    return (field.outer[0], field.inner[0]), field.inner, (field.inner[1], field.outer[1])


_FIELD_CHANGES: Final[tuple[Callable[[Mutator, Document, Field], Input], ...]] = (
    *[Mutator.change_value] * 2,
    Mutator.bend_value,
    Mutator.drop_field,
    Mutator.repeat_field,
    Mutator.swap_fields,
    Mutator.rename_field,
)
"""What can be done to a field; what stands twice is done more often."""

_Change = Callable[[Mutator, Any], Input]
_CHANGES: Final[Mapping[type[Input], Sequence[_Change]]] = {
    Request: [
        *[Mutator.structure] * 10,
        *[Mutator.raw] * 3,
        Mutator.whole,
        *[Mutator.headers] * 2,
        Mutator.line,
        Mutator.moved,
    ],
    Response: [
        *[Mutator.structure] * 10,
        *[Mutator.raw] * 3,
        Mutator.whole,
        *[Mutator.headers] * 2,
        *[Mutator.line] * 2,
    ],
    Mail: [*[Mutator.structure] * 8, *[Mutator.raw] * 4, Mutator.whole, *[Mutator.mail] * 3],
    DeliverSm: [*[Mutator.structure] * 8, *[Mutator.raw] * 4, Mutator.whole, *[Mutator.pdu] * 5],
}
"""What can be done to each kind of input, likewise."""

_replace = msgspec.structs.replace

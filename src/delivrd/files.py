"""Inputs as they are kept in files: `.http`, `.eml`, `.hex`, `.jsonl`.

The rule of this module: bytes in, samples out; no file is touched here. Any bytes whatever raise
nothing but `SampleError`, and no error shows what a file holds, for it can hold secrets.

Leading lines that begin with `#` are comments, and some of them say more:

    # source: where the input comes from
    # asked: the id that it answers
    # account: {"secrets": ["…"]}
    # received_at: 2024-01-31T12:00:00+00:00
    # client: 192.0.2.1

What follows them is, byte for byte, one HTTP message (`.http`), one mail (`.eml`), one SMPP PDU in
hexadecimal (`.hex`), or one JSON object a line (`.jsonl`), each with such fields of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from itertools import chain
from typing import Any, Final

import msgspec

from delivrd.accounts import Account
from delivrd.errors import DelivrdError
from delivrd.inputs import DeliverSm, Input, Mail, Request
from delivrd.memory import Recent
from delivrd.pdu import read_pdu, write_pdu
from delivrd.samplelines import (
    FileLine,
    InputLine,
    account_document,
    account_of,
    line_of,
    parse_line,
    parse_object,
    write_line,
)
from delivrd.wire import read_http, write_http

SUFFIXES: Final = (".http", ".eml", ".hex", ".jsonl")
"""How the names of files that hold inputs end."""

_BOM: Final = b"\xef\xbb\xbf"
_BESIDE: Final = ("source", "asked", "account", "received_at", "client")
"""What a comment can say."""

_ACCOUNTS_KEPT: Final = 256


class SampleError(DelivrdError, ValueError):
    """A file, or a line of one, holds no input. The message names the file and the line.

    Attributes:
        name: of the file.
        content: what could not be read.
    """

    def __init__(self, message: str, *, name: str = "", content: bytes = b"") -> None:
        super().__init__(message)
        self.name = name
        self.content = content


class Sample(msgspec.Struct, frozen=True):
    """One input as kept in a file.

    Attributes:
        input: as it arrived.
        asked: the id that it answers, if it is the answer to a question.
        account: to read it with.
        received_at: when it arrived; aware.
        source: where it comes from.
    """

    input: Input
    asked: str | None = None
    account: Account | None = None
    received_at: datetime | None = None
    source: str | None = None


class AccountMemory:
    """Accounts of lines, each as one object however many lines hold it, for a provider is made ready once for each."""

    def __init__(self) -> None:
        self._known: Recent[str, Account] = Recent(_ACCOUNTS_KEPT)

    def account(self, document: Mapping[str, Any]) -> Account:
        """The account of a line; raises as `account_of`."""
        written = json.dumps(document)
        known = self._known.get(written)
        if known is None:
            known = account_of(document)
            self._known.keep(written, known)
        return known


def read_samples(name: str, data: bytes) -> list[Sample]:
    """The inputs of one file.

    Args:
        name: its name; how it ends says what it holds.
        data: its content.

    Raises:
        SampleError: it, or a line of it, holds no input.
    """
    samples = []
    for _, found in read_each(name, data):
        if isinstance(found, SampleError):
            raise found
        samples.append(found)
    return samples


def read_each(name: str, data: bytes) -> Iterator[tuple[int, Sample | SampleError]]:
    """The inputs of one file, each for itself, with the number of its first line.

    A line that holds none gives its error in its place.

    Args: as `read_samples`.
    """
    return _read_each(name, data, kept=False)


def read_lines(name: str, lines: Iterable[bytes]) -> Iterator[tuple[int, Sample | SampleError]]:
    """The inputs of one `.jsonl` file that comes line by line, as `read_each` gives them: a long one is never held.

    Args:
        name: of the file, for the errors.
        lines: each with its line end.
    """
    return _read_lines(name, lines, kept=False)


def _read_lines(name: str, lines: Iterable[bytes], *, kept: bool) -> Iterator[tuple[int, Sample | SampleError]]:
    coming = iter(lines)
    head: list[bytes] = []
    # A byte-order mark stands before the first line alone.
    line = next(coming, b"").removeprefix(_BOM)
    while line.startswith(b"#"):
        head.append(line)
        line = next(coming, b"")
    said = _comments(b"".join(head))[0]
    accounts = AccountMemory()
    for number, each in enumerate(chain([line], coming), start=len(head) + 1):
        if each.strip():
            for found in _read_line(name, number, each.removesuffix(b"\n"), said, accounts, kept=kept):
                yield number, found


def _read_each(name: str, data: bytes, *, kept: bool) -> Iterator[tuple[int, Sample | SampleError]]:
    """As `read_each`; `kept` says that a line of JSON holds the file."""
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), None)
    if suffix is None:
        wanted = ", ".join(SUFFIXES)
        yield 1, SampleError(f"{name}: expected a name that ends with {wanted}", name=name, content=data)
        return
    if suffix == ".jsonl":
        yield from _read_lines(name, BytesIO(data), kept=kept)
        return
    said, content, first = _comments(data if suffix == ".eml" else data.removeprefix(_BOM))
    try:
        yield first, _sample(_READERS[suffix](content, first), said)
    except ValueError as error:
        yield 1, SampleError(f"{name}: {error}", name=name, content=data)


def read_line(data: bytes, accounts: AccountMemory) -> Sample:
    """The input of one line of a `.jsonl` without its comments.

    Args:
        data: the line.
        accounts: those of lines read before.

    Raises:
        SampleError: it holds none, or a whole file; the message shows no value.
    """
    try:
        line = parse_line(data)
        if isinstance(line, FileLine):
            raise ValueError("kind: expected one input, found a file")
        return _line_sample(line, _Comments(), accounts)
    except ValueError as error:
        raise SampleError(str(error), content=data) from None


def read_account(name: str, data: bytes) -> Account:
    """An account from a JSON file.

    Raises:
        SampleError: it holds none; the message shows no value.
    """
    try:
        return account_of(parse_object(data.removeprefix(_BOM)))
    except ValueError as error:
        raise SampleError(f"{name}: {error}", name=name) from None


def write_sample(sample: Sample) -> tuple[str, bytes]:
    """A file that `read_samples` reads as this sample.

    Returns:
        How its name ends, and its content: in the form of its input, or as a line of JSON where
        that form does not hold it (a header with a line end in it, say).

    Raises:
        SampleError: not even JSON holds it (a naive time, say).
    """
    kept = sample_line(sample)
    suffix = {Mail: ".eml", DeliverSm: ".hex"}.get(type(sample.input), ".http")
    for form in (suffix, ".jsonl"):
        try:
            content = _write(form, sample, kept)
            # Reading it back is what tells whether the form holds it: no list of exceptions could.
            if [sample_line(found) for found in read_samples("sample" + form, content)] == [kept]:
                return form, content
        except ValueError:
            continue
    raise SampleError("the sample holds what no file can: a naive time, a zone without a name, or no text")


def sample_line(sample: Sample, *, reason: str | None = None) -> InputLine:
    """A sample as a line of JSON; `samplelines.write_line` writes it.

    Args:
        sample: any.
        reason: why it could not be read, to stand beside it.
    """
    return line_of(
        sample.input,
        asked=sample.asked,
        account=None if sample.account is None else account_document(sample.account),
        received_at=None if sample.received_at is None else sample.received_at.isoformat(),
        source=sample.source,
        reason=reason,
    )


def _write(suffix: str, sample: Sample, kept: InputLine) -> bytes:
    if suffix == ".jsonl":
        return write_line(kept)
    beside: dict[str, Any] = msgspec.to_builtins(kept)
    lines = []
    for name in _BESIDE:
        value = beside.get(name)
        if value is not None:
            lines.append(f"# {name}: {value if isinstance(value, str) else msgspec.json.encode(value).decode()}\n")
    match sample.input:
        case Mail():
            content = sample.input.raw
        case DeliverSm():
            content = write_pdu(sample.input).hex().encode() + b"\n"
        case _:
            content = write_http(sample.input)
    return "".join(lines).encode() + content


class _Comments:
    """What the leading comments of a file say. A bad one is an error only where it is needed."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._faults: dict[str, str] = {}

    def add(self, name: str, value: str, line: int) -> None:
        if self._said.setdefault(name, value) != value:
            self._faults.setdefault(name, f"line {line}: '# {name}:' is there twice with different values; keep one")

    def get(self, name: str) -> str | None:
        """What they say under a name; None where they do not.

        Raises:
            ValueError: they say two different things.
        """
        if name in self._faults:
            raise ValueError(self._faults[name])
        return self._said.get(name)


def _comments(data: bytes) -> tuple[_Comments, bytes, int]:
    """What the leading comments say, what follows them, and the number of its first line."""
    said = _Comments()
    at, number = 0, 1
    while data.startswith(b"#", at):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        name, colon, value = data[at + 1 : end].decode("utf-8", "replace").partition(":")
        name, value = name.strip(), value.strip()
        if colon and name in _BESIDE and value:
            said.add(name, value, number)
        at, number = min(end + 1, len(data)), number + 1
    return said, data[at:], number


def _sample(found: Input, said: _Comments) -> Sample:
    asked, source, client, account = (said.get(name) for name in ("asked", "source", "client", "account"))
    if isinstance(found, Request) and client is not None:
        found = msgspec.structs.replace(found, client=client)
    return Sample(found, asked, None if account is None else _account(account), _time(said.get("received_at")), source)


def _account(text: str) -> Account:
    return account_of(_document(text))


def _document(text: str) -> dict[str, Any]:
    try:
        return parse_object(text.encode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise ValueError(f"account: {error}") from None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            # The first and the last hours of the calendar are no times in UTC, in some zones.
            time.astimezone(UTC)
            return time
    except (ValueError, OverflowError):
        pass
    raise ValueError("received_at: expected a time with its zone, such as 2024-01-31T12:00:00+00:00")


def _read_line(
    name: str, number: int, data: bytes, said: _Comments, accounts: AccountMemory, *, kept: bool
) -> Iterator[Sample | SampleError]:
    try:
        line = parse_line(data)
        if not isinstance(line, FileLine):
            yield _line_sample(line, said, accounts)
            return
        content = line.content()
        if kept:
            # Files within files without end would exhaust the stack.
            raise ValueError("kind: expected no file in a file")
    except ValueError as error:
        yield SampleError(f"{name}: line {number}: {error}", name=name, content=data)
        return
    for _, found in _read_each(line.name, content, kept=True):
        if isinstance(found, SampleError):
            found = SampleError(f"{name}: line {number}: {found}", name=line.name, content=found.content)
        yield found


def sample_of(line: InputLine) -> Sample:
    """The sample that a line of JSON holds; `sample_line` is the inverse.

    Raises:
        ValueError: a field of it cannot be meant; the message names it, and shows no value.
    """
    return _line_sample(line, _Comments(), AccountMemory())


def _line_sample(line: InputLine, said: _Comments, accounts: AccountMemory) -> Sample:
    account = line.account
    if account is None and (shared := said.get("account")) is not None:
        account = _document(shared)
    return Sample(
        line.input(),
        said.get("asked") if line.asked is None else line.asked,
        None if account is None else accounts.account(account),
        _time(said.get("received_at") if line.received_at is None else line.received_at),
        said.get("source") if line.source is None else line.source,
    )


def _read_mail(data: bytes, _: int) -> Mail:
    return Mail(data)


def _read_hex(data: bytes, line: int) -> DeliverSm:
    try:
        pdu = bytes.fromhex("".join(data.decode("ascii").split()))
    except ValueError:
        raise ValueError(f"line {line}: expected a PDU in hexadecimal") from None
    return read_pdu(pdu)


def _read_http(data: bytes, line: int) -> Input:
    return read_http(data, line=line)


_READERS: Final = {".http": _read_http, ".eml": _read_mail, ".hex": _read_hex}

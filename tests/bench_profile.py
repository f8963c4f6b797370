"""Where the time of a read goes: the compiled reader, cut after each of its lines, and what each line adds.

Run: `make bench-profile`. Lines that add less than the noise show as nothing; the last column is the line.
"""

from __future__ import annotations

from functools import partial
from timeit import Timer
from typing import Any

from bench_inputs import pdu, request

import delivrd.builder as builder
from delivrd import Account, Input, Provider, Registry
from delivrd.memory import Memory
from delivrd.writer import Writer

ROUNDS, CALLS = 25, 10_000
ZONED = Account(zone="UTC")


class _Seen:
    """The last reader that was compiled for inputs, as source, and what it was bound to."""

    def __init__(self) -> None:
        self.found: tuple[str, dict[str, Any], builder.Frame, tuple[Any, ...]] | None = None

    def watch(self) -> None:
        made, bound = builder.Compiled.__init__, builder.Compiled.bind

        def make(this: Any, provider: str, reading: Any, code_fields: Any, entry: Any, **constants: Any) -> None:
            made(this, provider, reading, code_fields, entry, **constants)
            this.seen = (Writer(reading, code_fields, entry).source(), entry)

        def bind(this: Any, frame: builder.Frame, *names: Any) -> Any:
            source, entry = this.seen
            if entry.opening:
                self.found = (source, this._make.__globals__, frame, names)
            return bound(this, frame, *names)

        builder.Compiled.__init__ = make  # type: ignore[method-assign]
        builder.Compiled.bind = bind  # type: ignore[method-assign]


def profile(title: str, provider: Provider, input: Input, account: Account, seen: _Seen) -> None:
    provider.read(input, account)
    assert seen.found is not None
    source, space, frame, names = seen.found
    lines = source.split("\n")
    head, body = lines[:2], [line for line in lines[2:-2] if line.strip()]
    print(f"\n{title}: nanoseconds")
    before = 0.0
    for end in range(1, len(body) + 1):
        following = body[end] if end < len(body) else ""
        if following.startswith("         ") or following.strip().startswith(("except", "else", "if verdict is None")):
            continue
        cut = body[:end]
        whole = cut[-1].strip().startswith("return Receipt")
        own = dict(space)
        exec("\n".join([*head, *cut, *([] if whole else ["        return None"]), "    return build", ""]), own)
        memory = Memory()
        classify = partial(memory.classify, frame.classifier)
        build = own["make"](frame.account, memory.verdicts, classify, frame.zone, {}, {}, frame.falls_back, *names)
        build(input, None, None)
        took = best(lambda build=build: build(input, None, None))
        if took - before > 15 or whole:
            print(f"{took:7.0f} {took - before:+6.0f}  {cut[-1].strip()[:100]}")
        before = took
    print(f"{best(lambda: provider.read(input, account)):7.0f}         Provider.read, whole")


def best(call: Any) -> float:
    timer = Timer(call)
    return min(timer.timeit(CALLS) for _ in range(ROUNDS)) / CALLS * 1e9


def main() -> None:
    seen = _Seen()
    seen.watch()
    providers = Registry.installed()
    event = request("messente-omnichannel", "delivered-documented-sample.http")
    get = request("messente-legacy", "delivered-documented-sample.http")
    receipt = pdu("smpp", "delivered-specification-example.hex")
    profile("SMPP receipt", providers["smpp"], receipt, ZONED, seen)
    profile("Messente legacy, GET", providers["messente-legacy"], get, Account(), seen)
    # Of the two ways of this provider, the one for answers is no function of its own.
    profile("Messente Omnichannel, callback", providers["messente-omnichannel"], event, Account(), seen)


if __name__ == "__main__":
    main()

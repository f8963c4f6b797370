"""One side of a comparison: a program that is run as a file, in a process of its own.

The rule of this module: it works with whatever release of delivrd it meets, its own or one that the side brings, so
it uses public names only, and imports nothing of delivrd before the side's paths stand first.

Its argument is a JSON object: `paths`, to stand before all others, and `allow`, the plugins to load. It first writes a
line that says what it has. Then it reads pairs of lines, an account (empty for none) beside the name of a provider,
and an input, and answers each with a line.
"""

from __future__ import annotations

import json
import os
import sys
from typing import IO, Any

_ACCOUNTS = 64
"""Accounts that are held: a provider keeps itself ready for each that it meets."""


def main() -> None:
    """Be a side, until nothing more is asked."""
    told = json.loads(sys.argv[1])
    sys.path[:0] = told["paths"]
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a plugin prints is no answer, and what it reads is no question.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    try:
        registry = _registry(told["allow"])
        _answer(answers, _described(registry))
        _read_all(registry, asked, answers)
    # A plugin is a stranger's code; whoever asks is told, in one line.
    except Exception as error:
        _answer(answers, {"failed": f"{type(error).__name__}: {error}"})


def _registry(allow: list[str]) -> Any:
    from delivrd import Registry

    return Registry.installed(allow=allow)


def _described(registry: Any) -> dict[str, Any]:
    """What this side has: its plugins, and the tables of their providers, as plain values."""
    import msgspec

    plugins = [
        {"name": each.name, "distribution": each.distribution, "error": None if each.error is None else str(each.error)}
        for each in registry.plugins
        if not each.blocked
    ]
    providers = {
        name: {
            "finality": provider.finality,
            "no_code": msgspec.to_builtins(provider.no_code),
            "tables": msgspec.to_builtins(provider.tables),
            "absences": msgspec.to_builtins(provider.absences),
            "offers": msgspec.to_builtins(getattr(provider, "offers", ())),
        }
        for name, provider in registry.items()
    }
    return {"plugins": plugins, "refused": [str(each) for each in registry.refused.values()], "providers": providers}


def _read_all(registry: Any, asked: IO[bytes], answers: IO[bytes]) -> None:
    from delivrd import Account

    accounts: dict[bytes, tuple[Any, Any]] = {}
    while head := asked.readline():
        line = asked.readline()
        try:
            if head not in accounts:
                if len(accounts) >= _ACCOUNTS:
                    # The oldest makes room.
                    del accounts[next(iter(accounts))]
                name, document = json.loads(head)
                accounts[head] = (registry[name], None if document is None else Account.from_dict(document))
            provider, account = accounts[head]
            made = _read(provider, account, line)
        except Exception as error:
            # Only its kind: the words of an error can hold what the input held.
            made = {"error": type(error).__name__}
        _answer(answers, made)


def _read(provider: Any, account: Any, line: bytes) -> dict[str, Any]:
    from delivrd import read_samples

    (sample,) = read_samples("input.jsonl", line)
    receipt = provider.read(sample.input, account, asked=sample.asked, received_at=sample.received_at)
    absence = receipt.absence
    return {
        "reports": [report.to_dict() for report in receipt.reports],
        "absence": None if absence is None else str(absence.kind),
        "problems": len(receipt.problems),
        "others": len(receipt.others),
    }


def _answer(answers: IO[bytes], document: dict[str, Any]) -> None:
    answers.write(json.dumps(document).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()

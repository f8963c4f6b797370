"""An outcome as it stands on file beside its input.

The rule of this module: it needs nothing but delivrd, so that whoever makes a package can write the
outcomes that the kit will compare.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from delivrd import InputError, Receipt

OUTCOME: str = ".json"
"""How the name of a file that holds an outcome ends."""


def outcome_of(outcome: Receipt | InputError) -> dict[str, Any]:
    """An outcome as plain values, as on file."""
    if isinstance(outcome, Receipt):
        return {"receipt": outcome.to_dict()}
    return {
        "error": {
            "type": type(outcome).__name__,
            "message": str(outcome),
            "field": outcome.field,
            "reply": msgspec.to_builtins(outcome.reply),
        }
    }


def of_file(suffix: str, outcomes: Sequence[Receipt | InputError]) -> Any:
    """What came of the inputs of one file, as plain values: a list where the file is one of lines.

    Args:
        suffix: how the file's name ends.
        outcomes: one of each input.
    """
    written = [outcome_of(outcome) for outcome in outcomes]
    return written if suffix == ".jsonl" else written[0]


def text_of(values: Any) -> str:
    """Plain values as the text of an outcome's file."""
    return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

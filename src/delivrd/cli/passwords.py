"""Passwords that a call names without saying them.

The rule of this module: a password comes from the environment or a file, and never stands on the command line.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from delivrd.cli.session import Refusal


def named_password(option: str, variable: str | None, file: str | None) -> str:
    """The password that an option names.

    Args:
        option: how the two options begin: `--password`, for `--password-env` and `--password-file`.
        variable: of the environment.
        file: that holds it; line ends after it are no part of it.

    Raises:
        Refusal: not exactly one of them is named, or it holds no password.
    """
    if (variable is None) == (file is None):
        raise Refusal(f"expected a password: either {option}-env or {option}-file")
    if variable is not None:
        found = os.environ.get(variable, "")
    else:
        try:
            found = Path(file or "").read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise Refusal(f"{option}-file: {click.format_filename(file or '')}: {reason}") from error
    if not found:
        raise Refusal(f"{option}-{'env' if variable is not None else 'file'}: it holds no password")
    return found

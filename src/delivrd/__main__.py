"""`python -m delivrd`: the command line. The rule of this module: nothing but that."""

from __future__ import annotations

from delivrd.cli import main

if __name__ == "__main__":
    main(prog_name="delivrd")

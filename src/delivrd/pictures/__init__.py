"""Pictures of code tables, as SVG.

The rule of this package: a picture is drawn from the tables alone, the same one each time, and its
words are text. It brings its own background, and colours for light and for dark pages.
"""

from __future__ import annotations

from delivrd.pictures.coverage import draw_coverage
from delivrd.pictures.flow import draw_codes
from delivrd.pictures.svg import NARROW, WIDE

__all__ = ["NARROW", "WIDE", "draw_codes", "draw_coverage"]

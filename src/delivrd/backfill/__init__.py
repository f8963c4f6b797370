"""Backfill: files of inputs, of any size, to a folder of reports; on all cores, and resumable.

The rule of this package: a unit of the source becomes one part of the target, whole or not at all,
and the same unit always becomes the same part. So whatever kills it, what is left is to be done again.

An extra of the distribution: `pip install 'delivrd[arrow]'`.
"""

from __future__ import annotations

"""What counted samples are known by."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from finauth_eval.counting.cells import Cells
    from finauth_eval.counting.part import Part

__all__ = ["digest_of"]


def digest_of(total: Part, cells: Cells | None) -> str:
    """sha256 of the counts: the same for the same samples in any order and in any parts.

    Args:
        total: All samples.
        cells: Those of each cluster, where some belong together.
    """
    digest = hashlib.sha256(b"finauth-eval/score-counts/1")
    counts = total.counts
    for own in (counts.scores + 0.0, counts.bona_fide, counts.attack, *counts.by_attack_type.values()):
        digest.update(np.ascontiguousarray(own, dtype="<f8").tobytes())
    rest = [sorted(own.items(), key=str) for own in (total.silent, total.unsent)]
    digest.update(json.dumps([[*counts.by_attack_type], rest]).encode())
    if cells is not None:
        bare = cells.over()
        digest.update(np.ascontiguousarray(bare.clusters, dtype="<u8").tobytes())
        for part in (bare.keys, bare.sizes):
            digest.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
    return digest.hexdigest()

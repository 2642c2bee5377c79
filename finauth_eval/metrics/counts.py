"""Unique scores with their counts per class: the one sort that every curve, rate and interval reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ScoreCounts"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreCounts:
    """How often each distinct score was seen, per class and attack type; exact, and it adds up.

    Attributes:
        scores: Distinct scores, ascending, shape (k,).
        bona_fide: Bona fide samples at each score, shape (k,).
        attack: Attacks at each score, of every type together, shape (k,).
        by_attack_type: Attacks at each score for every named type, each of shape (k,).
    """

    scores: NDArray[np.float64]
    bona_fide: NDArray[np.int64]
    attack: NDArray[np.int64]
    by_attack_type: Mapping[str, NDArray[np.int64]]

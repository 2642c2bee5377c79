"""What differs between two runs against what differs when one asks the same run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = ["Noise", "Repeats", "noise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """The same content asked more than once within one run.

    Attributes:
        contents: Contents with at least two scores.
        changed: Those whose scores differ.
        flipped: Those decided both ways at the threshold.
        largest: The largest difference of a content's scores.
    """

    contents: int
    changed: int
    flipped: int
    largest: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "contents": self.contents,
            "changed": self.changed,
            "flipped": self.flipped,
            "largest": self.largest,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Changes between the runs against the noise within them.

    Attributes:
        a: What asking again changed in A; ``None`` where it was not asked again.
        b: The same of B.
        pairs: Samples with a score in both runs.
        changed: Those whose score differs between the runs.
        beyond: Those whose score moved by more than any content's did when it was asked again.
        flips_beyond: Flips among these.
    """

    a: Repeats | None
    b: Repeats | None
    pairs: int
    changed: int
    beyond: int
    flips_beyond: int

    def to_dict(self) -> dict[str, Any]:
        """``stability`` of the JSON."""
        return {
            "a": None if self.a is None else self.a.to_dict(),
            "b": None if self.b is None else self.b.to_dict(),
            "pairs": self.pairs,
            "changed": self.changed,
            "beyond_replicates": self.beyond,
            "flips_beyond_replicates": self.flips_beyond,
        }


def noise(
    a: ScoreTable,
    b: ScoreTable,
    change: NDArray[np.float64],
    flipped: NDArray[np.bool_],
    thresholds: tuple[float, float],
) -> Noise | None:
    """Compare what changed between the runs with what asking again changes; ``None`` where neither run asked again.

    Args:
        a: The reference.
        b: What is compared with it.
        change: Score in B less score in A of every pair, shape (n,).
        flipped: Whether the two runs decide it differently, shape (n,).
        thresholds: The threshold of A and that of B.
    """
    of_a, of_b = (_repeats(own, at) for own, at in zip((a, b), thresholds, strict=True))
    known = [own for own in (of_a, of_b) if own is not None and own.contents]
    if not known:
        return None
    # more than rounding: 0.3 - 0.2 is a little less than 0.1
    beyond = np.abs(change) > max(own.largest for own in known) + 1e-9
    return Noise(
        a=of_a,
        b=of_b,
        pairs=change.size,
        changed=int(np.count_nonzero(change)),
        beyond=int(np.count_nonzero(beyond)),
        flips_beyond=int(np.count_nonzero(beyond & flipped)),
    )


def _repeats(scores: ScoreTable, threshold: float) -> Repeats | None:
    if scores.replicates is None:
        return None
    known = scores.replicates.dropna(subset=["score"])
    groups = known.assign(flagged=known["score"] >= threshold).groupby("sha256", sort=False)
    spread = groups.agg(
        n=("score", "size"), low=("score", "min"), high=("score", "max"), flagged=("flagged", "sum")
    )
    several = spread[spread["n"] > 1]
    apart = (several["high"] - several["low"]).to_numpy()
    return Repeats(
        contents=len(several),
        changed=int(np.count_nonzero(apart)),
        flipped=int(((several["flagged"] > 0) & (several["flagged"] < several["n"])).sum()),
        largest=float(apart.max(initial=0.0)),
    )

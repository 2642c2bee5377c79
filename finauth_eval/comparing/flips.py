"""The samples that two runs decide differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = ["Flip", "flips", "require_reachable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A sample that B decides differently than A.

    Attributes:
        sample_id: Its id in A.
        label: ``"bona_fide"`` or ``"attack"``; ``None`` without labels.
        attack_type: The attack's type, where it has one.
        a: Its score in A.
        b: Its score in B.
        worse: Whether A is right and B wrong; ``None`` without labels.
    """

    sample_id: str
    label: str | None
    attack_type: str | None
    a: float
    b: float
    worse: bool | None

    def to_dict(self) -> dict[str, Any]:
        """The fields of the JSON contract, and whether it got worse."""
        return {
            "sample_id": self.sample_id,
            "label": self.label,
            "attack_type": self.attack_type,
            "a": self.a,
            "b": self.b,
            "worse": self.worse,
        }


def flips(
    a: ScoreTable,
    b: ScoreTable,
    rows: tuple[NDArray[np.intp], NDArray[np.intp]],
    thresholds: tuple[float, float],
    *,
    labelled: bool,
) -> tuple[Flip, ...]:
    """The pairs that are decided differently: first those that got worse, and of these the largest changes first.

    Args:
        a: The reference.
        b: What is compared with it.
        rows: Rows of A and of B that are the same sample, every one with a score.
        thresholds: The threshold of A and that of B.
        labelled: Whether both runs know which samples are attacks.
    """
    one, other = a.scores[rows[0]], b.scores[rows[1]]
    different = (one >= thresholds[0]) != (other >= thresholds[1])
    if not different.any():
        return ()
    own = a.frame.iloc[rows[0][different]]
    frame = pd.DataFrame({
        "sample_id": own["sample_id"].astype(str).to_numpy(),
        "label": own["label"].astype(object).to_numpy(),
        "attack_type": own["attack_type"].astype(object).to_numpy(),
        "a": one[different],
        "b": other[different],
        "flagged": other[different] >= thresholds[1],
    })  # fmt: skip
    frame["worse"] = (frame["flagged"] != (frame["label"] == "attack")) & labelled
    frame["apart"] = (frame["b"] - frame["a"]).abs()
    ordered = frame.sort_values(
        ["worse", "apart", "sample_id"], ascending=[False, False, True], kind="stable"
    )
    return tuple(
        Flip(
            sample_id=name, label=_text(label), attack_type=_text(kind), a=before, b=after,
            worse=bool(worse) if labelled else None,
        )
        for name, label, kind, before, after, worse in zip(
            *(ordered[column].tolist() for column in ("sample_id", "label", "attack_type", "a", "b", "worse")),
            strict=True,
        )
    )  # fmt: skip


def require_reachable(threshold: float, a: ScoreTable, b: ScoreTable) -> None:
    """Refuse a threshold that no score can reach, for at it nothing can ever get worse.

    Raises:
        ValueError: All scores of both tables lie in [0, 1], and the threshold does not.
    """
    known = np.concatenate([own.scores[own.scored] for own in (a, b)])
    if known.size and known.min() >= 0 and known.max() <= 1 and not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold:g}; expected a number in [0, 1], as the scores are")


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)

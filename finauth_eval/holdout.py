"""Which samples thresholds are chosen on, and which they are measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.errors import NothingToEvaluate
from finauth_eval.policies import valid_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.samples import ClusteredSamples
    from finauth_eval.scores import ScoreTable

__all__ = ["hold_out"]


def hold_out(
    scores: ScoreTable, samples: ClusteredSamples, share: float | None, *, rng: np.random.Generator
) -> tuple[ClusteredSamples, ClusteredSamples | None]:
    """The samples to choose on, and those to measure on where there are any.

    Args:
        scores: The table.
        samples: Its scored samples.
        share: Share of the clusters (else samples) of each class to measure on, in (0, 1); ``None`` keeps to the
            ``split`` column where it has ``calibration`` and ``test``, and else measures on none.
        rng: Source of randomness.

    Raises:
        NothingToEvaluate: No sample of the split ``calibration`` has a score.
        ValueError: The share is not in (0, 1).
    """
    if share is not None:
        unseen = _drawn(samples, valid_share("holdout", share), rng)
        chosen_on = ~unseen
    elif {"calibration", "test"} <= {*scores.frame["split"].cat.categories}:
        split = scores.frame["split"][scores.scored]
        chosen_on, unseen = (split == "calibration").to_numpy(), (split == "test").to_numpy()
        if not chosen_on.any():
            raise NothingToEvaluate(
                "no sample of the split 'calibration' has a score; no threshold can be chosen"
            )
    else:
        return samples, None
    return samples.take(chosen_on), samples.take(unseen) if unseen.any() else None


def _drawn(samples: ClusteredSamples, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows are kept away from choosing: whole clusters, or samples, a share of those of each class."""
    attack = samples.arrays.is_attack
    groups = np.arange(attack.size) if samples.clusters is None else samples.clusters
    has_attack = np.zeros(int(groups.max()) + 1, dtype=bool)
    has_attack[groups[attack]] = True
    held = np.zeros_like(has_attack)
    for stratum in (np.unique(groups[has_attack[groups]]), np.unique(groups[~has_attack[groups]])):
        size = round(share * stratum.size)
        held[rng.permutation(stratum)[:size]] = True
    return held[groups]

"""Whether a score can be read as a probability: Brier, reliability, ECE, Cllr and min-Cllr."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import xlogy

from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.metrics.intervals import rate
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["Calibration", "ReliabilityBin", "calibration", "prior_shift"]

_BLOCK: Final = 1 << 13  # rows whose intermediate results stay in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """One bin of the reliability curve.

    Attributes:
        low: Left edge of the bin (included).
        high: Right edge (excluded, but for the last bin).
        mean_score: Mean score of the bin's samples; ``nan`` when it is empty.
        attack_share: Share of attacks among them, with a Clopper-Pearson interval.
    """

    low: float
    high: float
    mean_score: float
    attack_share: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {
            "low": self.low,
            "high": self.high,
            "mean_score": finite_or_none(self.mean_score),
            "attack_share": self.attack_share.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How well scores in [0, 1] agree with frequencies, at this data's mix of classes.

    Attributes:
        brier: Mean squared difference between score and truth.
        ece: Expected calibration error over the ``reliability`` bins.
        cllr: Log-likelihood-ratio cost in bits, the score read as a posterior at prior 0.5.
        min_cllr: The same after the best monotone recalibration (PAV, tied scores pooled): discrimination alone.
        reliability: Bins of equal width over [0, 1].
        reasons: For every undefined number its reason.
    """

    brier: float
    ece: float
    cllr: float
    min_cllr: float
    reliability: tuple[ReliabilityBin, ...]
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The numbers (undefined ones ``None``), the bins, and the reasons."""
        return {
            "brier": finite_or_none(self.brier),
            "ece": finite_or_none(self.ece),
            "cllr": finite_or_none(self.cllr),
            "min_cllr": finite_or_none(self.min_cllr),
            "reliability": [bin_.to_dict() for bin_ in self.reliability],
            "calibration_reasons": {name: str(why) for name, why in self.reasons.items()},
        }


def calibration(counts: ScoreCounts, *, bins: int = 10, confidence: float = 0.95) -> Calibration:
    """Measure how far the scores can be read as probabilities of an attack.

    Args:
        counts: Counts of both classes.
        bins: How many bins of equal width over [0, 1] for the reliability curve and the ECE: the first is
            [0, 1/bins), the last includes 1.
        confidence: Nominal coverage of the bins' Clopper-Pearson intervals, in (0, 1).

    Returns:
        The numbers; whatever is undefined is ``nan`` and has its reason. Brier and ECE speak of this data's mix of
        classes; Cllr and min-Cllr do not depend on it.

    References:
        Brier, G. (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1-3.
        Brümmer, N. and du Preez, J. (2006). Application-independent evaluation of speaker detection. Computer Speech
        and Language 20, 230-275 (Cllr and its minimum by pool-adjacent-violators).

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> found = calibration(ScoreCounts.from_arrays([0.1, 0.4, 0.35, 0.8], [False, False, True, True]))
        >>> round(found.brier, 6), round(found.min_cllr, 4)
        (0.158125, 0.5)
    """
    reasons: dict[str, str] = {}
    n = counts.n_attack + counts.n_bona_fide
    if not n or not counts.in_unit_range:
        reason = phrase("a score lies outside [0, 1]") if n else phrase("no sample has a score")
        reasons |= dict.fromkeys(("brier", "ece", "cllr"), reason)
    brier = math.nan if reasons else _brier(counts) / n
    reliability = () if reasons else _reliability(counts, bins, confidence=confidence)
    ece = math.nan if reasons else _expected_calibration_error(reliability)
    if not counts.n_attack or not counts.n_bona_fide:
        reason = phrase(
            "no {of} has a score", of=phrase("attack") if counts.n_bona_fide else phrase("bona fide sample")
        )
        reasons = {"cllr": reason, "min_cllr": reason} | reasons
    cllr = math.nan if "cllr" in reasons else _cllr(counts)
    if math.isinf(cllr):
        cllr = math.nan
        reasons["cllr"] = phrase("infinite: an attack scored exactly 0 or a bona fide sample exactly 1")
    min_cllr = math.nan if "min_cllr" in reasons else _min_cllr(counts)
    return Calibration(
        brier=brier, ece=ece, cllr=cllr, min_cllr=min_cllr, reliability=reliability, reasons=reasons
    )


def prior_shift(posterior: ArrayLike, *, data_prior: float, prior: float) -> NDArray[np.float64]:
    """Probabilities of an attack as they are where attacks are more or less frequent than in the data.

    odds' = odds * [prior / (1 - prior)] / [data_prior / (1 - data_prior)]: right where the score is calibrated at
    ``data_prior`` and the scores within each class are distributed as there.

    Args:
        posterior: Probabilities of an attack, in [0, 1].
        data_prior: Share of attacks for which they are right, in (0, 1).
        prior: Share of attacks in the deployment's traffic, in [0, 1].

    Returns:
        Of ``posterior``'s shape, in [0, 1]; 0 and 1 stay as they are.

    Raises:
        ValueError: A share or a probability is out of range.

    References:
        Elkan, C. (2001). The foundations of cost-sensitive learning. IJCAI 17, 973-978 (theorem 2).

    Example:
        >>> prior_shift([0.0, 0.5, 0.9, 1.0], data_prior=0.5, prior=0.01).round(4).tolist()
        [0.0, 0.01, 0.0833, 1.0]
    """
    if not 0 < data_prior < 1:
        raise ValueError(f"data_prior is {data_prior!r}; expected a share in (0, 1)")
    if not 0 <= prior <= 1:
        raise ValueError(f"prior is {prior!r}; expected a share in [0, 1]")
    before = np.asarray(posterior, dtype=np.float64)
    if not ((before >= 0) & (before <= 1)).all():
        raise ValueError("a posterior is not in [0, 1]")
    attack = before * (prior * (1 - data_prior))
    bona_fide = (1 - before) * ((1 - prior) * data_prior)
    total = attack + bona_fide
    # certain and excluded by the prior: the score is kept, for no evidence speaks of the other class
    return np.divide(attack, total, out=before.copy(), where=total > 0)


def _brier(counts: ScoreCounts) -> float:
    total = 0.0
    for scores, attack, bona_fide in _blocks(counts):
        total += float(np.dot(attack, (1 - scores) ** 2) + np.dot(bona_fide, scores**2))
    return total


def _reliability(counts: ScoreCounts, bins: int, *, confidence: float) -> tuple[ReliabilityBin, ...]:
    edges = np.arange(bins + 1) / bins
    cuts = np.append(0, np.append(np.searchsorted(counts.scores, edges[1:-1]), counts.scores.size))
    found = []
    for i in range(bins):
        rows = slice(int(cuts[i]), int(cuts[i + 1]))
        attacks = int(counts.attack[rows].sum())
        every = counts.attack[rows] + counts.bona_fide[rows]
        size = int(every.sum())
        mean = float(np.dot(every, counts.scores[rows])) / size if size else math.nan
        found.append(
            ReliabilityBin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                mean_score=mean,
                attack_share=rate(attacks, size, confidence=confidence, of=phrase("sample in this bin")),
            )
        )
    return tuple(found)


def _expected_calibration_error(reliability: tuple[ReliabilityBin, ...]) -> float:
    filled = [own for own in reliability if own.attack_share.n]
    total = sum(own.attack_share.n for own in filled)
    return sum(own.attack_share.n * abs(own.attack_share.value - own.mean_score) for own in filled) / total


def _cllr(counts: ScoreCounts) -> float:
    """Mean over both classes of the bits lost when the score is read as P(attack) at prior one half."""
    misses = alarms = 0.0
    with np.errstate(divide="ignore"):  # a certain and wrong score costs infinitely much
        for scores, attack, bona_fide in _blocks(counts):
            missed, alarmed = attack > 0, bona_fide > 0
            misses -= float(np.dot(attack[missed], np.log2(scores[missed])))
            alarms -= float(np.dot(bona_fide[alarmed], np.log2(1 - scores[alarmed])))
    return (misses / counts.n_attack + alarms / counts.n_bona_fide) / 2


def _min_cllr(counts: ScoreCounts) -> float:
    """Cllr of the posterior that pool-adjacent-violators makes of the scores; tied scores stay together.

    An attack's score and the bona fide samples' scores up to the next one's are always pooled, for the share of
    attacks falls between them: so a row for each score that attacks have is enough.
    """
    from scipy.optimize import isotonic_regression  # 0.25 s to import, and only needed here

    placements = counts.placements
    m, n = placements.n_attack, placements.n_bona_fide
    missed = np.append(0, placements.passed)  # attacks up to each row, the first being before all of them
    cleared = np.append(placements.below, n)  # bona fide samples up to the next attack's score
    share, weight = np.empty(missed.size), np.empty(missed.size)
    share[0], weight[0] = 0, cleared[0] / n
    np.divide(np.diff(missed), m, out=share[1:])
    np.divide(np.diff(cleared), n, out=weight[1:])
    weight[1:] += share[1:]
    first = 0 if cleared[0] else 1  # a weight of 0 has no share
    share[first:] /= weight[first:]
    blocks = isotonic_regression(share[first:], weights=weight[first:]).blocks + first
    passed = np.diff(missed[blocks[1:] - 1], prepend=0).astype(np.float64)
    below = np.diff(cleared[blocks[1:] - 1], prepend=0).astype(np.float64)
    attacks, others = passed / m, below / n
    posterior = attacks / (attacks + others)
    lost = -xlogy(attacks, posterior) - xlogy(others, 1 - posterior)
    return float(lost.sum()) / (2 * math.log(2))


def _blocks(
    counts: ScoreCounts,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Scores and the counts of attacks and of bona fide samples at them, in blocks that stay in the cache."""
    for start in range(0, counts.scores.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        yield (
            counts.scores[part],
            counts.attack[part].astype(np.float64),
            counts.bona_fide[part].astype(np.float64),
        )

"""What a threshold does: confusion matrix, APCER, BPCER and their relatives at one operating point."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finauth_eval.metrics.estimate import Estimate, finite_or_none
from finauth_eval.metrics.intervals import clopper_pearson, rate
from finauth_eval.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.metrics.counts import ScoreCounts

__all__ = ["Confusion", "OperatingPoint", "WorstType", "operating_points", "worst_type"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Decisions against the truth; an attack is the positive class.

    Attributes:
        tp: Attacks decided attack.
        fn: Attacks decided bona fide (misses).
        fp: Bona fide samples decided attack (false alarms).
        tn: Bona fide samples decided bona fide.
    """

    tp: int
    fn: int
    fp: int
    tn: int

    def to_dict(self) -> dict[str, int]:
        """The four counts."""
        return {"tp": self.tp, "fn": self.fn, "fp": self.fp, "tn": self.tn}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstType:
    """The attack type that is missed most often, with the interval of the maximum over all types."""

    attack_type: str
    estimate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The type's name beside the fields of the estimate."""
        return {"attack_type": self.attack_type, **self.estimate.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """What happens when every score of at least ``threshold`` is decided an attack.

    Attributes:
        threshold: The threshold, on the score's own scale.
        source: ``"run"`` (the answers' own threshold), ``"default"`` (0.5), ``"requested"``, or a policy's name.
        confusion: The decisions, counted.
        apcer: Share of attacks decided bona fide, all types pooled.
        bpcer: Share of bona fide samples decided attack.
        apcer_worst: The attack type with the highest APCER; ``None`` when no attack has a type.
        apcer_by_attack_type: APCER of every type.
        precision: Share of attacks among what was decided attack, at this data's mix; ``nan`` when undefined.
        recall: Share of attacks decided attack (1 - APCER); ``nan`` when undefined.
        f1: Harmonic mean of precision and recall; ``nan`` when undefined.
        accuracy: Share of right decisions at this data's mix; ``nan`` when undefined.
    """

    threshold: float
    source: str
    confusion: Confusion
    apcer: Estimate
    bpcer: Estimate
    apcer_worst: WorstType | None
    apcer_by_attack_type: Mapping[str, Estimate]
    precision: float
    recall: float
    f1: float
    accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """POINT of the JSON contract."""
        return {
            "threshold": finite_or_none(self.threshold),
            "source": self.source,
            "confusion": self.confusion.to_dict(),
            "apcer": self.apcer.to_dict(),
            "bpcer": self.bpcer.to_dict(),
            "apcer_worst": None if self.apcer_worst is None else self.apcer_worst.to_dict(),
            "apcer_by_attack_type": {
                name: rate.to_dict() for name, rate in self.apcer_by_attack_type.items()
            },
            "precision": finite_or_none(self.precision),
            "recall": finite_or_none(self.recall),
            "f1": finite_or_none(self.f1),
            "accuracy": finite_or_none(self.accuracy),
        }


def operating_points(
    counts: ScoreCounts,
    thresholds: Mapping[float, str] | Sequence[tuple[float, str]],
    *,
    confidence: float = 0.95,
) -> tuple[OperatingPoint, ...]:
    """The rates at each threshold, with Clopper-Pearson intervals.

    Args:
        counts: Counts of both classes.
        thresholds: Each threshold with its source, in the order wanted.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        One point a threshold; rates of a class without samples are undefined, with their reason.

    Example:
        >>> from finauth_eval.metrics.counts import ScoreCounts
        >>> counts = ScoreCounts.from_arrays([0.1, 0.5, 0.35, 0.8], [False, False, True, True])
        >>> operating_points(counts, [(0.5, "default")])[0].confusion
        Confusion(tp=1, fn=1, fp=1, tn=1)
    """
    pairs = list(thresholds.items()) if isinstance(thresholds, Mapping) else list(thresholds)
    rows = np.searchsorted(counts.scores, [threshold for threshold, _ in pairs], side="left")
    passed = {name: _sums_before(rows, own) for name, own in counts.by_attack_type.items()}
    missed, cleared = _sums_before(rows, counts.attack), _sums_before(rows, counts.bona_fide)
    sizes = {name: int(own.sum()) for name, own in counts.by_attack_type.items()}
    n_attack, n_bona_fide = counts.n_attack, counts.n_bona_fide
    points = []
    for i, (threshold, source) in enumerate(pairs):
        fn, tn = missed[i], cleared[i]
        confusion = Confusion(tp=n_attack - fn, fn=fn, fp=n_bona_fide - tn, tn=tn)
        by_type = {
            name: rate(
                passed[name][i],
                sizes[name],
                confidence=confidence,
                of=phrase("attack of type {name}", name=name),
            )
            for name in sizes
        }
        points.append(_point(float(threshold), source, confusion, by_type, confidence=confidence))
    return tuple(points)


def worst_type(by_attack_type: Mapping[str, Estimate]) -> WorstType | None:
    """The type with the highest rate, with an interval of the highest rate.

    The interval of the type that happens to be worst would be too low, for it was picked by its rate. The lower limit
    is the highest of the types' lower limits at (1 - confidence) / K, K types (Bonferroni); the upper limit is the
    highest of their plain upper limits (the truly worst type's own upper limit is among them).

    Args:
        by_attack_type: Clopper-Pearson estimates by type; types without samples are left out.

    Returns:
        The worst type (ties: the one first in order), or ``None`` when no type has a sample.

    Example:
        >>> found = worst_type({"mask": rate(2, 40), "swap": rate(5, 40)})
        >>> found.attack_type, found.estimate.value, round(found.estimate.low, 3), round(found.estimate.high, 3)
        ('swap', 0.125, 0.035, 0.268)
    """
    rates = {name: own for name, own in by_attack_type.items() if own.defined}
    if not rates:
        return None
    name = max(rates, key=lambda key: rates[key].value)
    worst = rates[name]
    strict = 1 - (1 - worst.confidence) / len(rates)
    low = max(
        clopper_pearson(round(own.value * own.n), own.n, confidence=strict)[0] for own in rates.values()
    )
    estimate = Estimate(
        value=worst.value,
        low=low,
        high=max(own.high for own in rates.values()),
        confidence=worst.confidence,
        n=worst.n,
        method="max-of-clopper-pearson",
    )
    return WorstType(attack_type=name, estimate=estimate)


def _point(
    threshold: float, source: str, confusion: Confusion, by_type: Mapping[str, Estimate], *, confidence: float
) -> OperatingPoint:
    tp, fn, fp, tn = confusion.tp, confusion.fn, confusion.fp, confusion.tn
    return OperatingPoint(
        threshold=threshold,
        source=source,
        confusion=confusion,
        apcer=rate(fn, tp + fn, confidence=confidence, of=phrase("attack")),
        bpcer=rate(fp, fp + tn, confidence=confidence, of=phrase("bona fide sample")),
        apcer_worst=worst_type(by_type),
        apcer_by_attack_type=dict(by_type),
        precision=_share(tp, tp + fp),
        recall=_share(tp, tp + fn),
        # undefined where precision or recall is
        f1=_share(2 * tp, 2 * tp + fp + fn) if tp + fp and tp + fn else math.nan,
        accuracy=_share(tp + tn, tp + fn + fp + tn),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _sums_before(rows: NDArray[np.intp], counts: NDArray[np.int64]) -> list[int]:
    """The sum of ``counts[:row]`` for each row, reading every count once."""
    order = np.argsort(rows, kind="stable")
    sums = [0] * rows.size
    total = start = 0
    for position in order.tolist():
        stop = int(rows[position])
        total += int(counts[start:stop].sum())
        sums[position], start = total, stop
    return sums

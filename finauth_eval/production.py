"""Scores from production, without labels: how many are flagged, whether scores moved, and how many attacks that means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.counted import counted
from finauth_eval.decisions import operating_thresholds, running_threshold
from finauth_eval.errors import NothingToEvaluate
from finauth_eval.metrics.ascending import Ascending
from finauth_eval.metrics.clustered import sizes_of
from finauth_eval.metrics.clustered_rates import effective_size
from finauth_eval.metrics.intervals import rate, valid_confidence
from finauth_eval.metrics.prevalence import Detector, Prevalence, prevalence
from finauth_eval.metrics.shift import ScoreShift, score_shift
from finauth_eval.samples import SampleArrays, clusters_in_words
from finauth_eval.tallied import Tallied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from finauth_eval.counting.part import Part
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.scores import Provenance, ScoreTable
    from finauth_eval.slicing import Windows

__all__ = ["ASSUMPTIONS", "Production", "Traffic", "watch"]

SCHEMA: Final = "finauth-eval/production/1"
ASSUMPTIONS: Final = (
    "The labelled samples were scored by the same detector and are decided at the same threshold.",
    "Attacks are flagged as often in production as among the labelled ones: the same types in the same mix, as well made.",
    "Genuine customers are flagged as often in production as among the labelled ones.",
    "Samples without a score are neither more often nor more rarely attacks than the others.",
)
"""What the estimated share of attacks rests on."""
_FEW: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Production's scores of one time, or of all of it.

    Attributes:
        scored: Samples with a score.
        no_response: Samples without a response.
        alert_rate: Share of the scored samples that are flagged.
        shift: How the scores lie against the reference's; ``None`` without a reference.
        attacks: The estimated share of attacks; ``None`` without labelled samples.
    """

    scored: int
    no_response: int
    alert_rate: Estimate
    shift: ScoreShift | None
    attacks: Prevalence | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "scored": self.scored,
            "no_response": self.no_response,
            "alert_rate": self.alert_rate.to_dict(),
            "score_shift": None if self.shift is None else self.shift.to_dict(),
            "prevalence": None if self.attacks is None else self.attacks.to_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What production's scores say without labels.

    Attributes:
        confidence: Nominal coverage of every interval.
        threshold: Samples are flagged when their score is at least this.
        threshold_source: ``"run"`` (the answers' own), ``"default"`` (0.5) or ``"requested"``.
        overall: All samples.
        windows: Those of each window of time, in order; empty without.
        windows_of: The column and length of the windows; ``None`` without.
        detector: What the labelled samples say of the detector at this threshold; ``None`` without such.
        assumptions: What the estimated share of attacks rests on.
        warnings: What a reader must know, in plain sentences.
        provenance: Where the scores come from.
        reference: Where the reference comes from, or ``None``.
        labelled: Where the labelled samples come from, or ``None``.
    """

    confidence: float
    threshold: float
    threshold_source: str
    overall: Traffic
    windows: Mapping[str, Traffic]
    windows_of: Windows | None
    detector: Detector | None
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    reference: Provenance | None
    labelled: Provenance | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval production --json``: plain values, no NaN, no infinity."""
        of = self.windows_of
        return {
            "schema": SCHEMA,
            "confidence": self.confidence,
            "threshold": self.threshold,
            "threshold_source": self.threshold_source,
            **self.overall.to_dict(),
            "detector": None if self.detector is None else self.detector.to_dict(),
            "windows": None
            if of is None
            else {
                "column": of.column,
                "every": of.every,
                "values": {name: own.to_dict() for name, own in self.windows.items()},
            },
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
            "sources": {
                name: None if own is None else {"source": own.source, "digest": own.digest}
                for name, own in (
                    ("production", self.provenance), ("reference", self.reference), ("labelled", self.labelled),
                )
            },
        }  # fmt: skip


def watch(
    scores: ScoreTable | Tallied,
    *,
    reference: ScoreTable | Tallied | None = None,
    labelled: ScoreTable | Tallied | None = None,
    threshold: float | None = None,
    windows: Windows | None = None,
    cluster: str | None = None,
    confidence: float = 0.95,
) -> Production:
    """Say what scores without labels can say: the alert rate, the score shift, and an estimate of how many are attacks.

    Args:
        scores: Production's scores; labels in it are not looked at. Counted ones (``scan_scores``) have been counted by
            ``windows``.
        reference: Scores that the shift is against, such as those of the weeks before.
        labelled: Samples with labels that the same detector scored: the share of attacks and of genuine customers that
            it flags, which the share of attacks in production is estimated from.
        threshold: Flag from this score on; ``None`` is the answers' own threshold where all name the same one, else 0.5.
        windows: Windows of time that are looked at each by itself too.
        cluster: Column that says which of the labelled samples belong together, as of `evaluate`.
        confidence: Nominal coverage of every interval, in (0, 1).

    Raises:
        NothingToEvaluate: No sample has a score.
        ScoresError: ``labelled`` has no labels.
        ValueError: A number out of range; an unknown column; or labelled samples that belong together were counted, and
            which do was not.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> known = pd.DataFrame({"label": ["real"] * 100 + ["fake"] * 100, "score": [0.1] * 98 + [0.9] * 100 + [0.1] * 2})
        >>> seen = ScoreTable.from_frame(pd.DataFrame({"score": [0.1] * 95 + [0.9] * 5}), require_labels=False)
        >>> found = watch(seen, labelled=ScoreTable.from_frame(known))
        >>> found.overall.alert_rate.value, round(found.overall.attacks.estimate.value, 3)
        (0.05, 0.031)
    """
    valid_confidence(confidence)
    by = () if windows is None else (windows,)
    tallied = scores if isinstance(scores, Tallied) else Tallied.of(scores, by, split=False, together=False)
    if not tallied.n_scored:
        raise NothingToEvaluate(
            f"{tallied.origin.source}: none of {len(tallied)} samples has a score; nothing can be said"
        )
    seen = tallied.audit.thresholds_seen
    asked = () if threshold is None else (threshold,)
    at, source = operating_thresholds(asked, seen, tallied.total.counts)[-1]
    known = None if labelled is None else _detector(labelled, at, cluster, confidence)
    held = None if reference is None else _all_of(_tallied(reference).total)
    parts = {} if windows is None else tallied.slices_of(windows.name)

    def traffic(part: Part) -> Traffic:
        own = _all_of(part)
        alerts = own.size - int(own.upto[row - 1] if (row := np.searchsorted(own.scores, at)) else 0)
        return Traffic(
            scored=own.size,
            no_response=sum(part.silent.values()),
            alert_rate=rate(alerts, own.size, confidence=confidence),
            shift=None if held is None else score_shift(held, own),
            attacks=None
            if known is None
            else prevalence(alerts, own.size, known[0], by_type=known[1], confidence=confidence),
        )

    overall = traffic(tallied.total)
    return Production(
        confidence=confidence,
        threshold=at,
        threshold_source=source,
        overall=overall,
        windows={name: traffic(part) for name, part in parts.items()},
        windows_of=windows,
        detector=None if known is None else known[0],
        assumptions=() if known is None else ASSUMPTIONS,
        warnings=tuple(_warnings(tallied, overall, at, labelled, known)),
        provenance=tallied.provenance,
        reference=None if reference is None else reference.provenance,
        labelled=None if labelled is None else labelled.provenance,
    )


def _tallied(scores: ScoreTable | Tallied) -> Tallied:
    return scores if isinstance(scores, Tallied) else Tallied.of(scores, cluster="none", split=False)


def _all_of(part: Part) -> Ascending:
    """Every scored sample, whatever its label."""
    counts = part.counts
    return Ascending.of(counts.scores, counts.bona_fide.astype(np.int64) + counts.attack)


def _detector(
    labelled: ScoreTable | Tallied, threshold: float, cluster: str | None, confidence: float
) -> tuple[Detector, dict[str, Detector]]:
    """What the labelled samples say of the detector, of all attacks and of each type."""
    found, _ = counted(labelled, cluster=cluster, split=False)
    cells, clusters = found.together(cluster), None
    if cells is None:
        counts = found.everything().counts
        arrays = SampleArrays.of_counts(counts, tuple(counts.by_attack_type))
    else:
        arrays, clusters, _ = cells.over(typed=found.types_told_apart).samples()
    flagged = arrays.scores >= threshold
    every = np.ones_like(flagged)
    weights = np.ones(flagged.size, dtype=np.int64) if arrays.weights is None else arrays.weights

    def size(own: NDArray[np.bool_]) -> float:
        if clusters is None:
            return float(weights[own].sum())
        n = int(clusters.max(initial=-1)) + 1
        events, sizes = (sizes_of(clusters[rows], weights[rows], n) for rows in (own & flagged, own))
        return effective_size(events, sizes, confidence=confidence)

    def of(attacks: NDArray[np.bool_]) -> Detector:
        bona_fide = every & ~arrays.is_attack
        return Detector(
            tpr=arrays.share(flagged, attacks),
            fpr=arrays.share(flagged, bona_fide),
            n_attack=size(attacks),
            n_bona_fide=size(bona_fide),
        )

    types = {
        name: own
        for i, name in enumerate(arrays.types)
        for own in (arrays.is_attack & (arrays.type_codes == i),)
        if own.any()
    }
    return of(arrays.is_attack), {name: of(types[name]) for name in sorted(types)}


def _warnings(
    scores: Tallied,
    overall: Traffic,
    threshold: float,
    labelled: ScoreTable | Tallied | None,
    known: tuple[Detector, dict[str, Detector]] | None,
) -> Iterator[str]:
    if overall.no_response:
        yield f"{overall.no_response} samples got no score and are in no rate."
    named = scores.audit.thresholds_seen
    if [*named] not in ([], [threshold]):
        words = ", ".join(f"{own:g}" for own in named[:5]) + (", ..." if len(named) > 5 else "")
        yield f"Production's answers name the thresholds {words}; alerts here are those from {threshold:g} on."
    if scores.belong_together and scores.subjects is not None:
        yield (
            f"{clusters_in_words(scores.subjects.column).capitalize()} have several samples in production; the intervals"
            " take samples as independent and are too narrow."
        )
    if known is None or labelled is None or overall.attacks is None:
        return
    theirs = _tallied(labelled).audit.thresholds_seen
    if theirs and running_threshold(theirs)[0] != threshold:
        yield (
            f"The labelled samples' answers name another threshold than {threshold:g}; what counts here is what their"
            " scores are from there on."
        )
    few = [
        f"{name} ({n:.0f})"
        for name, n in (("attacks", known[0].n_attack), ("bona fide samples", known[0].n_bona_fide))
        if n < _FEW
    ]
    if few:
        yield f"Fewer than {_FEW} labelled samples of a class, so that little is known of the detector: {', '.join(few)}."
    if overall.attacks.unclipped < 0:
        yield (
            "Fewer samples are flagged than genuine customers alone should be by the labelled samples, so the share of"
            " attacks is given as 0; customers in production may be flagged more rarely than those with labels."
        )
    if overall.attacks.unclipped > 1:
        yield (
            "More samples are flagged than attacks alone should be by the labelled samples, so the share of attacks is"
            " given as 1; the labelled samples do not stand for production."
        )

"""Two runs against each other: is one worse, how surely, and on which samples."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.comparing import comparable
from finauth_eval.comparing.clusters import Together
from finauth_eval.comparing.evidence import Evidence, Paired, Rates, Side, Unpaired
from finauth_eval.comparing.flips import Flip, flips, require_reachable
from finauth_eval.comparing.noise import Noise, noise
from finauth_eval.comparing.outcome import AtThreshold, Comparison, NonInferiority
from finauth_eval.comparing.pairing import Pairing, pair
from finauth_eval.comparing.parts import Part, attack_type_parts, slice_parts, sliced, with_holm
from finauth_eval.comparing.reselected import AtApcer, at_apcer
from finauth_eval.comparing.service import Latency, NoResponse, latency, no_response
from finauth_eval.comparing.shifts import Moves, Shift, moves, shift_of
from finauth_eval.decisions import current_threshold, running_threshold
from finauth_eval.errors import NothingToEvaluate
from finauth_eval.metrics.intervals import valid_confidence
from finauth_eval.phrases import phrase
from finauth_eval.samples import SampleArrays, require_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = [
    "AtApcer", "AtThreshold", "Comparison", "Flip", "Latency", "Moves", "NoResponse", "Noise", "NonInferiority",
    "Pairing", "Part", "Rates", "Shift", "compare",
]  # fmt: skip

DEFAULT_MARGIN: Final = 0.01


def compare(
    a: ScoreTable,
    b: ScoreTable,
    *,
    margin: float = DEFAULT_MARGIN,
    threshold: float | None = None,
    by: Sequence[str] = (),
    cluster: str | None = None,
    confidence: float = 0.95,
    bootstrap: int | None = None,
    seed: int | None = None,
) -> Comparison:
    """Compare two runs, of the same samples where they have them in common.

    Samples are the same when they have the same content (``sha256``), else the same id. Where the common samples are
    at least half of the smaller run, every test and interval is a paired one over those with a score in both runs:
    what both find hard cancels, and far smaller changes show. Else the runs are compared as independent samples, and
    that is said. Where a table has no labels, only the shift of the scores and the change of the alert rate are told.

    Args:
        a: The reference: the other region, the version before, last week.
        b: What is compared with it.
        margin: The largest worsening of an error rate that is put up with, in (0, 1); for non-inferiority.
        threshold: Decide both runs at this threshold; ``None`` is each run's own.
        by: Columns whose values are compared each by itself.
        cluster: Column that says which samples belong together; as of `finauth_eval.evaluate`.
        confidence: Nominal coverage of every interval, in (0, 1).
        bootstrap: Replicates for BPCER at a fixed APCER, each with thresholds chosen anew in both runs; 0 leaves them
            out, ``None`` is 2,000 for at most 10,000 samples, else 0.
        seed: Makes the bootstrap repeatable; ``None`` is 0.

    Raises:
        NothingToEvaluate: There is no sample with a score in both runs (or, unpaired, in one of them).
        ValueError: An unknown column, or an option out of range.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.scores import ScoreTable
        >>> week1 = pd.DataFrame({"sample_id": [*"abcd"], "label": ["real", "real", "fake", "fake"],
        ...                       "score": [0.1, 0.4, 0.35, 0.8]})
        >>> week2 = week1.assign(score=[0.1, 0.6, 0.35, 0.8])
        >>> change = compare(ScoreTable.from_frame(week1), ScoreTable.from_frame(week2))
        >>> [(flip.sample_id, flip.worse) for flip in change.flips], change.at_threshold.bona_fide.b_only
        ([('b', True)], 1)
    """
    valid_confidence(confidence)
    _valid_options(margin, threshold, bootstrap)
    pairing = pair(a, b)
    thresholds = (current_threshold(a), current_threshold(b)) if threshold is None else (threshold, threshold)
    rows_a, rows_b = _scored_rows(a, b, pairing)
    if not rows_a.size or not rows_b.size:
        what = "no sample has a score in both" if pairing.paired else "one of them has no scored sample"
        raise NothingToEvaluate(
            f"{a.provenance.source} and {b.provenance.source}: {what}; nothing can be compared"
        )
    if threshold is not None:
        require_reachable(threshold, a, b)
    clusters = Together.of(a, b, pairing, cluster)
    evidence = _evidence(a, b, pairing, clusters)
    columns = [(_column(a, b, name, rows_a, rows_b, paired=pairing.paired)) for name in by]
    scores_a, scores_b = a.scores[rows_a], b.scores[rows_b]
    moved = None
    if pairing.paired:
        moved = moves(scores_a, scores_b, clusters=evidence.a.clusters, confidence=confidence)
    labelled = a.labelled and b.labelled
    unanswered = no_response(a, b, pairing, clusters.of_all_pairs(), confidence=confidence)
    found = Comparison(
        a=a,
        b=b,
        pairing=pairing,
        evidence=evidence,
        clusters=clusters,
        thresholds=thresholds,
        requested=threshold is not None,
        confidence=confidence,
        comparability=comparable.notes(
            a,
            b,
            pairing,
            thresholds=thresholds,
            requested=threshold is not None,
            no_response=unanswered,
            confidence=confidence,
        ),
        auc_a=None,
        auc_b=None,
        auc=None,
        at_threshold=None,
        bpcer_at_apcer={},
        non_inferiority=None,
        attack_types={},
        slices={},
        alerts=_without_classes(evidence).rates("blocked", *thresholds, confidence=confidence),
        flips=flips(a, b, (rows_a, rows_b), thresholds, labelled=a.labelled and b.labelled)
        if pairing.paired
        else (),
        shift=shift_of(
            scores_a, scores_b, (a.is_attack[rows_a], b.is_attack[rows_b]) if labelled else None, moved
        ),
        no_response=unanswered,
        latency=latency(a, b, confidence=confidence),
        noise=_noise(a, b, rows_a, rows_b, thresholds) if pairing.paired else None,
        warnings=(),
    )
    if labelled:
        found = _with_classes(found, columns, margin=margin, bootstrap=bootstrap, seed=seed)
    return replace(found, warnings=_warnings(found, by))


def _with_classes(
    found: Comparison, columns: Sequence[Any], *, margin: float, bootstrap: int | None, seed: int | None
) -> Comparison:
    """The comparison with everything that needs labels."""
    evidence, thresholds, confidence = found.evidence, found.thresholds, found.confidence
    bona_fide = evidence.rates("blocked", *thresholds, confidence=confidence)
    attack = evidence.rates("missed", *thresholds, confidence=confidence)
    source = "requested" if found.requested else None
    point_a, point_b = (
        own.points([(at, source or _source(table))], confidence=confidence)[0]
        for own, table, at in zip((evidence.a, evidence.b), (found.a, found.b), thresholds, strict=True)
    )
    types, slices = with_holm(
        attack_type_parts(evidence, thresholds, confidence=confidence),
        slice_parts(evidence, columns, thresholds, confidence=confidence),
    )
    return replace(
        found,
        auc_a=evidence.a.area(confidence=confidence),
        auc_b=evidence.b.area(confidence=confidence),
        auc=evidence.areas(confidence=confidence),
        at_threshold=AtThreshold(a=point_a, b=point_b, bona_fide=bona_fide, attack=attack),
        bpcer_at_apcer=at_apcer(
            evidence, number=bootstrap, seed=0 if seed is None else seed, confidence=confidence
        ),
        non_inferiority=NonInferiority(
            margin=margin, confidence=confidence, bpcer_upper=bona_fide.upper, apcer_upper=attack.upper
        ),
        attack_types=types,
        slices=slices,
    )


def _source(table: ScoreTable) -> str:
    seen = table.frame["threshold"].dropna().unique()
    return running_threshold([float(value) for value in seen])[1]


def _valid_options(margin: float, threshold: float | None, bootstrap: int | None) -> None:
    if not 0 < margin < 1:
        raise ValueError(f"margin is {margin!r}; expected a share in (0, 1), such as 0.01 for one point")
    if threshold is not None and not math.isfinite(threshold):
        raise ValueError(f"threshold is {threshold!r}; expected a finite number")
    if bootstrap is not None and bootstrap < 0:
        raise ValueError(f"bootstrap is {bootstrap}; expected a number of replicates, or 0 for none")


def _scored_rows(a: ScoreTable, b: ScoreTable, pairing: Pairing) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows that the numbers rest on: pairs with a score in both, or every scored row of each run."""
    if not pairing.paired:
        return np.flatnonzero(a.scored), np.flatnonzero(b.scored)
    both = a.scored[pairing.rows_a] & b.scored[pairing.rows_b]
    return pairing.rows_a[both], pairing.rows_b[both]


def _evidence(a: ScoreTable, b: ScoreTable, pairing: Pairing, clusters: Together) -> Evidence:
    rows_a, rows_b = _scored_rows(a, b, pairing)
    # of pairs there is a cluster a pair, else one a row of each table
    both = a.scored[pairing.rows_a] & b.scored[pairing.rows_b]
    known_a, known_b = (both, both) if pairing.paired else (rows_a, rows_b)
    of_a = Side(
        arrays=_arrays(a, labelled=b.labelled).take(rows_a),
        clusters=None if clusters.a is None else clusters.a[known_a],
    )
    if pairing.paired:
        return Paired(a=of_a, b=replace(of_a, arrays=replace(of_a.arrays, scores=b.scores[rows_b])))
    of_b = Side(
        arrays=_arrays(b, labelled=a.labelled).take(rows_b),
        clusters=None if clusters.b is None else clusters.b[known_b],
    )
    return Unpaired(a=of_a, b=of_b)


def _arrays(own: ScoreTable, *, labelled: bool) -> SampleArrays:
    """The samples; without labels in either run all of one class."""
    if own.labelled and labelled:
        return SampleArrays.of(own)
    n = len(own)
    return SampleArrays(
        scores=own.scores, is_attack=np.zeros(n, dtype=bool), type_codes=np.full(n, -1), types=(),
        not_sent=np.asarray(own.frame["outcome"] == "not_sent"),
    )  # fmt: skip


def _without_classes(evidence: Evidence) -> Evidence:
    """The same samples as if they were of one class, for the share that is flagged."""

    def one_class(own: Side) -> Side:
        return replace(own, arrays=replace(own.arrays, is_attack=np.zeros_like(own.arrays.is_attack)))

    return replace(evidence, a=one_class(evidence.a), b=one_class(evidence.b))


def _column(
    a: ScoreTable,
    b: ScoreTable,
    name: str,
    rows_a: NDArray[np.intp],
    rows_b: NDArray[np.intp],
    *,
    paired: bool,
) -> Any:
    """A column to slice by: of pairs A's where it has it, else B's."""
    if not paired:
        return sliced(a, name, rows_a), sliced(b, name, rows_b)
    if name in a.frame.columns:
        own = sliced(a, name, rows_a)
    else:
        require_column(b, name)
        own = sliced(b, name, rows_b)
    return own, own


def _noise(
    a: ScoreTable,
    b: ScoreTable,
    rows_a: NDArray[np.intp],
    rows_b: NDArray[np.intp],
    thresholds: tuple[float, float],
) -> Noise | None:
    one, other = a.scores[rows_a], b.scores[rows_b]
    return noise(a, b, other - one, (one >= thresholds[0]) != (other >= thresholds[1]), thresholds)


def _warnings(found: Comparison, by: Sequence[str]) -> tuple[str, ...]:
    said = [] if found.clusters.doubt is None else [found.clusters.doubt]
    if not found.labelled and by:
        said.append(phrase("without labels nothing is compared by column"))
    return tuple(said)

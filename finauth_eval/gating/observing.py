"""What a rule looks at: how much worse a figure is and how surely, or how it stands by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import betainc, ndtr

from finauth_eval.comparing.evidence import Evidence, Paired, Side, Unpaired
from finauth_eval.metrics.delong import auc
from finauth_eval.phrases import phrase
from finauth_eval.samples import SampleArrays, cluster_codes
from finauth_eval.slicing import SliceColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.comparing.evidence import Parts
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.gating.rules import Rule
    from finauth_eval.scores import ScoreTable

__all__ = ["Material", "Seen", "absolute", "regression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one figure.

    Attributes:
        observed: How much worse it is than the baseline's, or its own value; ``nan`` where it is undefined.
        p_value: One-sided, of "not worse" or of "within the limit"; ``nan`` where no chance is involved, or where it
            comes of exchanging the runs.
        before: The baseline's value; ``nan`` for an absolute figure.
        after: The run's value.
        worst_case: One-sided limit of how much worse it may be; ``nan`` where it is not known.
        n: Samples that it rests on.
        independent: How many of them, or clusters of them, are independent.
        about: What it is about beyond the rule's own words, such as an attack type.
        reason: Why it is undefined.
    """

    observed: float
    p_value: float
    before: float
    after: float
    worst_case: float
    n: int
    independent: int
    about: str = ""
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """The samples that rules look at.

    Attributes:
        scored: The samples with a score.
        coverage: All samples; the "score" is 1 where there is none, else 0.
        thresholds: The thresholds in force.
        rows: For each slice that a rule names, which samples of A and of B are in it.
    """

    scored: Evidence
    coverage: Evidence
    thresholds: tuple[float, float]
    rows: Parts

    @classmethod
    def of(cls, found: Comparison, rules: tuple[Rule, ...]) -> Material:
        """From a comparison.

        Raises:
            ValueError: A rule's slice names a column or a value that is not there.
        """
        slices = {rule.slice for rule in rules if rule.slice is not None}
        return cls(
            scored=found.evidence,
            coverage=_coverage(found),
            thresholds=found.thresholds,
            rows={own: _rows(found, *own) for own in slices},
        )

    def exchanged(self, rng: np.random.Generator) -> Material:
        """As if nothing had changed: each sample's two answers exchanged at random."""
        scored, rows = self.scored.exchanged(rng, self.rows)
        coverage, _ = self.coverage.exchanged(rng)
        return replace(self, scored=scored, coverage=coverage, rows=rows)

    def of_rule(self, rule: Rule) -> Evidence:
        """The samples that a rule looks at."""
        if rule.metric == "coverage":
            return self.coverage
        return self.scored if rule.slice is None else self.scored.take(*self.rows[rule.slice])


def regression(rule: Rule, material: Material) -> Seen:
    """How much worse than the baseline a figure is.

    Args:
        rule: Which figure, of which samples.
        material: The samples.
    """
    evidence = material.of_rule(rule)
    at = material.thresholds if rule.threshold is None else (rule.threshold, rule.threshold)
    if rule.metric == "auc":
        return _area(evidence, confidence=rule.confidence)
    if rule.metric == "apcer_worst":
        return _worst(evidence, at, confidence=rule.confidence)
    if rule.metric.startswith("bpcer_at_apcer."):
        return _reselected(evidence, rule.metric.partition(".")[2])
    if rule.metric == "coverage":
        missing = _rate(evidence, "blocked", (0.5, 0.5), confidence=rule.confidence)
        return replace(missing, before=1 - missing.before, after=1 - missing.after)
    event = "blocked" if rule.metric == "bpcer" else "missed"
    return _rate(evidence, event, at, confidence=rule.confidence)


def _rate(evidence: Evidence, event: Any, at: tuple[float, float], *, confidence: float) -> Seen:
    found = evidence.rates(event, *at, confidence=confidence)
    change = found.change
    return Seen(
        observed=change.difference.value, p_value=change.p_increase, before=found.a.value, after=found.b.value,
        worst_case=found.upper, n=found.n, independent=found.independent, reason=change.difference.reason,
    )  # fmt: skip


def _area(evidence: Evidence, *, confidence: float) -> Seen:
    change = evidence.areas(confidence=confidence)
    before, after = (auc(own.arrays.counts()).value for own in (evidence.a, evidence.b))
    n, independent = _smaller_class(evidence)
    value = change.difference.value
    return Seen(
        observed=-value if value else value,
        p_value=change.p_decrease,
        before=before,
        after=after,
        worst_case=-change.difference.low,
        n=n,
        independent=independent,
        reason=change.difference.reason if math.isnan(change.p_value) else None,
    )


def _smaller_class(evidence: Evidence) -> tuple[int, int]:
    """Samples of the class that has fewer, and samples or clusters of the class that has fewer of those."""
    sizes, groups = [], []
    for own in (evidence.a, evidence.b):
        for of_class in (own.arrays.is_attack, ~own.arrays.is_attack):
            n = int(np.count_nonzero(of_class))
            sizes.append(n)
            groups.append(n if own.clusters is None else np.unique(own.clusters[of_class]).size)
    return min(sizes), min(groups)


def _worst(evidence: Evidence, at: tuple[float, float], *, confidence: float) -> Seen:
    """The worst type of each run; the test is that of B's worst type, made stricter by the number of types.

    Where the worst rate rose by some amount, that of B's worst type rose by no less; so the type's own test, with
    Bonferroni's correction for having picked it by its rate, answers for the maximum.
    """
    shared = sorted(evidence.a.arrays.attack_types_seen() & evidence.b.arrays.attack_types_seen())
    if not shared:
        nan = math.nan
        reason = phrase("no attack has a type")
        return Seen(
            observed=nan,
            p_value=nan,
            before=nan,
            after=nan,
            worst_case=nan,
            n=0,
            independent=0,
            reason=reason,
        )
    rates = {name: evidence.rates("missed", *at, attack_type=name, confidence=confidence) for name in shared}
    worst = max(shared, key=lambda name: rates[name].b.value)
    found = rates[worst]
    before = max(own.a.value for own in rates.values())
    return Seen(
        observed=found.b.value - before,
        p_value=min(1.0, len(shared) * found.change.p_increase),
        before=before,
        after=found.b.value,
        worst_case=math.nan,
        n=found.n,
        independent=found.independent,
        about=worst,
        reason=found.change.difference.reason,
    )


def _reselected(evidence: Evidence, key: str) -> Seen:
    before, after = evidence.a.bpcer_at_apcer(key), evidence.b.bpcer_at_apcer(key)
    n, independent = _smaller_class(evidence)
    reason = phrase("a class has no sample with a score") if math.isnan(after - before) else None
    return Seen(
        observed=after - before, p_value=math.nan, before=before, after=after, worst_case=math.nan, n=n,
        independent=independent, reason=reason,
    )  # fmt: skip


def absolute(rule: Rule, limit: float, material: Material, found: Comparison) -> Seen:
    """How a figure of the run stands by itself, over all its samples.

    Args:
        rule: Which figure, of which samples.
        limit: The ceiling or floor.
        material: The samples of both runs.
        found: The comparison, for samples that only the run has.
    """
    if rule.metric == "coverage":
        scored = found.b.scored
        share = float(scored.mean())
        return _alone(share, math.nan, scored.size)
    side = _own_side(found, rule)
    at = material.thresholds[1] if rule.threshold is None else rule.threshold
    if rule.metric == "auc":
        own = side.area(confidence=rule.confidence)
        if not own.defined:
            return _alone(math.nan, math.nan, own.n, reason=own.reason)
        surely_below = 0.0 if own.se == 0 else float(ndtr((own.value - limit) / own.se))
        return _alone(own.value, 1.0 if math.isnan(own.se) else surely_below, own.n, reason=None)
    if rule.metric.startswith("bpcer_at_apcer."):
        value = side.bpcer_at_apcer(rule.metric.partition(".")[2])
        n = int(np.count_nonzero(~side.arrays.is_attack))
        reason = phrase("a class has no sample with a score") if math.isnan(value) else None
        return _alone(value, _chance(value, n, limit), n, reason=reason)
    if rule.metric == "apcer_worst":
        types = sorted(side.arrays.attack_types_seen())
        if not types:
            return _alone(math.nan, math.nan, 0, reason=phrase("no attack has a type"))
        rates = {
            name: side.rate("missed", at, attack_type=name, confidence=rule.confidence) for name in types
        }
        worst = max(types, key=lambda name: rates[name][0].value)
        own, size, _ = rates[worst]
        chance = min(1.0, len(types) * _chance(own.value, size, limit))
        return replace(_alone(own.value, chance, own.n), about=worst)
    event: Any = "blocked" if rule.metric == "bpcer" else "missed"
    own, size, _ = side.rate(event, at, attack_type=None, confidence=rule.confidence)
    return _alone(own.value, _chance(own.value, size, limit), own.n, reason=own.reason)


def _chance(value: float, size: float, limit: float) -> float:
    """The chance of at least as high a rate when the true one is at the limit (of Clopper and Pearson's limits)."""
    events = value * size
    if math.isnan(value) or events <= 0:
        return 1.0 if events <= 0 else math.nan
    return float(betainc(events, size - events + 1, limit))


def _alone(value: float, p_value: float, n: int, *, reason: str | None = None) -> Seen:
    nan = math.nan
    return Seen(
        observed=value,
        p_value=p_value,
        before=nan,
        after=value,
        worst_case=nan,
        n=n,
        independent=n,
        reason=reason,
    )


def _own_side(found: Comparison, rule: Rule) -> Side:
    """All scored samples of the run, of the rule's slice."""
    table = found.b
    clusters = cluster_codes(table, _cluster_column(table, found.clusters.name))
    side = Side(arrays=SampleArrays.of(table), clusters=clusters)
    rows = table.scored
    if rule.slice is not None:
        column = SliceColumn.of(table, rule.slice[0])
        wanted = column.values.index(rule.slice[1]) if rule.slice[1] in column.values else -1
        rows = rows & (column.codes == wanted)
    return side.take(rows)


def _cluster_column(table: ScoreTable, name: str | None) -> str | None:
    """The comparison's column, where this run has it for all its scored samples."""
    if name is None or name not in table.frame.columns or table.frame[name][table.scored].isna().any():
        return None
    return name


def _coverage(found: Comparison) -> Evidence:
    """All samples as if they were genuine, with 1 for a missing score, so that coverage is one more rate."""
    clusters = found.clusters.of_all_pairs() if found.paired else None
    sides = []
    for table, rows in ((found.a, found.pairing.rows_a), (found.b, found.pairing.rows_b)):
        silent = ~table.scored
        missing = (silent[rows] if found.paired else silent).astype(np.float64)
        n = missing.size
        arrays = SampleArrays(
            scores=missing, is_attack=np.zeros(n, dtype=bool), type_codes=np.full(n, -1), types=(),
            not_sent=np.zeros(n, dtype=bool),
        )  # fmt: skip
        sides.append(Side(arrays=arrays, clusters=clusters))
    return (Paired if found.paired else Unpaired)(a=sides[0], b=sides[1])


def _rows(found: Comparison, column: str, value: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the compared samples of A and of B have a value in a column."""
    if found.paired:
        a = found.a if column in found.a.frame.columns else found.b
        both = found.a.scored[found.pairing.rows_a] & found.b.scored[found.pairing.rows_b]
        rows = (found.pairing.rows_a if a is found.a else found.pairing.rows_b)[both]
        own = _has(a, column, value)[rows]
        return own, own
    return _has(found.a, column, value)[found.a.scored], _has(found.b, column, value)[found.b.scored]


def _has(table: ScoreTable, column: str, value: str) -> NDArray[np.bool_]:
    found = SliceColumn.of(table, column)
    if value not in found.values:
        raise ValueError(
            f"slice: column {column!r} has no value {value!r}; it has {', '.join(found.values[:20])}"
        )
    return np.asarray(found.codes == found.values.index(value))

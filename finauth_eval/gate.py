"""Pass or fail: a run against its baseline, by rules, without crying wolf."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.comparing.evidence import Paired
from finauth_eval.gating.observing import Material, Seen, absolute, regression
from finauth_eval.gating.rules import METRICS, Check, Rule, read_rules
from finauth_eval.metrics.estimate import Estimate, finite_or_none
from finauth_eval.metrics.intervals import rate
from finauth_eval.shown.numbers import count, limit, p_words, percent, points, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.comparison import Comparison, Flip

__all__ = ["Rule", "RuleVerdict", "Verdict", "check", "invalid", "read_rules"]

SCHEMA: Final = "finauth-eval/verdict/1"
EXIT_CODES: Final = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 7}
"""The exit code of each verdict."""
_EXCHANGES: Final = 1_000
_LEAST_EXCHANGES: Final = 100
_SAMPLES_IN_ALL: Final = 5_000_000
"""Exchanges times samples that are worth waiting for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVerdict:
    """What became of one check of a rule.

    Attributes:
        name: What it checks.
        verdict: ``"pass"``, ``"fail"`` or ``"inconclusive"``.
        observed: How much worse than the baseline, or the run's own value; ``nan`` where it is undefined.
        limit: The tolerance, ceiling or floor.
        p_value: One-sided, before Holm's correction; ``nan`` where chance plays no part.
        p_holm: The same after it.
        n: Samples that it rests on.
        explanation: One or two sentences for somebody who knows no statistics.
    """

    name: str
    verdict: str
    observed: float
    limit: float
    p_value: float
    p_holm: float
    n: int
    explanation: str

    def to_dict(self) -> dict[str, Any]:
        """One of ``rules`` of the JSON contract."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "observed": finite_or_none(self.observed),
            "limit": self.limit,
            "p_value": finite_or_none(self.p_value),
            "p_holm": finite_or_none(self.p_holm),
            "n": self.n,
            "explanation": self.explanation,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict of a gate.

    Attributes:
        verdict: ``"pass"``, ``"fail"``, ``"inconclusive"`` or ``"invalid"``.
        rules: What became of each check.
        false_alarms: How often these rules would fail if nothing had changed: each sample's two answers are exchanged
            at random, many times, and the gate is asked again. Undefined where that was not measured.
        comparability: What keeps the runs from being compared like with like; to be said first.
        flips: The samples decided differently.
        reason: Why it is invalid.
        baseline: Where the baseline is from.
        run: Where the run is from.
    """

    verdict: str
    rules: tuple[RuleVerdict, ...]
    false_alarms: Estimate
    comparability: tuple[str, ...]
    flips: tuple[Flip, ...]
    reason: str | None
    baseline: str
    run: str

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive, 7 invalid."""
        return EXIT_CODES[self.verdict]

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        if self.verdict == "invalid":
            return f"Invalid: {self.reason}"
        of = f"{len(self.rules)} {'check' if len(self.rules) == 1 else 'checks'}"
        bad = sum(own.verdict == self.verdict for own in self.rules)
        return {
            "pass": f"Pass: {of}, none of which failed",
            "fail": f"Fail: {bad} of {of} failed",
            "inconclusive": f"Inconclusive: {bad} of {of} could not be decided, and none failed",
        }[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """The JSON of ``finauth-eval gate --json``."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "exit": self.exit_code,
            "headline": self.headline,
            "reason": self.reason,
            "comparability": list(self.comparability),
            "rules": [own.to_dict() for own in self.rules],
            "aa_false_alarm_rate": finite_or_none(self.false_alarms.value),
            "aa": self.false_alarms.to_dict(),
            "flips": [flip.to_dict() for flip in self.flips],
            "baseline": self.baseline,
            "run": self.run,
        }


def check(
    comparison: Comparison, rules: Sequence[Rule], *, exchanges: int | None = None, seed: int | None = None
) -> Verdict:
    """Hold a run against its baseline.

    A rule with a tolerance fails when the figure is worse by more than that *and* significantly so: one-sided, at the
    rule's confidence, by Holm's correction over all checks. A ceiling (floor) fails when the run's own figure is
    significantly beyond it; beyond it but not significantly so is inconclusive. So is everything with fewer samples
    than the rule needs, or with so few independent ones that not even a change for the worse of all of them would be
    significant.

    Args:
        comparison: The run (B) compared with its baseline (A).
        rules: At least one.
        exchanges: How often the two runs' answers are exchanged at random, to measure how often these rules fail when
            nothing has changed; BPCER at a fixed APCER takes its p-value from them. ``None`` is 1,000, fewer (at least
            100) for many samples; 0 is none.
        seed: Makes the exchanges repeatable; ``None`` is 0.

    Raises:
        ValueError: There is no rule, a slice that there is not, or a rule needs exchanges and there are none.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.comparison import compare
        >>> from finauth_eval.scores import ScoreTable
        >>> ids = [f"{i:04d}" for i in range(1600)]
        >>> week1 = pd.DataFrame({"sample_id": ids, "label": ["real"] * 1471 + ["fake"] * 129, "score": 0.1})
        >>> week2 = week1.assign(score=[0.9] * 12 + [0.1] * 1588)
        >>> found = check(compare(*map(ScoreTable.from_frame, (week1, week2))), [Rule(metric="bpcer")])
        >>> found.verdict, found.rules[0].observed > 0.005
        ('fail', True)
    """
    if not rules:
        raise ValueError("there is no rule; expected at least one")
    if not comparison.labelled:
        return _invalid(comparison, "there are no labels: without them nothing can be said about errors")
    checks = [own for rule in rules for own in rule.checks()]
    material = Material.of(comparison, tuple(rules))
    seen = [
        regression(own.rule, material)
        if own.kind == "tolerance"
        else absolute(own.rule, own.limit, material, comparison)
        for own in checks
    ]
    number = _how_many(exchanges, comparison.n)
    by_exchange = [
        own.kind == "tolerance" and own.rule.metric.startswith("bpcer_at_apcer.") for own in checks
    ]
    if any(by_exchange) and not number:
        raise ValueError("bpcer_at_apcer needs exchanges for its p-value, and exchanges is 0")
    drawn = _exchanged(checks, material, number, seed=seed)
    p_values = [
        _rank(own.observed, drawn.observed[:, i]) if ranked else own.p_value
        for i, (own, ranked) in enumerate(zip(seen, by_exchange, strict=True))
    ]
    adjusted = _holm(np.array([p_values]), [own.rule.confidence for own in checks])[0]
    paired = isinstance(comparison.evidence, Paired)
    found = tuple(
        _judged(own, what, p_value, p_holm, m=len(checks), paired=paired)
        for own, what, p_value, p_holm in zip(checks, seen, p_values, adjusted.tolist(), strict=True)
    )
    verdicts = {own.verdict for own in found}
    return Verdict(
        verdict=next((own for own in ("fail", "inconclusive") if own in verdicts), "pass"),
        rules=found,
        false_alarms=_false_alarms(checks, drawn, by_exchange),
        comparability=comparison.comparability,
        flips=comparison.flips,
        reason=None,
        baseline=comparison.a.provenance.source,
        run=comparison.b.provenance.source,
    )


def invalid(reason: str, *, baseline: str, run: str) -> Verdict:
    """The verdict where there is nothing to judge.

    Args:
        reason: Why not.
        baseline: Where the baseline is from.
        run: Where the run is from.

    Example:
        >>> invalid("no sample has a score", baseline="a", run="b").exit_code
        7
    """
    return Verdict(
        verdict="invalid", rules=(), false_alarms=_not_measured(), comparability=(), flips=(), reason=reason,
        baseline=baseline, run=run,
    )  # fmt: skip


def _invalid(comparison: Comparison, reason: str) -> Verdict:
    return invalid(reason, baseline=comparison.a.provenance.source, run=comparison.b.provenance.source)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Exchanged:
    """What the checks see when the answers of both runs are exchanged at random; each of shape (exchanges, checks)."""

    observed: np.ndarray[Any, np.dtype[np.float64]]
    p_values: np.ndarray[Any, np.dtype[np.float64]]


def _how_many(wanted: int | None, n: int) -> int:
    if wanted is not None:
        if wanted < 0:
            raise ValueError(f"exchanges is {wanted}; expected a number, or 0 for none")
        return wanted
    return max(_LEAST_EXCHANGES, min(_EXCHANGES, _SAMPLES_IN_ALL // max(1, n)))


def _exchanged(checks: Sequence[Check], material: Material, number: int, *, seed: int | None) -> _Exchanged:
    rng = np.random.default_rng(0 if seed is None else seed)
    observed, p_values = (np.full((number, len(checks)), np.nan) for _ in range(2))
    for row in range(number):
        drawn = material.exchanged(rng)
        for i, own in enumerate(checks):
            if own.kind == "tolerance":
                seen = regression(own.rule, drawn)
                observed[row, i], p_values[row, i] = seen.observed, seen.p_value
    return _Exchanged(observed=observed, p_values=p_values)


def _rank(observed: float, drawn: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The share of exchanges that are at least as bad as what was seen, which counts as one of them."""
    if math.isnan(observed):
        return math.nan
    return float((1 + np.count_nonzero(drawn >= observed - 1e-12)) / (1 + drawn.size))


def _holm(
    p_values: np.ndarray[Any, np.dtype[np.float64]], confidences: Sequence[float]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Holm's correction of each row, where every check has a level of its own: in the order of p over level.

    By Bonferroni at each step the chance of any false failure stays below the largest of the levels.
    """
    levels = 1 - np.asarray(confidences)
    order = np.argsort(p_values / levels, axis=1)  # nan last
    known = np.count_nonzero(~np.isnan(p_values), axis=1)[:, None]
    left = np.maximum(known - np.arange(p_values.shape[1]), 1)
    stepped = np.take_along_axis(p_values / levels, order, axis=1) * left
    stepped = np.maximum.accumulate(stepped, axis=1)
    adjusted = np.empty_like(p_values)
    np.put_along_axis(adjusted, order, stepped, axis=1)
    return np.asarray(np.minimum(adjusted * levels, 1.0))


def _fails(own: Check, observed: Any, p_holm: Any) -> Any:
    """Whether a figure is beyond its limit, and surely so."""
    return (observed > own.limit + 1e-12) & (p_holm <= 1 - own.rule.confidence)


def _false_alarms(checks: Sequence[Check], drawn: _Exchanged, by_exchange: Sequence[bool]) -> Estimate:
    number = drawn.observed.shape[0]
    if not number or not any(own.kind == "tolerance" for own in checks):
        return _not_measured()
    p_values = drawn.p_values.copy()
    for i, ranked in enumerate(by_exchange):
        if ranked:
            ascending = np.sort(drawn.observed[:, i])
            at_least = number - np.searchsorted(ascending, drawn.observed[:, i] - 1e-12)
            p_values[:, i] = (1 + at_least) / (1 + number)
    adjusted = _holm(p_values, [own.rule.confidence for own in checks])
    failed = np.zeros(number, dtype=bool)
    for i, own in enumerate(checks):
        if own.kind == "tolerance":
            failed |= _fails(own, drawn.observed[:, i], adjusted[:, i])
    return rate(int(failed.sum()), number)


def _not_measured() -> Estimate:
    return Estimate.undefined("not measured", confidence=0.95, method="clopper-pearson")


def _judged(own: Check, seen: Seen, p_value: float, p_holm: float, *, m: int, paired: bool) -> RuleVerdict:
    verdict, explanation = _verdict(own, seen, p_holm, m=m, paired=paired)
    return RuleVerdict(
        name=own.name, verdict=verdict, observed=seen.observed, limit=own.limit, p_value=p_value, p_holm=p_holm,
        n=seen.n, explanation=explanation,
    )  # fmt: skip


def _verdict(own: Check, seen: Seen, p_holm: float, *, m: int, paired: bool) -> tuple[str, str]:
    what = _what(own, seen)
    if math.isnan(seen.observed):
        return "inconclusive", f"{what} can't be told: {seen.reason or 'nothing to measure'}."
    if seen.n < own.rule.minimum_n:
        needs = own.rule.minimum_n
        return (
            "inconclusive",
            f"{what} {_figures(own, seen)}; but {count(seen.n)} samples are too few, {needs} are needed.",
        )
    if own.kind == "tolerance":
        level = (1 - own.rule.confidence) / m
        needed = math.ceil(math.log2(0.5 / level))
        if paired and seen.independent < needed:
            return "inconclusive", (
                f"{what} {_figures(own, seen)}; but only {seen.independent} subjects or samples are independent: not even"
                f" if all got worse would that be sure, which takes {needed}."
            )
        return _against_baseline(own, seen, p_holm, what)
    return _against_limit(own, seen, p_holm, what)


def _against_baseline(own: Check, seen: Seen, p_holm: float, what: str) -> tuple[str, str]:
    figures, tolerated = _figures(own, seen), points(own.limit, n=100_000)
    if own.rule.metric == "auc":
        tolerated = f"{own.limit:g}"
    if _fails(own, seen.observed, p_holm):
        return (
            "fail",
            f"{what} {figures}. That is more than the {tolerated} put up with, and more than chance ({p_words(p_holm)}).",
        )
    if seen.observed <= 0:
        tail = "not worse"
    elif seen.observed <= own.limit:
        tail = f"within the {tolerated} put up with"
    else:
        tail = (
            f"more than the {tolerated} put up with, but no more than chance brings about ({p_words(p_holm)})"
        )
    if not math.isnan(seen.worst_case) and seen.worst_case > own.limit:
        worst = f"{seen.worst_case:.3f}" if own.rule.metric == "auc" else points(seen.worst_case, n=seen.n)
        tail += f"; up to {worst} worse can't be ruled out with so many samples"
    return "pass", f"{what} {figures}: {tail}."


def _against_limit(own: Check, seen: Seen, p_holm: float, what: str) -> tuple[str, str]:
    shown = score(own.limit) if own.rule.metric == "auc" else limit(own.limit)
    figures = _figures(own, seen)
    short = own.limit - seen.observed if own.kind == "floor" else seen.observed - own.limit
    if short <= 1e-12:
        return "pass", f"{what} {figures}, within the limit of {shown}."
    if math.isnan(p_holm) or p_holm <= 1 - own.rule.confidence:
        sure = "" if math.isnan(p_holm) else f", and surely so ({p_words(p_holm)})"
        return "fail", f"{what} {figures}, beyond the limit of {shown}{sure}."
    return (
        "inconclusive",
        f"{what} {figures}, beyond the limit of {shown}, but chance can bring that about ({p_words(p_holm)}).",
    )


def _what(own: Check, seen: Seen) -> str:
    words = METRICS[own.rule.metric]
    at = "" if own.rule.threshold is None else f" at {own.rule.threshold:g}"
    part = "" if own.rule.slice is None else f" where {own.rule.slice[0]} is {own.rule.slice[1]}"
    if seen.about:
        words = words.replace(" (", f", {seen.about} (", 1)
    return f"{words[0].upper()}{words[1:]}{at}{part}"


def _figures(own: Check, seen: Seen) -> str:
    if own.rule.metric == "auc":
        now, then, apart = score(seen.after), score(seen.before), f"{seen.observed:+.3f}"
    else:
        now, then = percent(seen.after, n=seen.n), percent(seen.before, n=seen.n)
        apart = points(seen.observed, n=seen.n, sign=True)
    if own.kind != "tolerance":
        return f"are {now}" if own.rule.metric != "auc" else f"is {now}"
    if not seen.observed:
        return f"stayed at {now}"
    worse = "worse" if seen.observed > 0 else "better"
    return f"went from {then} to {now}, {apart.lstrip('+-')} {worse}"

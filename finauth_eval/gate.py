"""Pass or fail: a run against its baseline, by rules, without crying wolf."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.comparing.evidence import Paired
from finauth_eval.comparing.flips import require_reachable
from finauth_eval.errors import InputError
from finauth_eval.gating.exchanging import (
    exchanged,
    false_alarms,
    holm_by_level,
    how_many,
    not_measured,
    rank,
)
from finauth_eval.gating.explaining import judged
from finauth_eval.gating.observing import Material, Seen, absolute, regression
from finauth_eval.gating.rules import Rule, read_rules
from finauth_eval.metrics.estimate import finite_or_none
from finauth_eval.phrases import phrase, plural
from finauth_eval.shown import notebook
from finauth_eval.shown.numbers import p_words, rate, threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.comparison import Comparison, Flip
    from finauth_eval.gating.rules import Check
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["Rule", "RuleVerdict", "Verdict", "check", "invalid", "read_rules"]

SCHEMA: Final = "finauth-eval/verdict/1"
VERDICT_FILE: Final = "verdict.json"
"""Under this name in a run's folder a verdict is found again."""
EXIT_CODES: Final = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 7}
"""The exit code of each verdict."""


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
            return phrase("Invalid: {reason}", reason=self.reason)
        n = len(self.rules)
        bad = sum(own.verdict == self.verdict for own in self.rules)
        return {
            "pass": plural(
                "Pass: {n} check, none of which failed", "Pass: {n} checks, none of which failed", n
            ),
            "fail": plural("Fail: {bad} of {n} check failed", "Fail: {bad} of {n} checks failed", n, bad=bad),
            "inconclusive": plural(
                "Inconclusive: {bad} of {n} check could not be decided, and none failed",
                "Inconclusive: {bad} of {n} checks could not be decided, and none failed",
                n,
                bad=bad,
            ),
        }[self.verdict]

    def write(self, folder: Path | str) -> Path:
        """Write ``verdict.json`` into a run's folder, where the history looks for it.

        Raises:
            InputError: It can't be written.
        """
        file = Path(folder) / VERDICT_FILE
        try:
            file.write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{file}: can't be written ({error.strerror or error})") from error
        return file

    def _repr_html_(self) -> str:
        """The headline, the checks, and the decisions that flipped for the worse; at most 60 kB."""
        rows = [(own.name, own.verdict, p_words(own.p_holm), own.explanation) for own in self.rules]
        flips = [
            (own.sample_id, own.label or "", own.attack_type or "", threshold(own.a), threshold(own.b))
            for own in self.flips
            if own.worse
        ]
        parts = [notebook.paragraph(f"Note: {note}.") for note in self.comparability]
        parts.append(notebook.paragraph(f"{self.headline}."))
        if rows:
            parts.append(notebook.table(("check", "verdict", "p (Holm)", "why"), rows, caption="Checks"))
        if flips:
            header, caption = (
                ("sample", "label", "attack type", "before", "now"),
                "Wrong now and right before",
            )
            parts.append(
                notebook.details(
                    f"{caption} ({len(flips)})", [notebook.table(header, flips, caption=caption)]
                )
            )
        if self.false_alarms.defined:
            alarms = rate(self.false_alarms)
            parts.append(
                notebook.paragraph(f"Had nothing changed, these rules would fail in {alarms} of such runs.")
            )
        return notebook.page(parts)

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
        return _invalid(
            comparison, phrase("there are no labels: without them nothing can be said about errors")
        )
    _require_reachable(comparison, rules)
    checks = [own for rule in rules for own in rule.checks()]
    material = Material.of(comparison, tuple(rules))
    seen = [
        regression(own.rule, material)
        if own.kind == "tolerance"
        else absolute(own.rule, own.limit, material, comparison)
        for own in checks
    ]
    number = how_many(exchanges, comparison.n)
    by_exchange = [
        own.kind == "tolerance" and own.rule.metric.startswith("bpcer_at_apcer.") for own in checks
    ]
    if any(by_exchange) and not number:
        raise ValueError("bpcer_at_apcer needs exchanges for its p-value, and exchanges is 0")
    drawn = exchanged(checks, material, number, seed=seed)
    p_values = [
        rank(own.observed, drawn.observed[:, i]) if ranked else own.p_value
        for i, (own, ranked) in enumerate(zip(seen, by_exchange, strict=True))
    ]
    adjusted = holm_by_level(np.array([p_values]), [own.rule.confidence for own in checks])[0]
    paired = isinstance(comparison.evidence, Paired)
    found = tuple(
        _of_check(own, what, p_value, p_holm, m=len(checks), paired=paired)
        for own, what, p_value, p_holm in zip(checks, seen, p_values, adjusted.tolist(), strict=True)
    )
    verdicts = {own.verdict for own in found}
    return Verdict(
        verdict=next((own for own in ("fail", "inconclusive") if own in verdicts), "pass"),
        rules=found,
        false_alarms=false_alarms(checks, drawn, by_exchange, p_values, [own.verdict for own in found]),
        comparability=comparison.comparability,
        flips=_flips(comparison, checks, found),
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
        verdict="invalid", rules=(), false_alarms=not_measured(), comparability=(), flips=(), reason=reason,
        baseline=baseline, run=run,
    )  # fmt: skip


def _invalid(comparison: Comparison, reason: str) -> Verdict:
    return invalid(reason, baseline=comparison.a.provenance.source, run=comparison.b.provenance.source)


def _of_check(own: Check, seen: Seen, p_value: float, p_holm: float, *, m: int, paired: bool) -> RuleVerdict:
    verdict, explanation = judged(own, seen, p_holm, m=m, paired=paired)
    return RuleVerdict(
        name=own.name, verdict=verdict, observed=seen.observed, limit=own.limit, p_value=p_value, p_holm=p_holm,
        n=seen.n, explanation=explanation,
    )  # fmt: skip


def _require_reachable(comparison: Comparison, rules: Sequence[Rule]) -> None:
    for rule in rules:
        if rule.threshold is not None:
            try:
                require_reachable(rule.threshold, comparison.a, comparison.b)
            except ValueError as error:
                raise ValueError(f"rule {rule.checks()[0].name!r}: {error}") from error


def _flips(comparison: Comparison, checks: Sequence[Check], found: Sequence[RuleVerdict]) -> tuple[Flip, ...]:
    """What flipped at the thresholds in force, and beside it at the own thresholds of rules that failed."""
    known, more = {*comparison.flips}, []
    own_thresholds = {
        own.rule.threshold
        for own, verdict in zip(checks, found, strict=True)
        if verdict.verdict == "fail" and own.rule.threshold is not None
    }
    for at in sorted(own_thresholds):
        more += [flip for flip in comparison.flips_at(at) if flip not in known]
        known.update(more)
    return (*comparison.flips, *more)

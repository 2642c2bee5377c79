"""What became of a check, in a verdict and a sentence or two for somebody who knows no statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.gating.exchanging import fails
from finauth_eval.gating.rules import METRICS
from finauth_eval.shown.numbers import count, limit, p_words, percent, points, score

if TYPE_CHECKING:
    from finauth_eval.gating.observing import Seen
    from finauth_eval.gating.rules import Check

__all__ = ["judged"]


def judged(own: Check, seen: Seen, p_holm: float, *, m: int, paired: bool) -> tuple[str, str]:
    """The verdict of a check, ``"pass"``, ``"fail"`` or ``"inconclusive"``, and why.

    Args:
        own: The check.
        seen: What was seen.
        p_holm: The p-value after Holm's correction; ``nan`` where chance plays no part.
        m: How many checks there are.
        paired: Whether the same samples were scored twice.
    """
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
    if fails(own, seen.observed, p_holm):
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
    if (
        not math.isnan(seen.worst_case) and seen.worst_case > own.limit and seen.p_value < 1
    ):  # 1: nothing changed
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

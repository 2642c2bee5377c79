"""What became of a check, in a verdict and a sentence or two for somebody who knows no statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.gating.exchanging import fails
from finauth_eval.gating.rules import METRICS
from finauth_eval.phrases import joined, phrase
from finauth_eval.shown.numbers import count, limit, p_words, percent, points, score

if TYPE_CHECKING:
    from finauth_eval.gating.observing import Seen
    from finauth_eval.gating.rules import Check
    from finauth_eval.phrases import Phrase

__all__ = ["judged"]


def judged(own: Check, seen: Seen, p_holm: float, *, m: int, paired: bool) -> tuple[str, Phrase]:
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
        why = seen.reason or phrase("nothing to measure")
        return "inconclusive", phrase("{what} can't be told: {why}.", what=what, why=why)
    clause = _clause(own, seen, what)
    if seen.n < own.rule.minimum_n:
        return "inconclusive", phrase(
            "{clause}; but {n} samples are too few, {needed} are needed.",
            clause=clause,
            n=count(seen.n),
            needed=own.rule.minimum_n,
        )
    if own.kind == "tolerance":
        level = (1 - own.rule.confidence) / m
        needed = math.ceil(math.log2(0.5 / level))
        if paired and seen.independent < needed:
            return "inconclusive", phrase(
                "{clause}; but only {n} subjects or samples are independent: not even if all got worse would that be"
                " sure, which takes {needed}.",
                clause=clause,
                n=seen.independent,
                needed=needed,
            )
        return _against_baseline(own, seen, p_holm, clause)
    return _against_limit(own, seen, p_holm, clause)


def _against_baseline(own: Check, seen: Seen, p_holm: float, clause: Phrase) -> tuple[str, Phrase]:
    area = own.rule.metric == "auc"
    tolerated = f"{own.limit:g}" if area else points(own.limit, n=100_000)
    gaps = {"clause": clause, "tolerated": tolerated, "p": p_words(p_holm)}
    if fails(own, seen.observed, p_holm):
        return "fail", phrase(
            "{clause}. That is more than the {tolerated} put up with, and more than chance ({p}).", **gaps
        )
    if seen.observed <= 0:
        found = phrase("{clause}: not worse", clause=clause)
    elif seen.observed <= own.limit:
        found = phrase("{clause}: within the {tolerated} put up with", clause=clause, tolerated=tolerated)
    else:
        found = phrase(
            "{clause}: more than the {tolerated} put up with, but no more than chance brings about ({p})",
            **gaps,
        )
    if (
        not math.isnan(seen.worst_case) and seen.worst_case > own.limit and seen.p_value < 1
    ):  # 1: nothing changed
        worst = f"{seen.worst_case:.3f}" if area else points(seen.worst_case, n=seen.n)
        return "pass", phrase(
            "{found}; up to {worst} worse can't be ruled out with so many samples.", found=found, worst=worst
        )
    return "pass", joined("", [found, "."])


def _against_limit(own: Check, seen: Seen, p_holm: float, clause: Phrase) -> tuple[str, Phrase]:
    shown = score(own.limit) if own.rule.metric == "auc" else limit(own.limit)
    short = own.limit - seen.observed if own.kind == "floor" else seen.observed - own.limit
    if short <= 1e-12:
        return "pass", phrase("{clause}, within the limit of {limit}.", clause=clause, limit=shown)
    if math.isnan(p_holm):
        return "fail", phrase("{clause}, beyond the limit of {limit}.", clause=clause, limit=shown)
    gaps = {"clause": clause, "limit": shown, "p": p_words(p_holm)}
    if p_holm <= 1 - own.rule.confidence:
        return "fail", phrase("{clause}, beyond the limit of {limit}, and surely so ({p}).", **gaps)
    return "inconclusive", phrase(
        "{clause}, beyond the limit of {limit}, but chance can bring that about ({p}).", **gaps
    )


def _what(own: Check, seen: Seen) -> Phrase:
    what = (
        phrase("Missed attacks of the worst type, {type} (APCER)", type=seen.about)
        if seen.about
        else METRICS[own.rule.metric]
    )
    if own.rule.threshold is not None:
        what = phrase("{what} at {threshold}", what=what, threshold=f"{own.rule.threshold:g}")
    if own.rule.slice is not None:
        column, value = own.rule.slice
        what = phrase("{what} where {column} is {value}", what=what, column=column, value=value)
    return what


def _clause(own: Check, seen: Seen, what: Phrase) -> Phrase:
    """What became of the figure, as the beginning of a sentence."""
    area = own.rule.metric == "auc"
    now, then = (score(own) if area else percent(own, n=seen.n) for own in (seen.after, seen.before))
    if own.kind != "tolerance":
        return (
            phrase("{what} is {now}", what=what, now=now)
            if area
            else phrase("{what} are {now}", what=what, now=now)
        )
    if not seen.observed:
        return phrase("{what} stayed at {now}", what=what, now=now)
    size = abs(seen.observed)
    gaps = {
        "what": what,
        "then": then,
        "now": now,
        "apart": f"{size:.3f}" if area else points(size, n=seen.n),
    }
    if seen.observed > 0:
        return phrase("{what} went from {then} to {now}, {apart} worse", **gaps)
    return phrase("{what} went from {then} to {now}, {apart} better", **gaps)

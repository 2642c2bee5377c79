"""A comparison in words and as tables of texts: what a terminal, a notebook and a report show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from finauth_eval.metrics.change import holm
from finauth_eval.overview import TextTable
from finauth_eval.samples import clusters_in_words
from finauth_eval.shown.numbers import (
    NOT_KNOWN,
    area,
    count,
    duration,
    limit,
    p_words,
    points,
    rate,
    score,
    signed,
    threshold,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finauth_eval.comparing.evidence import Rates
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.comparing.parts import Part
    from finauth_eval.metrics.estimate import Estimate

__all__ = ["MOST_FLIPS", "held_back", "sentence", "tables", "verdict"]

MOST_FLIPS = 20
"""Flips that a terminal or a notebook shows; the JSON has all."""
_WORDS = {
    "identical": "B gives every sample the score that A gave it",
    "better": "B is better than A",
    "worse": "B is worse than A",
    "mixed": "B is better than A in one error rate; in the other it is worse, or that can't be ruled out",
    "equivalent": "B is as good as A",
    "inconclusive": "no difference is shown, and none can be ruled out",
    "unlabelled": "without labels it cannot be told whether B is better or worse",
}
_SILENT = {
    "mixed": "B is better than A in an error rate, but more often gives no score, overall or in a class",
    "inconclusive": "no difference of the error rates is shown, but B more often gives no score, overall or in a class",
}
"""The words where B is `Comparison.held_back`."""
_HELD_BACK = {"better": "mixed", "equivalent": "inconclusive"}


def verdict(found: Comparison) -> str:
    """What a comparison comes to; the words are explained at `Comparison.verdict`."""
    word = _by_errors(found)
    return _HELD_BACK.get(word, word) if found.more_silent else word


def held_back(found: Comparison) -> bool:
    """Whether B is neither better nor equivalent, more often gives no score, and has no error rate that surely rose."""
    return found.more_silent and found.verdict in _SILENT and not any(value > 0 for value in _sure(found))


def _by_errors(found: Comparison) -> str:
    if _identical(found):
        return "identical"
    if found.at_threshold is None:
        return "unlabelled"
    margin = found.non_inferiority.margin if found.non_inferiority else math.nan
    rates = (found.at_threshold.bona_fide, found.at_threshold.attack)
    known = [own for own in rates if own.change.difference.defined]
    sure = _sure(found)
    if any(value > 0 for value in sure):
        return "mixed" if any(value < 0 for value in sure) else "worse"
    if sure:  # a rate that may well have risen by more than the margin is no gain
        return "better" if all(own.upper < margin for own in known) else "mixed"
    within = all(-margin < own.lower and own.upper < margin for own in known)
    return "equivalent" if known and within else "inconclusive"


def _sure(found: Comparison) -> list[float]:
    """The differences of the error rates that are significant, by Holm over both."""
    if found.at_threshold is None:
        return []
    rates = {"bpcer": found.at_threshold.bona_fide, "apcer": found.at_threshold.attack}
    adjusted = holm({name: own.change.p_value for name, own in rates.items()})
    level = 1 - found.confidence
    return [rates[name].change.difference.value for name, p_value in adjusted.items() if p_value <= level]


def _identical(found: Comparison) -> bool:
    """Whether both runs have the same samples, with the same scores and decisions, and none without a score in one."""
    moved, pairing = found.shift.moves, found.pairing
    return (
        moved is not None
        and moved.same == found.n
        and not found.flips
        and not (pairing.only_in_a or pairing.only_in_b or pairing.relabelled)
        and bool((found.a.scored[pairing.rows_a] == found.b.scored[pairing.rows_b]).all())
    )


def sentence(found: Comparison) -> str:
    """The verdict in one or two sentences."""
    how = "of the same samples" if found.paired else "of different samples, taken as independent"
    if found.evidence.a.clusters is not None and found.clusters.name is not None:
        groups = np.unique(found.evidence.a.clusters).size
        how += f", of {count(groups)} {clusters_in_words(found.clusters.name)}, which are what is independent"
    begin = (_SILENT if held_back(found) else _WORDS)[found.verdict]
    if found.verdict == "equivalent" and found.non_inferiority is not None:
        begin += f" within {points(found.non_inferiority.margin)}"
    parts = [
        f"{begin[0].upper()}{begin[1:]} ({count(found.n)} {'pairs' if found.paired else 'or more'} {how})."
    ]
    at = found.at_threshold
    if at is None:
        parts.append(
            f"Flagged: {rate(found.alerts.a)} in A, {rate(found.alerts.b)} in B, {_difference(found.alerts)}."
        )
    else:
        where = _where(found)
        parts.append(
            f"{where} blocked genuine customers (BPCER) go from {rate(at.bona_fide.a)} to {rate(at.bona_fide.b)},"
            f" {_difference(at.bona_fide)}; missed attacks (APCER) from {rate(at.attack.a)} to {rate(at.attack.b)},"
            f" {_difference(at.attack)}."
        )
    if found.paired:
        worse = sum(1 for flip in found.flips if flip.worse)
        flips = len(found.flips)
        tail = f", {count(worse)} of them for the worse" if found.labelled and flips else ""
        parts.append(f"{count(flips)} {'decision' if flips == 1 else 'decisions'} flipped{tail}.")
    return " ".join(parts)


def _where(found: Comparison) -> str:
    a, b = found.thresholds
    return f"At {threshold(a)}" if a == b else f"At {threshold(a)} in A and {threshold(b)} in B"


def _difference(rates: Rates) -> str:
    change = rates.change
    if not change.difference.defined:
        return NOT_KNOWN
    return f"{signed(change.difference)}, {p_words(change.p_value)}"


def tables(found: Comparison) -> list[TextTable]:
    """Everything but the verdict, the most important first."""
    shown = [_main(found)]
    if found.flips:
        shown.append(_flips(found))
    if found.attack_types:
        rows = [(name, *_part(part)) for name, part in found.attack_types.items()]
        shown.append(TextTable("APCER by attack type", ("attack type", *_PART), rows))
    shown += [_slice(column, found) for column in found.slices]
    shown += [_shift(found), _service(found)]
    if found.noise is not None:
        shown.append(_stability(found))
    return shown


_PART = ("n", "A", "B", "difference", "p (Holm)")


def _part(part: Part) -> tuple[str, ...]:
    rates = part.rates
    return (
        count(rates.n) + (" (small)" if part.small else ""),
        rate(rates.a),
        rate(rates.b),
        signed(rates.change.difference),
        p_words(part.p_holm),
    )


def _main(found: Comparison) -> TextTable:
    header = ("figure", "A", "B", "difference B - A", "p", "only A", "only B")
    rows: list[tuple[str, ...]] = []
    at = found.at_threshold
    if at is None:
        rows.append(("alert rate", *_rates(found.alerts)))
    else:
        rows += [("BPCER", *_rates(at.bona_fide)), ("APCER, pooled", *_rates(at.attack))]
        worst_a, worst_b = at.a.apcer_worst, at.b.apcer_worst
        if worst_a is not None and worst_b is not None:
            apart = points(worst_b.estimate.value - worst_a.estimate.value, sign=True)
            names = (
                f"{rate(worst_a.estimate)} {worst_a.attack_type}",
                f"{rate(worst_b.estimate)} {worst_b.attack_type}",
            )
            rows.append(("APCER, worst type", *names, apart, "", "", ""))
    if found.auc is not None and found.auc_a is not None and found.auc_b is not None:
        change = found.auc
        rows.append(
            (
                "AUC",
                area(found.auc_a),
                area(found.auc_b),
                _area_change(change.difference),
                p_words(change.p_value),
                "",
                "",
            )
        )
    for key, own in found.bpcer_at_apcer.items():
        typed = own.a.worst_type.defined and own.b.worst_type.defined
        of = "every type" if typed else "attacks"
        one, other = (own.a.worst_type, own.b.worst_type) if typed else (own.a.pooled, own.b.pooled)
        name = f"BPCER{key} (own thresholds, at most {limit(own.a.apcer)} of {of} pass)"
        rows.append((name, rate(one), rate(other), signed(own.worst_type), "", "", ""))
    return TextTable(f"Error rates. {_where(found)}", header, rows)


def _area_change(own: Estimate) -> str:
    if not own.defined:
        return NOT_KNOWN
    value = f"{own.value:+.3f}"
    return value if math.isnan(own.low) else f"{value} ({own.low:+.3f} to {own.high:+.3f})"


def _rates(own: Rates) -> tuple[str, ...]:
    only = [NOT_KNOWN if n is None else count(n) for n in (own.a_only, own.b_only)]
    return (rate(own.a), rate(own.b), signed(own.change.difference), p_words(own.change.p_value), *only)


def _flips(found: Comparison) -> TextTable:
    header = ("sample", "label", "attack type", "score in A", "score in B", "for the worse")
    rows = [
        (
            flip.sample_id, flip.label or NOT_KNOWN, flip.attack_type or "", threshold(flip.a), threshold(flip.b),
            NOT_KNOWN if flip.worse is None else "yes" if flip.worse else "no",
        )
        for flip in found.flips[:MOST_FLIPS]
    ]  # fmt: skip
    left = len(found.flips) - len(rows)
    return TextTable(
        "Flipped decisions" + (f", the first {MOST_FLIPS} of {count(len(found.flips))}" if left else ""),
        header,
        rows,
    )


def _slice(column: str, found: Comparison) -> TextTable:
    rows = [
        (value, metric.upper(), *_part(part))
        for value, metrics in found.slices[column].items()
        for metric, part in metrics.items()
    ]
    return TextTable(f"By {column}", (column, "rate", *_PART), rows)


def _shift(found: Comparison) -> TextTable:
    header = ("samples", "n in A", "n in B", "median A", "median B", "Wasserstein", "KS", "PSI")
    rows = []
    for name, own in found.shift.by_class.items():
        median = own.quantiles[0.5]
        rows.append(
            (name.replace("_", " "), count(own.n_a), count(own.n_b), score(median[0]), score(median[1]),
             score(own.wasserstein), score(own.ks), score(own.psi.value))
        )  # fmt: skip
    moved = found.shift.moves
    tail = ""
    if moved is not None:
        tail = f"; {count(moved.up)} went up, {count(moved.down)} down, {count(moved.same)} stayed"
    return TextTable(f"Score shift{tail}", header, rows)


def _service(found: Comparison) -> TextTable:
    header = ("figure", "A", "B")
    rows: list[tuple[str, ...]] = [
        (f"without a score, {name.replace('_', ' ')}", rate(own.a), rate(own.b))
        for name, own in found.no_response.items()
    ]
    for name, own in found.latency.items():
        rows += [(f"{name.replace('_', ' ')}, {key}", _time(own.a[key]), _time(own.b[key])) for key in own.a]
    return TextTable("No response and latency", header, rows)


def _time(own: Estimate) -> str:
    limits = (NOT_KNOWN if math.isnan(value) else duration(value) for value in (own.low, own.high))
    return f"{duration(own.value)} ({' to '.join(limits)})" if own.defined else NOT_KNOWN


def _stability(found: Comparison) -> TextTable:
    rows = [*_stability_rows(found)]
    return TextTable(
        "Changes against the noise of asking again",
        ("what", "samples", "changed", "flipped", "largest change"),
        rows,
    )


def _stability_rows(found: Comparison) -> Iterator[tuple[str, ...]]:
    own, moved = found.noise, found.shift.moves
    if own is None or moved is None:
        return
    for name, repeats in (("asked again in A", own.a), ("asked again in B", own.b)):
        if repeats is not None:
            yield (
                name,
                count(repeats.contents),
                count(repeats.changed),
                count(repeats.flipped),
                score(repeats.largest),
            )
    yield ("A against B", count(own.pairs), count(own.changed), count(len(found.flips)), score(moved.largest))
    yield ("of these, beyond that noise", count(own.pairs), count(own.beyond), count(own.flips_beyond), "")

"""The tables of an evaluation as texts, a list a row: what a terminal and a notebook show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from finauth_eval.shown.numbers import area, interval, limit, percent, rate, short_threshold, threshold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from finauth_eval.breakdown import AttackTypeResult, SliceResult
    from finauth_eval.metrics.equal_error import EqualErrorRate
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.fixed_apcer import ThresholdAtApcer
    from finauth_eval.metrics.rates import OperatingPoint

__all__ = ["TextTable", "attack_type_table", "point_table", "score_table", "slice_table"]


class TextTable(NamedTuple):
    """A table of texts.

    Attributes:
        caption: What it shows.
        header: The columns' names.
        rows: A text a column.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def point_table(points: Iterable[OperatingPoint]) -> TextTable:
    """Operating points with their rates and confusion."""
    header = ("threshold", "source", "BPCER", "APCER, pooled", "APCER, worst type", "TP", "FN", "FP", "TN")
    return TextTable("Rates at thresholds", header, [_point_row(point) for point in points])


def _point_row(point: OperatingPoint) -> tuple[str, ...]:
    worst, cells = point.apcer_worst, point.confusion
    return (
        threshold(point.threshold),
        point.source,
        rate(point.bpcer),
        rate(point.apcer),
        f"{rate(worst.estimate)} {worst.attack_type}" if worst else "—",
        *map(str, (cells.tp, cells.fn, cells.fp, cells.tn)),
    )


def score_table(
    *,
    auc: Estimate,
    average_precision: Estimate,
    eer: EqualErrorRate,
    bpcer_at_apcer: Mapping[str, ThresholdAtApcer],
) -> TextTable:
    """What is said of the score without choosing a threshold."""
    rows = [
        ("AUC", area(auc), ""),
        ("average precision", area(average_precision), ""),
        ("EER", _equal_error(eer), short_threshold(eer.threshold)),
    ]
    for key, found in bpcer_at_apcer.items():
        worst = found.worst_type.defined
        own, where = (found.worst_type, found.threshold) if worst else (found.pooled, found.pooled_threshold)
        of = "every type" if worst else "attacks"
        rows.append((f"BPCER{key} (at most {limit(found.apcer)} of {of} pass)", rate(own), threshold(where)))
    return TextTable("How well the score tells them apart", ("figure", "value", "at threshold"), rows)


def _equal_error(found: EqualErrorRate) -> str:
    limits = "" if math.isnan(found.low) else f" ({interval(found.low, found.high)})"
    return f"{percent(found.linear)}{limits}"


def attack_type_table(types: Mapping[str, AttackTypeResult], first: OperatingPoint) -> TextTable:
    """Each attack type against all bona fide samples."""
    header = ("attack type", "n", "AUC", "EER", f"APCER at {threshold(first.threshold)}")
    rows = [
        (name, str(own.n), area(own.auc), _equal_error(own.eer), rate(first.apcer_by_attack_type[name]))
        for name, own in types.items()
    ]
    return TextTable("Attack types", header, rows)


def slice_table(column: str, values: Mapping[str, SliceResult]) -> TextTable:
    """The values of one column, each by itself."""
    rows = [
        (
            value + (" (small)" if part.small else ""),
            f"{part.counts.bona_fide} + {part.counts.attack}",
            area(part.auc),
            rate(part.operating_points[0].bpcer),
            rate(part.operating_points[0].apcer),
        )
        for value, part in values.items()
    ]
    return TextTable(f"By {column}", (column, "n", "AUC", "BPCER", "APCER"), rows)

"""By attack type, by slice, and the decisions counted at each operating point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from finauth_eval.phrases import counted, phrase, say, translated
from finauth_eval.report.charts.forest import Range, forest
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.scales import LinearScale
from finauth_eval.report.figures import Figure, Key
from finauth_eval.report.marks import letter_of
from finauth_eval.report.tables import Cell, Table, area_cell, columns, count_cell, rate_cell, row, share_cell
from finauth_eval.report.wording import policy_words, source_words
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from finauth_eval.breakdown import Gap
    from finauth_eval.evaluation import AttackTypeResult, Evaluation, SliceResult
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.report.marks import Mark

__all__ = ["attack_type_chart", "attack_type_table", "confusion_tables", "slice_tables"]

FEW: Final = 30
_CHARTED: Final = 20
_LONGEST: Final = 120
"""Characters of a name in a table; the JSON has all of them."""
_MOST_MATRICES: Final = 9


def attack_type_table(evaluation: Evaluation, point: OperatingPoint) -> Table | None:
    """Attack types, the one that passes most often first; ``None`` when no attack has a type."""
    types = _worst_first(evaluation, point)
    if not types:
        return None
    return Table(
        caption=say("Attack types at threshold {threshold}", threshold=numbers.threshold(point.threshold)),
        columns=columns(say("Attack type"), say("Scored"), say("Attacks that pass (APCER)"), "AUC", "EER"),
        rows=tuple(_type_row(result, point) for result in types),
        note=say(
            "Each type against all genuine samples. The interval of a single type does not allow for having looked at"
            " all of them; the verdict's interval for the worst one does."
        ),
    )


def _worst_first(evaluation: Evaluation, point: OperatingPoint) -> list[AttackTypeResult]:
    def order(result: AttackTypeResult) -> tuple[float, str]:
        rate = point.apcer_by_attack_type.get(result.attack_type)
        return (-rate.value if rate is not None and rate.defined else 1.0, result.attack_type)

    return sorted(evaluation.attack_types.values(), key=order)


def _type_row(result: AttackTypeResult, point: OperatingPoint) -> tuple[Cell, ...]:
    rate = point.apcer_by_attack_type.get(result.attack_type)
    worst = point.apcer_worst is not None and point.apcer_worst.attack_type == result.attack_type
    flags = [say("passes most")] if worst and rate is not None and rate.value > 0 else []
    flags += [_few()] if result.n < FEW else []
    eer = result.eer
    limits = f" ({numbers.interval(eer.low, eer.high)})" if math.isfinite(eer.low) else ""
    eer_cell = (
        Cell(text=numbers.NOT_KNOWN, note=eer.reason)
        if math.isnan(eer.linear)
        else Cell(text=numbers.percent(eer.linear, n=result.n) + limits, value=eer.linear)
    )
    return row(
        Cell(text=name(result.attack_type, _LONGEST), flag=", ".join(flags) or None, strong=worst),
        count_cell(result.n),
        Cell(text=numbers.NOT_KNOWN) if rate is None else rate_cell(rate),
        area_cell(result.auc),
        eer_cell,
    )


def _few() -> str:
    return say("few: n < {few}", few=FEW)


def attack_type_chart(evaluation: Evaluation, point: OperatingPoint) -> Figure | None:
    """The rates of the types that pass most often as dots with intervals; ``None`` below two types."""
    rates = {kind: rate for kind, rate in point.apcer_by_attack_type.items() if rate.defined}
    if len(rates) < 2:
        return None
    ranked = sorted(rates.items(), key=lambda entry: (-entry[1].value, entry[0]))
    worst = point.apcer_worst.attack_type if point.apcer_worst is not None else None
    title = say(
        "Attacks that pass at {threshold}, by type", threshold=numbers.short_threshold(point.threshold)
    )
    lead = say(
        "From {most} of the type that passes most to {least} of the one that passes least.",
        most=numbers.percent(ranked[0][1].value),
        least=numbers.percent(ranked[-1][1].value),
    )
    high = max(rate.high for _, rate in ranked[:_CHARTED])
    reach = next(end for end in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if end >= min(1.0, high))
    chart = forest(
        [
            Range(name=kind, value=rate.value, low=rate.low, high=rate.high, strong=kind == worst)
            for kind, rate in ranked[:_CHARTED]
        ],
        anchor="types-chart",
        title=title,
        description=lead,
        x=Axis(
            label=say("attacks that pass (APCER)"), scale=LinearScale(low=0.0, high=reach, as_percent=True)
        ),
        explored=True,
    )
    more = len(ranked) - _CHARTED
    return Figure(
        id="types-chart",
        title=title,
        lead=lead,
        chart=chart,
        keys=(
            Key(
                look="attack",
                shape="range",
                label=say(
                    "rate and {confidence} interval",
                    confidence=numbers.confidence_words(evaluation.confidence),
                ),
            ),
        ),
        marks=(),
        notes=(_beyond_the_chart(more),) if more > 0 else (),
        table=_rates_table(title, ranked),
    )


def _beyond_the_chart(more: int) -> str:
    return counted(
        "The {charted} types that pass most; {n} further type in the table.",
        "The {charted} types that pass most; {n} further types in the table.",
        more,
        charted=_CHARTED,
    )


def _rates_table(caption: str, ranked: Sequence[tuple[str, Estimate]]) -> Table:
    return Table(
        caption=caption,
        columns=columns(say("Attack type"), say("Scored"), say("Attacks that pass (APCER)")),
        rows=tuple(
            row(name(kind, _LONGEST), count_cell(rate.n), rate_cell(rate)) for kind, rate in ranked[:_CHARTED]
        ),
    )


def slice_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """A table for each column that the samples were divided by."""
    compared = sum(
        not math.isnan(gap.p_holm)
        for parts in evaluation.slices.values()
        for part in parts.values()
        for gap in part.gaps.values()
    )
    return tuple(
        _slice_table(column, parts.values(), compared, evaluation.confidence)
        for column, parts in evaluation.slices.items()
    )


def _slice_table(column: str, parts: Iterable[SliceResult], compared: int, confidence: float) -> Table:
    return Table(
        caption=say("By {column}", column=column),
        columns=columns(
            column, say("Genuine"), say("Attacks"), say("Attacks that pass"), say("Genuine blocked"), "AUC"
        ),
        rows=tuple(_slice_row(part, confidence) for part in parts),
        note=_compared_words(compared) if compared else None,
    )


def _compared_words(compared: int) -> str:
    return say(
        "Each value against all samples without it, in points. P-values are adjusted for the {n} comparisons on this page"
        " (Holm), so that “differs” is rarely said of a difference by chance; where it is not said, none is shown, which"
        " is not to say that there is none.",
        n=numbers.count(compared),
    )


def _slice_row(part: SliceResult, confidence: float) -> tuple[Cell, ...]:
    without = part.counts.no_response_bona_fide + part.counts.no_response_attack
    heading = Cell(
        text=name(part.value, _LONGEST),
        flag=_few() if part.small else None,
        note=say("{n} without a score", n=numbers.count(without)) if without else None,
    )
    point = part.operating_points[0] if part.operating_points else None
    rates = (
        (
            rate_cell(point.apcer, **_gap_words(part.gaps.get("apcer"), confidence)),
            rate_cell(point.bpcer, **_gap_words(part.gaps.get("bpcer"), confidence)),
        )
        if point
        else (Cell(text="—"), Cell(text="—"))
    )
    return row(
        heading,
        count_cell(part.counts.bona_fide),
        count_cell(part.counts.attack),
        *rates,
        area_cell(part.auc),
    )


def _gap_words(gap: Gap | None, confidence: float) -> dict[str, str | None]:
    """Note and flag of a slice's rate: how far it is from the rest, and whether that is more than chance."""
    if gap is None or not gap.change.difference.defined:
        return {}
    words = say(
        "{difference} against the rest, {p}",
        difference=numbers.signed(gap.change.difference),
        p=numbers.p_words(gap.p_holm),
    )
    return {"note": words, "flag": say("differs") if gap.p_holm < 1 - confidence else None}


def confusion_tables(
    evaluation: Evaluation, recommendations: Recommendations | None, marks: Sequence[Mark]
) -> tuple[Table, ...]:
    """The decisions at each operating point, counted; those of a recommendation on the samples it names."""
    points = [(point, source_words(point.source), "") for point in evaluation.operating_points]
    seen = {point.threshold for point, _, _ in points}
    for item in recommendations or ():
        if item.feasible and item.in_sample is not None and item.threshold not in seen:
            words = policy_words(item.policy)
            points.append(
                (
                    item.in_sample,
                    words[:1].lower() + words[1:],
                    say("On the samples that the threshold was chosen on. "),
                )
            )
            seen.add(item.threshold)
    lettered = [(letter_of(point.threshold, marks), point, words, note) for point, words, note in points]
    lettered.sort(key=lambda entry: entry[0] or "~")  # what has no letter comes last
    return tuple(
        _matrix(point, words, note, letter) for letter, point, words, note in lettered[:_MOST_MATRICES]
    )


def _matrix(point: OperatingPoint, words: str, note: str, letter: str | None) -> Table:
    found = point.confusion
    attacks, genuine = found.tp + found.fn, found.fp + found.tn
    return Table(
        caption=say("At {threshold}: {source}", threshold=numbers.threshold(point.threshold), source=words),
        key=letter,
        columns=columns("", say("Blocked"), say("Let pass")),
        rows=(
            row(
                say("Attacks ({n})", n=numbers.count(attacks)),
                _share(found.tp, attacks),
                _share(found.fn, attacks, wrong=True),
            ),
            row(
                say("Genuine ({n})", n=numbers.count(genuine)),
                _share(found.fp, genuine, wrong=True),
                _share(found.tn, genuine),
            ),
        ),
        note=note + _right_words(point),
    )


def _share(number: int, total: int, *, wrong: bool = False) -> Cell:
    share = share_cell(number / total if total else math.nan, n=total)
    return Cell(text=numbers.count(number), value=float(number), note=share.text, strong=wrong)


def _right_words(point: OperatingPoint) -> str:
    figures = (
        (phrase("precision {value}", value=numbers.score(point.precision)), point.precision),
        (phrase("F1 {value}", value=numbers.score(point.f1)), point.f1),
        (phrase("accuracy {value}", value=numbers.score(point.accuracy)), point.accuracy),
    )
    text = ", ".join(translated(words) for words, value in figures if not math.isnan(value))
    if not text:
        return say("Neither class is complete.")
    return say("{figures}, at this data's mix.", figures=f"{text[:1].upper()}{text[1:]}")

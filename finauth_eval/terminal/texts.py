"""Results as plain text for a terminal."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from finauth_eval.comparing import overview as comparing
from finauth_eval.overview import TextTable, attack_type_table, point_table, slice_table
from finauth_eval.shown.numbers import area, confidence_words, count, percent, rate, score, threshold

if TYPE_CHECKING:
    from finauth_eval.comparison import Comparison
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.gate import Verdict
    from finauth_eval.history import History
    from finauth_eval.production import Production
    from finauth_eval.recommendation import Recommendation, Recommendations, SamplePlan

__all__ = [
    "comparison_text", "evaluation_text", "history_text", "plan_text", "production_text", "recommendations_text", "run_text",
    "verdict_text",
]  # fmt: skip


def run_text(summary: Mapping[str, Any]) -> str:
    """What a run did, or would do."""
    of = {name: summary[name] for name in ("samples", "unique_contents", "scored", "from_cache")}
    lines = [
        "{samples} samples, {unique_contents} different contents: {scored} scored, {from_cache} from the cache".format(
            **of
        ),
        "{sends} sends, {retries} retries, {possibly_billed} possibly billed without an answer".format(
            **summary
        ),
    ]
    for words, field in (("no response", "no_response"), ("not sent", "not_sent")):
        if summary[field]:
            lines.append(f"{words}: " + ", ".join(f"{n} {reason}" for reason, n in summary[field].items()))
    if "planned_calls" in summary:
        lines.append(
            f"would make {summary['planned_calls']} calls ({summary['worst_case_calls']} if each needs every attempt)"
        )
    if summary.get("missing", {}).get("contents"):
        ids, n = summary["missing"]["sample_ids"], summary["missing"]["contents"]
        lines.append(f"{n} contents are not in the cache: {', '.join(ids[:10])}{', ...' if n > 10 else ''}")
    if summary.get("stability"):
        lines.append(_stability_text(summary["stability"]))
    if summary["rejected_cache_entries"]:
        n = len(summary["rejected_cache_entries"])
        lines.append(f"{n} cached answers could not be used: {summary['rejected_cache_entries'][0]}")
    if abs(summary.get("clock_skew_s", 0.0)) > 30:
        lines.append(f"this machine's clock is off by {summary['clock_skew_s']:+.0f} s against the server's")
    return "\n".join(lines)


def _stability_text(found: Mapping[str, Any]) -> str:
    if not found["compared"]:
        return f"asked {found['replicates']} times: no content has two scores to compare"
    return (
        f"asked {found['replicates']} times: of {found['compared']} contents {found['changed']} changed their score, by"
        f" {found['largest_score_change']:g} at most; {found['decision_flips']} decisions flipped,"
        f" {found['outcome_changes']} had a score once and none another time"
    )


def evaluation_text(result: Evaluation) -> str:
    """The evaluation on one screen; the whole of it is in the JSON and in the report."""
    eer = result.eer
    areas = f"AUC {area(result.auc)}   average precision {area(result.average_precision)}"
    errors = f"EER {percent(eer.linear)} at {score(eer.threshold)}"
    parts = [
        result.counts.describe(),
        f"{areas}   {errors}   ({confidence_words(result.confidence)} intervals)",
        _table(point_table(result.operating_points)),
    ]
    if result.attack_types:
        parts.append(_table(attack_type_table(result.attack_types, result.operating_points[0])))
    parts.extend(_table(slice_table(column, values)) for column, values in result.slices.items())
    parts.append("")
    parts.extend(f"note: {warning}" for warning in result.warnings)
    return "\n".join(parts).rstrip("\n")


def recommendations_text(result: Recommendations) -> str:
    """A paragraph a policy, and then those of each segment."""
    parts = [_recommendation_text(item) for item in result]
    for value in result.segments:
        promised = (
            "each promise holds in all segments at once"
            if result.joint
            else "each promise holds here by itself"
        )
        parts.append(f"== {result.by}: {value} ({promised})")
        parts += [_recommendation_text(item) for item in result.segments[value]]
    return "\n\n".join(parts)


def _recommendation_text(item: Recommendation) -> str:
    label = " (for orientation)" if item.descriptive else ""
    lines = [f"{item.policy.name}{label}: {item.policy.describe()}"]
    if not item.feasible:
        return "\n".join(
            [*lines, f"  no threshold: {item.reason}", *(f"  note: {note}" for note in item.notes)]
        )
    low, high = item.threshold_interval
    spread = "" if math.isnan(low) else f" ({threshold(low)}–{threshold(high)} from sample to sample)"
    lines.append(f"  threshold {threshold(item.threshold)}{spread}")
    if item.review_from is not None:
        unseen = item.review_share_unseen
        elsewhere = "" if math.isnan(unseen) else f" ({percent(unseen)} out of sample)"
        share = f"{percent(item.review_share)} of traffic{elsewhere}"
        lines.append(f"  review from {threshold(item.review_from)} on: {share}")
    lines.append(f"  reason: {item.reason}")
    if item.guarantee is not None:
        lines.append(f"  guarantee: {item.guarantee.statement}")
    lines += [
        f"  kept too: {each.guarantee.statement}" for each in item.kept if each.guarantee != item.guarantee
    ]
    for words, point in (("in sample", item.in_sample), ("out of sample", item.out_of_sample)):
        if point is not None:
            worst = point.apcer_worst
            shown = f"; worst type {worst.attack_type} {rate(worst.estimate)}" if worst else ""
            lines.append(f"  {words}: BPCER {rate(point.bpcer)}, APCER {rate(point.apcer)}{shown}")
    return "\n".join([*lines, *(f"  note: {note}" for note in item.notes)])


def comparison_text(found: Comparison) -> str:
    """A comparison: what keeps the runs apart first, then the verdict, then every table."""
    notes = [f"note: {note}" for note in (*found.comparability, *found.warnings)]
    tables = comparing.tables(found)
    return "\n".join(
        [
            *notes,
            *([""] if notes else []),
            comparing.sentence(found),
            *(f"\n{own.caption}{_table(own)}" for own in tables),
            (
                f"\nin brackets: {confidence_words(found.confidence)} confidence intervals; A: {found.a.provenance.source},"
                f" B: {found.b.provenance.source}"
            ),
        ]
    )


def verdict_text(verdict: Verdict) -> str:
    """A gate's verdict: the headline, a line a check, the decisions that flipped for the worse."""
    lines = [f"note: {note}" for note in verdict.comparability]
    lines += [verdict.headline, ""]
    for own in verdict.rules:
        lines += [f"{own.verdict.upper():<13} {own.name}", f"{'':<13} {own.explanation}"]
    worse = [own for own in verdict.flips if own.worse]
    if worse:
        lines += ["", f"decided wrongly now and rightly before: {len(worse)}"]
        lines += [
            f"  {own.sample_id} ({own.label}{', ' + own.attack_type if own.attack_type else ''}):"
            f" {threshold(own.a)} -> {threshold(own.b)}"
            for own in worse[: comparing.MOST_FLIPS]
        ]
        if len(worse) > comparing.MOST_FLIPS:
            lines.append(f"  and {len(worse) - comparing.MOST_FLIPS} more, which the JSON has")
    alarms = verdict.false_alarms
    if alarms.defined:
        lines += [
            "",
            (
                f"had nothing changed, these rules would fail in {rate(alarms)} of such runs (the two runs' answers exchanged"
                f" at random {alarms.n} times)"
            ),
        ]
    return "\n".join(lines)


def production_text(found: Production) -> str:
    """Scores without labels: alerts, shift and the estimated share of attacks, of all and of each window."""
    of = found.windows_of
    parts = {"all": found.overall, **found.windows}
    header = [
        "" if of is None else f"{of.every} from",
        "scored",
        "no response",
        f"flagged from {threshold(found.threshold)} on",
    ]
    with_shift, with_attacks = found.reference is not None, found.detector is not None
    header += ["median", "reference", "KS", "PSI"] if with_shift else []
    header += ["share of attacks, estimated"] if with_attacks else []
    rows = []
    for name, own in parts.items():
        row = [name, count(own.scored), count(own.no_response), rate(own.alert_rate)]
        if own.shift is not None:
            median = own.shift.quantiles[0.5]
            row += [score(median[1]), score(median[0]), score(own.shift.ks), score(own.shift.psi.value)]
        if own.attacks is not None:
            row.append(rate(own.attacks.estimate))
        rows.append(tuple(row))
    lines = [_table(TextTable("Production", tuple(header), rows)).lstrip("\n")]
    if found.detector is not None and found.overall.attacks is not None:
        known = found.detector
        lines += [
            "",
            f"by the labelled samples {percent(known.tpr)} of attacks and {percent(known.fpr)} of genuine customers are flagged",
        ]
        each = {name: own for name, own in found.overall.attacks.if_all_were.items() if own.defined}
        if len(each) > 1:
            words = ", ".join(f"{name} {percent(own.value)}" for name, own in each.items())
            lines.append(f"share of attacks, were all of one type: {words}")
        if not found.overall.attacks.estimate.defined:
            lines.append(f"no estimate: {found.overall.attacks.estimate.reason}")
    lines += [
        "",
        *(f"assumed: {own}" for own in found.assumptions),
        *(f"note: {own}" for own in found.warnings),
    ]
    lines.append(f"in brackets: {confidence_words(found.confidence)} confidence intervals")
    return "\n".join(lines)


def history_text(found: History) -> str:
    """The runs in the order of time, a line a run."""
    header = ("run", "started", "verdict", "BPCER", "APCER", "worst type", "AUC", "coverage", "changed")
    rows = []
    for own in found.frame.to_dict("records"):
        name = f"{own['run']} (baseline)" if own["baseline"] else str(own["run"])
        worst = f"{percent(own['apcer_worst'])} {_or_blank(own['worst_type'])}".rstrip()
        rows.append(
            (name, str(own["started_at"])[:16], _or_blank(own["verdict"]), percent(own["bpcer"]), percent(own["apcer"]),
             worst, score(own["auc"]), percent(own["coverage"]), own["changed"])
        )  # fmt: skip
    left_out = [f"left out: {reason}" for reason in found.left_out.values()]
    return "\n".join([_table(TextTable("Runs", header, rows)).lstrip("\n"), *left_out])


def _or_blank(text: Any) -> str:
    return text if isinstance(text, str) else ""


def plan_text(result: SamplePlan) -> str:
    """How many samples a target needs."""
    rows = [
        (
            str(row.n),
            "—" if row.m is None else str(row.m),
            percent(row.power),
            f"{100 * row.interval_width:.2f} points",
        )
        for row in result.rows
    ]
    header = (
        "n",
        "errors allowed",
        "chance to pass at half the target",
        "width of the rate's interval there",
    )
    table = _table(TextTable("Samples", header, rows))
    return (
        f"{result.policy.describe()}, with {confidence_words(result.confidence)} confidence: at least"
        f" {result.minimum} independent samples\n{table}"
    )


def _table(shown: TextTable) -> str:
    table = Table(box=None, pad_edge=False, header_style="")
    for name in shown.header:
        table.add_column(name, no_wrap=True)
    for row in shown.rows:
        table.add_row(*map(Text, row))  # Text: a name in brackets is a name and no markup
    stream = io.StringIO()
    Console(file=stream, width=400, color_system=None).print(table)
    return "\n" + "\n".join(line.rstrip() for line in stream.getvalue().splitlines())

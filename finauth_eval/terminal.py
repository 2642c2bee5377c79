"""Results as plain text for a terminal, and progress for one who waits at it."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from finauth_eval.overview import TextTable, attack_type_table, point_table, slice_table
from finauth_eval.shown.numbers import area, confidence_words, percent, rate, score, threshold

if TYPE_CHECKING:
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendation, Recommendations, SamplePlan
    from finauth_eval.run.runner import Progress as RunProgress

__all__ = ["calling", "counting", "evaluation_text", "plan_text", "recommendations_text", "run_text"]


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
    if summary["rejected_cache_entries"]:
        n = len(summary["rejected_cache_entries"])
        lines.append(f"{n} cached answers could not be used: {summary['rejected_cache_entries'][0]}")
    if abs(summary.get("clock_skew_s", 0.0)) > 30:
        lines.append(f"this machine's clock is off by {summary['clock_skew_s']:+.0f} s against the server's")
    return "\n".join(lines)


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
        promised = "promises of all segments hold at once" if result.joint else "promises hold by themselves"
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
        lines.append(
            f"  review from {threshold(item.review_from)} on: {percent(item.review_share)} of traffic"
        )
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


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None] | None]:
    """Counts on a terminal, and says nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda n: shown.advance(task, n)


@contextmanager
def calling() -> Iterator[Callable[[RunProgress], None] | None]:
    """A progress bar of a run on a terminal, with sends and the limit in use; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[sends]} sends, up to {task.fields[limit]} at once"),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task("run", total=None, sends=0, limit=0)

        def update(now: RunProgress) -> None:
            shown.update(task, total=now.total, completed=now.done, sends=now.sends, limit=now.limit)

        yield update

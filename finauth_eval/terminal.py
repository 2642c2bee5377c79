"""Results as plain text for a terminal, and progress for one who waits at it."""

from __future__ import annotations

import io
import logging
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from finauth_eval.comparing import overview as comparing
from finauth_eval.overview import TextTable, attack_type_table, point_table, slice_table
from finauth_eval.shown.numbers import area, confidence_words, percent, rate, score, threshold

if TYPE_CHECKING:
    from finauth_eval.comparison import Comparison
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.gate import Verdict
    from finauth_eval.history import History
    from finauth_eval.recommendation import Recommendation, Recommendations, SamplePlan
    from finauth_eval.run.runner import Progress as RunProgress

__all__ = [
    "Pace",
    "call_words",
    "calling",
    "comparison_text",
    "counting",
    "evaluation_text",
    "history_text",
    "pace_words",
    "plan_text",
    "recommendations_text",
    "run_text",
    "verdict_text",
]

_log = logging.getLogger("finauth_eval")


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
def calling(
    *,
    price: float | None = None,
    console: Console | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[RunProgress], None]]:
    """Shows how a run goes: a bar and a line of numbers on a terminal, a log line every 30 s elsewhere.

    Args:
        price: Of one call, in any unit.
        console: Another terminal, for tests.
        monotonic: Seconds of a clock that never goes back.
    """
    pace = Pace(monotonic=monotonic)
    if console is None and not sys.stderr.isatty():
        yield _LogLine(pace, price=price, monotonic=monotonic)
        return
    with _CallBar(pace, price=price, console=console or Console(stderr=True)) as bar:
        yield bar.show


class Pace:
    """Answers a second, over the last while, and how long the rest takes at that.

    Args:
        monotonic: Seconds of a clock that never goes back; the run starts now.
        window_s: What the last while is.
    """

    def __init__(self, *, monotonic: Callable[[], float], window_s: float = 20.0) -> None:
        self._monotonic = monotonic
        self._window_s = window_s
        self._started = monotonic()
        self._notes: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()  # it is noted in the run's thread and read in the screen's

    def note(self, now: RunProgress) -> None:
        """So much is done now."""
        with self._lock:
            if not self._notes:
                self._notes.append((self._started, now.from_cache))
            self._notes.append((self._monotonic(), now.done))

    def per_second(self) -> float | None:
        """Answers a second; ``None`` before there is anything to tell it from."""
        now = self._monotonic()
        with self._lock:
            while len(self._notes) > 1 and self._notes[1][0] <= now - self._window_s:
                self._notes.popleft()
            if not self._notes or now - self._notes[0][0] < 1:
                return None
            (then, before), (_, done) = self._notes[0], self._notes[-1]
        return (done - before) / (now - then)

    def left_s(self, now: RunProgress) -> float | None:
        """Seconds that what is left takes at this pace; ``None`` when nothing moves."""
        left, pace = now.total - now.done, self.per_second()
        return 0.0 if not left else left / pace if pace else None


def pace_words(now: RunProgress, pace: Pace) -> str:
    """Answers a second and the time left."""
    per_second, left_s = pace.per_second(), pace.left_s(now)
    rate = "–" if per_second is None else f"{per_second:.1f}"
    left = "–:––:––" if left_s is None else str(timedelta(seconds=round(left_s)))
    return f"{rate} answers/s, {left} left"


def call_words(now: RunProgress, *, price: float | None = None) -> str:
    """What was sent and what it may cost."""
    cost = f"cost so far: at most {now.billable} calls"
    if price is not None:
        amount = now.billable * price
        cost += f" = {amount:,.2f}" if amount >= 1 or not amount else f" = {amount:.3g}"
    retries = f"{now.retries} {'retry' if now.retries == 1 else 'retries'}"
    return (
        f"{now.in_flight} in flight, limit {now.limit}; {now.sends} sends, {retries}; {cost};"
        f" {now.from_cache} from the cache"
    )


class _CallBar(Progress):
    """A bar with the pace, and below it a line with the calls."""

    def __init__(self, pace: Pace, *, price: float | None, console: Console) -> None:
        self._pace, self._price = pace, price
        self._now: RunProgress | None = None
        super().__init__(BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=console)
        self._bar = self.add_task("no answer yet", total=None)

    def show(self, now: RunProgress) -> None:
        """Show this from now on."""
        self._pace.note(now)
        self._now = now
        self.update(self._bar, total=now.total, completed=now.done)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Both lines; drawn several times a second, so that the pace sinks while nothing comes."""
        now = self._now
        if now is not None:
            self.update(self._bar, description=pace_words(now, self._pace))
        yield self.make_tasks_table(self.tasks)
        if now is not None:
            yield Text(call_words(now, price=self._price), no_wrap=True, overflow="ellipsis")


class _LogLine:
    """The same as a line in the log, now and then."""

    def __init__(
        self, pace: Pace, *, price: float | None, monotonic: Callable[[], float], every_s: float = 30.0
    ) -> None:
        self._pace, self._price, self._monotonic, self._every_s = pace, price, monotonic, every_s
        self._said_at = monotonic()

    def __call__(self, now: RunProgress) -> None:
        self._pace.note(now)
        if self._monotonic() >= self._said_at + self._every_s:
            self._said_at = self._monotonic()
            pace, calls = pace_words(now, self._pace), call_words(now, price=self._price)
            _log.info("%d of %d done, %s; %s", now.done, now.total, pace, calls)

"""What was sent, what came back, what did not, and what the missing answers could change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.phrases import counted, phrase, say
from finauth_eval.report.tables import Cell, Table, columns, count_cell, rate_cell, row, share_cell
from finauth_eval.report.wording import reason_words
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.scores import ScoreTable

__all__ = ["Coverage", "coverage_of"]

_SENDING: Final = (
    ("samples", phrase("Samples")),
    ("unique_contents", phrase("Distinct contents")),
    ("from_cache", phrase("Answered from the cache")),
    ("sends", phrase("Calls sent")),
    ("retries", phrase("of them repeats")),
    ("possibly_billed", phrase("Possibly billed")),
    ("concurrency_limited", phrase("Turned away as too many at once")),
)
_QUANTILES: Final = (
    (phrase("Half within"), 0.5),
    (phrase("{share} within", share="95%"), 0.95),
    (phrase("{share} within", share="99%"), 0.99),
)
_MOST_ROWS: Final = 40
_OWN_ACCOUNT: Final = phrase("Time the detector took for an answer, by its own account")
_ROUND_TRIP: Final = phrase("Time from sending to the answer, network included")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The tables of the coverage section; ``None`` where the data do not say."""

    classes: Table
    reasons: Table | None
    sending: Table | None
    latency: Table | None
    round_trip: Table | None
    bounds: Table


def coverage_of(evaluation: Evaluation, scores: ScoreTable | None) -> Coverage:
    """Coverage from the evaluation and its run; with the score table also reasons per class and latencies."""
    run = evaluation.provenance.run
    return Coverage(
        classes=_classes(evaluation),
        reasons=_reasons_per_class(scores.frame) if scores is not None else _reasons_of_run(run),
        sending=_sending(run),
        latency=None if scores is None else _latency(scores.frame, "time_used_ms", _OWN_ACCOUNT),
        round_trip=None if scores is None else _latency(scores.frame, "round_trip_ms", _ROUND_TRIP),
        bounds=_bounds(evaluation),
    )


def _classes(evaluation: Evaluation) -> Table:
    counts, bounds = evaluation.counts, evaluation.no_response_bounds
    both = (
        (say("Genuine"), counts.bona_fide, counts.no_response_bona_fide, bounds.bpnrr),
        (say("Attacks"), counts.attack, counts.no_response_attack, bounds.apnrr),
    )
    rows = [
        row(whose, count_cell(scored + without), count_cell(scored), count_cell(without), rate_cell(share))
        for whose, scored, without, share in both
    ]
    return Table(
        caption=say("Samples by class"),
        columns=columns(
            say("Class"), say("Samples"), say("With a score"), say("Without"), say("Share without")
        ),
        rows=tuple(rows),
    )


def _reasons_per_class(frame: pd.DataFrame) -> Table | None:
    without = frame.loc[frame["outcome"] != "scored"]
    if without.empty:
        return None
    reason = without["reason"].astype(object).where(without["reason"].notna(), "")
    grouped = without.assign(reason=reason).groupby(["outcome", "reason"], observed=True)
    found = [(str(outcome), str(why), _by_class(part)) for (outcome, why), part in grouped]
    found.sort(key=lambda entry: (entry[0], -sum(entry[2]), entry[1]))
    rows = [
        row(_reason_cell(why), _outcome_words(outcome), count_cell(genuine), count_cell(attack))
        for outcome, why, (genuine, attack) in found[:_MOST_ROWS]
    ]
    return Table(
        caption=say("Samples without a score, by reason"),
        columns=columns(
            say("Reason"), say("Outcome"), say("Genuine"), say("Attacks"), texts=(say("Outcome"),)
        ),
        rows=tuple(rows),
        note=_left_out(len(found)),
    )


def _by_class(part: pd.DataFrame) -> tuple[int, int]:
    attacks = int((part["label"] == "attack").sum())
    return len(part) - attacks, attacks


def _reasons_of_run(run: Mapping[str, Any]) -> Table | None:
    found = [
        (outcome, str(why), number)
        for outcome in ("no_response", "not_sent")
        for why, number in sorted(_counts(run.get(outcome)).items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    if not found:
        return None
    rows = [
        row(_reason_cell(why), _outcome_words(outcome), count_cell(number))
        for outcome, why, number in found[:_MOST_ROWS]
    ]
    return Table(
        caption=say("Samples without a score, by reason"),
        columns=columns(say("Reason"), say("Outcome"), say("Samples"), texts=(say("Outcome"),)),
        rows=tuple(rows),
        note=_left_out(len(found)),
    )


def _reason_cell(reason: str) -> Cell:
    if not reason:
        return Cell(text=say("no reason given"))
    words = reason_words(reason)
    return Cell(text=name(words)) if words == reason else Cell(text=words, note=name(reason))


def _outcome_words(outcome: str) -> str:
    return say("not sent") if outcome == "not_sent" else say("no answer with a score")


def _left_out(found: int) -> str | None:
    if found <= _MOST_ROWS:
        return None
    return counted("{n} rarer reason is left out.", "{n} rarer reasons are left out.", found - _MOST_ROWS)


def _sending(run: Mapping[str, Any]) -> Table | None:
    told = _counts(run)
    rows = [row(words, count_cell(told[key])) for key, words in _SENDING if key in told]
    return (
        Table(
            caption=say("What the run sent"), columns=columns(say("Count"), say("Number")), rows=tuple(rows)
        )
        if rows
        else None
    )


def _counts(found: object) -> dict[str, int]:
    """The whole numbers of a JSON object; anything else in a run.json is not a count."""
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if type(value) is int}


def _latency(frame: pd.DataFrame, times: str, caption: str) -> Table | None:
    timed = frame.loc[frame[times].notna()]
    if timed.empty:
        return None
    rows = [_latency_row(say("all answers"), timed[times])]
    for column in ("region", "media_type"):
        parts = [(str(value), part) for value, part in timed.groupby(column, observed=True)]
        if len(parts) > 1:
            rows += [_latency_row(value, part[times]) for value, part in parts[:_MOST_ROWS]]
    return Table(
        caption=caption,
        columns=columns(say("Answers"), "n", *(heading for heading, _ in _QUANTILES)),
        rows=tuple(rows),
    )


def _latency_row(which: str, part: pd.Series) -> tuple[Cell, ...]:
    times = part.to_numpy(dtype=np.float64)
    # a time that really occurred, and at least as long as that share of the answers
    found = [float(np.quantile(times, q, method="inverted_cdf")) for _, q in _QUANTILES]
    cells = (Cell(text=numbers.duration(time), value=time) for time in found)
    return row(name(which), count_cell(len(times)), *cells)


def _bounds(evaluation: Evaluation) -> Table:
    bounds, counts = evaluation.no_response_bounds, evaluation.counts
    attacks = counts.attack + counts.no_response_attack
    genuine = counts.bona_fide + counts.no_response_bona_fide
    rows = [
        row(
            words,
            share_cell(found.apcer, n=attacks),
            share_cell(found.bpcer, n=genuine),
        )
        for words, found in (
            (say("all of them let pass"), bounds.as_pass),
            (say("all of them blocked"), bounds.as_block),
        )
    ]
    point = evaluation.operating_points[0] if evaluation.operating_points else None
    if point is not None and point.threshold == bounds.threshold:
        rows.insert(
            0,
            row(say("left out, as on the rest of this page"), rate_cell(point.apcer), rate_cell(point.bpcer)),
        )
    return Table(
        caption=say(
            "What samples without a score could change, at threshold {threshold}",
            threshold=numbers.threshold(bounds.threshold),
        ),
        columns=columns(say("Samples without a score"), say("Attacks that pass"), say("Genuine blocked")),
        rows=tuple(rows),
    )

"""A result becomes one HTML page that opens from disk, offline, years later."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from finauth_eval.places import Place, Remote, appearing, place
from finauth_eval.report import breakdown, provenance
from finauth_eval.report.coverage import coverage_of
from finauth_eval.report.distribution import distribution
from finauth_eval.report.figures import Figure, Missing
from finauth_eval.report.marks import marks_of
from finauth_eval.report.quality import quality_table
from finauth_eval.report.rates_chart import rates_against_threshold, reliability
from finauth_eval.report.recommended import notes_table, recommended_table
from finauth_eval.report.summary import summary_table
from finauth_eval.report.sweep import sweep
from finauth_eval.report.tradeoffs import det, precision_recall, roc, roc_log
from finauth_eval.report.verdict import verdict_of
from finauth_eval.shown import numbers
from finauth_eval.shown.text import data_block, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.report.marks import Mark
    from finauth_eval.scores import ScoreTable

__all__ = ["render_report", "write_report"]

_CHARTED_MARKS: Final = 8


def render_report(
    evaluation: Evaluation,
    recommendations: Recommendations | None = None,
    *,
    scores: ScoreTable | None = None,
    title: str | None = None,
) -> str:
    """The report as one self-contained HTML page: no request leaves it, and no script is in it.

    The same input gives the same bytes.

    Args:
        evaluation: What ``evaluate`` found.
        recommendations: What ``recommend`` found, if it was asked.
        scores: The table behind both, if the page shall also say why samples have no score, per class, and how long
            the detector took.
        title: The page's heading; by default the dataset's name.
    """
    context = _context(evaluation, recommendations, scores, title)
    return _environment().get_template("report.html.j2").render(context)


def write_report(
    evaluation: Evaluation,
    recommendations: Recommendations | None = None,
    *,
    path: Path | str | Remote,
    scores: ScoreTable | None = None,
    title: str | None = None,
) -> Place:
    """Write the page of ``render_report``; the file appears whole or not at all.

    Args:
        evaluation: What ``evaluate`` found.
        recommendations: What ``recommend`` found, if it was asked.
        path: Where to, a path or a URL such as ``s3://bucket/q3.html``; missing folders are made, an older report is
            replaced.
        scores: As for ``render_report``.
        title: As for ``render_report``.

    Returns:
        The path.
    """
    target = place(path)
    page = render_report(evaluation, recommendations, scores=scores, title=title)
    with appearing(target) as scratch:
        scratch.write_text(page, encoding="utf-8", newline="\n")
    return target


def _context(
    evaluation: Evaluation,
    recommendations: Recommendations | None,
    scores: ScoreTable | None,
    title: str | None,
) -> dict[str, Any]:
    marks = marks_of(evaluation, recommendations)
    point = evaluation.operating_points[0] if evaluation.operating_points else None
    style = _stylesheet()
    return {
        "title": title or _title(evaluation),
        "policy": _content_security_policy(style),
        "style": Markup(style),  # noqa: S704 - our own file; nothing from outside enters it
        "sandbox": provenance.is_sandbox(evaluation.provenance),
        "provenance": evaluation.provenance,
        "confidence": numbers.confidence_words(evaluation.confidence),
        "verdict": verdict_of(evaluation, recommendations),
        "coverage": coverage_of(evaluation, scores),
        "recommended": None if recommendations is None else recommended_table(recommendations, marks),
        "recommended_notes": None if recommendations is None else notes_table(recommendations),
        "marks": marks,
        "figures": _figures(evaluation, marks[:_CHARTED_MARKS]),
        "summary": summary_table(evaluation),
        "type_table": breakdown.attack_type_table(evaluation, point) if point else None,
        "type_chart": breakdown.attack_type_chart(evaluation, point) if point else None,
        "slice_tables": breakdown.slice_tables(evaluation),
        "confusion_tables": breakdown.confusion_tables(evaluation, recommendations, marks),
        "warnings": evaluation.warnings,
        "quality": quality_table(evaluation, recommendations),
        "methods": provenance.method_words(evaluation),
        "provenance_table": provenance.provenance_table(evaluation),
        "run_table": provenance.run_table(evaluation.provenance),
        "data": data_block(
            {
                "evaluation": evaluation.to_dict(),
                "recommendations": None if recommendations is None else recommendations.to_dict(),
            }
        ),
    }


def _figures(evaluation: Evaluation, marks: Sequence[Mark]) -> tuple[Figure | Missing, ...]:
    counts = evaluation.score_counts
    rates = sweep(counts)
    drawn: list[Figure | Missing] = [distribution(counts, marks), rates_against_threshold(rates, marks)]
    if counts.bona_fide.any() and counts.attack.any():
        drawn += [draw(evaluation, rates, marks) for draw in (roc, roc_log, det, precision_recall)]
    else:
        which = "attack" if not counts.attack.any() else "genuine sample"
        drawn.append(
            Missing(
                title="ROC, DET and precision-recall",
                reason=f"They need both classes; no {which} has a score.",
            )
        )
    if evaluation.calibration is not None:
        drawn.append(reliability(evaluation.calibration))
    return tuple(drawn)


def _title(evaluation: Evaluation) -> str:
    name = evaluation.provenance.dataset_name
    return f"Deepfake detection on {name}" if name else "Deepfake detection report"


def _content_security_policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _stylesheet() -> str:
    return (
        resources.files("finauth_eval.report").joinpath("templates", "report.css").read_text(encoding="utf-8")
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("finauth_eval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.filters["threshold"] = numbers.threshold
    environment.filters["short_threshold"] = numbers.short_threshold
    environment.tests["missing"] = lambda figure: isinstance(figure, Missing)
    return environment


def _shown(value: object) -> object:
    """What every expression of every template passes through: hidden characters are written out."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

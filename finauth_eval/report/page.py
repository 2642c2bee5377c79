"""A result becomes one HTML page that opens from disk, offline, years later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from finauth_eval.phrases import say, speaking
from finauth_eval.report import breakdown, provenance
from finauth_eval.report.contents import contents_table
from finauth_eval.report.cost_chart import costs_against_threshold
from finauth_eval.report.coverage import coverage_of
from finauth_eval.report.distribution import distribution
from finauth_eval.report.downloads import data_link, downloads_of
from finauth_eval.report.explorer import explorer_of
from finauth_eval.report.figures import Figure, Missing
from finauth_eval.report.marks import marks_of
from finauth_eval.report.mistakes import mistakes_of
from finauth_eval.report.quality import quality_table
from finauth_eval.report.rates_chart import rates_against_threshold, reliability
from finauth_eval.report.recommended import notes_table, recommended_table
from finauth_eval.report.rendering import lay_out, render, write_page
from finauth_eval.report.summary import summary_table
from finauth_eval.report.sweep import sweep
from finauth_eval.report.tradeoffs import det, precision_recall, roc, roc_log
from finauth_eval.report.verdict import verdict_of
from finauth_eval.shown import numbers
from finauth_eval.shown.text import data_block

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.phrases import Language
    from finauth_eval.places import Place, Remote
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.report.explorer import Explorer
    from finauth_eval.report.marks import Mark
    from finauth_eval.report.rendering import Layout
    from finauth_eval.scores import ScoreTable

__all__ = ["render_report", "write_report"]

_CHARTED_MARKS: Final = 8
_TEMPLATE: Final = "report.html.j2"
_STYLES: Final = ("report.css",)
_SCRIPTS: Final = ("explorer.js",)


def render_report(
    evaluation: Evaluation,
    recommendations: Recommendations | None = None,
    *,
    scores: ScoreTable | None = None,
    title: str | None = None,
    command: str | None = None,
    thumbnails: Path | str | None = None,
    lang: Language = "en",
) -> str:
    """The report as one self-contained HTML page: no request leaves it, and it is complete with scripts off.

    The same input gives the same bytes.

    Args:
        evaluation: What ``evaluate`` found.
        recommendations: What ``recommend`` found, if it was asked.
        scores: The table behind both, if the page shall also say why samples have no score, per class, how long
            the detector took, which samples are the worst mistakes, and which are copies of each other.
        title: The page's heading; by default the dataset's name.
        command: The command that asked for the page, for the auditor; it is shown as it is.
        thumbnails: The folder with the samples' files, if the worst mistakes shall be shown with small pictures. They
            are pictures of persons: the page then says so at its top. The table must hold the samples' contents
            (``sha256``), as that of a run does.
        lang: The page's language: ``"en"`` or ``"id"`` (Indonesian). Numbers are written alike in all of them.

    Raises:
        InputError: Thumbnails are asked for, and the folder or the column is missing.
        MissingExtra: Thumbnails are asked for, and the ``demo`` extra is not installed.
        ValueError: There is no such language.
    """
    with speaking(lang):
        context = _context(evaluation, recommendations, scores, title, command, thumbnails)
        return render(_TEMPLATE, styles=_styles(thumbnails), scripts=_SCRIPTS, **context)


def write_report(
    evaluation: Evaluation,
    recommendations: Recommendations | None = None,
    *,
    path: Path | str | Remote,
    scores: ScoreTable | None = None,
    title: str | None = None,
    command: str | None = None,
    layout: Layout = "file",
    thumbnails: Path | str | None = None,
    lang: Language = "en",
) -> Place:
    """Write the page of ``render_report``; each file appears whole or not at all.

    Args:
        evaluation: What ``evaluate`` found.
        recommendations: What ``recommend`` found, if it was asked.
        path: Where to, a path or a URL such as ``s3://bucket/q3.html``; missing folders are made, an older report is
            replaced.
        scores: As for ``render_report``.
        title: As for ``render_report``.
        command: As for ``render_report``.
        layout: ``"file"`` for one file that opens anywhere; ``"dir"`` for a page with its style and script in files
            beside it, for web servers whose policy forbids what is written into a page.
        thumbnails: As for ``render_report``.
        lang: As for ``render_report``.

    Returns:
        The path.

    Raises:
        InputError: As ``render_report``.
        MissingExtra: As ``render_report``.
        ValueError: As ``render_report``.
    """
    with speaking(lang):
        context = _context(evaluation, recommendations, scores, title, command, thumbnails)
        styles = _styles(thumbnails)
        page = lay_out(_TEMPLATE, path=path, layout=layout, styles=styles, scripts=_SCRIPTS, **context)
    return write_page(page, path)


def _styles(thumbnails: Path | str | None) -> tuple[str, ...]:
    return _STYLES if thumbnails is None else (*_STYLES, "thumbnails.css")


def _context(
    evaluation: Evaluation,
    recommendations: Recommendations | None,
    scores: ScoreTable | None,
    title: str | None,
    command: str | None,
    thumbnails: Path | str | None,
) -> dict[str, Any]:
    marks = marks_of(evaluation, recommendations)
    point = evaluation.operating_points[0] if evaluation.operating_points else None
    explorer = explorer_of(evaluation, recommendations, marks[:_CHARTED_MARKS])
    return {
        "title": title or _title(evaluation),
        "sandbox": provenance.is_sandbox(evaluation.provenance),
        "provenance": evaluation.provenance,
        "confidence": numbers.confidence_words(evaluation.confidence),
        "verdict": verdict_of(evaluation, recommendations),
        "coverage": coverage_of(evaluation, scores),
        "recommended": None if recommendations is None else recommended_table(recommendations, marks),
        "recommended_notes": None if recommendations is None else notes_table(recommendations),
        "marks": marks,
        "explorer": explorer,
        "explorer_figures": explorer_figures(evaluation, explorer, marks[:_CHARTED_MARKS]),
        "policy_link": data_link(explorer.policy, "application/json") if explorer and explorer.policy else "",
        "downloads": downloads_of(evaluation, recommendations, explorer),
        "figures": _figures(evaluation, marks[:_CHARTED_MARKS]),
        "summary": summary_table(evaluation),
        "type_table": breakdown.attack_type_table(evaluation, point) if point else None,
        "type_chart": breakdown.attack_type_chart(evaluation, point) if point else None,
        "slice_tables": breakdown.slice_tables(evaluation),
        "confusion_tables": breakdown.confusion_tables(evaluation, recommendations, marks),
        "mistakes": mistakes_of(evaluation, scores, thumbnails=thumbnails),
        "warnings": evaluation.warnings,
        "quality": quality_table(evaluation, recommendations),
        "contents": contents_table(scores),
        "methods": provenance.method_words(evaluation),
        "provenance_table": provenance.provenance_table(evaluation, command=command),
        "run_table": provenance.run_table(evaluation.provenance),
        "data": data_block(
            {
                "evaluation": evaluation.to_dict(),
                "recommendations": None if recommendations is None else recommendations.to_dict(),
            }
        ),
    }


def explorer_figures(
    evaluation: Evaluation, explorer: Explorer | None, marks: Sequence[Mark]
) -> tuple[Figure | Missing, ...]:
    """The two charts that stand beside the slider."""
    if explorer is None:
        return ()
    rates = rates_against_threshold(sweep(evaluation.score_counts), marks)
    return (rates, costs_against_threshold(explorer, marks))


def _figures(evaluation: Evaluation, marks: Sequence[Mark]) -> tuple[Figure | Missing, ...]:
    counts = evaluation.score_counts
    rates = sweep(counts)
    drawn: list[Figure | Missing] = [distribution(counts, marks)]
    if counts.bona_fide.any() and counts.attack.any():
        drawn += [draw(evaluation, rates, marks) for draw in (roc, roc_log, det, precision_recall)]
    else:
        reason = (
            say("They need both classes; no genuine sample has a score.")
            if counts.attack.any()
            else say("They need both classes; no attack has a score.")
        )
        drawn.append(Missing(title=say("ROC, DET and precision-recall"), reason=reason))
    if evaluation.calibration is not None:
        drawn.append(reliability(evaluation.calibration))
    return tuple(drawn)


def _title(evaluation: Evaluation) -> str:
    name = evaluation.provenance.dataset_name
    return say("Deepfake detection on {name}", name=name) if name else say("Deepfake detection report")

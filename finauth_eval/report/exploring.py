"""The threshold explorer in a notebook: a frame that holds a page of its own and may do nothing but show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from finauth_eval.comparison import Comparison
from finauth_eval.evaluation import Evaluation
from finauth_eval.phrases import say, speaking
from finauth_eval.report.compared.curves import curves_of
from finauth_eval.report.cost_chart import costs_against_threshold
from finauth_eval.report.explorer import Explorer, explorer_of, explorer_of_two
from finauth_eval.report.marks import marks_of
from finauth_eval.report.rates_chart import rates_against_threshold
from finauth_eval.report.rendering import render
from finauth_eval.report.sweep import sweep

if TYPE_CHECKING:
    from finauth_eval.phrases import Language
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.report.figures import Figure, Missing

__all__ = ["Exploration", "explore"]

_CHARTED_MARKS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """A page with the explorer alone.

    Attributes:
        page: The page, self-contained; it can be written to a file as well.
        title: Of the frame, for those who do not see it.
        height: Of the frame in a notebook, in pixels.
    """

    page: str
    title: str = "Threshold explorer"
    height: int = 900

    def _repr_html_(self) -> str:
        """The page in a frame that may run the page's own script and nothing else: no origin, no forms, no windows.

        JupyterLab leaves frames out of notebooks that are not trusted.
        """
        frame = Markup(
            '<iframe title="{}" sandbox="allow-scripts" width="100%" height="{}" frameborder="0"'
            ' srcdoc="{}"></iframe>'
        )
        return str(frame.format(self.title, self.height, self.page))


def explore(
    result: Evaluation | Comparison,
    recommendations: Recommendations | None = None,
    *,
    height: int = 900,
    lang: Language = "en",
) -> Exploration:
    """The report's threshold explorer, for a notebook.

    Args:
        result: What ``evaluate`` or ``compare`` found. Of a comparison both runs are shown under one threshold.
        recommendations: What ``recommend`` found, whose thresholds can be jumped to; with an evaluation only.
        height: Of the frame, in pixels.
        lang: ``"en"`` or ``"id"`` (Indonesian).

    Raises:
        TypeError: The result is of another kind, or recommendations are given with a comparison.
        ValueError: There is nothing to explore: no scores, or no labels; or there is no such language.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.evaluation import evaluate
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real", "real", "fake", "fake"], "score": [0.1, 0.4, 0.35, 0.8]})
        >>> explore(evaluate(ScoreTable.from_frame(frame)))._repr_html_()[:58]
        '<iframe title="Threshold explorer" sandbox="allow-scripts"'
    """
    with speaking(lang):
        return _exploration(result, recommendations, height)


def _exploration(
    result: Evaluation | Comparison, recommendations: Recommendations | None, height: int
) -> Exploration:
    if isinstance(result, Evaluation):
        explorer, figures = _of_evaluation(result, recommendations)
        title = result.provenance.dataset_name or say("Threshold explorer")
    elif isinstance(result, Comparison):
        if recommendations is not None:
            raise TypeError("recommendations belong to one run; leave them out where two are explored")
        explorer, figures = _of_comparison(result)
        title = say("Two runs under one threshold")
    else:
        raise TypeError(f"{type(result).__name__} cannot be explored; expected an Evaluation or a Comparison")
    page = render(
        "explore.html.j2",
        styles=("report.css",),
        scripts=("explorer.js",),
        title=title,
        explorer=explorer,
        explorer_figures=figures,
        policy_link="",  # a frame without rights may not save files; the text can be copied
    )
    return Exploration(page=page, title=say("Threshold explorer"), height=height)


def _of_evaluation(
    evaluation: Evaluation, recommendations: Recommendations | None
) -> tuple[Explorer, tuple[Figure | Missing, ...]]:
    marks = marks_of(evaluation, recommendations)[:_CHARTED_MARKS]
    explorer = explorer_of(evaluation, recommendations, marks)
    if explorer is None:
        raise ValueError("no sample has a score; there is nothing to explore")
    rates = rates_against_threshold(sweep(evaluation.score_counts), marks)
    return explorer, (rates, costs_against_threshold(explorer, marks))


def _of_comparison(comparison: Comparison) -> tuple[Explorer, tuple[Figure | Missing, ...]]:
    explorer = explorer_of_two(comparison)
    if explorer is None:
        raise ValueError(
            "a run has no labels or no scores, so nothing is known of its errors; there is nothing to explore"
        )
    return explorer, curves_of(comparison)

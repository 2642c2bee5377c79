"""Pictures for notebooks and papers: Display classes in scikit-learn's manner; the only importer of matplotlib.

Each takes an evaluation and draws; ``ax_`` and ``figure_`` are for changing the picture, ``frame()`` gives what is
drawn. Without an ``ax`` a figure of its own is made, which neither pyplot nor rcParams know of.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import ndtri

from finauth_eval.metrics.bands import roc_band
from finauth_eval.metrics.curves import det_curve, precision_recall_curve, roc_curve
from finauth_eval.metrics.intervals import clopper_pearson_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.bands import RocBand
    from finauth_eval.metrics.calibration import ReliabilityBin
    from finauth_eval.metrics.counts import ScoreCounts
    from finauth_eval.metrics.curves import Curve
    from finauth_eval.metrics.estimate import Estimate
    from finauth_eval.metrics.rates import OperatingPoint
    from finauth_eval.policies import MinCost
    from finauth_eval.recommendation import Recommendations

__all__ = [
    "ConfusionDisplay",
    "DetDisplay",
    "PrecisionRecallDisplay",
    "ReliabilityDisplay",
    "RocDisplay",
    "ScoreDistributionDisplay",
    "ThresholdDisplay",
]

_GENUINE: Final = "#1b62b5"
_ATTACK: Final = "#b34700"
_MUTED: Final = "#68737f"
_CURVE: Final = "finauth-eval-curve"
_CURVES: Final = ((_GENUINE, "-"), (_ATTACK, "--"), ("#2e7d32", "-."), ("#6a1b9a", (0, (5, 1, 1, 1))))
"""Colour and dashes of the first, second, ... curve on the same axes: told apart without colour too."""
_BLOCKED: Final = "genuine blocked (BPCER)"
_PASSED: Final = "attacks that pass (APCER)"
_CAUGHT: Final = "attacks caught (1 − APCER)"
_NO_BAND: Final = (
    "the band takes samples as independent, and several belong to one cluster here; evaluate with cluster='none' to"
    " see it all the same, narrower than it should be"
)
_DRAWN_ROWS: Final = 2_000
_DET_TICKS: Final = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)


class _NotebookFigure(Figure):
    """A figure that a notebook shows although pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


@dataclass(kw_only=True)
class Display:
    """What every display has in common.

    Attributes:
        ax_: The axes drawn on, after ``plot``.
        figure_: Their figure, after ``plot``.
        name: What the curve is called in the legend.
    """

    name: str | None = None
    ax_: Axes = field(init=False, repr=False)
    figure_: Figure = field(init=False, repr=False)

    @classmethod
    def from_evaluation(
        cls, evaluation: Evaluation, *, ax: Axes | None = None, name: str | None = None
    ) -> Self:
        """Draw an evaluation.

        Args:
            evaluation: What ``evaluate`` found.
            ax: Axes to draw on; a new figure is made by default.
            name: What to call it in the legend.

        Raises:
            ValueError: The evaluation lacks what this picture shows.
        """
        return cls(**cls._of(evaluation), name=name).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw once more, on other axes or on a new figure."""
        if ax is None:
            figure = _NotebookFigure(figsize=(5.6, 4.4), layout="constrained")
            ax = figure.subplots()
        self.ax_ = ax
        root = ax.get_figure(root=True)
        if root is None:
            raise ValueError("the axes belong to no figure; draw on axes of a figure")
        self.figure_ = root
        self._draw(ax)
        return self

    def frame(self) -> pd.DataFrame:
        """What is drawn, a row a point."""
        raise NotImplementedError

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        raise NotImplementedError

    def _draw(self, ax: Axes) -> None:
        raise NotImplementedError

    def _repr_png_(self) -> bytes | None:
        # a figure of somebody else's is shown by who made it
        return self.figure_._repr_png_() if isinstance(self.figure_, _NotebookFigure) else None


@dataclass(kw_only=True)
class RocDisplay(Display):
    """Attacks caught against genuine samples blocked.

    Attributes:
        band: The band that holds the whole curve at once, shaded; ``None`` for none.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.evaluation import evaluate
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real", "real", "fake", "fake"], "score": [0.1, 0.4, 0.35, 0.8]})
        >>> display = RocDisplay.from_evaluation(evaluate(ScoreTable.from_frame(frame)))
        >>> display.ax_.get_ylabel(), list(display.frame().columns)
        ('attacks caught (1 − APCER)', ['threshold', 'bpcer', 'attacks_caught'])
    """

    curve: Curve
    auc: Estimate
    points: Sequence[OperatingPoint] = ()
    band: RocBand | None = None

    @classmethod
    def from_evaluation(
        cls, evaluation: Evaluation, *, ax: Axes | None = None, name: str | None = None, band: bool = False
    ) -> Self:
        """Draw an evaluation.

        Args:
            evaluation: What ``evaluate`` found.
            ax: Axes to draw on; a new figure is made by default.
            name: What to call it in the legend.
            band: Shade the band that holds the whole curve at once, at the evaluation's confidence.

        Raises:
            ValueError: A class is missing, or a band is wanted of samples that belong together.
        """
        drawn = cls(**cls._of(evaluation), name=name)
        if band:
            if _clustered(evaluation):
                raise ValueError(_NO_BAND)
            drawn.band = roc_band(evaluation.score_counts, confidence=evaluation.confidence)
        return drawn.plot(ax)

    def frame(self) -> pd.DataFrame:
        """Columns ``threshold`` (the first is infinite), ``bpcer``, ``attacks_caught``."""
        return pd.DataFrame(
            {"threshold": self.curve.thresholds, "bpcer": self.curve.x, "attacks_caught": self.curve.y}
        )

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        curve = roc_curve(_both_classes(evaluation))
        return {"curve": curve, "auc": evaluation.auc, "points": evaluation.operating_points}

    def _draw(self, ax: Axes) -> None:
        limits = "" if math.isnan(self.auc.low) else f" ({self.auc.low:.3f}–{self.auc.high:.3f})"
        label = f"{self.name or 'all attacks'}, AUC {self.auc.value:.3f}{limits}"
        color = _curve(ax, self.curve.x, self.curve.y, label=label)
        if self.band is not None:
            x = np.linspace(0, 1, 501)
            words = f"{100 * self.band.confidence:g}% band of the whole curve"
            ax.fill_between(x, *self.band.at(x), color=color, alpha=0.15, linewidth=0, label=words)
        if _new(ax, "guessing"):
            ax.plot([0, 1], [0, 1], color=_MUTED, linestyle=":", linewidth=1, label="guessing")
        _mark(ax, [(point.bpcer.value, 1 - point.apcer.value, point.threshold) for point in self.points])
        _label(ax, x=_BLOCKED, y=_CAUGHT)


@dataclass(kw_only=True)
class PrecisionRecallDisplay(Display):
    """Share of attacks among what is blocked against the share of attacks caught."""

    curve: Curve
    average_precision: Estimate
    attack_share: float

    def frame(self) -> pd.DataFrame:
        """Columns ``threshold`` (the last is missing), ``recall``, ``precision``."""
        thresholds = np.append(self.curve.thresholds, np.nan)
        return pd.DataFrame({"threshold": thresholds, "recall": self.curve.x, "precision": self.curve.y})

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        counts = _both_classes(evaluation)
        return {
            "curve": precision_recall_curve(counts),
            "average_precision": evaluation.average_precision,
            "attack_share": counts.n_attack / (counts.n_attack + counts.n_bona_fide),
        }

    def _draw(self, ax: Axes) -> None:
        label = f"{self.name or 'all attacks'}, AP {self.average_precision.value:.3f}"
        _curve(ax, self.curve.x, self.curve.y, label=label)
        if _new(ax, "guessing"):
            ax.axhline(self.attack_share, color=_MUTED, linestyle=":", linewidth=1, label="guessing")
        ax.set_ylim(-0.03, 1.03)
        _label(ax, x="attacks caught (recall)", y="attacks among the blocked (precision)")


@dataclass(kw_only=True)
class DetDisplay(Display):
    """Both error rates against each other on normal-deviate axes; rates of 0 and 1 are infinite there, so left out."""

    curve: Curve
    points: Sequence[OperatingPoint] = ()

    def frame(self) -> pd.DataFrame:
        """Columns ``threshold``, ``bpcer``, ``apcer``, of every point, the infinite ones included."""
        return pd.DataFrame(
            {"threshold": self.curve.thresholds, "bpcer": self.curve.x, "apcer": self.curve.y}
        )

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        return {"curve": det_curve(_both_classes(evaluation)), "points": evaluation.operating_points}

    def _draw(self, ax: Axes) -> None:
        finite = (self.curve.x > 0) & (self.curve.x < 1) & (self.curve.y > 0) & (self.curve.y < 1)
        x, y = ndtri(self.curve.x[finite]), ndtri(self.curve.y[finite])
        _curve(ax, x, y, label=self.name or "all attacks")
        inside = [
            (float(ndtri(point.bpcer.value)), float(ndtri(point.apcer.value)), point.threshold)
            for point in self.points
            if 0 < point.bpcer.value < 1 and 0 < point.apcer.value < 1
        ]
        _mark(ax, inside)
        labels = [f"{100 * tick:g}%" for tick in _DET_TICKS]
        ax.set_xticks(ndtri(_DET_TICKS), labels)
        ax.set_yticks(ndtri(_DET_TICKS), labels)
        ends = np.array([*x, *y, *ndtri((0.01, 0.5))])
        ax.set_xlim(ends.min() - 0.1, ends.max() + 0.1)
        ax.set_ylim(ends.min() - 0.1, ends.max() + 0.1)
        _label(ax, x=_BLOCKED, y=_PASSED)


@dataclass(kw_only=True)
class ScoreDistributionDisplay(Display):
    """How the scores of each class are distributed, as the share of the class in each of 20 bins."""

    counts: ScoreCounts
    points: Sequence[OperatingPoint] = ()

    def frame(self) -> pd.DataFrame:
        """Columns ``low``, ``high`` (the bin's edges), ``bona_fide``, ``attack`` (samples in it)."""
        edges = self._edges()
        genuine, _ = np.histogram(
            self.counts.scores, bins=edges, weights=self.counts.bona_fide.astype(np.int64)
        )
        attack, _ = np.histogram(self.counts.scores, bins=edges, weights=self.counts.attack.astype(np.int64))
        return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "bona_fide": genuine, "attack": attack})

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        return {"counts": evaluation.score_counts, "points": evaluation.operating_points}

    def _edges(self) -> Any:
        low, high = float(self.counts.scores[0]), float(self.counts.scores[-1])
        if low >= 0 and high <= 1:
            return np.arange(21) / 20
        return np.linspace(low, high, 21) if low < high else np.linspace(low - 0.5, high + 0.5, 21)

    def _draw(self, ax: Axes) -> None:
        drawn = self.frame()
        edges = np.append(drawn["low"], drawn["high"].iloc[-1])
        for column, words, color, hatch in (
            ("bona_fide", "genuine", _GENUINE, None),
            ("attack", "attacks", _ATTACK, "//"),
        ):
            n = int(drawn[column].sum())
            if n:
                ax.stairs(drawn[column] / n, edges, fill=True, alpha=0.3, color=color, hatch=hatch)
                ax.stairs(drawn[column] / n, edges, color=color, label=f"{words} (n = {n:,})")
        for point in self.points:
            ax.axvline(point.threshold, color="black", linestyle=":", linewidth=1)
        _label(ax, x="score", y="share of the class")


@dataclass(kw_only=True)
class ThresholdDisplay(Display):
    """Both error rates against the threshold, with what costs and recommendations make of them.

    Attributes:
        confidence: Coverage of each rate's interval at its own threshold; ``None`` draws no bands.
        cost: What a miss and a false alarm cost, and how frequent attacks are; drawn on an axis of its own.
        recommendations: Thresholds to mark.
        cost_ax_: The axes of the cost, after ``plot``; ``None`` without costs.

    Example:
        >>> import pandas as pd
        >>> from finauth_eval.evaluation import evaluate
        >>> from finauth_eval.policies import MinCost
        >>> from finauth_eval.scores import ScoreTable
        >>> frame = pd.DataFrame({"label": ["real", "real", "fake", "fake"], "score": [0.1, 0.4, 0.35, 0.8]})
        >>> display = ThresholdDisplay.from_evaluation(
        ...     evaluate(ScoreTable.from_frame(frame)), cost=MinCost(miss=20, alarm=1, prior=0.02)
        ... )
        >>> display.frame()[["threshold", "bpcer", "apcer", "cost"]].round(3).values.tolist()
        [[0.1, 1.0, 0.0, 0.98], [0.35, 0.5, 0.0, 0.49], [0.4, 0.5, 0.5, 0.69], [0.8, 0.0, 0.5, 0.2]]
    """

    curve: Curve
    n_bona_fide: int
    n_attack: int
    points: Sequence[OperatingPoint] = ()
    confidence: float | None = None
    cost: MinCost | None = None
    recommendations: Recommendations | None = None
    cost_ax_: Axes | None = field(init=False, repr=False, default=None)

    @classmethod
    def from_evaluation(
        cls,
        evaluation: Evaluation,
        *,
        ax: Axes | None = None,
        name: str | None = None,
        band: bool | None = None,
        cost: MinCost | None = None,
        recommendations: Recommendations | None = None,
    ) -> Self:
        """Draw an evaluation.

        Args:
            evaluation: What ``evaluate`` found.
            ax: Axes to draw on; a new figure is made by default.
            name: What to call it in the title.
            band: Shade each rate's Clopper-Pearson interval at its threshold; ``None`` where samples are independent.
            cost: Costs and prior whose expected cost is drawn too.
            recommendations: What ``recommend`` found; its feasible thresholds are marked.

        Raises:
            ValueError: A class is missing, or a band is wanted of samples that belong together.
        """
        together = _clustered(evaluation)
        if band and together:
            raise ValueError(_NO_BAND)
        drawn = cls(**cls._of(evaluation), name=name, cost=cost, recommendations=recommendations)
        if band or (band is None and not together):
            drawn.confidence = evaluation.confidence
        return drawn.plot(ax)

    def frame(self) -> pd.DataFrame:
        """Columns ``threshold`` (every distinct score, ascending), ``bpcer``, ``apcer``; limits and cost if drawn."""
        return self._rows(np.arange(self.curve.thresholds.size - 1, 0, -1))

    def _rows(self, rows: Any) -> pd.DataFrame:
        bpcer, apcer = self.curve.x[rows], 1 - self.curve.y[rows]
        columns = {"threshold": self.curve.thresholds[rows], "bpcer": bpcer, "apcer": apcer}
        if self.confidence is not None:
            for rate, share, n in (("bpcer", bpcer, self.n_bona_fide), ("apcer", apcer, self.n_attack)):
                events = np.rint(share * n).astype(np.int64)
                limits = clopper_pearson_limits(events, n, confidence=self.confidence)
                columns |= dict(zip((f"{rate}_low", f"{rate}_high"), limits, strict=True))
        if self.cost is not None:
            columns["cost"] = self.cost.weight_of_miss * apcer + self.cost.weight_of_alarm * bpcer
        return pd.DataFrame(columns)

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        counts = _both_classes(evaluation)
        return {
            "curve": roc_curve(counts),
            "n_bona_fide": counts.n_bona_fide,
            "n_attack": counts.n_attack,
            "points": evaluation.operating_points,
        }

    def _draw(self, ax: Axes) -> None:
        last = self.curve.thresholds.size - 1
        drawn = self._rows(np.unique(np.linspace(last, 1, min(last, _DRAWN_ROWS)).round().astype(int))[::-1])
        # a rate holds for every threshold up to and including its score
        for rate, words, color, line in (
            ("bpcer", _BLOCKED, _GENUINE, "-"),
            ("apcer", _PASSED, _ATTACK, "--"),
        ):
            ax.plot(
                drawn["threshold"],
                drawn[rate],
                color=color,
                label=words,
                linestyle=line,
                drawstyle="steps-pre",
            )
            if self.confidence is not None:
                ax.fill_between(
                    drawn["threshold"], drawn[f"{rate}_low"], drawn[f"{rate}_high"],
                    color=color, alpha=0.15, linewidth=0, step="pre",
                )  # fmt: skip
        for point in self.points:
            ax.axvline(
                point.threshold,
                color="black",
                linestyle=":",
                linewidth=1,
                label=f"threshold {point.threshold:g}",
            )
        found = [item for item in self.recommendations or () if item.feasible]
        for k, item in enumerate(found):
            ax.axvline(item.threshold, color=_MUTED, linewidth=1, linestyle=(0, (4, 2)))
            ax.plot(
                [item.threshold], [1], marker="os^Dv"[k % 5], color=_MUTED, linestyle="none", clip_on=False,
                transform=ax.get_xaxis_transform(), label=f"{item.policy.name} {item.threshold:g}",
            )  # fmt: skip
        _label(ax, x="threshold", y="error rate")
        costs = None if self.cost is None else self._draw_cost(ax, drawn)
        entries = [
            entry
            for own in (ax, costs)
            if own is not None
            for entry in zip(*own.get_legend_handles_labels(), strict=True)
        ]
        ax.legend(
            [line for line, _ in entries], [words for _, words in entries],
            title=self.name, frameon=False, fontsize="small", ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.02),
        )  # fmt: skip

    def _draw_cost(self, ax: Axes, drawn: pd.DataFrame) -> Axes:
        self.cost_ax_ = costs = ax.twinx()
        costs.plot(
            drawn["threshold"], 10_000 * drawn["cost"], color="black", linewidth=1, drawstyle="steps-pre",
            label="expected cost",
        )  # fmt: skip
        costs.set_ylim(bottom=0)
        costs.set_ylabel("expected cost per 10,000 decisions")
        costs.spines[["top"]].set_visible(False)
        return costs


@dataclass(kw_only=True)
class ReliabilityDisplay(Display):
    """Whether a score can be read as the probability of an attack, at this data's mix of classes."""

    bins: Sequence[ReliabilityBin]

    def frame(self) -> pd.DataFrame:
        """Columns ``low``, ``high``, ``mean_score``, ``attack_share``, ``share_low``, ``share_high``, ``n``."""
        rows = [
            (
                b.low,
                b.high,
                b.mean_score,
                b.attack_share.value,
                b.attack_share.low,
                b.attack_share.high,
                b.attack_share.n,
            )
            for b in self.bins
        ]
        return pd.DataFrame(
            rows, columns=["low", "high", "mean_score", "attack_share", "share_low", "share_high", "n"]
        )

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        if evaluation.calibration is None or not evaluation.calibration.reliability:
            raise ValueError(
                "the evaluation holds no reliability bins; evaluate scores in [0, 1] with calibration=True"
            )
        return {"bins": evaluation.calibration.reliability}

    def _draw(self, ax: Axes) -> None:
        drawn = self.frame().dropna(subset=["attack_share"])
        share = drawn["attack_share"].to_numpy()
        whiskers = np.array([share - drawn["share_low"], drawn["share_high"] - share]).clip(min=0)
        ax.plot([0, 1], [0, 1], color=_MUTED, linestyle="--", linewidth=1, label="score = probability")
        ax.errorbar(
            drawn["mean_score"], share, yerr=whiskers, fmt="o", color=_GENUINE, label=self.name or "bins"
        )
        _label(ax, x="mean score in the bin", y="share of attacks in the bin")


@dataclass(kw_only=True)
class ConfusionDisplay(Display):
    """Decisions against the truth at the first operating point, counted."""

    point: OperatingPoint

    def frame(self) -> pd.DataFrame:
        """Rows ``attack`` and ``bona_fide``, columns ``blocked`` and ``passed``."""
        found = self.point.confusion
        return pd.DataFrame(
            {"blocked": [found.tp, found.fp], "passed": [found.fn, found.tn]}, index=["attack", "bona_fide"]
        )

    @classmethod
    def _of(cls, evaluation: Evaluation) -> dict[str, Any]:
        return {"point": evaluation.operating_points[0]}

    def _draw(self, ax: Axes) -> None:
        counts = self.frame().to_numpy()
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), number in np.ndenumerate(counts):
            share = shares[row, column]
            ax.text(
                column, row, f"{number:,}\n{100 * share:.1f}%", ha="center", va="center",
                color="white" if share > 0.55 else "black",
            )  # fmt: skip
        ax.set_xticks([0, 1], ["blocked", "let pass"])
        ax.set_yticks([0, 1], ["attacks", "genuine"])
        ax.set_title(f"{self.name or 'Decisions'} at {self.point.threshold:g}")


def _clustered(evaluation: Evaluation) -> bool:
    return "cluster" in evaluation.auc.method


def _both_classes(evaluation: Evaluation) -> ScoreCounts:
    counts = evaluation.score_counts
    if counts.n_attack and counts.n_bona_fide:
        return counts
    missing = "attack" if counts.n_bona_fide else "bona fide sample"
    raise ValueError(f"no {missing} has a score; this picture compares the two classes")


def _curve(ax: Axes, x: Any, y: Any, *, label: str) -> str:
    """Draw a curve; each further one on the same axes has a colour and dashes of its own. Gives the colour."""
    earlier = sum(line.get_gid() == _CURVE for line in ax.lines)
    color, dashes = _CURVES[earlier % len(_CURVES)]
    ax.plot(x, y, color=color, linestyle=dashes, label=label, gid=_CURVE)
    return color


def _new(ax: Axes, label: str) -> bool:
    """Whether nothing on these axes has this label."""
    return all(line.get_label() != label for line in ax.lines)


def _mark(ax: Axes, points: Sequence[tuple[float, float, float]]) -> None:
    for k, (x, y, threshold) in enumerate(points):
        label = f"threshold {threshold:g}"
        ax.plot(
            [x], [y], marker="os^Dv"[k % 5], linestyle="none", color="black",
            label=label if _new(ax, label) else "_nolegend_",
        )  # fmt: skip


def _label(ax: Axes, *, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small")

"""How the scores moved: both runs' distributions over each other, quantiles and distances, and the index's bins."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.phrases import phrase, say, translated
from finauth_eval.report.charts.frame import Axis
from finauth_eval.report.charts.layers import Bars
from finauth_eval.report.charts.pins import Pin
from finauth_eval.report.charts.plot import plot
from finauth_eval.report.charts.scales import LinearScale
from finauth_eval.report.distribution import bin_edges, histogram
from finauth_eval.report.figures import Figure, Key, Missing
from finauth_eval.report.tables import Cell, Table, columns, count_cell, row, score_cell, share_cell
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.comparing.outcome import Comparison

__all__ = ["moves_table", "psi_tables", "quantile_tables", "shift_figures", "shift_table"]

_NAMES: Final = {
    "all": phrase("All samples"),
    "bona_fide": phrase("Genuine samples"),
    "attack": phrase("Attacks"),
}
_SCORES: Final = {
    "all": phrase("Scores of all samples"),
    "bona_fide": phrase("Scores of genuine samples"),
    "attack": phrase("Scores of attacks"),
}
_BINS: Final = {
    "all": phrase("Bins of PSI, all samples"),
    "bona_fide": phrase("Bins of PSI, genuine samples"),
    "attack": phrase("Bins of PSI, attacks"),
}
_REACHES: Final = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_FEW: Final = 400


def _classes(found: Comparison) -> list[str]:
    return ["bona_fide", "attack"] if found.labelled else ["all"]


def _scores(found: Comparison, which: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    kept = []
    for own in (found.evidence.a.arrays, found.evidence.b.arrays):
        rows = (
            np.ones(own.scores.size, dtype=bool) if which == "all" else own.is_attack == (which == "attack")
        )
        kept.append(np.sort(own.scores[rows]))
    return kept[0], kept[1]


def shift_figures(found: Comparison) -> tuple[Figure | Missing, ...]:
    """The scores of both runs over each other, a chart a class."""
    return tuple(_figure(found, which) for which in _classes(found))


def _figure(found: Comparison, which: str) -> Figure | Missing:
    title = translated(_SCORES[which])
    a, b = _scores(found, which)
    if not a.size or not b.size:
        return Missing(title=title, reason=say("One of the runs has none with a score."))
    both = np.sort(np.concatenate([a, b]))
    edges = bin_edges(both, bins=20 if both.size < 2 * _FEW else 40)
    counts = [histogram(own, np.ones(own.size, dtype=np.int64), edges) for own in (a, b)]
    shares = [own / own.sum() for own in counts]
    top = max(float(own.max()) for own in shares)
    shift = found.shift.by_class[which]
    median_a, median_b = shift.quantiles[0.5]
    lead = say(
        "Half of the scores are at most {a} in A and {b} in B; scores moved by {apart} on average.",
        a=numbers.score(median_a),
        b=numbers.score(median_b),
        apart=numbers.score(shift.wasserstein),
    )
    at_a, at_b = found.thresholds
    low, high = float(edges[0]), float(edges[-1])
    pins = [Pin(letter=letter, x=at) for letter, at in (("A", at_a), ("B", at_b)) if low <= at <= high]
    width = numbers.score(float(edges[1] - edges[0])).rstrip("0")
    return Figure(
        id=f"scores-{which.replace('_', '-')}",
        title=title,
        lead=lead,
        chart=plot(
            anchor=f"scores-{which.replace('_', '-')}-chart",
            title=title,
            description=lead,
            x=Axis(label=say("score: the higher, the more likely an attack"), scale=LinearScale(low=low, high=high)),
            y=Axis(
                label=say("share of the samples per {width}", width=width),
                scale=LinearScale(low=0.0, high=next(end for end in _REACHES if end >= min(1.0, top)), as_percent=True),
            ),
            layers=[
                Bars(edges=edges, heights=shares[0], look="run-a"),
                Bars(edges=edges, heights=shares[1], look="run-b"),
            ],
            pins=pins,
        ),
        keys=(
            Key(look="run-a", shape="area", label=say("A, n = {n}", n=numbers.count(a.size))),
            Key(look="run-b", shape="area", label=say("B, n = {n}, dashed outline", n=numbers.count(b.size))),
        ),
        marks=(),
        notes=(_pin_words(at_a, at_b),) if pins else (),
        table=_bins_table(title, edges, counts),
    )  # fmt: skip


def _pin_words(at_a: float, at_b: float) -> str:
    if at_a == at_b:
        return say(
            "The pins are the threshold, {threshold} in both.", threshold=numbers.short_threshold(at_a)
        )
    return say(
        "The pins are the thresholds: A {a}, B {b}.",
        a=numbers.short_threshold(at_a),
        b=numbers.short_threshold(at_b),
    )


def _bins_table(title: str, edges: NDArray[np.float64], counts: list[NDArray[np.int64]]) -> Table:
    a, b = counts
    return Table(
        caption=title,
        columns=columns(say("Score"), "A", say("Share of A"), "B", say("Share of B")),
        rows=tuple(
            row(
                f"{edges[k]:.4g}–{edges[k + 1]:.4g}",
                count_cell(int(a[k])),
                share_cell(float(a[k] / a.sum())),
                count_cell(int(b[k])),
                share_cell(float(b[k] / b.sum())),
            )
            for k in range(a.size)
        ),
        note=say("The left edge belongs to its row, the right edge to the next."),
    )


def shift_table(found: Comparison) -> Table:
    """How far the two distributions lie apart."""
    return Table(
        caption=say("How far the scores lie apart"),
        columns=columns(say("Samples"), say("n in A"), say("n in B"), "Wasserstein", "KS", "PSI"),
        rows=tuple(
            row(
                _NAMES[which], count_cell(own.n_a), count_cell(own.n_b), score_cell(own.wasserstein),
                score_cell(own.ks), score_cell(own.psi.value),
            )
            for which, own in found.shift.by_class.items()
        ),
        note=say(
            "Wasserstein: how far scores have to move on average, on the score's own scale. KS: the largest difference of"
            " the two distribution functions. PSI: the population stability index over the bins below; 0.1 and 0.25 are"
            " customary marks for some and for much shift, and few samples alone raise it."
        ),
    )  # fmt: skip


def quantile_tables(found: Comparison) -> Table:
    """Quantiles of the scores of both runs."""
    kinds = list(found.shift.by_class)
    rows = []
    for share in found.shift.by_class["all"].quantiles:
        cells = []
        for which in kinds:
            cells += [_plain(own) for own in found.shift.by_class[which].quantiles[share]]
        rows.append(row(numbers.limit(share), *cells))
    headings = [f"{translated(_NAMES[which])}, {run}" for which in kinds for run in "AB"]
    return Table(
        caption=say("Quantiles of the scores"),
        columns=columns(say("Share of samples at or below"), *headings),
        rows=tuple(rows),
    )


def _plain(value: float) -> Cell:
    return Cell(text=numbers.score(value), value=None if math.isnan(value) else value)


def psi_tables(found: Comparison) -> tuple[Table, ...]:
    """The bins that each population stability index was taken over."""
    return tuple(
        _psi(found, which) for which in found.shift.by_class if found.shift.by_class[which].psi.edges
    )


def _psi(found: Comparison, which: str) -> Table:
    psi = found.shift.by_class[which].psi
    binning = translated(psi.to_dict()["binning"])
    ends = [numbers.threshold(own) for own in psi.edges]
    names = [
        say("below {end}", end=ends[0]),
        *(say("{low} to {high}", low=low, high=high) for low, high in itertools.pairwise(ends)),
        say("{end} and above", end=ends[-1]),
    ]
    n_a, n_b = sum(psi.a), sum(psi.b)
    return Table(
        caption=translated(_BINS[which]),
        columns=columns(say("Score"), "A", say("Share of A"), "B", say("Share of B")),
        rows=tuple(
            row(words, count_cell(a), share_cell(a / n_a), count_cell(b), share_cell(b / n_b))
            for words, a, b in zip(names, psi.a, psi.b, strict=True)
        ),
        note=say("{binning}. A bin holds its lower edge.", binning=f"{binning[:1].upper()}{binning[1:]}"),
    )


def moves_table(found: Comparison) -> Table | None:
    """What became of each sample's score; ``None`` where the samples differ."""
    own = found.shift.moves
    if own is None:
        return None
    mean = own.mean
    value = f"{mean.value:+.4f}"
    words = (
        value
        if math.isnan(mean.low)
        else say("{value} ({low} to {high})", value=value, low=f"{mean.low:+.4f}", high=f"{mean.high:+.4f}")
    )
    moved = Cell(text=words, value=mean.value, note=mean.reason)
    return Table(
        caption=say("What became of each sample's score"),
        columns=columns(say("Score in B"), say("Value")),
        rows=(
            row(phrase("Higher, samples"), count_cell(own.up)),
            row(phrase("Lower, samples"), count_cell(own.down)),
            row(phrase("The same to the last digit, samples"), count_cell(own.same)),
            row(phrase("Moved on average, B − A"), moved),
            row(phrase("Moved at most"), Cell(text=numbers.score(own.largest), value=own.largest)),
        ),
    )

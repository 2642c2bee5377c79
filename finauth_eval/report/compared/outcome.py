"""The verdict of a comparison in plain words, and what stands against comparing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from markupsafe import Markup

from finauth_eval.report.compared.cells import area_words
from finauth_eval.report.tables import Table, columns, count_cell, row
from finauth_eval.report.verdict import Badge, Tile, Verdict
from finauth_eval.report.wording import times
from finauth_eval.samples import clusters_in_words
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from finauth_eval.comparing.evidence import Rates
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.scores import ScoreTable

__all__ = ["outcome_of", "pairing_table", "side_words"]

_BADGES: Final = {
    "better": Badge(look="good", icon="✓", words="B is better"),
    "worse": Badge(look="bad", icon="✕", words="B is worse"),
    "mixed": Badge(look="warn", icon="◐", words="Better in one error, not in the other"),
    "equivalent": Badge(look="good", icon="≈", words="Equivalent within the margin"),
    "inconclusive": Badge(look="unknown", icon="○", words="Inconclusive"),
    "identical": Badge(look="good", icon="=", words="Identical scores"),
    "unlabelled": Badge(look="unknown", icon="○", words="No labels: better or worse can't be told"),
}
_HEADLINES: Final = {
    "better": "B makes fewer errors than A, by more than chance explains.",
    "worse": "B makes more errors than A, by more than chance explains.",
    "mixed": "B makes fewer errors of one kind; of the other more, or that can't be ruled out.",
    "inconclusive": "No difference is shown, and none is ruled out.",
    "identical": "B gives every sample the score that A gave it.",
}
_SILENT_BADGES: Final = {
    "mixed": Badge(look="warn", icon="◐", words="Fewer errors, but more often no score"),
    "inconclusive": Badge(look="unknown", icon="○", words="Inconclusive: more often no score"),
}
_SILENT_HEADLINES: Final = {
    "mixed": "B makes fewer errors of a kind than A, but more often gives no score.",
    "inconclusive": "No difference of the errors is shown, but B more often gives no score.",
}
_LONGEST: Final = 80


def outcome_of(found: Comparison) -> Verdict:
    """Badge, sentences and key figures of the first screen."""
    word = found.verdict
    badge = _BADGES[word]
    return Verdict(
        badge=_SILENT_BADGES.get(word, badge) if found.more_silent else badge,
        headline=_headline(found, word),
        sentences=tuple(_sentences(found, word)),
        tiles=tuple(_tiles(found)),
    )


def _headline(found: Comparison, word: str) -> Markup:
    if word == "equivalent" and found.non_inferiority is not None:
        margin = numbers.points(found.non_inferiority.margin)
        return Markup("Both errors of B are within {} of A's, either way.").format(margin)
    if word == "unlabelled":
        a, b = (numbers.percent(own.value, n=own.n) for own in (found.alerts.a, found.alerts.b))
        return Markup("A flags {} of its samples and B {}.").format(a, b)
    words = _HEADLINES[word]
    return Markup("{}").format(_SILENT_HEADLINES.get(word, words) if found.more_silent else words)


def _sentences(found: Comparison, word: str) -> list[Markup]:
    how = (
        Markup("Both runs scored the same {}{}; every difference is one of the same samples.").format(
            times(found.n, "sample"), _independent(found)
        )
        if found.paired
        else Markup(
            "The runs scored different samples ({} in A, {} in B), taken as independent: that tells far less than the"
            " same samples scored twice."
        ).format(*(numbers.count(own.arrays.scores.size) for own in (found.evidence.a, found.evidence.b)))
    )
    said = [how]
    at = found.at_threshold
    if at is None:
        said.append(_change(found, "Samples that are flagged", found.alerts))
        said.append(
            Markup("Without labels it is not known which flags are right, so neither is called better.")
        )
        return said
    said += [
        _change(found, "Genuine customers who are blocked (BPCER)", at.bona_fide),
        _change(found, "Attacks that pass (APCER)", at.attack),
    ]
    if word == "inconclusive" and found.non_inferiority is not None:
        said.append(
            Markup(
                "An interval that reaches beyond the margin of {} either way means: too few samples to call the runs"
                " equivalent, and no proof of a difference."
            ).format(numbers.points(found.non_inferiority.margin))
        )
    if found.paired:
        worse = sum(1 for flip in found.flips if flip.worse)
        tail = Markup(", {} of them from right to wrong").format(numbers.count(worse)) if found.flips else ""
        said.append(Markup("{} flipped{}.").format(times(len(found.flips), "decision"), tail))
    return said


def _independent(found: Comparison) -> str:
    """How many subjects, or other clusters, there are, where those and not samples are independent."""
    codes, column = found.evidence.a.clusters, found.clusters.name
    if codes is None or column is None:
        return ""
    return f", of {numbers.count(np.unique(codes).size)} {clusters_in_words(column)}, which are what is independent"


def _change(found: Comparison, words: str, rates: Rates) -> Markup:
    change = rates.change
    if not change.difference.defined:
        return Markup("{}: {}.").format(words, change.difference.reason or "undefined")
    apart, _, limits = numbers.signed(change.difference).partition(" (")
    level = numbers.confidence_words(found.confidence)
    interval = f" ({level} interval {limits.rstrip(')')})" if limits else ""
    return Markup("{}: <strong>{}</strong> in A, <strong>{}</strong> in B; {}{}, {}.").format(
        words,
        numbers.percent(rates.a.value, n=rates.a.n),
        numbers.percent(rates.b.value, n=rates.b.n),
        apart,
        interval,
        numbers.p_words(change.p_value),
    )


def _tiles(found: Comparison) -> list[Tile]:
    at = found.at_threshold
    if at is None:
        return [_tile("Samples flagged, B less A", found.alerts, "plain"), _same(found)]
    tiles = [
        _tile("Genuine blocked, B less A", at.bona_fide, "genuine"),
        _tile("Attacks that pass, B less A", at.attack, "attack"),
    ]
    if found.auc is not None:
        own = found.auc.difference
        value, _, limits = area_words(own).partition(" (")
        basis = numbers.p_words(found.auc.p_value) if own.defined else own.reason or "undefined"
        tiles.append(
            Tile(
                label="Telling the two apart (AUC), B less A",
                value=value,
                interval=limits.rstrip(")"),
                basis=basis,
            )
        )
    return [*tiles, _same(found)]


def _tile(label: str, rates: Rates, look: str) -> Tile:
    own = rates.change.difference
    if not own.defined:
        return Tile(label=label, value=numbers.NOT_KNOWN, interval="", basis=own.reason or "undefined")
    value, _, limits = numbers.signed(own).partition(" (")
    return Tile(
        label=label,
        value=value,
        interval=limits.rstrip(")"),
        basis=f"{numbers.p_words(rates.change.p_value)}, n = {numbers.count(rates.n)}",
        look="genuine" if look == "genuine" else "attack" if look == "attack" else "plain",
    )


def _same(found: Comparison) -> Tile:
    if not found.paired:
        return Tile(
            label="Samples in both", value=numbers.count(found.pairing.rows_a.size), interval="", basis="too few to pair"
        )  # fmt: skip
    return Tile(
        label="Decisions that flipped",
        value=numbers.count(len(found.flips)),
        interval=f"of {numbers.count(found.n)}",
        basis="samples with a score in both",
    )


def side_words(own: ScoreTable) -> Markup:
    """Which run it is: where it was read from, what answered, when."""
    where = own.provenance
    run = where.run
    parts = [where.source, run.get("endpoint_name") or where.endpoint, where.region, run.get("started_at")]
    return Markup(", ").join(name(str(part), _LONGEST) for part in parts if part)


def pairing_table(found: Comparison) -> Table:
    """How the samples of the two runs were matched."""
    pairing = found.pairing
    size_a, size_b = len(found.a), len(found.b)
    entries = [
        ("Samples in A", size_a),
        ("Samples in B", size_b),
        ("In both", pairing.rows_a.size),
        ("Only in A", pairing.only_in_a),
        ("Only in B", pairing.only_in_b),
        ("Rows that repeat a content or id", pairing.repeated),
        ("Labelled differently, left out", pairing.relabelled),
        ("Attack type differs, A's is used", pairing.retyped),
        (
            "Compared: with a score in both" if found.paired else "Compared: scored, of the smaller run",
            found.n,
        ),
    ]
    matched = {"nothing": "No sample was matched.", "content": "Matched by content (sha256)."}
    return Table(
        caption="Samples of the two runs",
        columns=columns("Count", "Samples"),
        rows=tuple(row(words, count_cell(int(number))) for words, number in entries),
        note=matched.get(pairing.by, f"Matched by {pairing.by.replace('sample_id', 'sample id')}."),
    )

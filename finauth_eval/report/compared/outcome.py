"""The verdict of a comparison in plain words, and what stands against comparing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from markupsafe import Markup, escape

from finauth_eval.phrases import counted, marked, phrase, say, translated
from finauth_eval.report.compared.cells import area_parts, signed_parts
from finauth_eval.report.tables import Table, columns, count_cell, row
from finauth_eval.report.verdict import Badge, Tile, Verdict
from finauth_eval.report.wording import why_undefined
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from finauth_eval.comparing.evidence import Rates
    from finauth_eval.comparing.outcome import Comparison
    from finauth_eval.scores import ScoreTable

__all__ = ["outcome_of", "pairing_table", "side_words"]

_BADGES: Final = {
    "better": Badge(look="good", icon="✓", words=phrase("B is better")),
    "worse": Badge(look="bad", icon="✕", words=phrase("B is worse")),
    "mixed": Badge(look="warn", icon="◐", words=phrase("Better in one error, not in the other")),
    "equivalent": Badge(look="good", icon="≈", words=phrase("Equivalent within the margin")),
    "inconclusive": Badge(look="unknown", icon="○", words=phrase("Inconclusive")),
    "identical": Badge(look="good", icon="=", words=phrase("Identical scores")),
    "unlabelled": Badge(look="unknown", icon="○", words=phrase("No labels: better or worse can't be told")),
}
_HEADLINES: Final = {
    "better": phrase("B makes fewer errors than A, by more than chance explains."),
    "worse": phrase("B makes more errors than A, by more than chance explains."),
    "mixed": phrase("B makes fewer errors of one kind; of the other more, or that can't be ruled out."),
    "inconclusive": phrase("No difference is shown, and none is ruled out."),
    "identical": phrase("B gives every sample the score that A gave it."),
}
_MATCHED: Final = {
    "nothing": phrase("No sample was matched."),
    "content": phrase("Matched by content (sha256)."),
    "sample_id": phrase("Matched by sample id."),
    "content and sample_id": phrase("Matched by content and sample id."),
}
_SILENT_BADGES: Final = {
    "mixed": Badge(look="warn", icon="◐", words=phrase("Fewer errors, but scores are missing")),
    "inconclusive": Badge(look="unknown", icon="○", words=phrase("Inconclusive: scores are missing")),
}
_SILENT_HEADLINES: Final = {
    "mixed": phrase(
        "B makes fewer errors of a kind than A, but more often gives no score, overall or in a class."
    ),
    "inconclusive": phrase(
        "No difference of the errors is shown, but B more often gives no score, overall or in a class."
    ),
}
_LONGEST: Final = 80


def outcome_of(found: Comparison) -> Verdict:
    """Badge, sentences and key figures of the first screen."""
    word = found.verdict
    return Verdict(
        badge=(_SILENT_BADGES if found.held_back else _BADGES)[word],
        headline=_headline(found, word),
        sentences=tuple(_sentences(found, word)),
        tiles=tuple(_tiles(found)),
    )


def _headline(found: Comparison, word: str) -> Markup:
    if word == "equivalent" and found.non_inferiority is not None:
        margin = numbers.points(found.non_inferiority.margin)
        return marked("Both errors of B are within {margin} of A's, either way.", margin=margin)
    if word == "unlabelled":
        a, b = (numbers.percent(own.value, n=own.n) for own in (found.alerts.a, found.alerts.b))
        return marked("A flags {a} of its samples and B {b}.", a=a, b=b)
    return escape(translated((_SILENT_HEADLINES if found.held_back else _HEADLINES)[word]))


def _sentences(found: Comparison, word: str) -> list[Markup]:
    said = [_how(found)]
    at = found.at_threshold
    if at is None:
        said.append(_change(found, phrase("Samples that are flagged"), found.alerts))
        said.append(
            marked("Without labels it is not known which flags are right, so neither is called better.")
        )
        return said
    said += [
        _change(found, phrase("Genuine customers who are blocked (BPCER)"), at.bona_fide),
        _change(found, phrase("Attacks that pass (APCER)"), at.attack),
    ]
    if word == "inconclusive" and found.non_inferiority is not None:
        said.append(
            marked(
                "An interval that reaches beyond the margin of {margin} either way means: too few samples to call the"
                " runs equivalent, and no proof of a difference.",
                margin=numbers.points(found.non_inferiority.margin),
            )
        )
    if found.paired:
        said.append(escape(_flipped(found)))
    return said


def _how(found: Comparison) -> Markup:
    if not found.paired:
        a, b = (numbers.count(own.arrays.scores.size) for own in (found.evidence.a, found.evidence.b))
        return marked(
            "The runs scored different samples ({a} in A, {b} in B), taken as independent: that tells far less than the"
            " same samples scored twice.",
            a=a,
            b=b,
        )
    samples = counted("{n} sample", "{n} samples", found.n)
    codes, column = found.evidence.a.clusters, found.clusters.name
    if codes is None or column is None:
        return marked(
            "Both runs scored the same {samples}; every difference is one of the same samples.",
            samples=samples,
        )
    groups = numbers.count(np.unique(codes).size)
    if column == "subject":
        return marked(
            "Both runs scored the same {samples}, of {n} subjects, which are what is independent; every difference is"
            " one of the same samples.",
            samples=samples,
            n=groups,
        )
    return marked(
        "Both runs scored the same {samples}, of {n} values of {column}, which are what is independent; every"
        " difference is one of the same samples.",
        samples=samples,
        n=groups,
        column=repr(column),
    )


def _flipped(found: Comparison) -> str:
    if not found.flips:
        return say("0 decisions flipped.")
    return counted(
        "{n} decision flipped, {worse} of them from right to wrong.",
        "{n} decisions flipped, {worse} of them from right to wrong.",
        len(found.flips),
        worse=numbers.count(sum(1 for flip in found.flips if flip.worse)),
    )


def _change(found: Comparison, words: str, rates: Rates) -> Markup:
    change = rates.change
    if not change.difference.defined:
        return marked("{what}: {why}.", what=words, why=why_undefined(change.difference.reason))
    apart, limits = signed_parts(change.difference)
    gaps = {
        "what": words,
        "a": numbers.percent(rates.a.value, n=rates.a.n),
        "b": numbers.percent(rates.b.value, n=rates.b.n),
        "apart": apart,
        "p": numbers.p_words(change.p_value),
    }
    if not limits:
        return marked("{what}: <strong>{a}</strong> in A, <strong>{b}</strong> in B; {apart}, {p}.", **gaps)
    return marked(
        "{what}: <strong>{a}</strong> in A, <strong>{b}</strong> in B; {apart} ({level} interval {limits}), {p}.",
        level=numbers.confidence_words(found.confidence),
        limits=limits,
        **gaps,
    )


def _tiles(found: Comparison) -> list[Tile]:
    at = found.at_threshold
    if at is None:
        return [_tile(phrase("Samples flagged, B less A"), found.alerts, "plain"), _same(found)]
    tiles = [
        _tile(phrase("Genuine blocked, B less A"), at.bona_fide, "genuine"),
        _tile(phrase("Attacks that pass, B less A"), at.attack, "attack"),
    ]
    if found.auc is not None:
        own = found.auc.difference
        value, limits = area_parts(own)
        basis = numbers.p_words(found.auc.p_value) if own.defined else why_undefined(own.reason)
        tiles.append(
            Tile(
                label=phrase("Telling the two apart (AUC), B less A"),
                value=value,
                interval=limits,
                basis=basis,
            )
        )
    return [*tiles, _same(found)]


def _tile(label: str, rates: Rates, look: str) -> Tile:
    own = rates.change.difference
    if not own.defined:
        return Tile(label=label, value=numbers.NOT_KNOWN, interval="", basis=why_undefined(own.reason))
    value, limits = signed_parts(own)
    return Tile(
        label=label,
        value=value,
        interval=limits,
        basis=f"{numbers.p_words(rates.change.p_value)}, n = {numbers.count(rates.n)}",
        look="genuine" if look == "genuine" else "attack" if look == "attack" else "plain",
    )


def _same(found: Comparison) -> Tile:
    if not found.paired:
        return Tile(
            label=phrase("Samples in both"),
            value=numbers.count(found.pairing.rows_a.size),
            interval="",
            basis=phrase("too few to pair"),
        )
    return Tile(
        label=phrase("Decisions that flipped"),
        value=numbers.count(len(found.flips)),
        interval=say("of {n}", n=numbers.count(found.n)),
        basis=phrase("samples with a score in both"),
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
        (phrase("Samples in A"), size_a),
        (phrase("Samples in B"), size_b),
        (phrase("In both"), pairing.rows_a.size),
        (phrase("Only in A"), pairing.only_in_a),
        (phrase("Only in B"), pairing.only_in_b),
        (phrase("Rows that repeat a content or id"), pairing.repeated),
        (phrase("Labelled differently, left out"), pairing.relabelled),
        (phrase("Attack type differs, A's is used"), pairing.retyped),
        (
            phrase("Compared: with a score in both")
            if found.paired
            else phrase("Compared: scored, of the smaller run"),
            found.n,
        ),
    ]
    return Table(
        caption=say("Samples of the two runs"),
        columns=columns(say("Count"), say("Samples")),
        rows=tuple(row(words, count_cell(int(number))) for words, number in entries),
        note=_MATCHED[pairing.by],
    )

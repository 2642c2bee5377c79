"""Decisions that flipped: right and wrong in both runs, counted per class, and the flips themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.report.tables import Cell, Table, columns, row, threshold_cell
from finauth_eval.shown import numbers
from finauth_eval.shown.text import name

if TYPE_CHECKING:
    from finauth_eval.comparing.flips import Flip
    from finauth_eval.comparing.outcome import Comparison

__all__ = ["MOST_FLIPS", "flip_matrices", "flip_table"]

MOST_FLIPS: Final = 500
"""Flips that the page lists; the rest are counted."""
_LONGEST: Final = 80
_CLASSES: Final = {"bona_fide": "genuine", "attack": "attack"}


def flip_matrices(found: Comparison) -> tuple[Table, ...]:
    """What was right and wrong in A against what was in B, a table a class; nothing where the samples differ."""
    if not found.paired:
        return ()
    one, other = found.evidence.a, found.evidence.b
    at_a, at_b = found.thresholds
    if found.at_threshold is None:
        flagged = other.arrays.scores >= at_b
        before = one.arrays.scores >= at_a
        return (_matrix("Samples, flagged or not", before, flagged, ("flagged", "not flagged")),)
    shown = []
    for caption, event in (("Genuine samples", "blocked"), ("Attacks", "missed")):
        own = one.of(event)  # type: ignore[arg-type]
        wrong_a, wrong_b = one.events(event, at_a)[own], other.events(event, at_b)[own]  # type: ignore[arg-type]
        shown.append(_matrix(caption, ~wrong_a, ~wrong_b, ("right", "wrong")))
    return tuple(shown)


def _matrix(caption: str, one: Any, other: Any, words: tuple[str, str]) -> Table:
    yes, no = words

    def cell(in_a: bool, in_b: bool) -> Cell:
        number = int(np.count_nonzero((one == in_a) & (other == in_b)))
        wrong = words == ("right", "wrong") and in_a and not in_b
        return Cell(text=numbers.count(number), value=float(number), strong=wrong)

    return Table(
        caption=f"{caption} ({numbers.count(one.size)})",
        columns=columns("In A", f"{yes.capitalize()} in B", f"{no.capitalize()} in B"),
        rows=(
            row(f"{yes.capitalize()} in A", cell(True, True), cell(True, False)),
            row(f"{no.capitalize()} in A", cell(False, True), cell(False, False)),
        ),
    )


def flip_table(found: Comparison) -> Table | None:
    """The samples decided differently, at most `MOST_FLIPS`; ``None`` without one."""
    if not found.flips:
        return None
    left = len(found.flips) - MOST_FLIPS
    texts = ("Class", "Attack type", "For the worse")
    return Table(
        caption=f"Flipped decisions ({numbers.count(len(found.flips))})",
        columns=columns(
            "Sample",
            "Class",
            "Attack type",
            "Score in A",
            "Score in B",
            "B − A",
            "For the worse",
            texts=texts,
        ),
        rows=tuple(_row(flip) for flip in found.flips[:MOST_FLIPS]),
        note=(
            f"The first {MOST_FLIPS}: those for the worse first, and of these the largest changes;"
            f" {numbers.count(left)} more are in the JSON of the comparison."
            if left > 0
            else "Those for the worse first, and of these the largest changes."
        ),
    )


def _row(flip: Flip) -> tuple[Cell, ...]:
    apart = flip.b - flip.a
    worse = {None: numbers.NOT_KNOWN, True: "✕ yes", False: "✓ no"}[flip.worse]
    return row(
        Cell(text=name(flip.sample_id, _LONGEST)),
        _CLASSES.get(flip.label or "", numbers.NOT_KNOWN),
        name(flip.attack_type, _LONGEST) if flip.attack_type else "",
        threshold_cell(flip.a),
        threshold_cell(flip.b),
        Cell(text=f"{apart:+.4f}", value=apart),
        worse,
    )

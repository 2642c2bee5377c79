"""Decisions that flipped: right and wrong in both runs, counted per class, and the flips themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from finauth_eval.phrases import phrase, say
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
_CLASSES: Final = {"bona_fide": phrase("genuine"), "attack": phrase("attack")}
_WORSE: Final = {None: numbers.NOT_KNOWN, True: phrase("✕ yes"), False: phrase("✓ no")}
# in A and in B, each yes and no
_RIGHT: Final = (phrase("Right in A"), phrase("Wrong in A"), phrase("Right in B"), phrase("Wrong in B"))
_FLAGGED: Final = (
    phrase("Flagged in A"),
    phrase("Not flagged in A"),
    phrase("Flagged in B"),
    phrase("Not flagged in B"),
)


def flip_matrices(found: Comparison) -> tuple[Table, ...]:
    """What was right and wrong in A against what was in B, a table a class; nothing where the samples differ."""
    if not found.paired:
        return ()
    one, other = found.evidence.a, found.evidence.b
    at_a, at_b = found.thresholds
    if found.at_threshold is None:
        flagged = other.arrays.scores >= at_b
        before = one.arrays.scores >= at_a
        caption = say("Samples, flagged or not ({n})", n=numbers.count(before.size))
        return (_matrix(caption, before, flagged, _FLAGGED),)
    shown = []
    for event in ("blocked", "missed"):
        own = one.of(event)
        wrong_a, wrong_b = one.events(event, at_a)[own], other.events(event, at_b)[own]
        n = numbers.count(wrong_a.size)
        caption = say("Genuine samples ({n})", n=n) if event == "blocked" else say("Attacks ({n})", n=n)
        shown.append(_matrix(caption, ~wrong_a, ~wrong_b, _RIGHT))
    return tuple(shown)


def _matrix(caption: str, one: Any, other: Any, words: tuple[str, str, str, str]) -> Table:
    yes_a, no_a, yes_b, no_b = words

    def cell(in_a: bool, in_b: bool) -> Cell:
        number = int(np.count_nonzero((one == in_a) & (other == in_b)))
        wrong = words == _RIGHT and in_a and not in_b
        return Cell(text=numbers.count(number), value=float(number), strong=wrong)

    return Table(
        caption=caption,
        columns=columns(phrase("In A"), yes_b, no_b),
        rows=(
            row(yes_a, cell(True, True), cell(True, False)),
            row(no_a, cell(False, True), cell(False, False)),
        ),
    )


def flip_table(found: Comparison) -> Table | None:
    """The samples decided differently, at most `MOST_FLIPS`; ``None`` without one."""
    if not found.flips:
        return None
    left = len(found.flips) - MOST_FLIPS
    texts = (say("Class"), say("Attack type"), say("For the worse"))
    return Table(
        caption=say("Flipped decisions ({n})", n=numbers.count(len(found.flips))),
        columns=columns(
            say("Sample"),
            texts[0],
            texts[1],
            say("Score in A"),
            say("Score in B"),
            "B − A",
            texts[2],
            texts=texts,
        ),
        rows=tuple(_row(flip) for flip in found.flips[:MOST_FLIPS]),
        note=(
            say(
                "The first {most}: those for the worse first, and of these the largest changes; {left} more are in the"
                " JSON of the comparison.",
                most=MOST_FLIPS,
                left=numbers.count(left),
            )
            if left > 0
            else say("Those for the worse first, and of these the largest changes.")
        ),
    )


def _row(flip: Flip) -> tuple[Cell, ...]:
    apart = flip.b - flip.a
    return row(
        Cell(text=name(flip.sample_id, _LONGEST)),
        _CLASSES.get(flip.label or "", numbers.NOT_KNOWN),
        name(flip.attack_type, _LONGEST) if flip.attack_type else "",
        threshold_cell(flip.a),
        threshold_cell(flip.b),
        Cell(text=f"{apart:+.4f}", value=apart),
        _WORSE[flip.worse],
    )

"""Samples that only one of two runs has a score for: the error rates leave them out, which may flatter a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from finauth_eval.metrics.change import holm
from finauth_eval.phrases import phrase
from finauth_eval.shown.numbers import count, p_words, points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.comparing.pairing import Pairing
    from finauth_eval.comparing.service import NoResponse
    from finauth_eval.metrics.change import Change
    from finauth_eval.scores import ScoreTable

__all__ = ["left_out", "surely_changed"]

_KINDS: Final = {"bona_fide": phrase("bona fide samples"), "attack": phrase("attacks")}
_SAMPLES: Final = phrase("samples")


def surely_changed(found: Mapping[str, NoResponse], confidence: float) -> dict[str, Change]:
    """The changes of no response that are significant, by Holm over all samples and both classes; of pairs only.

    Args:
        found: Of `finauth_eval.comparing.service.no_response`.
        confidence: One less the level of the test.
    """
    changes = {name: own.change for name, own in found.items() if own.change is not None}
    adjusted = holm({name: change.p_value for name, change in changes.items()})
    return {name: change for name, change in changes.items() if adjusted[name] <= 1 - confidence}


def left_out(
    a: ScoreTable,
    b: ScoreTable,
    pairing: Pairing,
    thresholds: tuple[float, float],
    changed: Mapping[str, Change],
) -> list[str]:
    """Notes on how the run that has a score decided what the other has none for.

    Args:
        a: The reference.
        b: What is compared with it.
        pairing: Their common samples.
        thresholds: What A and B are decided at.
        changed: Of `surely_changed`; a class that changed as all samples did has no note of its own.
    """
    return [
        _note(a, b, pairing, thresholds, name, change)
        for name, change in changed.items()
        if name == "all" or "all" not in changed or _rose(change) != _rose(changed["all"])
    ]


def _rose(change: Change) -> bool:
    return change.difference.value > 0


def _note(
    a: ScoreTable,
    b: ScoreTable,
    pairing: Pairing,
    thresholds: tuple[float, float],
    name: str,
    change: Change,
) -> str:
    sides = (("A", a, pairing.rows_a, thresholds[0]), ("B", b, pairing.rows_b, thresholds[1]))
    (one, own, rows, at), (silent, other, others, _) = sides if _rose(change) else sides[::-1]
    alone = own.scored[rows] & ~other.scored[others]
    alone &= np.asarray(other.frame["outcome"] != "not_sent")[others]
    attack = own.is_attack[rows]
    if name != "all":
        alone &= attack == (name == "attack")
    kind = _KINDS.get(name, _SAMPLES)
    gaps: dict[str, object] = {
        "what": phrase("no response") if name == "all" else phrase("no response of {kind}", kind=kind),
        "points": points(abs(change.difference.value)),
        "p": p_words(change.p_value),
        "silent": silent,
        "n": count(int(alone.sum())),
        "kind": kind,
        "one": one,
    }
    said = (
        phrase(
            "{what} rose by {points} ({p}): {silent} has no score for {n} {kind} that {one} scored", **gaps
        )
        if _rose(change)
        else phrase(
            "{what} fell by {points} ({p}): {silent} has no score for {n} {kind} that {one} scored", **gaps
        )
    )
    if not (a.labelled and b.labelled):
        return phrase("{said}; they are left out", said=said)
    wrong = count(int((alone & ((own.scores[rows] >= at) != attack)).sum()))
    if _rose(change):
        return phrase(
            "{said}, {wrong} of which {one} decided wrong; the error rates leave them out, so B is called neither better"
            " than A nor equivalent",
            said=said,
            wrong=wrong,
            one=one,
        )
    return phrase(
        "{said}, {wrong} of which {one} decided wrong; the error rates leave them out",
        said=said,
        wrong=wrong,
        one=one,
    )

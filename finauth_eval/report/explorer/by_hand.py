"""The policy of a threshold that somebody chose by looking at the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from finauth_eval import __version__
from finauth_eval.deployed import (
    ALIKE,
    ALL_DIGITS,
    NO_PROMISE,
    RULE,
    SCHEMA,
    Cut,
    DeployedPolicy,
    data_of,
)
from finauth_eval.metrics.decimals import score_grid

if TYPE_CHECKING:
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.metrics.rates import OperatingPoint

__all__ = ["by_hand"]

_BY_HAND: Final = (
    "Chosen by hand on the samples that the rates are of: on other samples expect more errors than these."
)
_KEPT: Final = ("threshold", "confusion", "apcer", "bpcer", "apcer_worst")


def by_hand(evaluation: Evaluation, point: OperatingPoint) -> DeployedPolicy:
    """The policy of a threshold that somebody chose by looking at the numbers: it promises nothing, and says so.

    Args:
        evaluation: The evaluation that was looked at.
        point: Its numbers at the threshold.
    """
    counts = evaluation.score_counts
    return DeployedPolicy(
        format=SCHEMA,
        rule=RULE,
        cut=Cut(
            reject_from=point.threshold,
            review_from=None,
            guarantee=None,
            constraints=[],
            reason="chosen by hand, with the rates of these samples in sight",
        ),
        by=None,
        segments={},
        score_range=[0.0, 1.0] if counts.in_unit_range else [None, None],
        score_decimals=score_grid(counts.scores).decimals,
        policy={"name": "by_hand"},
        goal="a threshold chosen by hand",
        rates={
            "in_sample": {key: own for key, own in point.to_dict().items() if key in _KEPT}
            | {"source": "by_hand"},
            "out_of_sample": None,
            "out_of_sample_by": None,
        },
        data=data_of(
            evaluation.provenance,
            segment=None,
            bona_fide=counts.n_bona_fide,
            attack=counts.n_attack,
        ),
        confidence=evaluation.confidence,
        validity=[ALIKE, ALL_DIGITS, NO_PROMISE, _BY_HAND],
        made_by=f"finauth_eval {__version__}",
    )

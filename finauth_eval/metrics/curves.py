"""ROC, precision-recall and DET curves from counts, equal to scikit-learn's to the last point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Curve"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A curve over every distinct threshold, as scikit-learn gives it with ``drop_intermediate=False``.

    Attributes:
        kind: ``"roc"``: x is BPCER (false positive rate), y is 1 - APCER (true positive rate);
            ``"pr"``: x is recall, y is precision; ``"det"``: x is BPCER, y is APCER.
        x: Shape (p,), in [0, 1].
        y: Shape (p,), in [0, 1].
        thresholds: ``"roc"``: shape (p,), starts at infinity; ``"pr"``: shape (p - 1,); ``"det"``: shape (p,).
    """

    kind: Literal["roc", "pr", "det"]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    thresholds: NDArray[np.float64]

"""Score tables with what each test says about them, and a gate over two of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike

from finauth_eval.comparison import compare
from finauth_eval.gate import Rule, Verdict, check
from finauth_eval.scores import ScoreTable


@pytest.fixture
def table() -> Callable[..., ScoreTable]:
    """A table whose first samples are genuine and whose others are attacks; ids are s00000, s00001, ..."""

    def build(
        genuine: ArrayLike, attacks: ArrayLike, *, ids: Sequence[str] | None = None, **columns: Any
    ) -> ScoreTable:
        genuine, attacks = np.asarray(genuine, dtype=float), np.asarray(attacks, dtype=float)
        n = genuine.size + attacks.size
        frame = pd.DataFrame(
            {
                "sample_id": [f"s{i:05d}" for i in range(n)] if ids is None else list(ids),
                "label": ["real"] * genuine.size + ["fake"] * attacks.size,
                "score": np.concatenate([genuine, attacks]),
                **columns,
            }
        )
        return ScoreTable.from_frame(frame)

    return build


@pytest.fixture
def judge() -> Callable[..., Verdict]:
    """The verdict of rules over a baseline and a run; without exchanges, which take time, unless a test asks for them."""

    def run(
        baseline: ScoreTable, week: ScoreTable, *rules: Rule, cluster: str | None = None,
        exchanges: int | None = 0, seed: int | None = None,
    ) -> Verdict:  # fmt: skip
        change = compare(baseline, week, cluster=cluster, bootstrap=0)
        return check(change, rules, exchanges=exchanges, seed=seed)

    return run

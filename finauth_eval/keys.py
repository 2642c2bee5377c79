"""What rows of two tables are matched by, as numbers: equal where the texts are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Keys"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Keys:
    """The contents and ids of a table's rows, each as a number that it shares with one other table.

    Attributes:
        contents: Of ``sha256``, -1 where it is not known, shape (n,).
        ids: Of ``sample_id``, -1 where it is blank, shape (n,); ``None`` where the table was given none, and where they
            are not needed because every content is known.
        given_ids: Whether the table was given ids.
        pair: A name that only the two tables with the same numbers have.
        first: Whether it is the first of them, the reference.
    """

    contents: NDArray[np.int64]
    ids: NDArray[np.int64] | None
    given_ids: bool
    pair: str = ""
    first: bool = False

    def precede(self, other: Keys) -> bool:
        """Whether these are the first and the other ones the second of the same pair."""
        return self.pair == other.pair and self.first and not other.first

"""Whether samples belong together: what is remembered of a column such as ``subject``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd

from finauth_eval.metrics.counts import merged_ascending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Subjects", "numbers_of"]

_MOST_SUBJECTS: Final = 1 << 22
"""Of so many subjects it is known whether one of them comes again in another part; 8 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subjects:
    """What is known of a column that says which samples belong together; of the scored samples alone.

    Attributes:
        column: Its name.
        filled: Samples with a value.
        blank: Samples without.
        repeated: Whether some value has several samples; ``None`` where that is not known, for there are too many.
        seen: A number for each value, ascending, while none was seen twice and they are not too many.
    """

    column: str
    filled: int
    blank: int
    repeated: bool | None
    seen: NDArray[np.uint64] | None

    @classmethod
    def of(cls, column: str, numbers: NDArray[np.uint64], codes: NDArray[np.integer[Any]]) -> Self:
        """From each scored sample's position in ``numbers``, which name the subjects; -1 for a blank."""
        own = codes[codes >= 0]
        seen = np.sort(numbers[np.bincount(own, minlength=numbers.size) > 0])
        seen = seen[np.append(True, seen[1:] != seen[:-1])] if seen.size else seen
        repeated = seen.size < own.size
        return cls(
            column=column,
            filled=own.size,
            blank=codes.size - own.size,
            repeated=repeated,
            seen=None if repeated else seen,
        )

    def __add__(self, other: Subjects) -> Subjects:
        """The subjects of both parts.

        Raises:
            ValueError: The columns differ.
        """
        if self.column != other.column:
            raise ValueError(f"the parts take {self.column!r} and {other.column!r} for what belongs together")
        repeated: bool | None = None
        seen = None
        if self.repeated or other.repeated:
            repeated = True
        elif self.seen is not None and other.seen is not None:
            both, _, _ = merged_ascending(self.seen, other.seen)
            repeated = both.size < self.seen.size + other.seen.size
            if not repeated and both.size <= _MOST_SUBJECTS:
                seen = both
            elif not repeated:
                repeated = None
        return Subjects(
            column=self.column, filled=self.filled + other.filled, blank=self.blank + other.blank,
            repeated=repeated, seen=seen,
        )  # fmt: skip

    def blank_among_others(self, *, asked: bool) -> int:
        """Scored samples without a subject, where others have one; else 0.

        Args:
            asked: Whether just this column is to say which samples belong together.

        Raises:
            ValueError: It is to, and is blank for some sample.
        """
        if self.blank and asked:
            raise ValueError(
                f"column {self.column!r} is blank for {self.blank} scored samples, so it cannot say which samples belong"
                " together; fill it, or use cluster='none'"
            )
        return self.blank if self.filled else 0


def numbers_of(names: Sequence[str] | NDArray[np.object_]) -> NDArray[np.uint64]:
    """A number for each name, by which it is known in every part and on every machine; shape (n,).

    Example:
        >>> len({*numbers_of(["p1", "p2"]).tolist(), *numbers_of(["p2", "p1"]).tolist()})
        2
    """
    if not len(names):
        return np.array([], dtype=np.uint64)
    return pd.util.hash_array(np.array(names, dtype=object), categorize=False)

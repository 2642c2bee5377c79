"""Which samples of a comparison belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finauth_eval.phrases import phrase
from finauth_eval.samples import blank_subjects, cluster_codes, cluster_column, clusters_in_words
from finauth_eval.shown.numbers import count
from finauth_eval.slicing import slice_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.comparing.pairing import Pairing
    from finauth_eval.scores import ScoreTable

__all__ = ["Together"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Together:
    """The clusters of a comparison's samples.

    Attributes:
        name: The column that they are from; ``None`` where samples are taken as independent.
        a: A code for every pair, or where the samples differ for every row of A; -1 where it is not known.
        b: The same of B; of pairs it is that of A.
        doubt: What a reader must know of them, if anything.
    """

    name: str | None = None
    a: NDArray[np.integer[Any]] | None = None
    b: NDArray[np.integer[Any]] | None = None
    doubt: str | None = None

    @classmethod
    def of(cls, a: ScoreTable, b: ScoreTable, pairing: Pairing, cluster: str | None) -> Together:
        """From two tables.

        A pair's cluster is what A says, or B where A does not. Where the samples differ both tables must say it.

        Args:
            a: The reference.
            b: What is compared with it.
            pairing: Their common samples.
            cluster: As of `finauth_eval.samples.cluster_column`.

        Raises:
            ValueError: A table has no such column, or it is blank for a scored sample.
        """
        names = [cluster_column(own, cluster) for own in (a, b)]
        blank = 0 if cluster else max(blank_subjects(a), blank_subjects(b))
        if pairing.paired:
            for own, name, rows in zip((a, b), names, (pairing.rows_a, pairing.rows_b), strict=True):
                codes = cluster_codes(own, name)
                if codes is not None:
                    return cls(name=name, a=codes[rows], b=codes[rows])
            return cls(doubt=_blank(blank))
        codes_a, codes_b = (cluster_codes(own, name) for own, name in zip((a, b), names, strict=True))
        if codes_a is None or codes_b is None:
            return cls(doubt=_blank(blank) or _one_sided(codes_a is not None or codes_b is not None))
        name = names[0] or ""
        # as texts, which they are already where a table came part by part
        of_a, of_b = ({*map(slice_text, own.frame[name].dropna().unique())} for own in (a, b))
        shared = len(of_a & of_b)
        return cls(name=name, a=codes_a, b=codes_b, doubt=_shared(shared, name))

    def of_all_pairs(self) -> NDArray[np.integer[Any]] | None:
        """The cluster of every pair, scored or not; ``None`` where it is not known for all of them."""
        return None if self.a is None or (self.a < 0).any() else self.a


def _blank(blank: int) -> str | None:
    if not blank:
        return None
    return phrase(
        "{n} scored samples have no subject, so all are taken as independent; where persons have several samples the"
        " intervals are too narrow and the tests too sure",
        n=count(blank),
    )


def _one_sided(known: bool) -> str | None:
    if not known:
        return None
    return phrase(
        "only one of the runs says which samples belong together, so all are taken as independent; where persons have"
        " several samples the intervals are too narrow and the tests too sure"
    )


def _shared(shared: int, name: str) -> str | None:
    if not shared:
        return None
    return phrase(
        "{n} {clusters} are in both runs, whose samples are taken as independent of each other: the intervals are not"
        " quite right",
        n=count(shared),
        clusters=clusters_in_words(name),
    )

"""Which samples two score tables have in common: by content, and by id where a content is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from finauth_eval.columns import is_blank
from finauth_eval.keys import Keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from finauth_eval.scores import ScoreTable

__all__ = ["Pairing", "pair"]

_LEAST_SHARE: Final = 0.5
"""Fewer common samples than this share of the smaller run are no basis for a paired comparison."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairing:
    """The samples that two tables have in common.

    Attributes:
        rows_a: Rows of A that have a partner, in A's order, shape (n,).
        rows_b: The partners' rows in B, shape (n,).
        only_in_a: Samples of A without a partner; repeated rows are not counted again.
        only_in_b: Samples of B without a partner.
        by: ``"content"``, ``"sample_id"``, ``"content and sample_id"``, or ``"nothing"`` where there is no pair.
        repeated: Rows of both tables left out because an earlier row of the same table has the same content.
        relabelled: Samples left out because the two tables label them differently.
        retyped: Pairs whose attack type differs; A's is used.
        paired: Whether the pairs are at least half of the smaller table, so that the comparison rests on them.
        keyed: Whether both tables have contents, or both ids, to match samples by.
    """

    rows_a: NDArray[np.intp]
    rows_b: NDArray[np.intp]
    only_in_a: int
    only_in_b: int
    by: str
    repeated: int
    relabelled: int
    retyped: int
    paired: bool
    keyed: bool

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the rows."""
        return {
            "by": self.by,
            "pairs": self.rows_a.size,
            "repeated": self.repeated,
            "relabelled": self.relabelled,
            "retyped": self.retyped,
        }


def pair(a: ScoreTable, b: ScoreTable) -> Pairing:
    """Find the samples that two tables have in common.

    Two rows are the same sample when they have the same content (``sha256``). Rows whose content is not known, on
    either side, are matched by ``sample_id`` where both tables were given ids; two known contents under one id are two
    samples. Of rows with the same content in one table the first one counts.

    Args:
        a: The reference.
        b: What is compared with it.

    Raises:
        ValueError: A table was read to be compared with another one than this.

    Example:
        >>> from finauth_eval.scores import ScoreTable
        >>> a = pd.DataFrame({"sample_id": ["x", "y"], "label": ["real", "fake"], "score": [0.1, 0.9]})
        >>> found = pair(ScoreTable.from_frame(a), ScoreTable.from_frame(a.iloc[::-1]))
        >>> found.rows_a.tolist(), found.rows_b.tolist(), found.by
        ([0, 1], [1, 0], 'sample_id')
    """
    keys = _shared_keys(a, b)
    contents, known = [own.contents for own in keys], [own.contents >= 0 for own in keys]
    kept_a, kept_b = (
        np.flatnonzero(~(has & pd.Series(own).duplicated().to_numpy()))
        for has, own in zip(known, contents, strict=True)
    )
    repeated = len(a) + len(b) - kept_a.size - kept_b.size
    same_a, same_b = _matched(kept_a[known[0][kept_a]], kept_b[known[1][kept_b]], contents[0], contents[1])
    by = ["content"] if same_a.size else []
    again = (0, 0)
    ids_a, ids_b = (own.ids for own in keys)
    if ids_a is not None and ids_b is not None:
        rest_a, rest_b = (
            rows[own[rows] >= 0]
            for rows, own in (
                (np.setdiff1d(kept_a, same_a), ids_a),
                (np.setdiff1d(kept_b, same_b), ids_b),
            )
        )
        once_a, once_b = (
            rows[~pd.Series(own[rows]).duplicated().to_numpy()]
            for rows, own in ((rest_a, ids_a), (rest_b, ids_b))
        )
        more_a, more_b = _matched(once_a, once_b, ids_a, ids_b)
        unknown = ~(known[0][more_a] & known[1][more_b])
        if unknown.any():
            # two known contents under one id are two samples, though only the first can be matched by it
            again = (
                int(np.count_nonzero(~known[0][np.setdiff1d(rest_a, once_a)])),
                int(np.count_nonzero(~known[1][np.setdiff1d(rest_b, once_b)])),
            )
            repeated += sum(again)
            by.append("sample_id")
            same_a = np.concatenate([same_a, more_a[unknown]])
            same_b = np.concatenate([same_b, more_b[unknown]])
    order = np.argsort(same_a, kind="stable")
    same_a, same_b = same_a[order], same_b[order]
    labels = [own.frame["label"].cat.codes.to_numpy() for own in (a, b)]
    agree = (
        labels[0][same_a] == labels[1][same_b]
        if a.labelled and b.labelled
        else np.ones(same_a.size, dtype=bool)
    )
    distinct = (kept_a.size - again[0], kept_b.size - again[1])
    rows_a, rows_b = same_a[agree], same_b[agree]
    relabelled = int(np.count_nonzero(~agree))
    return Pairing(
        rows_a=rows_a,
        rows_b=rows_b,
        only_in_a=distinct[0] - same_a.size,
        only_in_b=distinct[1] - same_b.size,
        by=" and ".join(by) or "nothing",
        repeated=repeated,
        relabelled=relabelled,
        retyped=_retyped(a, b, rows_a, rows_b),
        paired=rows_a.size > 0 and rows_a.size >= _LEAST_SHARE * min(distinct),
        keyed=all(own.given_ids for own in keys) or all(own.any() for own in known),
    )


def _shared_keys(a: ScoreTable, b: ScoreTable) -> tuple[Keys, Keys]:
    """The keys that both tables were read with, else those of their texts."""
    if a.keys is not None or b.keys is not None:
        if a.keys is None or b.keys is None or not a.keys.precede(b.keys):
            raise ValueError(
                f"{a.provenance.source} and {b.provenance.source} were not read together, in this order; tables of"
                " read_pair with dask= can only be compared with each other, the first as the reference"
            )
        return a.keys, b.keys
    contents = _numbered(*(own.frame["sha256"].astype(object).to_numpy() for own in (a, b)))
    ids: tuple[NDArray[np.int64] | None, ...] = (None, None)
    if a.has_sample_ids and b.has_sample_ids and any((own < 0).any() for own in contents):
        ids = _numbered(*map(_ids, (a, b)))
    one, other = (
        Keys(contents=content, ids=own, given_ids=table.has_sample_ids)
        for table, content, own in zip((a, b), contents, ids, strict=True)
    )
    return one, other


def _ids(table: ScoreTable) -> NDArray[Any]:
    """The ids, missing where they are blank."""
    found = table.frame["sample_id"].astype(object)
    return found.mask(is_blank(found.to_numpy())).to_numpy()


def _numbered(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each text, the same one for the same text; -1 where there is none."""
    codes = pd.factorize(np.concatenate([a, b]))[0].astype(np.int64)
    return codes[: a.size], codes[a.size :]


def _matched(
    rows_a: NDArray[np.intp], rows_b: NDArray[np.intp], keys_a: NDArray[Any], keys_b: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows whose keys are equal; each key occurs once among the rows of a table."""
    if not rows_a.size or not rows_b.size:
        nothing = np.empty(0, dtype=np.intp)
        return nothing, nothing
    place = pd.Index(keys_b[rows_b]).get_indexer(pd.Index(keys_a[rows_a]))
    return rows_a[place >= 0], rows_b[place[place >= 0]]


def _retyped(a: ScoreTable, b: ScoreTable, rows_a: NDArray[np.intp], rows_b: NDArray[np.intp]) -> int:
    of_a, of_b = (
        own.frame["attack_type"].astype(object).to_numpy()[rows] for own, rows in ((a, rows_a), (b, rows_b))
    )
    either = pd.notna(of_a) | pd.notna(of_b)
    if pd.isna(of_a).all() or pd.isna(of_b).all():  # a table that tells no types tells no others
        return 0
    return int(np.count_nonzero(either & (of_a != of_b)))

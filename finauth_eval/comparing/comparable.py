"""Whether two runs may be compared at all, and what a reader must know of how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finauth_eval.decisions import current_threshold
from finauth_eval.shown.numbers import count, percent, threshold

if TYPE_CHECKING:
    from finauth_eval.comparing.pairing import Pairing
    from finauth_eval.scores import ScoreTable

__all__ = ["notes", "same_dataset"]


def same_dataset(a: ScoreTable, b: ScoreTable) -> bool | None:
    """Whether both runs scored the same dataset; ``None`` where one of them does not say which it scored."""
    one, other = a.provenance.dataset_digest, b.provenance.dataset_digest
    return None if one is None or other is None else one == other


def notes(a: ScoreTable, b: ScoreTable, pairing: Pairing, at: tuple[float, float] | None) -> tuple[str, ...]:
    """What keeps the runs from being compared like with like, the gravest first; nothing where nothing does.

    Args:
        a: The reference.
        b: What is compared with it.
        pairing: Their common samples.
        at: The thresholds in force, where none was asked for.
    """
    found = []
    if same_dataset(a, b) is False:
        names = {own.provenance.dataset_name or "unnamed" for own in (a, b)}
        found.append(
            f"the runs scored different datasets ({' and '.join(sorted(names))}; the digests of contents and labels"
            " differ): only what both have is compared"
        )
    if not a.labelled or not b.labelled:
        found.append(
            f"there are no labels in {_source(a if not a.labelled else b)}: only the score shift and the change of the"
            " alert rate can be told, not whether it is for the better"
        )
    if not pairing.paired:
        found.append(_why_unpaired(a, b, pairing))
    elif pairing.only_in_a or pairing.only_in_b:
        found.append(
            f"{count(pairing.rows_a.size)} samples are in both runs; {count(pairing.only_in_a)} only in A and"
            f" {count(pairing.only_in_b)} only in B are left out"
        )
    if pairing.relabelled:
        found.append(
            f"{count(pairing.relabelled)} samples have another label in B than in A and are left out; say which is right"
        )
    if pairing.retyped:
        found.append(f"{count(pairing.retyped)} attacks have another attack type in B; A's is used")
    if pairing.repeated and pairing.paired:
        found.append(
            f"{count(pairing.repeated)} rows repeat a content (or an id) of their own run and are left out"
        )
    if at is not None and at[0] != at[1]:
        found.append(f"the threshold in force is {threshold(at[0])} in A and {threshold(at[1])} in B")
    found += [
        f"the answers of {_source(own)} name several thresholds; 0.5 is used"
        for own in (a, b)
        if at is not None and own.frame["threshold"].dropna().nunique() > 1 and current_threshold(own) == 0.5
    ]
    found += [
        f"{_source(own)} is not complete ({percent(own.scored.mean())} of the samples have a score): the run ended with"
        f" exit code {own.provenance.run['exit']}"
        for own in (a, b)
        if own.provenance.run.get("exit") not in (None, 0) and len(own)
    ]
    return tuple(found)


def _why_unpaired(a: ScoreTable, b: ScoreTable, pairing: Pairing) -> str:
    common = pairing.rows_a.size
    if common:
        why = f"only {count(common)} of {count(len(a))} and {count(len(b))} samples are in both runs"
    elif not pairing.keyed:
        why = "the tables have neither sha256 nor sample_id in common to match samples by"
    else:
        why = "no sample is in both runs"
    return f"{why}: the runs are compared as independent samples, which tells far less than the same samples scored twice"


def _source(own: ScoreTable) -> str:
    return own.provenance.source

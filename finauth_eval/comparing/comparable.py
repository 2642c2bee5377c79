"""Whether two runs may be compared at all, and what a reader must know of how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finauth_eval.comparing.silence import left_out, surely_changed
from finauth_eval.phrases import phrase
from finauth_eval.shown.numbers import count, percent, threshold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.comparing.pairing import Pairing
    from finauth_eval.comparing.service import NoResponse
    from finauth_eval.scores import ScoreTable

__all__ = ["notes", "same_dataset"]


def same_dataset(a: ScoreTable, b: ScoreTable) -> bool | None:
    """Whether both runs scored the same dataset; ``None`` where one of them does not say which it scored."""
    one, other = a.provenance.dataset_digest, b.provenance.dataset_digest
    return None if one is None or other is None else one == other


def notes(
    a: ScoreTable,
    b: ScoreTable,
    pairing: Pairing,
    *,
    thresholds: tuple[float, float],
    requested: bool,
    no_response: Mapping[str, NoResponse],
    confidence: float,
) -> tuple[str, ...]:
    """What keeps the runs from being compared like with like, the gravest first; nothing where nothing does.

    Args:
        a: The reference.
        b: What is compared with it.
        pairing: Their common samples.
        thresholds: What A and B are decided at.
        requested: Whether it was asked for; else it is each run's own.
        no_response: Samples without a score.
        confidence: Of saying that samples without a score became more, or fewer.
    """
    found: list[str] = []
    if same_dataset(a, b) is False:
        names = {own.provenance.dataset_name or phrase("unnamed") for own in (a, b)}
        found.append(
            phrase(
                "the runs scored different datasets ({names}; the digests of contents and labels differ): only what both"
                " have is compared",
                names=_both(*sorted(names)),
            )
        )
    if not a.labelled or not b.labelled:
        found.append(
            phrase(
                "there are no labels in {source}: only the score shift and the change of the alert rate can be told, not"
                " whether it is for the better",
                source=_source(a if not a.labelled else b),
            )
        )
    if not pairing.paired:
        found.append(_why_unpaired(a, b, pairing))
    elif pairing.only_in_a or pairing.only_in_b:
        found.append(
            phrase(
                "{both} samples are in both runs; {only_a} only in A and {only_b} only in B are left out",
                both=count(pairing.rows_a.size),
                only_a=count(pairing.only_in_a),
                only_b=count(pairing.only_in_b),
            )
        )
    if pairing.relabelled:
        found.append(
            phrase(
                "{n} samples have another label in B than in A and are left out; say which is right",
                n=count(pairing.relabelled),
            )
        )
    if pairing.retyped:
        found.append(
            phrase("{n} attacks have another attack type in B; A's is used", n=count(pairing.retyped))
        )
    if pairing.repeated and pairing.paired:
        found.append(
            phrase(
                "{n} rows repeat a content (or an id) of their own run and are left out",
                n=count(pairing.repeated),
            )
        )
    found += left_out(a, b, pairing, thresholds, surely_changed(no_response, confidence))
    if not requested and thresholds[0] != thresholds[1]:
        found.append(_thresholds_differ(a, b, thresholds))
    elif not requested:
        found += [
            phrase("the answers of {source} name several thresholds; 0.5 is used", source=_source(own))
            for own in (a, b)
            if own.frame["threshold"].nunique() > 1
        ]
    found += [
        phrase(
            "{source} is not complete ({share} of the samples have a score): the run ended with exit code {code}",
            source=_source(own),
            share=percent(own.scored.mean()),
            code=own.provenance.run["exit"],
        )
        for own in (a, b)
        if own.provenance.run.get("exit") not in (None, 0) and len(own)
    ]
    return tuple(found)


def _both(first: str, second: str | None = None) -> str:
    return first if second is None else phrase("{first} and {second}", first=first, second=second)


def _why_unpaired(a: ScoreTable, b: ScoreTable, pairing: Pairing) -> str:
    common = pairing.rows_a.size
    if common:
        why = phrase(
            "only {common} of {a} and {b} samples are in both runs",
            common=count(common),
            a=count(len(a)),
            b=count(len(b)),
        )
    elif not pairing.keyed:
        why = phrase("the tables have neither sha256 nor sample_id in common to match samples by")
    else:
        why = phrase("no sample is in both runs")
    return phrase(
        "{why}: the runs are compared as independent samples, which tells far less than the same samples scored twice",
        why=why,
    )


def _thresholds_differ(a: ScoreTable, b: ScoreTable, at: tuple[float, float]) -> str:
    named = [own.frame["threshold"].nunique() for own in (a, b)]
    if named == [1, 1]:
        return phrase(
            "the threshold in force is {a} in A and {b} in B", a=threshold(at[0]), b=threshold(at[1])
        )
    default, other = (0, 1) if named[0] != 1 else (1, 0)
    gaps: dict[str, object] = {
        "one": "AB"[default],
        "default": threshold(at[default]),
        "other": "AB"[other],
        "threshold": threshold(at[other]),
    }
    if named[default]:
        return phrase(
            "{one} names several thresholds, so the default {default} is taken; the threshold in force in {other} is"
            " {threshold}",
            **gaps,
        )
    return phrase(
        "{one} names no threshold, so the default {default} is taken; the threshold in force in {other} is {threshold}",
        **gaps,
    )


def _source(own: ScoreTable) -> str:
    return own.provenance.source

"""Thresholds with a promise about future samples: order statistics of scores that may be taken as independent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from finauth_eval.choosing.basis import DRAWS
from finauth_eval.choosing.choice import Choice, Guarantee, Infeasible, Need
from finauth_eval.metrics.order_statistics import allowed_errors, minimum_n
from finauth_eval.phrases import joined, phrase
from finauth_eval.policies import confidence_percent, percent
from finauth_eval.samples import clusters_in_words
from finauth_eval.shown.numbers import threshold as in_full

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.choosing.basis import Basis, Group
    from finauth_eval.policies import MaxApcer, MaxBpcer, Promise

__all__ = ["max_apcer", "max_bpcer"]


def max_bpcer(policy: MaxBpcer, basis: Basis) -> Choice | Infeasible:
    """The lowest settable threshold that blocks no more bona fide samples than the promise allows."""
    group = basis.bona_fide()
    m = allowed_errors(group.n, policy.target, confidence=basis.promised(policy))
    if m is None:
        return _too_few(policy, basis, {"bona_fide": group}, phrase("bona fide samples"))
    rank = group.n - m
    boundary = float(group.independent()[rank - 1])
    threshold = basis.settable_above(boundary)
    if basis.unit and threshold > 1:
        at_top = basis.point(1.0, policy)
        share = percent(at_top.bpcer.value)
        if at_top.bpcer.value < policy.target:  # few enough, but not with this confidence
            return Infeasible(
                reason=phrase(
                    "no threshold in [0, 1] keeps it: at 1.00, {share} of bona fide samples are blocked, and of {n} at"
                    " most {m} may be; with more samples it may be kept",
                    share=share,
                    n=group.n,
                    m=m,
                )
            )
        return Infeasible(
            reason=phrase(
                "no threshold in [0, 1] keeps it: at 1.00, {share} of bona fide samples are blocked",
                share=share,
            )
        )
    top = 1.0 if basis.unit else math.inf
    low, high = (min(basis.settable_above(end), top) for end in basis.interval(group, rank))
    return Choice(
        threshold=threshold,
        interval=(low, high),
        guarantee=_guarantee(policy, basis, group, m, phrase("bona fide samples are blocked")),
        reason=(
            phrase("the lowest settable threshold above all but {m} of {n} bona fide samples", m=m, n=group.n)
            if group.cluster is None
            else phrase(
                "the lowest settable threshold above all but {m} of {n} bona fide samples, one of each {cluster}",
                m=m,
                n=group.n,
                cluster=_each(group.cluster),
            )
        ),
        notes=(
            *_draw_notes(basis, group, _naive(policy, basis, group)),
            *_step_note(
                basis,
                threshold,
                basis.settable_at(boundary),
                policy,
                "blocked",
            ),
        ),
    )


def max_apcer(policy: MaxApcer, basis: Basis) -> Choice | Infeasible:
    """The highest settable threshold that misses no more attacks of any type than the promise allows."""
    groups = _attack_groups(policy, basis)
    allowed = {
        name: allowed_errors(group.n, policy.target, confidence=basis.promised(policy))
        for name, group in groups.items()
    }
    lacking = {name: group for name, group in groups.items() if allowed[name] is None}
    enough = {name: m for name, m in allowed.items() if m is not None}
    if not enough or (lacking and not policy.without_insufficient):
        return _too_few(policy, basis, lacking, phrase("attack samples") if [*groups] == ["attack"] else None)
    ends = {
        name: (
            float(groups[name].independent()[m]),
            basis.interval(groups[name], m + 1),
        )
        for name, m in enough.items()
    }
    decisive = min(ends, key=lambda name: ends[name][0])
    lowest = ends[decisive][0]
    group = groups[decisive]
    threshold, low, high = (
        basis.settable_at(end)
        for end in (lowest, *(min(interval[i] for _, interval in ends.values()) for i in (0, 1)))
    )
    pooled = [*groups] == ["attack"]
    subject = phrase("attacks pass") if pooled else phrase("attacks of any type pass")
    if lacking:
        subject = phrase("attacks of the types {names} pass", names=", ".join(enough))
    missed = (
        phrase("{m} of {n} attacks", m=enough[decisive], n=group.n)
        if pooled
        else phrase("{m} of {n} attacks of type {name}", m=enough[decisive], n=group.n, name=decisive)
    )
    return Choice(
        threshold=threshold,
        interval=(low, high),
        guarantee=_guarantee(policy, basis, group, enough[decisive], subject),
        reason=(
            phrase("the highest settable threshold that misses at most {missed}", missed=missed)
            if group.cluster is None
            else phrase(
                "the highest settable threshold that misses at most {missed}, one of each {cluster}",
                missed=missed,
                cluster=_each(group.cluster),
            )
        ),
        needs=_needs(policy, basis, lacking),
        notes=(
            *_untyped_note(policy, basis),
            *_draw_notes(basis, group, _naive_of_types(policy, basis, groups)),
            *_step_note(basis, threshold, basis.settable_above(lowest), policy, "passing"),
            *(
                (phrase("No promise is made for {names}: too few samples.", names=", ".join(lacking)),)
                if lacking
                else ()
            ),
        ),
    )


def _attack_groups(policy: MaxApcer, basis: Basis) -> dict[str, Group]:
    by_type = {} if policy.pooled else basis.attacks_by_type()
    return by_type or {"attack": basis.attacks()}


def _needs(policy: MaxBpcer | MaxApcer, basis: Basis, lacking: Mapping[str, Group]) -> dict[str, Need]:
    required = minimum_n(policy.target, confidence=basis.promised(policy))
    return {name: Need(required=required, has=group.n) for name, group in lacking.items()}


def _too_few(
    policy: MaxBpcer | MaxApcer, basis: Basis, lacking: Mapping[str, Group], what: str | None
) -> Infeasible:
    """What is lacking: samples of one kind, ``what`` they are, or attacks of the types that are named."""
    needs = _needs(policy, basis, lacking)
    required = minimum_n(policy.target, confidence=basis.promised(policy))
    column = next((group.cluster for group in lacking.values() if group.cluster is not None), None)
    each = joined(", ", (phrase("{name} has {n}", name=name, n=need.has) for name, need in needs.items()))
    if len(needs) == 1:
        [(name, need)] = needs.items()
        of = what or phrase("attacks of type {name}", name=name)
    else:
        of = phrase("attacks of each type")
    if column is not None:
        of = phrase("{samples} of different {clusters}", samples=of, clusters=clusters_in_words(column))
    reason = (
        phrase("needs {required} {samples}, has {has}", required=required, samples=of, has=need.has)
        if len(needs) == 1
        else phrase("needs {required} {samples}; {each}", required=required, samples=of, each=each)
    )
    return Infeasible(reason=reason, needs=needs)


def _guarantee(policy: MaxBpcer | MaxApcer, basis: Basis, group: Group, m: int, subject: str) -> Guarantee:
    gaps: dict[str, object] = {
        "confidence": confidence_percent(basis.promised(policy)),
        "share": percent(policy.target),
        "subject": subject,
        "n": group.n,
    }
    return Guarantee(
        statement=(
            phrase(
                "With {confidence} confidence at most {share} of future {subject}, if they are like these {n} samples,"
                " and samples are independent.",
                **gaps,
            )
            if group.cluster is None
            else phrase(
                "With {confidence} confidence at most {share} of future {subject}, if they are like these {n} {clusters},"
                " one sample of each drawn at random, and {clusters} are independent.",
                clusters=clusters_in_words(group.cluster),
                **gaps,
            )
        ),
        confidence=basis.promised(policy),
        method="order-statistic" if group.cluster is None else "order-statistic-one-per-cluster",
        m=m,
        n=group.n,
    )


def _naive(policy: MaxBpcer, basis: Basis, group: Group) -> float:
    """The threshold as if every sample were independent."""
    m = allowed_errors(group.items.size, policy.target, confidence=basis.promised(policy)) or 0
    boundary = float(group.items[group.items.size - m - 1])
    return basis.settable_above(boundary)


def _naive_of_types(policy: MaxApcer, basis: Basis, groups: Mapping[str, Group]) -> float:
    """The same, of every type."""
    ends = []
    for group in groups.values():
        m = allowed_errors(group.items.size, policy.target, confidence=basis.promised(policy))
        if m is not None:
            ends.append(float(group.items[m]))
    return basis.settable_at(min(ends))


def _draw_notes(basis: Basis, group: Group, naive: float) -> tuple[str, ...]:
    """What a draw of one item of each cluster means for a threshold; nothing where no draw is made."""
    if group.cluster is None and basis.samples.blank:
        note = phrase(
            "{n} scored samples have no subject while others have one, so all samples count as independent here; where"
            " persons have several, the promise does not hold.",
            n=basis.samples.blank,
        )
        return (note,)
    if group.cluster is None:
        return ()
    draw = phrase(
        "Rests on one sample of each {cluster}, drawn with seed {seed}; the interval is that of {draws} further draws,"
        " whose mean would promise nothing.",
        cluster=_each(group.cluster),
        seed=basis.seed,
        draws=DRAWS,
    )
    all_of_them = phrase(
        "Taking all {n} samples as independent (naive) would give {threshold}, but its promise would not hold: samples of"
        " one {cluster} resemble each other.",
        n=group.items.size,
        threshold=_named(naive, basis),
        cluster=_each(group.cluster),
    )
    return draw, all_of_them


def _each(column: str) -> str:
    """What one cluster of a column is called."""
    return phrase("subject") if column == "subject" else column


def _named(threshold: float, basis: Basis) -> str:
    return phrase("no threshold in [0, 1]") if basis.unit and threshold > 1 else in_full(threshold)


def _step_note(
    basis: Basis, threshold: float, other: float, policy: Promise, what: Literal["blocked", "passing"]
) -> tuple[str, ...]:
    """What the neighbouring settable threshold would do, for it is another policy."""
    step = basis.step()
    if step is None or (basis.unit and not 0 <= other <= 1):
        return ()
    here, there = basis.point(threshold, policy).confusion, basis.point(other, policy).confusion
    more = there.fp - here.fp if other < threshold else there.fn - here.fn
    if not more:
        return ()
    gaps: dict[str, object] = {"step": f"{step:g}", "threshold": in_full(other), "more": more}
    if what == "blocked":
        return (
            phrase(
                "Thresholds can be set in steps of {step}, and the next one is another policy: at {threshold} {more} more"
                " of these samples would be blocked, and nothing would be promised.",
                **gaps,
            ),
        )
    return (
        phrase(
            "Thresholds can be set in steps of {step}, and the next one is another policy: at {threshold} {more} more of"
            " these samples would pass, and nothing would be promised.",
            **gaps,
        ),
    )


def _untyped_note(policy: MaxApcer, basis: Basis) -> tuple[str, ...]:
    if policy.pooled or basis.counts.by_attack_type:
        return ()
    return (phrase("No attack has a type, so this is for all attacks together, at this data's mix."),)

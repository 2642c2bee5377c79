"""Thresholds with a promise about future samples: order statistics of scores that may be taken as independent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from finauth_eval.choosing.choice import Choice, Guarantee, Infeasible, Need
from finauth_eval.metrics.order_statistics import allowed_errors, minimum_n
from finauth_eval.policies import percent
from finauth_eval.samples import clusters_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from finauth_eval.choosing.basis import Basis, Group
    from finauth_eval.policies import MaxApcer, MaxBpcer

__all__ = ["max_apcer", "max_bpcer"]


def max_bpcer(policy: MaxBpcer, basis: Basis) -> Choice | Infeasible:
    """The lowest settable threshold that blocks no more bona fide samples than the promise allows."""
    group = basis.bona_fide()
    m = allowed_errors(group.n, policy.target, confidence=basis.confidence)
    if m is None:
        return _too_few(policy, basis, {"bona_fide": group}, "bona fide samples")
    rank = group.n - m
    boundary = float(group.independent()[rank - 1])
    threshold = basis.grid.above(boundary, basis.neighbour_above(boundary))
    if basis.counts.in_unit_range and threshold > 1:
        at_top = basis.point(1.0, policy)
        return Infeasible(
            reason=(
                f"no threshold in [0, 1] keeps it: at 1.00, {percent(at_top.bpcer.value)} of bona fide samples are"
                " blocked"
            )
        )
    low, high = (
        min(
            basis.grid.above(end, basis.neighbour_above(end)),
            1.0 if basis.counts.in_unit_range else math.inf,
        )
        for end in group.interval(rank, confidence=basis.confidence)
    )
    return Choice(
        threshold=threshold,
        interval=(low, high),
        guarantee=_guarantee(policy, basis, group, m, "bona fide samples are blocked"),
        reason=(
            f"the lowest settable threshold above all but {m} of {group.n} bona fide"
            f" {'samples' if group.cluster is None else f'samples, one of each {group.cluster}'}"
        ),
        notes=_naive_note(policy, basis, group),
    )


def max_apcer(policy: MaxApcer, basis: Basis) -> Choice | Infeasible:
    """The highest settable threshold that misses no more attacks of any type than the promise allows."""
    groups = _attack_groups(policy, basis)
    allowed = {
        name: allowed_errors(group.n, policy.target, confidence=basis.confidence)
        for name, group in groups.items()
    }
    lacking = {name: group for name, group in groups.items() if allowed[name] is None}
    enough = {name: m for name, m in allowed.items() if m is not None}
    if not enough or (lacking and not policy.without_insufficient):
        return _too_few(policy, basis, lacking, "attack samples" if [*groups] == ["attack"] else None)
    ends = {
        name: (
            float(groups[name].independent()[m]),
            groups[name].interval(m + 1, confidence=basis.confidence),
        )
        for name, m in enough.items()
    }
    decisive = min(ends, key=lambda name: ends[name][0])
    lowest = ends[decisive][0]
    group = groups[decisive]
    threshold, low, high = (
        basis.grid.at_most(end, basis.neighbour_below(end))
        for end in (lowest, *(min(interval[i] for _, interval in ends.values()) for i in (0, 1)))
    )
    of_type = "" if [*groups] == ["attack"] else f" of type {decisive}"
    subject = "attacks pass" if of_type == "" else "attacks of any type pass"
    if lacking:
        subject = f"attacks of the types {', '.join(enough)} pass"
    return Choice(
        threshold=threshold,
        interval=(low, high),
        guarantee=_guarantee(policy, basis, group, enough[decisive], subject),
        reason=(
            f"the highest settable threshold that misses at most {enough[decisive]} of {group.n} attacks{of_type}"
            f"{'' if group.cluster is None else f', one of each {group.cluster}'}"
        ),
        needs=_needs(policy, basis, lacking),
        notes=(
            *_untyped_note(policy, basis),
            *(() if not lacking else (f"No promise is made for {', '.join(lacking)}: too few samples.",)),
        ),
    )


def _attack_groups(policy: MaxApcer, basis: Basis) -> dict[str, Group]:
    by_type = {} if policy.pooled else basis.attacks_by_type()
    return by_type or {"attack": basis.attacks()}


def _needs(policy: MaxBpcer | MaxApcer, basis: Basis, lacking: Mapping[str, Group]) -> dict[str, Need]:
    required = minimum_n(policy.target, confidence=basis.confidence)
    return {name: Need(required=required, has=group.n) for name, group in lacking.items()}


def _too_few(
    policy: MaxBpcer | MaxApcer, basis: Basis, lacking: Mapping[str, Group], what: str | None
) -> Infeasible:
    """What is lacking: samples of one kind, ``what`` they are, or attacks of the types that are named."""
    needs = _needs(policy, basis, lacking)
    required = minimum_n(policy.target, confidence=basis.confidence)
    column = next((group.cluster for group in lacking.values() if group.cluster is not None), None)
    apart = "" if column is None else f" of different {clusters_in_words(column)}"
    if len(needs) == 1:
        [(name, need)] = needs.items()
        of = what or f"attacks of type {name}"
        reason = f"needs {required} {of}{apart}, has {need.has}"
    else:
        each = ", ".join(f"{name} has {need.has}" for name, need in needs.items())
        reason = f"needs {required} attacks of each type{apart}; {each}"
    return Infeasible(reason=reason, needs=needs)


def _guarantee(policy: MaxBpcer | MaxApcer, basis: Basis, group: Group, m: int, subject: str) -> Guarantee:
    units = "samples" if group.cluster is None else clusters_in_words(group.cluster)
    draw = "" if group.cluster is None else ", one sample of each drawn at random"
    return Guarantee(
        statement=(
            f"With {percent(basis.confidence)} confidence at most {percent(policy.target)} of future {subject},"
            f" if they are like these {group.n} {units}{draw}, and {units} are independent."
        ),
        confidence=basis.confidence,
        method="order-statistic" if group.cluster is None else "order-statistic-one-per-cluster",
        m=m,
        n=group.n,
    )


def _naive_note(policy: MaxBpcer, basis: Basis, group: Group) -> tuple[str, ...]:
    if group.cluster is None:
        return ()
    m = allowed_errors(group.items.size, policy.target, confidence=basis.confidence)
    boundary = float(group.items[group.items.size - (m or 0) - 1])
    naive = basis.grid.above(boundary, basis.neighbour_above(boundary))
    note = (
        f"Taking all {group.items.size} samples as independent (naive) would give {naive:g}, but its promise"
        f" would not hold: samples of one {group.cluster} resemble each other."
    )
    return (note,)


def _untyped_note(policy: MaxApcer, basis: Basis) -> tuple[str, ...]:
    if policy.pooled or basis.counts.by_attack_type:
        return ()
    return ("No attack has a type, so this is for all attacks together, at this data's mix.",)

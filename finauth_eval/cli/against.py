"""``report --against``: the page of a comparison instead of that of a single run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from finauth_eval.cli.output import low_coverage, printable, require_coverage
from finauth_eval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from finauth_eval.phrases import Language
    from finauth_eval.places import Place
    from finauth_eval.report.rendering import Layout

__all__ = ["refuse_goals", "report_comparison"]


def refuse_goals(options: Mapping[str, Any]) -> None:
    """Goals are what a single run's thresholds are chosen for; a comparison names none.

    Args:
        options: The options by name, each false or ``None`` where it was not given.
    """
    given = [name for name, value in options.items() if value]
    if given:
        raise InputError(f"{given[0]} is for the report of a single run; leave it out, or --against")


def report_comparison(
    scores: Place,
    against: Place,
    *,
    output: Place,
    layout: Layout,
    lang: Language,
    gate: Place | None,
    min_coverage: float,
    reading: Mapping[str, Any],
    margin: float | None,
    thresholds: Sequence[float],
    by: Sequence[str],
    cluster: str | None,
    confidence: float,
    seed: int,
) -> None:
    """Compare, judge where there are rules, and write the page.

    Args:
        scores: What is compared (B).
        against: What it is compared with (A), or a baseline file that names it.
        output: The page to write.
        layout: As of ``write_comparison``.
        lang: As of ``write_comparison``.
        gate: The file of the gate's rules.
        min_coverage: Exit 7, after the page was written, where a smaller share of either run has a score.
        reading: The reading options.
        margin: As of `finauth_eval.compare`, as are the ones that follow; ``None`` is its default.
        thresholds: At most one.
        by: Columns.
        cluster: Column.
        confidence: Of intervals.
        seed: Of what is drawn.
    """
    from finauth_eval.baselines import read_baseline
    from finauth_eval.comparison import DEFAULT_MARGIN, compare
    from finauth_eval.gate import check, invalid, read_rules
    from finauth_eval.report import write_comparison
    from finauth_eval.scores import read_scores

    if len(thresholds) > 1:
        raise InputError(f"--threshold is given {len(thresholds)} times; two runs are compared at one")
    rules = None if gate is None else read_rules(gate)
    b = read_scores(scores, require_labels=False, **reading)
    a = read_baseline(against, require_labels=False, **reading)
    found = compare(
        a, b, margin=DEFAULT_MARGIN if margin is None else margin, threshold=thresholds[0] if thresholds else None, by=by,
        cluster=cluster, confidence=confidence, seed=seed,
    )  # fmt: skip
    verdict = None
    if rules is not None:
        short = next(filter(None, (low_coverage(own, min_coverage) for own in (b, a))), None)
        verdict = (
            check(found, rules, seed=seed)
            if short is None
            else invalid(short, baseline=a.provenance.source, run=b.provenance.source)
        )
    try:
        write_comparison(found, path=output, verdict=verdict, layout=layout, lang=lang)
    except OSError as error:
        raise InputError(f"{output}: the report can't be written ({error.strerror or error})") from error
    typer.echo(printable(f"report: {output}"))
    for own in (b, a):
        require_coverage(own, min_coverage)

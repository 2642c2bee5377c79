"""``report --against``: the page of a comparison instead of that of a single run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finauth_eval.cli.output import require_coverage
from finauth_eval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from finauth_eval.scores import ScoreTable

__all__ = ["comparison_report", "refuse_goals", "require_both"]


def refuse_goals(options: Mapping[str, Any]) -> None:
    """Goals are what a single run's thresholds are chosen for; a comparison names none.

    Args:
        options: The options by name, each false or ``None`` where it was not given.
    """
    given = [name for name, value in options.items() if value]
    if given:
        raise InputError(f"{given[0]} goes with the report of a single run; leave it out, or --against")


def comparison_report(
    table: ScoreTable,
    reference: ScoreTable,
    *,
    output: Path,
    gate: Path | None,
    margin: float,
    thresholds: Sequence[float],
    by: Sequence[str],
    cluster: str | None,
    confidence: float,
    seed: int,
) -> Path:
    """Compare, judge where there are rules, and write the page.

    Args:
        table: What is compared (B).
        reference: What it is compared with (A).
        output: The page to write.
        gate: The file of the gate's rules.
        margin: As of `finauth_eval.compare`, as are the ones that follow.
        thresholds: At most one.
        by: Columns.
        cluster: Column.
        confidence: Of intervals.
        seed: Of what is drawn.
    """
    from finauth_eval.comparison import compare
    from finauth_eval.gate import check, read_rules
    from finauth_eval.report import write_comparison

    if len(thresholds) > 1:
        raise InputError(f"--threshold is given {len(thresholds)} times; two runs are compared at one")
    rules = None if gate is None else read_rules(gate)
    found = compare(
        reference, table, margin=margin, threshold=thresholds[0] if thresholds else None, by=by, cluster=cluster,
        confidence=confidence, seed=seed,
    )  # fmt: skip
    verdict = None if rules is None else check(found, rules, seed=seed)
    try:
        written = write_comparison(found, path=output, verdict=verdict)
    except OSError as error:
        raise InputError(f"{output}: the report can't be written ({error.strerror or error})") from error
    return written


def require_both(tables: Sequence[ScoreTable], least: float) -> None:
    """Exit 7 where a smaller share of either run's samples has a score."""
    for own in tables:
        require_coverage(own, least)

"""The command about scores without labels: production."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from finauth_eval.cli.application import app
from finauth_eval.cli.options import (
    AttackTypeColumn,
    Cluster,
    Confidence,
    Json,
    LabelColumn,
    MinCoverage,
    ScoreColumn,
    ScoreRange,
    Scores,
)
from finauth_eval.cli.output import printable, read_or_scan, require_coverage, write_json
from finauth_eval.errors import InputError
from finauth_eval.places import place


@app.command()
def production(
    scores: Scores,
    reference: Annotated[
        Any,
        typer.Option(
            metavar="SCORES", parser=place, help="Scores to hold production's against, such as last month's."
        ),
    ] = None,
    labelled: Annotated[
        Any,
        typer.Option(
            metavar="SCORES",
            parser=place,
            help="Labelled scores of the same detector, to estimate the share of attacks.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="T", help="Flag from T on; else the answers' own threshold, or 0.5."),
    ] = None,
    by_time: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A column with times, such as received_at.")
    ] = None,
    every: Annotated[
        Literal["day", "week", "month"] | None,
        typer.Option(help="How long a window of --by-time is; else a week."),
    ] = None,
    cluster: Cluster = None,
    confidence: Confidence = 0.95,
    label_column: LabelColumn = "label",
    score_column: ScoreColumn = "score",
    attack_type_column: AttackTypeColumn = "attack_type",
    score_range: ScoreRange = "unit",
    min_coverage: MinCoverage = 0.5,
    json_file: Json = None,
) -> None:
    """Say what scores without labels can: alert rate, score shift, and an estimate of how many are attacks."""
    from finauth_eval.production import watch
    from finauth_eval.slicing import Windows

    if every is not None and by_time is None:
        raise InputError("--every needs --by-time: the column with the times")
    windows = None if by_time is None else Windows(column=by_time, every=every or "week")
    # labels and types of production are not looked at, so their columns need not be there
    table = read_or_scan(
        scores, "label", score_column, "attack_type", score_range, by=[windows] if windows else [], cluster=None,
        require_labels=False, together=False,
    )  # fmt: skip
    held = known = None
    if reference is not None:
        held = read_or_scan(
            reference, "label", score_column, "attack_type", score_range, by=[], cluster="none",
            require_labels=False,
        )  # fmt: skip
    if labelled is not None:
        known = read_or_scan(
            labelled, label_column, score_column, attack_type_column, score_range, by=[], cluster=cluster
        )
    found = watch(
        table, reference=held, labelled=known, threshold=threshold, windows=windows, cluster=cluster,
        confidence=confidence,
    )  # fmt: skip
    write_json(json_file, found.to_dict())
    if json_file != "-":
        from finauth_eval.terminal.texts import production_text

        typer.echo(printable(production_text(found)))
    require_coverage(table, min_coverage)

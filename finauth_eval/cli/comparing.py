"""Commands that hold runs against each other: compare, gate, baseline, history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finauth_eval.cli.application import app, baseline_app, history_app
from finauth_eval.cli.options import (
    AttackTypeColumn,
    By,
    Cluster,
    Confidence,
    Json,
    LabelColumn,
    Lang,
    MinCoverage,
    ScoreColumn,
    ScoreRange,
    Seed,
)
from finauth_eval.cli.output import (
    append_text,
    low_coverage,
    printable,
    read_table,
    require_coverage,
    say,
    write_json,
    write_text,
)
from finauth_eval.errors import InputError, NothingToEvaluate
from finauth_eval.places import place

if TYPE_CHECKING:
    from finauth_eval.gate import Rule, Verdict
    from finauth_eval.scores import ScoreTable

_Reference = Annotated[
    Any,
    typer.Argument(
        metavar="A",
        parser=place,
        help="The reference: run folder, CSV or Parquet file; a folder or pattern of Parquet files; a path or s3://.",
    ),
]
_Compared = Annotated[Any, typer.Argument(metavar="B", parser=place, help="What is compared with it.")]


@app.command()
def compare(
    a: _Reference,
    b: _Compared,
    margin: Annotated[
        float, typer.Option(metavar="M", help="The largest worsening that is put up with, as a share.")
    ] = 0.01,
    threshold: Annotated[
        float | None, typer.Option(metavar="T", help="Decide both at T; else each at its own threshold.")
    ] = None,
    by: By = None,
    cluster: Cluster = None,
    confidence: Confidence = 0.95,
    bootstrap: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Bootstrap replicates; 0 for none.")
    ] = None,
    seed: Seed = 0,
    label_column: LabelColumn = "label",
    score_column: ScoreColumn = "score",
    attack_type_column: AttackTypeColumn = "attack_type",
    score_range: ScoreRange = "unit",
    min_coverage: MinCoverage = 0.5,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|local",
            help="Read Parquet files, and find which samples both have, on the workers of a Dask cluster.",
        ),
    ] = None,
    json_file: Json = None,
) -> None:
    """Say how B differs from A, and how surely: regions, versions, weeks. Without labels: the score shift."""
    from finauth_eval import comparison
    from finauth_eval.joining.reading import read_pair

    tables = read_pair(
        a, b, by=by or [], cluster=cluster, label_column=label_column, score_column=score_column,
        attack_type_column=attack_type_column, score_range=score_range, dask=dask,
    )  # fmt: skip
    found = comparison.compare(
        *tables,
        margin=margin,
        threshold=threshold,
        by=by or [],
        cluster=cluster,
        confidence=confidence,
        bootstrap=bootstrap,
        seed=seed,
    )
    write_json(json_file, found.to_dict())
    if json_file != "-":
        from finauth_eval.terminal.texts import comparison_text

        typer.echo(printable(comparison_text(found)))
    for table in tables:
        require_coverage(table, min_coverage)


@app.command()
def gate(
    run: Annotated[
        Any,
        typer.Argument(
            metavar="RUN",
            parser=place,
            help="The run to judge: folder, CSV or Parquet file; a path or s3://.",
        ),
    ],
    baseline: Annotated[
        Any,
        typer.Option(
            metavar="RUN",
            parser=place,
            help="The run to hold it against, or the file that 'baseline accept' wrote.",
        ),
    ],
    config: Annotated[
        Any, typer.Option(metavar="gate.toml", parser=place, help="The rules; a path or s3://.")
    ],
    junit: Annotated[str | None, typer.Option(metavar="F", help="Write the verdict as JUnit XML.")] = None,
    github_summary: Annotated[
        str | None, typer.Option(metavar="F", help="Append it as Markdown, as to $GITHUB_STEP_SUMMARY.")
    ] = None,
    cluster: Cluster = None,
    exchanges: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="How often the runs' answers are exchanged to measure false alarms."
        ),
    ] = None,
    seed: Seed = 0,
    label_column: LabelColumn = "label",
    score_column: ScoreColumn = "score",
    attack_type_column: AttackTypeColumn = "attack_type",
    score_range: ScoreRange = "unit",
    min_coverage: MinCoverage = 0.5,
    json_file: Json = None,
) -> None:
    """Pass (0), fail (1), inconclusive (3) or invalid (7): a run against its baseline, by rules."""
    from finauth_eval.baselines import read_baseline
    from finauth_eval.gate import read_rules

    rules = read_rules(config)
    table = read_table(run, label_column, score_column, attack_type_column, score_range, require_labels=False)
    reference = read_baseline(
        baseline,
        label_column=label_column,
        score_column=score_column,
        attack_type_column=attack_type_column,
        score_range=score_range,
        require_labels=False,
    )
    verdict = _judge(table, reference, rules, cluster, exchanges, seed, min_coverage)
    write_json(json_file, verdict.to_dict())
    if junit is not None:
        from finauth_eval.verdict_files import junit_xml

        write_text(junit, junit_xml(verdict))
    if github_summary is not None:
        from finauth_eval.verdict_files import STEP_SUMMARY_BYTES, step_summary

        there = Path(github_summary)
        used = there.stat().st_size if there.is_file() else 0
        summary = step_summary(verdict, room=max(0, STEP_SUMMARY_BYTES - used - 1))
        if summary:
            append_text(github_summary, summary)
    if json_file != "-":
        from finauth_eval.terminal.texts import verdict_text

        typer.echo(printable(verdict_text(verdict)))
    raise typer.Exit(verdict.exit_code)


def _judge(
    table: ScoreTable,
    reference: ScoreTable,
    rules: tuple[Rule, ...],
    cluster: str | None,
    exchanges: int | None,
    seed: int,
    min_coverage: float,
) -> Verdict:
    """The verdict, which is invalid where there is nothing, or too little, to judge."""
    from finauth_eval.comparison import compare as compare_tables
    from finauth_eval.gate import check, invalid

    sources = {"baseline": reference.provenance.source, "run": table.provenance.source}
    for own in (table, reference):
        short = low_coverage(own, min_coverage)
        if short is not None:
            return invalid(short, **sources)
    try:
        found = compare_tables(reference, table, cluster=cluster, bootstrap=0)
    except NothingToEvaluate as error:
        return invalid(str(error), **sources)
    return check(found, rules, exchanges=exchanges, seed=seed)


@baseline_app.command("accept")
def accept(
    run: Annotated[Any, typer.Argument(metavar="RUN", parser=place, help="The run folder; a path or s3://.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever asks next year.")],
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Who accepts it; else the account.")] = None,
    output: Annotated[
        Any,
        typer.Option(
            "-o",
            "--output",
            metavar="F",
            parser=place,
            help="The file; else baseline.json beside the run folder.",
        ),
    ] = None,
) -> None:
    """Record that a run is the baseline from now on: who, when and why, in a small file to commit."""
    from finauth_eval.baselines import accept_baseline

    typer.echo(f"baseline: {accept_baseline(run, reason=reason, who=who, file=output)}")


@history_app.command("build")
def build(
    folder: Annotated[
        Any,
        typer.Argument(metavar="DIR", parser=place, help="Folder with run folders in it; a path or s3://."),
    ],
    output: Annotated[
        Any, typer.Option("-o", "--output", metavar="FILE.html", parser=place, help="A page to write.")
    ] = None,
    table: Annotated[
        Any, typer.Option(metavar="F", parser=place, help="The Parquet table; else history.parquet in DIR.")
    ] = None,
    confidence: Confidence = 0.95,
    lang: Lang = "en",
) -> None:
    """Put all runs of a folder into one table, in the order of time, with what changed between them."""
    from finauth_eval.history import read_history

    found = read_history(folder, confidence=confidence)
    typer.echo(f"table: {found.write(table)}")
    if output is not None:
        from finauth_eval.report import write_history

        try:
            typer.echo(printable(f"page: {write_history(found, path=output, lang=lang)}"))
        except OSError as error:
            raise InputError(f"{output}: the page can't be written ({error.strerror or error})") from error
    for name, reason in found.left_out.items():
        say(f"finauth-eval: left out {name}: {reason}")
    from finauth_eval.terminal.texts import history_text

    typer.echo(printable(history_text(found)))

"""Commands that make numbers of a score table: evaluate, recommend, plan, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from finauth_eval.cli.application import app
from finauth_eval.cli.goals import for_orientation, goals_asked_for
from finauth_eval.cli.options import (
    AttackTypeColumn,
    By,
    Cluster,
    Confidence,
    Cost,
    Dask,
    Holdout,
    Json,
    KeepPromises,
    LabelColumn,
    Lang,
    Layout,
    MaxApcerOption,
    MaxBpcerOption,
    MinCoverage,
    PolicyFile,
    Pooled,
    Prior,
    ReviewCapacity,
    ReviewCost,
    ScoreColumn,
    ScoreRange,
    Scores,
    Seed,
    Thresholds,
    WithoutInsufficient,
)
from finauth_eval.cli.output import (
    printable,
    read_or_scan,
    read_table,
    require_coverage,
    say,
    typed_command,
    write_json,
    write_text,
)
from finauth_eval.errors import InputError, NothingToEvaluate
from finauth_eval.places import place


@app.command()
def evaluate(
    scores: Scores,
    threshold: Thresholds = None,
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
    dask: Dask = None,
    json_file: Json = None,
) -> None:
    """Measure how well the scores tell attacks from genuine customers."""
    from finauth_eval import evaluation

    table = read_or_scan(
        scores, label_column, score_column, attack_type_column, score_range, by=by or [], cluster=cluster,
        dask=dask,
    )  # fmt: skip
    result = evaluation.evaluate(
        table,
        thresholds=threshold or [],
        by=by or [],
        cluster=cluster,
        confidence=confidence,
        bootstrap=bootstrap,
        seed=seed,
    )
    write_json(json_file, result.to_dict())
    if json_file != "-":
        from finauth_eval.terminal.texts import evaluation_text

        typer.echo(printable(evaluation_text(result)))
    require_coverage(table, min_coverage)


@app.command()
def recommend(
    scores: Scores,
    max_bpcer: MaxBpcerOption = None,
    max_apcer: MaxApcerOption = None,
    pooled: Pooled = False,
    without_insufficient: WithoutInsufficient = False,
    cost: Cost = None,
    prior: Prior = None,
    review_capacity: ReviewCapacity = None,
    review_cost: ReviewCost = None,
    keep_promises: KeepPromises = False,
    policy: PolicyFile = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="Thresholds for each value of a column too.")
    ] = None,
    joint: Annotated[
        bool, typer.Option("--joint", help="With --by: each promise holds in all segments at once.")
    ] = False,
    confidence: Confidence = 0.95,
    cluster: Cluster = None,
    holdout: Holdout = None,
    seed: Seed = 0,
    label_column: LabelColumn = "label",
    score_column: ScoreColumn = "score",
    attack_type_column: AttackTypeColumn = "attack_type",
    score_range: ScoreRange = "unit",
    min_coverage: MinCoverage = 0.5,
    dask: Dask = None,
    json_file: Json = None,
    export: Annotated[
        Any,
        typer.Option(
            metavar="POLICY.json",
            parser=place,
            help="Write the first goal's threshold for a service to decide by.",
        ),
    ] = None,
) -> None:
    """Name thresholds and what each guarantees, or say what the data lack."""
    from finauth_eval import recommendation

    goals = goals_asked_for(
        policy, max_bpcer, max_apcer, cost, prior, review_capacity, review_cost, pooled=pooled,
        without_insufficient=without_insufficient, keep_promises=keep_promises,
    )  # fmt: skip
    if joint and by is None:
        raise InputError("--joint needs --by: the column whose segments are promised together")
    table = read_or_scan(
        scores,
        label_column,
        score_column,
        attack_type_column,
        score_range,
        by=[by] if by else [],
        cluster=cluster,
        dask=dask,
    )
    result = recommendation.recommend(
        table,
        [*goals, *for_orientation(goals)],
        by=by,
        joint=joint,
        confidence=confidence,
        cluster=cluster,
        holdout=holdout,
        seed=seed,
    )
    write_json(json_file, result.to_dict())
    if json_file != "-":
        from finauth_eval.terminal.texts import recommendations_text

        typer.echo(printable(recommendations_text(result)))
    require_coverage(table, min_coverage)  # before a policy leaves that rests on what is left
    if export is not None:
        from finauth_eval.deployed import deploy

        write_text(str(export), deploy(result).to_json())
        say(f"policy: {export}")


@app.command()
def plan(
    max_bpcer: Annotated[
        float | None, typer.Option("--max-bpcer", metavar="A", help="The target BPCER.")
    ] = None,
    max_apcer: Annotated[
        float | None, typer.Option("--max-apcer", metavar="A", help="The target APCER.")
    ] = None,
    n: Annotated[
        list[int] | None,
        typer.Option("--n", metavar="N", help="Say what N samples allow; may be repeated."),
    ] = None,
    confidence: Confidence = 0.95,
    json_file: Json = None,
) -> None:
    """Say how many samples a target needs, and what more of them buy."""
    from finauth_eval.recommendation import MaxApcer, MaxBpcer, plan_sample_size

    if (max_bpcer is None) == (max_apcer is None):
        raise InputError("expected one of --max-bpcer and --max-apcer")
    policy = MaxBpcer(max_bpcer) if max_bpcer is not None else MaxApcer(max_apcer or 0.0)
    result = plan_sample_size(policy, confidence=confidence, sizes=n or ())
    write_json(json_file, result.to_dict())
    if json_file != "-":
        from finauth_eval.terminal.texts import plan_text

        typer.echo(plan_text(result))


@app.command()
def report(
    scores: Scores,
    output: Annotated[
        Any,
        typer.Option(
            "-o", "--output", metavar="FILE.html", parser=place, help="The report; a path or s3://."
        ),
    ],
    by: By = None,
    threshold: Thresholds = None,
    max_bpcer: MaxBpcerOption = None,
    max_apcer: MaxApcerOption = None,
    pooled: Pooled = False,
    without_insufficient: WithoutInsufficient = False,
    cost: Cost = None,
    prior: Prior = None,
    review_capacity: ReviewCapacity = None,
    review_cost: ReviewCost = None,
    keep_promises: KeepPromises = False,
    policy: PolicyFile = None,
    cluster: Cluster = None,
    confidence: Confidence = 0.95,
    holdout: Holdout = None,
    seed: Seed = 0,
    label_column: LabelColumn = "label",
    score_column: ScoreColumn = "score",
    attack_type_column: AttackTypeColumn = "attack_type",
    score_range: ScoreRange = "unit",
    min_coverage: MinCoverage = 0.5,
    against: Annotated[
        Any,
        typer.Option(
            metavar="SCORES",
            parser=place,
            help="Compare with this run instead: its folder, a table, or the file of 'baseline accept'.",
        ),
    ] = None,
    gate: Annotated[
        Any,
        typer.Option(
            metavar="gate.toml", parser=place, help="With --against: rules to judge by, as of 'gate'."
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(metavar="M", help="With --against: the largest worsening that is put up with; 0.01."),
    ] = None,
    layout: Layout = "file",
    lang: Lang = "en",
    thumbnails: Annotated[
        bool,
        typer.Option(
            "--thumbnails",
            help="Show the worst mistakes with small pictures: the report is then personal data.",
        ),
    ] = False,
    media: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="With --thumbnails: where the samples' files are."),
    ] = None,
) -> None:
    """Write a report: one HTML file that opens anywhere; with --against that of a comparison of two runs."""
    if layout == "dir" and output.suffix.lower() in (".css", ".js"):
        raise InputError(
            f"{output}: expected another ending; style and script lie beside the page under its name"
        )
    if against is not None:
        from finauth_eval.cli.against import refuse_goals, report_comparison

        refuse_goals(
            {
                "--max-bpcer": max_bpcer, "--max-apcer": max_apcer, "--pooled": pooled,
                "--without-insufficient": without_insufficient, "--cost": cost, "--prior": prior,
                "--review-capacity": review_capacity, "--review-cost": review_cost, "--keep-promises": keep_promises,
                "--policy": policy, "--holdout": holdout, "--thumbnails": thumbnails, "--media": media,
            }
        )  # fmt: skip
        report_comparison(
            scores, against, output=output, layout=layout, lang=lang, gate=gate, min_coverage=min_coverage,
            reading={
                "label_column": label_column, "score_column": score_column,
                "attack_type_column": attack_type_column, "score_range": score_range,
            },
            margin=margin, thresholds=threshold or [], by=by or [], cluster=cluster, confidence=confidence, seed=seed,
        )  # fmt: skip
        return
    if gate is not None or margin is not None:
        raise InputError("--gate and --margin are for a comparison; say with --against what to compare with")
    if thumbnails and media is None:
        raise InputError(
            "--thumbnails needs --media FOLDER: where the samples' files are, such as the dataset's folder"
        )
    if media is not None and not thumbnails:
        raise InputError("--media is for --thumbnails; no picture is shown without it")
    from finauth_eval import evaluation, recommendation
    from finauth_eval.report import write_report

    asked = max_bpcer or max_apcer or cost or policy
    goals = goals_asked_for(
        policy, max_bpcer if asked else [0.01, 0.05], max_apcer, cost, prior, review_capacity, review_cost,
        pooled=pooled, without_insufficient=without_insufficient, keep_promises=keep_promises,
    )  # fmt: skip
    table = read_table(scores, label_column, score_column, attack_type_column, score_range)
    result = evaluation.evaluate(
        table, thresholds=threshold or [], by=by or [], cluster=cluster, confidence=confidence, seed=seed,
        even_unscored=True,
    )  # fmt: skip
    advice = None
    if table.scored.any():
        advice = recommendation.recommend(
            table, [*goals, *for_orientation(goals)], confidence=confidence, cluster=cluster, holdout=holdout,
            seed=seed,
        )  # fmt: skip
    try:
        write_report(
            result,
            advice,
            path=output,
            scores=table,
            command=typed_command(),
            layout=layout,
            lang=lang,
            thumbnails=media,
        )
    except OSError as error:
        raise InputError(f"{output}: the report can't be written ({error.strerror or error})") from error
    typer.echo(f"report: {output}")
    if advice is None:
        raise NothingToEvaluate(
            f"{scores}: none of {len(table)} samples has a score; the report says why, and nothing else"
        )
    require_coverage(table, min_coverage)

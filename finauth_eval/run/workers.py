"""Sending through a Dask cluster: the driver's side.

A station stands on each worker, a Dask actor. What goes to it are orders without bytes, and what comes back are
outcomes; both go in whatever numbers there are at the moment, so that a busy run needs few messages. Nothing of this is
a task: Dask repeats the tasks of a worker that died, and a repeated send is paid for again. A worker that is lost takes
its sends along: what it was told to send counts as sent, and the sender decides what to do about that.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from finauth_eval import __version__
from finauth_eval.cluster import connected
from finauth_eval.detection import Kind, NoResponse
from finauth_eval.errors import CredentialsError, FinauthEvalError, InputError
from finauth_eval.media import MediaFile
from finauth_eval.places import Place
from finauth_eval.run.records import Outcome, Question
from finauth_eval.run.station import Assignment, Drop, Load, Opened, Order, Report, Send, Station

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Parcel", "WorkersCarrier", "on_workers"]

_log = logging.getLogger("finauth_eval")

_POLL_S: Final = 0.5
_COLLECT_S: Final = 2.0
_SILENT_S: Final = 15.0  # no answer to a call for so long: the worker is lost
_DELIVERIES: Final = (
    3  # so many under way at a time: an order should not wait for the answer to the one before
)
_OPENING_S: Final = 60.0
_FIRST_LOOK_S: Final = 10.0  # a worker that takes longer to get ready takes part from then on
_NO_WORKER_S: Final = 60.0
_CLOSING_S: Final = 5.0


@dataclass(slots=True, kw_only=True, eq=False)
class Parcel:
    """One send: what it is called, what for, and which worker has it."""

    question: Question
    paths: Sequence[Place]
    name: str
    link: _Link


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """A send whose report is awaited; ``handed_over`` once the order may have reached the worker."""

    done: anyio.Event = field(default_factory=anyio.Event)
    report: Report | None = None
    handed_over: bool = False


class _Lost(Exception):  # noqa: N818 - never leaves this module
    """The worker did not answer."""


class _Link:
    """The driver's end of one station."""

    def __init__(self, worker: str, actor: Any, station: str) -> None:
        self.worker = worker
        self.lost = anyio.Event()
        self.parcels = 0
        self._actor = actor
        self._station = station
        self._orders: list[Order] = []
        self._wanted = anyio.Event()
        self._waiting: dict[str, _Waiting] = {}

    def order(self, order: Order) -> None:
        """Have an order delivered soon, together with others."""
        self._orders.append(order)
        self._wanted.set()

    async def send(self, name: str) -> Report | None:
        """Order a send and wait for what becomes of it.

        Returns:
            The report; ``None`` when the worker was lost before the order left.

        Raises:
            _Lost: The worker was lost after that.
        """
        waiting = self._waiting[name] = _Waiting()
        if self.lost.is_set():
            waiting.done.set()
        else:
            self.order(Send(name=name))
        try:
            await waiting.done.wait()
        finally:
            del self._waiting[name]
        if waiting.report is None and waiting.handed_over:
            raise _Lost
        return waiting.report

    async def keep(self) -> None:
        """Deliver and collect until the worker is lost or this is cancelled."""
        try:
            async with anyio.create_task_group() as both:
                for _ in range(_DELIVERIES):
                    both.start_soon(self._deliver)
                both.start_soon(self._collect)
                await self.lost.wait()
                both.cancel_scope.cancel()
        finally:
            self.lose()

    def lose(self) -> None:
        """The worker is gone: whoever waits for it hears of it."""
        self.lost.set()
        for waiting in self._waiting.values():
            waiting.done.set()

    async def close(self) -> None:
        """Have the station let go of what it holds."""
        with anyio.move_on_after(_CLOSING_S):
            try:
                await self._actor.close(self._station)
            except Exception as error:  # noqa: BLE001 - it closes by itself soon, and the run's answers are safe
                _log.debug("worker %s: not closed: %s", self.worker, type(error).__name__)

    async def _deliver(self) -> None:
        while not self.lost.is_set():  # a call to a lost worker may fail without ever letting others run
            await self._wanted.wait()
            if not self._orders:  # another delivery has them
                continue
            orders, self._orders, self._wanted = self._orders, [], anyio.Event()
            for order in orders:
                if isinstance(order, Send) and order.name in self._waiting:
                    self._waiting[order.name].handed_over = True
            await self._call("take", orders)

    async def _collect(self) -> None:
        while not self.lost.is_set():
            for name, report in await self._call("collect", _COLLECT_S) or ():
                if name in self._waiting:
                    self._waiting[name].report = report
                    self._waiting[name].done.set()

    async def _call(self, method: str, argument: Any) -> Any:
        """An answer of the station; where there is none, the worker is lost."""
        try:
            with anyio.fail_after(_COLLECT_S + _SILENT_S):
                return await getattr(self._actor, method)(self._station, argument)
        except Exception as error:  # noqa: BLE001 - whatever a broken connection raises here
            _log.info("worker %s is lost: %s", self.worker, type(error).__name__)
            self.lose()
            return None


class WorkersCarrier:
    """Sends through the stations of a cluster's workers.

    Workers may come and go: a new one gets a station, and what a lost one was to send goes elsewhere.
    """

    def __init__(self, client: Client, assignment: Assignment, *, patience: float) -> None:
        self.endpoint = assignment.endpoint
        self.key_fingerprint = ""
        self.trouble: str | None = None
        self.lost = 0
        self.most = 0
        self._client = client
        self._assignment = assignment
        self._patience = patience
        self._links: dict[str, _Link] = {}
        self._refused: dict[str, FinauthEvalError] = {}
        self._change = anyio.Event()
        self._keeping: TaskGroup | None = None
        self._hurried = False
        self._looked_round = False

    async def load(self, question: Question, paths: Sequence[Place]) -> Parcel | MediaFile:
        """Have a worker read the content ahead."""
        link = await self._free_link()
        parcel = Parcel(question=question, paths=paths, name=uuid.uuid4().hex, link=link or _no_link())
        self._assign(parcel, parcel.link)
        return parcel

    async def send(self, loaded: Parcel, question: Question) -> Outcome | MediaFile | None:  # noqa: ARG002 - it is in the parcel
        """Have it sent; another worker is asked as long as it is certain that nothing was sent."""
        while True:
            try:
                report = await loaded.link.send(loaded.name)
            except _Lost:
                return NoResponse(
                    kind=Kind.LOST,
                    reason="ambiguous",
                    detail="the worker that sent it was lost before it told the answer",
                    received_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                )
            if report is not None and not isinstance(report, str):
                return report
            if report is not None:  # it is there and can't send
                loaded.link.lose()
            link = await self._free_link()
            if link is None:
                return None
            loaded.link.parcels -= 1
            self._assign(loaded, link)

    def drop(self, loaded: Parcel) -> None:
        """Have the worker forget it."""
        loaded.link.parcels -= 1
        loaded.link.order(Drop(name=loaded.name))

    def hurry(self) -> None:
        """Wait for no worker any more."""
        self._hurried = True
        self._changed()

    def _assign(self, parcel: Parcel, link: _Link) -> None:
        parcel.link, parcel.name = link, uuid.uuid4().hex
        link.parcels += 1
        link.order(Load(name=parcel.name, question=parcel.question, paths=parcel.paths))

    async def _free_link(self) -> _Link | None:
        """The worker with the least to do; waits for one when there is none."""
        with anyio.move_on_after(max(1.0, self._patience * _NO_WORKER_S)):
            while self.trouble is None:
                if alive := [link for link in self._links.values() if not link.lost.is_set()]:
                    return min(alive, key=lambda link: link.parcels)
                if self._hurried:
                    return None
                await self._change.wait()
        if self.trouble is None:
            self.trouble = "no worker of the cluster is left"
            self._changed()
        return None

    def _changed(self) -> None:
        self._change.set()
        self._change = anyio.Event()

    async def watch(self, keeping: TaskGroup) -> None:
        """Open a station on every worker, and notice those that come and go."""
        self._keeping = keeping
        try:
            while True:
                await self._look_round()
                await anyio.sleep(_POLL_S)
        except Exception as error:  # noqa: BLE001 - what is under way must end in an orderly way
            self.trouble = f"the cluster's scheduler can't be reached ({str(error) or type(error).__name__})"
            for link in self._links.values():
                link.lose()
            self._changed()

    async def _look_round(self) -> None:
        with anyio.fail_after(_SILENT_S):
            there = set(await self._client.nthreads())
        for worker, link in list(self._links.items()):
            if worker not in there:
                link.lose()
            if link.lost.is_set():
                self.lost += 1
                del self._links[worker]
                _log.info("worker %s is gone; %d left", worker, len(self._links))
        async with anyio.create_task_group() as opening:
            for worker in sorted(there - self._links.keys() - self._refused.keys()):
                opening.start_soon(self._open, worker)
        self._looked_round = self._looked_round or bool(there)

    async def ready(self) -> None:
        """Wait for the workers that are there; those that come later are taken in while others send.

        Raises:
            CredentialsError: The workers have no key or secret.
            InputError: There are no workers, or none that can work for this run.
        """
        with anyio.move_on_after(_OPENING_S):
            while not self._links and not (self._looked_round and self._refused):
                await anyio.sleep(0.02)
        with anyio.move_on_after(_FIRST_LOOK_S):
            while not self._looked_round:
                await anyio.sleep(0.02)
        if not self._links:
            raise next(
                iter(self._refused.values()),
                InputError(f"the cluster has no worker that got ready within {_OPENING_S:.0f} s"),
            )

    async def _open(self, worker: str) -> None:
        try:
            with anyio.fail_after(_OPENING_S):
                actor = await self._client.submit(
                    Station,
                    self._assignment,
                    actor=True,
                    workers=[worker],
                    allow_other_workers=False,
                    key=f"finauth-eval-station-{uuid.uuid4().hex}",
                    pure=False,
                )
                opened: Opened = await actor.open()
        except CredentialsError as error:
            self._refused[worker] = CredentialsError(f"worker {worker}: {error}")
        except (ImportError, AttributeError) as error:
            self._refused[worker] = InputError(
                f"worker {worker} can't work for this run ({error}); expected finauth-eval {__version__} there too"
            )
        except Exception as error:  # noqa: BLE001 - it may be gone already; if not, it is tried again
            _log.info("worker %s did not get ready: %s", worker, type(error).__name__)
        else:
            self._take_in(worker, actor, opened)

    def _take_in(self, worker: str, actor: Any, opened: Opened) -> None:
        self.key_fingerprint = self.key_fingerprint or opened.key_fingerprint
        if opened.version != __version__:
            self._refused[worker] = InputError(
                f"worker {worker} has finauth-eval {opened.version}; expected {__version__}"
            )
        elif opened.key_fingerprint != self.key_fingerprint:
            self._refused[worker] = InputError(
                f"worker {worker} has another API key than the others; expected the same FINAUTH_API_KEY everywhere"
            )
        else:
            link = self._links[worker] = _Link(worker, actor, opened.station)
            self.most = max(self.most, len(self._links))
            assert self._keeping is not None  # noqa: S101 - for the type checker; set where this is called from
            self._keeping.start_soon(link.keep)
            self._changed()
            return
        _log.warning("%s", self._refused[worker])

    async def close(self) -> None:
        """Have every station let go of what it holds."""
        async with anyio.create_task_group() as closing:
            for link in self._links.values():
                if not link.lost.is_set():
                    closing.start_soon(link.close)


def _no_link() -> _Link:
    link = _Link("none", None, "")
    link.lose()
    return link


@asynccontextmanager
async def on_workers(
    dask: str | Client, assignment: Assignment, *, patience: float = 1.0
) -> AsyncIterator[WorkersCarrier]:
    """A carrier that sends through the workers of a cluster, for as long as the block lasts.

    Args:
        dask: The cluster, as `connected` takes it.
        assignment: What the stations are told.
        patience: Factor on how long a worker is waited for when none is left.

    Raises:
        MissingExtra: Dask is not installed.
        CredentialsError: The workers have no key or secret in their environment.
        InputError: There is no cluster, no worker, or none that can work for this run.
    """
    failure: Exception | None = None
    async with _own_client(dask) as client:
        carrier = WorkersCarrier(client, assignment, patience=patience)
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(carrier.watch, keeping)
            try:  # what is raised inside would leave the group as a group
                await carrier.ready()
                yield carrier
            except Exception as error:  # noqa: BLE001 - raised again below
                failure = error
            await carrier.close()
            keeping.cancel_scope.cancel()
    if failure is not None:
        raise failure


@asynccontextmanager
async def _own_client(dask: str | Client) -> AsyncIterator[Client]:
    """A client of this event loop.

    It speaks to the workers themselves: the scheduler would make a new connection for each call that it passes on.
    """
    cluster = connected(dask)
    theirs = await anyio.to_thread.run_sync(cluster.__enter__)
    try:
        client = await _client_of_this_loop(theirs)
        try:
            with client.as_current():
                yield client
        finally:
            await client.close()
    finally:
        await anyio.to_thread.run_sync(cluster.__exit__, None, None, None)


async def _client_of_this_loop(theirs: Client) -> Client:
    from distributed import Client

    assert theirs.scheduler is not None  # noqa: S101 - for the type checker; it is connected
    client: Client = await Client(
        theirs.scheduler.address,
        security=theirs.security,
        asynchronous=True,
        direct_to_workers=True,
        set_as_default=False,
        name="finauth-eval",
    )
    return client

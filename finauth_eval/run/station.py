"""What stands on a worker during a run: it reads files, signs and sends, and keeps answers until they are collected.

A station does what the driver orders and nothing else: it never repeats a send, and when the driver has not been heard
of for a while it sends nothing more. Key and secret come from the worker's own environment.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

from finauth_eval import __version__
from finauth_eval.detection import Kind, NoResponse
from finauth_eval.media import MediaFile, forget_folders
from finauth_eval.places import Place
from finauth_eval.run.client import ApiClient, open_client
from finauth_eval.run.contents import content_of, takes_time
from finauth_eval.run.credentials import load_credentials
from finauth_eval.run.endpoint import Endpoint
from finauth_eval.run.records import Outcome, Question

__all__ = ["NOT_BEGUN", "Assignment", "Drop", "Load", "Opened", "Order", "Report", "Send", "Station"]

_log = logging.getLogger("finauth_eval")

NOT_BEGUN: Final = "not begun"
"""The report on a send that did not happen, for a reason of the worker's and not of the file's."""

Report = Outcome | MediaFile | str
"""What became of a send: an outcome, a file that can't be had any more, or ``NOT_BEGUN``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What every station of a run is told.

    Attributes:
        endpoint: Where to send.
        root: The folder that no path may leave.
        request_timeout_s: Seconds one request may take.
        max_concurrency: Most sends in flight, those of all stations together.
        connections: Most that one station has to send at once.
        abandoned_after_s: Seconds without a word from the driver after which nothing more is sent.
    """

    endpoint: Endpoint
    root: Place
    request_timeout_s: float
    max_concurrency: int
    connections: int
    abandoned_after_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Get a content ready; ``name`` is what this one send is called from now on."""

    name: str
    question: Question
    paths: Sequence[Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send what was loaded; it is on record."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Forget what was loaded."""

    name: str


Order = Load | Send | Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A station that is ready: its id, whose key it has, and which version of this package."""

    station: str
    key_fingerprint: str
    version: str


class Station:
    """A Dask actor: its methods run on the worker's event loop, one after the other between their waits."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._id = secrets.token_hex(8)
        self._stack = AsyncExitStack()
        self._client: ApiClient | None = None
        self._leases: Any = None
        self._loaded: dict[str, tuple[Question, asyncio.Task[bytes | MediaFile]]] = {}
        self._early: set[str] = set()
        self._reports: list[tuple[str, Report]] = []
        self._something = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._heard_at = time.monotonic()
        self._closed = False

    async def open(self) -> Opened:
        """Get ready; called once.

        Raises:
            CredentialsError: The worker's environment has no key or secret.
        """
        from distributed import Semaphore, get_worker

        credentials = load_credentials()
        forget_folders()
        told = self._assignment
        self._client = await self._stack.enter_async_context(
            open_client(
                told.endpoint,
                credentials,
                max_concurrency=told.connections,
                request_timeout_s=told.request_timeout_s,
            )
        )
        worker = get_worker()
        # every run of this key on this cluster asks for the same leases; those of a worker that died run out by
        # themselves, and not before what it had sent has had time to end
        self._leases = await Semaphore(
            max_leases=told.max_concurrency,
            name=f"finauth-eval {told.endpoint.name} {credentials.fingerprint} {told.max_concurrency}",
            scheduler_rpc=worker.scheduler,
            loop=worker.loop,
        )
        self._heard_at = time.monotonic()
        self._watch = asyncio.get_running_loop().create_task(self._notice_silence())
        return Opened(station=self._id, key_fingerprint=credentials.fingerprint, version=__version__)

    async def take(self, station: str, orders: Sequence[Order]) -> None:
        """Take orders; returns before they are carried out.

        Args:
            station: Which station they are for: after a restart another one may be asked.
            orders: What to do; a name is sent once, however often that is ordered.
        """
        self._hear(station)
        for order in orders:
            if isinstance(order, Load):
                self._loaded[order.name] = order.question, self._start(self._read(order))
                if order.name in self._early:
                    self._early.remove(order.name)
                    self._begin(order.name)
            elif isinstance(order, Drop):
                self._loaded.pop(order.name, None)
                self._early.discard(order.name)
            elif order.name in self._loaded:
                self._begin(order.name)
            else:  # messages may overtake each other; an order that comes twice waits here for nothing
                self._early.add(order.name)

    async def collect(self, station: str, wait_s: float) -> list[tuple[str, Report]]:
        """The reports since the last call; waits for one, but not longer than ``wait_s``."""
        self._hear(station)
        if not self._reports:
            self._something.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._something.wait(), wait_s)
        self._heard_at = time.monotonic()
        reports, self._reports = self._reports, []
        return reports

    async def close(self, station: str) -> None:
        """Send nothing more, and let go of everything once what is in flight has ended."""
        self._hear(station)
        await self._end()

    def _hear(self, station: str) -> None:
        if self._closed or station != self._id:
            raise RuntimeError("this station is not the one that was opened, or is closed")
        self._heard_at = time.monotonic()

    def _begin(self, name: str) -> None:
        self._start(self._carry_out(name, *self._loaded.pop(name)))

    def _start(self, what: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _read(self, order: Load) -> bytes | MediaFile:
        def read() -> bytes | MediaFile:
            return content_of(order.question, order.paths, root=self._assignment.root)

        if takes_time(order.question, self._assignment.root):
            return await asyncio.to_thread(read)
        return read()

    async def _carry_out(
        self, name: str, question: Question, reading: asyncio.Task[bytes | MediaFile]
    ) -> None:
        report: Report = NOT_BEGUN
        leased = False
        try:
            content = await reading
            if isinstance(content, MediaFile):
                report = content
            else:
                leased = await self._leases.acquire()
                report = await self._sent(content, question)
        except Exception as error:  # noqa: BLE001 - the driver must hear of every send, or waits for ever
            # its text may hold what was sent
            _log.error("a send could not be carried out: %s", type(error).__name__)
        finally:
            self._reports.append((name, report))
            self._something.set()
            if leased:  # after the report, which has a long way to go
                await self._leases.release()

    async def _sent(self, content: bytes, question: Question) -> Report:
        if self._closed or self._client is None:
            return NOT_BEGUN
        try:
            return await self._client.detect(content, question.media_type)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request may have left
            said = f"no answer: {type(error).__name__}"
            return NoResponse(kind=Kind.AMBIGUOUS, reason="ambiguous", detail=said)

    async def _notice_silence(self) -> None:
        while not self._closed:
            await asyncio.sleep(min(1.0, self._assignment.abandoned_after_s / 4))
            if time.monotonic() - self._heard_at > self._assignment.abandoned_after_s:
                _log.warning(
                    "the driver of a run has gone silent: what it ordered and was not sent yet is dropped"
                )
                await self._end()

    async def _end(self) -> None:
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._loaded.clear()
        self._client = None
        await self._stack.aclose()

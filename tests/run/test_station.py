"""A station by itself: what it does with orders that come twice, come too late, or come from nowhere."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import anyio
import pytest

from finauth_eval.run.endpoint import resolve_endpoint
from finauth_eval.run.records import Question
from finauth_eval.run.station import NOT_BEGUN, Assignment, Drop, Load, Send, Station
from finauth_eval.run.workers import _Link, _Lost

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = pytest.mark.cluster


class Leases:
    """So many places, as the scheduler would give them."""

    def __init__(self, n: int) -> None:
        self._places = asyncio.Semaphore(n)

    async def acquire(self) -> bool:
        return await self._places.acquire()

    async def release(self) -> None:
        self._places.release()


@pytest.fixture
def opened(monkeypatch, tmp_path, make_png):
    """Opens a station as a worker would, with a Load for each of some pictures."""
    monkeypatch.setenv("FINAUTH_API_KEY", "demo-key")
    monkeypatch.setenv("FINAUTH_API_SECRET", "demo-secret")
    monkeypatch.setattr(
        distributed, "get_worker", lambda: type("Worker", (), {"scheduler": None, "loop": None})
    )

    async def open_station(server, *, leases: int = 10, abandoned_after_s: float = 30.0) -> Any:
        async def give(**_: object) -> Leases:
            return Leases(leases)

        monkeypatch.setattr(distributed, "Semaphore", give)
        station = Station(
            Assignment(
                endpoint=resolve_endpoint(server.endpoint),
                root=tmp_path,
                request_timeout_s=10,
                max_concurrency=10,
                connections=10,
                abandoned_after_s=abandoned_after_s,
            )
        )
        loads = []
        for i in range(3):
            content = make_png(i)
            (tmp_path / f"{i}.png").write_bytes(content)
            question = Question(sha256=hashlib.sha256(content).hexdigest(), size=len(content), media_type="image",
                                endpoint="e", api_version="v5", campaign="c")  # fmt: skip
            loads.append(Load(name=f"send-{i}", question=question, paths=[tmp_path / f"{i}.png"]))
        return station, (await station.open()).station, loads

    return open_station


async def collected(station: Station, me: str, n: int) -> dict[str, Any]:
    reports: list[tuple[str, Any]] = []
    deadline = time.monotonic() + 10
    while len(reports) < n and time.monotonic() < deadline:
        reports += await station.collect(me, 0.2)
    assert len({name for name, _ in reports}) == len(reports)
    return dict(reports)


def test_an_order_to_send_that_comes_twice_is_carried_out_once(sandbox, opened):
    server = sandbox()

    async def scenario() -> None:
        station, me, loads = await opened(server)
        await station.take(me, [*loads, Send(name="send-0")])
        await station.take(me, [Send(name="send-0"), Send(name="send-0"), Send(name="never-loaded")])
        assert list(await collected(station, me, 1)) == ["send-0"]
        assert await station.collect(me, 0.3) == []
        await station.close(me)

    asyncio.run(scenario())
    assert server.stats()["requests"] == 1


def test_what_is_dropped_is_not_sent_and_what_is_gone_is_told(sandbox, opened, tmp_path):
    server = sandbox()

    async def scenario() -> None:
        station, me, loads = await opened(server)
        (tmp_path / "1.png").unlink()
        await station.take(me, [*loads, Drop(name="send-0"), Send(name="send-0"), Send(name="send-1")])
        reports = await collected(station, me, 1)
        assert reports["send-1"].problem == "missing"
        await station.close(me)

    asyncio.run(scenario())
    assert server.stats()["requests"] == 0


def test_orders_for_another_station_are_refused(sandbox, opened):
    server = sandbox()

    async def scenario() -> None:
        station, me, loads = await opened(server)
        for call in (station.take("another", [*loads, Send(name="send-0")]), station.collect("another", 0.1)):
            with pytest.raises(RuntimeError, match="not the one that was opened"):
                await call
        await station.close(me)
        with pytest.raises(RuntimeError, match="closed"):
            await station.take(me, loads)

    asyncio.run(scenario())
    assert server.stats()["requests"] == 0


def test_when_the_driver_falls_silent_what_waits_is_not_sent_and_what_is_in_flight_ends(sandbox, opened):
    server = sandbox(latency_ms=1500)

    async def scenario() -> None:
        station, me, loads = await opened(server, leases=1, abandoned_after_s=0.4)
        await station.take(me, [*loads, *(Send(name=f"send-{i}") for i in range(3))])
        await asyncio.sleep(2.5)
        with pytest.raises(RuntimeError, match="closed"):
            await station.collect(me, 0.1)
        assert dict(station._reports)["send-1"] == dict(station._reports)["send-2"] == NOT_BEGUN

    asyncio.run(scenario())
    assert server.stats()["requests"] == sum(server.stats()["scored"].values()) == 1


def test_a_lost_worker_whose_calls_fail_at_once_holds_nobody_up():
    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("Worker holding Actor was lost")

    async def scenario() -> None:
        link = _Link("tcp://gone", Gone(), "id")
        await link.keep()
        assert link.lost.is_set()
        assert await link.send("a") is None  # certainly not sent: it may go elsewhere

    anyio.run(scenario)


def test_what_was_handed_to_a_worker_that_is_lost_may_have_been_sent():
    class Deaf:
        async def take(self, *_: object) -> None:
            await anyio.sleep(0.05)
            raise OSError

        async def collect(self, *_: object) -> None:
            await anyio.sleep(5)

    async def scenario() -> None:
        link = _Link("tcp://deaf", Deaf(), "id")
        async with anyio.create_task_group() as group:
            group.start_soon(link.keep)
            with pytest.raises(_Lost):
                await link.send("a")

    anyio.run(scenario)

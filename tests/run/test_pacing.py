"""Limits and budgets by themselves, with clocks that the test turns."""

from __future__ import annotations

import random

import anyio
import pytest

from finauth_eval.run.pacing import ConcurrencyLimit, RateLimit, RetryBudget, backoff_s


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def round_trip(limit: ConcurrencyLimit, server_limit: int) -> int:
    """Send as many as the limit allows; the server refuses what is over its own. Returns how many it refused."""
    sent = limit.limit
    for n in range(1, sent + 1):
        if n > server_limit:
            limit.refused(in_flight_then=n)
        else:
            limit.succeeded(in_flight_then=sent)
    return max(0, sent - server_limit)


def test_it_doubles_each_round_trip_up_to_the_ceiling_while_nothing_is_refused():
    limit = ConcurrencyLimit(ceiling=64, monotonic=Clock())
    seen = [limit.limit]
    for _ in range(4):
        round_trip(limit, 1000)
        seen.append(limit.limit)
    assert seen == [10, 20, 40, 64, 64]


def test_a_small_ceiling_is_where_it_starts():
    assert ConcurrencyLimit(ceiling=3, monotonic=Clock()).limit == 3
    with pytest.raises(ValueError, match="at least 1"):
        ConcurrencyLimit(ceiling=0, monotonic=Clock())


def test_one_burst_of_refusals_lowers_it_once_and_not_to_the_floor():
    limit = ConcurrencyLimit(ceiling=64, monotonic=Clock())
    for _ in range(2):
        round_trip(limit, 1000)
    round_trip(limit, 35)
    assert limit.limit == 32  # 0.9 of 36, the first that was one too many; the other four are echoes


@pytest.mark.parametrize("server_limit", [1, 3, 10, 17, 50])
def test_it_settles_near_the_servers_limit_with_few_refusals(server_limit):
    clock = Clock()
    limit = ConcurrencyLimit(ceiling=64, monotonic=clock)
    for _ in range(100):  # find it
        round_trip(limit, server_limit)
        clock.now += 0.1
    refused = sent = 0
    for _ in range(1000):
        sent += limit.limit
        refused += round_trip(limit, server_limit)
        clock.now += 0.1
    assert refused <= 0.06 * sent
    assert sent >= 0.75 * 1000 * server_limit


def test_a_refused_level_is_left_alone_for_five_seconds():
    clock = Clock()
    limit = ConcurrencyLimit(ceiling=64, monotonic=clock)
    limit.refused(in_flight_then=10)
    assert limit.limit == 9
    for _ in range(200):
        round_trip(limit, 1000)
    assert limit.limit == 9
    clock.now += 5.1
    for _ in range(20):
        round_trip(limit, 1000)
    assert limit.limit > 10


def test_an_unused_limit_is_not_raised():
    limit = ConcurrencyLimit(ceiling=64, monotonic=Clock())
    for _ in range(100):
        limit.succeeded(in_flight_then=3)
    assert limit.limit == 10


def test_never_more_than_the_limit_are_in_flight():
    async def main() -> int:
        limit = ConcurrencyLimit(ceiling=4, monotonic=Clock())
        peak = 0

        async def one() -> None:
            nonlocal peak
            await limit.acquire()
            peak = max(peak, limit.in_flight)
            await anyio.sleep(0.001)
            limit.release()

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(one)
        assert limit.in_flight == 0
        return peak

    assert anyio.run(main) == 4


def test_sends_are_spaced_evenly_and_a_pause_holds_them_all():
    async def main() -> list[float]:
        clock = Clock()
        rate = RateLimit(10.0, monotonic=clock, sleep=clock.sleep)
        times = []
        for i in range(4):
            await rate.acquire()
            times.append(round(clock.now - 100, 3))
            if i == 1:
                rate.slow_down(pause_s=2.0)
                rate.slow_down(pause_s=2.0)  # one of the same burst
        return [*times, rate.per_second]

    assert anyio.run(main) == [0.0, 0.1, 2.1, 2.3, 5.0]


def test_a_rate_must_be_a_rate():
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="more than 0"):
            RateLimit(wrong, monotonic=Clock())


def test_the_retry_budget_runs_out_and_is_earned_back():
    budget = RetryBudget()
    assert [budget.take(timed_out=True) for _ in range(51)] == [10] * 50 + [None]
    budget.give_back(10)
    assert [budget.take(timed_out=False) for _ in range(3)] == [5, 5, None]
    for _ in range(1000):
        budget.give_back(0)
    assert budget.tokens == 500


def test_waits_grow_to_a_cap_and_have_full_jitter():
    chance = random.Random(1)
    for attempt, longest in [(1, 0.5), (2, 1.0), (5, 8.0), (12, 20.0)]:
        waits = [backoff_s(attempt, chance=chance) for _ in range(2000)]
        assert 0 <= min(waits) < 0.02 * longest
        assert 0.98 * longest < max(waits) <= longest

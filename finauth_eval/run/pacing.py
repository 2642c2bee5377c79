"""How fast to go: a concurrency limit that is found, a rate that is kept to, a budget for retries.

Nothing here knows the network; clocks, sleeping and chance are handed in.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import anyio

__all__ = ["ConcurrencyLimit", "RateLimit", "RetryBudget", "backoff_s"]

_AHEAD: Final = 8  # so many more than have a place may come near one

Sleep = Callable[[float], Awaitable[None]]


class ConcurrencyLimit:
    """An unknown limit on calls in flight, found by additive increase and multiplicative decrease.

    It starts at 10 (or the ceiling), doubles every round trip until the first refusal and then grows by one a round
    trip, but only while it is being used. A refusal takes it to 0.9 of what was in flight and is remembered: that
    level is tried again no sooner than ``probe_after_s`` later. Modelled on Netflix's concurrency-limits and TCP's
    slow start.

    Args:
        ceiling: Never more than this in flight.
        monotonic: Seconds of a clock that never goes back.
        probe_after_s: How long a refused level is left alone.
    """

    def __init__(self, *, ceiling: int, monotonic: Callable[[], float], probe_after_s: float = 5.0) -> None:
        if ceiling < 1:
            raise ValueError(f"ceiling is {ceiling}; expected at least 1")
        self.ceiling = ceiling
        self.limit = min(10, ceiling)
        self.in_flight = 0
        self.peak_limit = self.limit
        self.lowest_limit = self.limit
        self._monotonic = monotonic
        self._probe_after_s = probe_after_s
        self._slow_start = True
        self._refused_level = math.inf
        self._refused_at = -math.inf
        self._successes = 0
        self._near = 0
        self._coming: deque[anyio.Event] = deque()
        self._waiting: deque[anyio.Event] = deque()

    async def come_near(self) -> None:
        """Wait until few others are between here and an answer; for what is costly to hold while waiting."""
        if self._near < self.limit + _AHEAD and not self._coming:
            self._near += 1
            return
        await _in_line(self._coming)

    def go_away(self) -> None:
        """Make room for another one to come near."""
        self._near -= 1
        self._wake()

    async def acquire(self) -> int:
        """Wait for a place; returns how many are then in flight."""
        if self.in_flight < self.limit and not self._waiting:
            self.in_flight += 1
        else:
            await _in_line(self._waiting)
        return self.in_flight

    def release(self) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self, *, in_flight_then: int) -> None:
        """An answer came; ``in_flight_then`` is what ``acquire`` said when it was sent."""
        if 2 * in_flight_then < self.limit:  # the limit was not being used, so nothing was learnt about it
            return
        self._successes += 1
        if self._successes < (1 if self._slow_start else self.limit):
            return
        self._successes = 0
        wanted = min(self.ceiling, self.limit + 1)
        waiting = self._monotonic() < self._refused_at + self._probe_after_s
        if wanted >= self._refused_level and waiting:
            return
        self.limit = wanted
        self.peak_limit = max(self.peak_limit, wanted)
        self._wake()

    def refused(self, *, in_flight_then: int) -> None:
        """The server says there are too many at once.

        Only a refusal of a call that was sent at or below today's limit lowers it: the others of the same burst are
        echoes of a limit that has been given up already.
        """
        if in_flight_then > self.limit:
            return
        self._slow_start = False
        self._successes = 0
        self._refused_level = in_flight_then
        self._refused_at = self._monotonic()
        self.limit = max(1, math.floor(in_flight_then * 0.9))
        self.lowest_limit = min(self.lowest_limit, self.limit)

    def _wake(self) -> None:
        """Hand free places over, first come first served; the others sleep on."""
        while self._waiting and self.in_flight < self.limit:
            self.in_flight += 1
            self._waiting.popleft().set()
        while self._coming and self._near < self.limit + _AHEAD:
            self._near += 1
            self._coming.popleft().set()


async def _in_line(line: deque[anyio.Event]) -> None:
    mine = anyio.Event()
    line.append(mine)
    await mine.wait()


class RateLimit:
    """At most so many sends a second, evenly spaced; slows down when told to.

    Args:
        per_second: Sends a second; ``None`` for as fast as it goes.
        monotonic: Seconds of a clock that never goes back.
        sleep: Waits for so many seconds.
        slowest: The fewest sends a second that ``slow_down`` goes down to.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        monotonic: Callable[[], float],
        sleep: Sleep = anyio.sleep,
        slowest: float = 0.5,
    ) -> None:
        if per_second is not None and not per_second > 0:
            raise ValueError(f"per_second is {per_second}; expected more than 0")
        self.per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._slowest = slowest
        self._next = -math.inf
        self._sent_at: list[float] = []

    async def acquire(self) -> None:
        """Wait for the next free moment."""
        now = self._monotonic()
        due = max(now, self._next)
        if self.per_second is not None:
            self._next = due + 1 / self.per_second
        self._sent_at = [*self._sent_at[-50:], due]
        if due > now:
            await self._sleep(due - now)

    def slow_down(self, *, pause_s: float) -> None:
        """Called too often: halve the rate seen lately and hold all sends for a while."""
        now = self._monotonic()
        if now + pause_s <= self._next:  # one of a burst; the pause is running already
            return
        lately = [at for at in self._sent_at if at > now - 10]
        seen = self.per_second or max(1.0, len(lately) / 10)
        self.per_second = min(self.per_second or math.inf, max(self._slowest, seen / 2))
        self._next = now + pause_s


@dataclass(slots=True, kw_only=True)
class RetryBudget:
    """Retries for the whole run, as in botocore's standard mode: an outage must not be answered with a storm.

    Attributes:
        tokens: What is left; 500 at first. A retry after an error takes 5 and after a time-out 10; an answer at the
            first attempt gives 1 back, and an answer after a retry what that retry took.
    """

    tokens: int = 500
    capacity: int = 500

    def take(self, *, timed_out: bool) -> int | None:
        """Tokens taken for one retry; ``None`` when there are not enough, and then there is no retry."""
        cost = 10 if timed_out else 5
        if cost > self.tokens:
            return None
        self.tokens -= cost
        return cost

    def give_back(self, taken: int) -> None:
        """An answer came after retries that took so much."""
        self.tokens = min(self.capacity, self.tokens + max(1, taken))


def backoff_s(attempt: int, *, chance: random.Random, base_s: float = 0.5, cap_s: float = 20.0) -> float:
    """Seconds to wait before another attempt: exponential with full jitter.

    Args:
        attempt: How many attempts there have been, from 1.
        chance: Source of the jitter.
        base_s: The longest wait after the first attempt.
        cap_s: The longest wait of all.

    Source:
        Brooker, M. (2015), "Exponential Backoff and Jitter", AWS Architecture Blog.
    """
    return chance.uniform(0, min(cap_s, base_s * 2 ** (attempt - 1)))

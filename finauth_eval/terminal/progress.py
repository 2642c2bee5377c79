"""Progress of a run for one who waits at a terminal, and a line now and then for a log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from finauth_eval.run.runner import Progress as RunProgress

__all__ = ["Pace", "call_words", "calling", "counting", "pace_words"]

_log = logging.getLogger("finauth_eval")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None] | None]:
    """Counts on a terminal, and says nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda n: shown.advance(task, n)


@contextmanager
def calling(
    *,
    price: float | None = None,
    console: Console | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[RunProgress], None]]:
    """Shows how a run goes: a bar and a line of numbers on a terminal, a log line every 30 s elsewhere.

    Args:
        price: Of one call, in any unit.
        console: Another terminal, for tests.
        monotonic: Seconds of a clock that never goes back.
    """
    pace = Pace(monotonic=monotonic)
    if console is None and not sys.stderr.isatty():
        yield _LogLine(pace, price=price, monotonic=monotonic)
        return
    with _CallBar(pace, price=price, console=console or Console(stderr=True)) as bar:
        yield bar.show


class Pace:
    """Answers a second, over the last while, and how long the rest takes at that.

    Args:
        monotonic: Seconds of a clock that never goes back; the run starts now.
        window_s: What the last while is.
    """

    def __init__(self, *, monotonic: Callable[[], float], window_s: float = 20.0) -> None:
        self._monotonic = monotonic
        self._window_s = window_s
        self._started = monotonic()
        self._notes: deque[tuple[float, int]] = deque()
        self._lock = threading.Lock()  # it is noted in the run's thread and read in the screen's

    def note(self, now: RunProgress) -> None:
        """So much is done now."""
        with self._lock:
            if not self._notes:
                self._notes.append((self._started, now.from_cache))
            self._notes.append((self._monotonic(), now.done))

    def per_second(self) -> float | None:
        """Answers a second; ``None`` before there is anything to tell it from."""
        now = self._monotonic()
        with self._lock:
            while len(self._notes) > 1 and self._notes[1][0] <= now - self._window_s:
                self._notes.popleft()
            if not self._notes or now - self._notes[0][0] < 1:
                return None
            (then, before), (_, done) = self._notes[0], self._notes[-1]
        return (done - before) / (now - then)

    def left_s(self, now: RunProgress) -> float | None:
        """Seconds that what is left takes at this pace; ``None`` when nothing moves."""
        left, pace = now.total - now.done, self.per_second()
        return 0.0 if not left else left / pace if pace else None


def pace_words(now: RunProgress, pace: Pace) -> str:
    """Answers a second and the time left."""
    per_second, left_s = pace.per_second(), pace.left_s(now)
    rate = "–" if per_second is None else f"{per_second:.1f}"
    left = "–:––:––" if left_s is None else str(timedelta(seconds=round(left_s)))
    return f"{rate} answers/s, {left} left"


def call_words(now: RunProgress, *, price: float | None = None) -> str:
    """What was sent and what it may cost."""
    cost = f"cost so far: at most {now.billable} calls"
    if price is not None:
        amount = now.billable * price
        cost += f" = {amount:,.2f}" if amount >= 1 or not amount else f" = {amount:.3g}"
    retries = f"{now.retries} {'retry' if now.retries == 1 else 'retries'}"
    return (
        f"{now.in_flight} in flight, limit {now.limit}; {now.sends} sends, {retries}; {cost};"
        f" {now.from_cache} from the cache"
    )


class _CallBar(Progress):
    """A bar with the pace, and below it a line with the calls."""

    def __init__(self, pace: Pace, *, price: float | None, console: Console) -> None:
        self._pace, self._price = pace, price
        self._now: RunProgress | None = None
        super().__init__(BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=console)
        self._bar = self.add_task("no answer yet", total=None)

    def show(self, now: RunProgress) -> None:
        """Show this from now on."""
        self._pace.note(now)
        self._now = now
        self.update(self._bar, total=now.total, completed=now.done)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Both lines; drawn several times a second, so that the pace sinks while nothing comes."""
        now = self._now
        if now is not None:
            self.update(self._bar, description=pace_words(now, self._pace))
        yield self.make_tasks_table(self.tasks)
        if now is not None:
            yield Text(call_words(now, price=self._price), no_wrap=True, overflow="ellipsis")


class _LogLine:
    """The same as a line in the log, now and then."""

    def __init__(
        self, pace: Pace, *, price: float | None, monotonic: Callable[[], float], every_s: float = 30.0
    ) -> None:
        self._pace, self._price, self._monotonic, self._every_s = pace, price, monotonic, every_s
        self._said_at = monotonic()

    def __call__(self, now: RunProgress) -> None:
        self._pace.note(now)
        if self._monotonic() >= self._said_at + self._every_s:
            self._said_at = self._monotonic()
            pace, calls = pace_words(now, self._pace), call_words(now, price=self._price)
            _log.info("%d of %d done, %s; %s", now.done, now.total, pace, calls)

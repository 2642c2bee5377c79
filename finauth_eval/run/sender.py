"""Asks every open question of a plan once: retries, stops, and puts everything on record.

One retry layer, one place where a kind of refusal is turned into what to do.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, Literal

import anyio

from finauth_eval.detection import Detection, Kind, NoResponse
from finauth_eval.errors import StoreError
from finauth_eval.media import MediaFile, forget_folders
from finauth_eval.run.carriers import Carrier
from finauth_eval.run.journal import Journal
from finauth_eval.run.pacing import ConcurrencyLimit, RateLimit, RetryBudget, backoff_s
from finauth_eval.run.plan import Plan
from finauth_eval.run.records import Outcome, Question, Stored
from finauth_eval.run.store import Store

__all__ = ["MAX_ATTEMPTS", "Sender", "SendingRules", "Stop", "Tally"]

_log = logging.getLogger("finauth_eval")

OnAmbiguous = Literal["retry", "hold"]

MAX_ATTEMPTS: Final = 5
_SPARE_WORKERS: Final = 16
_WINDOW: Final = 50  # bad answers are judged over so many
_OUR_BUG: Final = 10  # so many first answers that all reject the request stop the run
_FREQUENCY_REFUSALS: Final = 20
_CONCURRENCY_REFUSALS: Final = 60
_UNREACHABLE: Final = 20
_UNLISTED: Final = 50
_UPLOADS_CUT_OFF: Final = 3
_PROBABLY_TOO_LARGE: Final = (
    1_000_000  # bytes; below that a connection that closes in mid-upload has other reasons
)
_FREE: Final = frozenset({
    Kind.NEVER_SENT, Kind.CUT_OFF, Kind.CONCURRENCY, Kind.TOO_OFTEN, Kind.SIGNATURE, Kind.ACCOUNT, Kind.ADDRESS,
    Kind.FIREWALL, Kind.UNLISTED,
})  # fmt: skip
"""Refused before any work was done: struck from the record of sends."""
_NOT_LOOKED_AT: Final = frozenset({
    Kind.CONCURRENCY, Kind.TOO_OFTEN, Kind.SIGNATURE, Kind.ACCOUNT, Kind.ADDRESS, Kind.FIREWALL,
})  # fmt: skip
"""Refusals of the caller and not of the content: without another answer the content counts as not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a run ended early: the exit code, the reason that the samples left over get, and a sentence."""

    exit_code: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRules:
    """What a user may say about sending.

    Attributes:
        max_calls: Hard cap on sends, retries included.
        max_concurrency: Most sends in flight.
        max_per_second: Most sends a second.
        on_ambiguous: Whether a send without an answer is tried once more.
    """

    max_calls: int | None = None
    max_concurrency: int = 64
    max_per_second: float | None = None
    on_ambiguous: OnAmbiguous = "retry"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What happened so far in this invocation."""

    sends: int = 0
    retries: int = 0
    concurrency_limited: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    largest_skew_s: float = 0.0

    @property
    def billable(self) -> int:
        """Sends that may have been billed: all but those that are known to be refused before any work was done."""
        return self.sends - sum(self.answers[kind] for kind in _FREE)


class Sender:
    """Sends what a plan lacks; ``results`` has an outcome for every question that got one.

    Args:
        plan: What to send.
        store: Where sends and answers are put on record.
        carrier: How to send.
        rules: Caps.
        on_result: Called after each question that is done with.
        interrupted: Asked now and then whether the user wants to stop.
        chance: Jitter.
        patience: Factor on every wait of ours; tests make it small.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        store: Store,
        carrier: Carrier[Any],
        rules: SendingRules,
        on_result: Callable[[], None] = lambda: None,
        interrupted: Callable[[], bool] = lambda: False,
        chance: random.Random | None = None,
        patience: float = 1.0,
    ) -> None:
        self.results: dict[str, Stored] = {}
        self.tally = Tally()
        self.stop: Stop | None = None
        self.limit = ConcurrencyLimit(ceiling=rules.max_concurrency, monotonic=time.monotonic)
        self.rate = RateLimit(
            rules.max_per_second, monotonic=time.monotonic, sleep=self._nap, slowest=0.5 / patience
        )
        self.unsendable: dict[str, MediaFile] = {}
        self._plan = plan
        self._store = store
        self._journal = Journal(store.together)
        self._carrier = carrier
        self._rules = rules
        self._on_result = on_result
        self._interrupted = interrupted
        self._chance = chance or random.Random()
        self._patience = patience
        self._budget = RetryBudget()
        self._queue = deque(plan.misses)
        self._stopped = anyio.Event()
        self._in_flight = 0
        self._doubted: str | None = None
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._rejected_first: list[tuple[str, Question, Stored]] | None = []
        self._in_a_row: Counter[Kind] = Counter()

    @property
    def in_flight(self) -> int:
        """Calls whose answer is being waited for."""
        return self._in_flight

    async def run(self) -> None:
        """Work until every question is answered, given up, or the run is stopped; what is in flight is drained."""
        forget_folders()
        # more than may be in flight: while some wait for the disk, others have their turn
        workers = min(self._rules.max_concurrency + _SPARE_WORKERS, len(self._queue))
        _log.info(
            "asking %s for %d of %d contents, at most %d at once at first",
            self._carrier.endpoint.url, len(self._queue), len(self._plan.questions), self.limit.limit,
        )  # fmt: skip
        async with anyio.create_task_group() as outer:
            outer.start_soon(self._watch)
            outer.start_soon(self._journal.keep)
            async with anyio.create_task_group() as inner:
                for _ in range(workers):
                    inner.start_soon(self._worker)
            try:
                await self._settle_first_rejections()
            except StoreError as error:
                self._halt(6, "stopped", f"stopped: {error}")
            outer.cancel_scope.cancel()  # watch and journal; no request is left that could be cancelled
        _log.info(
            "%d sends, %d of them retries; answers: %s",
            self.tally.sends, self.tally.retries, dict(sorted(self.tally.answers.items())),
        )  # fmt: skip

    async def _watch(self) -> None:
        """Notice the user's wish to stop while everybody else waits for the network."""
        while self.stop is None:
            if self._interrupted():
                self._halt(
                    130, "interrupted", "interrupted; what was in flight was waited for; run again to go on"
                )
            await self._nap(0.1)

    async def _worker(self) -> None:
        while self._queue and self.stop is None:
            key = self._queue.popleft()
            try:
                await self._ask(key)
                self._on_result()
            except StoreError as error:
                self._halt(6, "stopped", f"stopped: {error}")
            except Exception as error:  # noqa: BLE001 - whatever it is, requests in flight are paid for: drain, then say
                _log.exception("the run is stopped by an error of this program")
                self._halt(
                    3, "stopped", f"stopped by an error of this program: {type(error).__name__}: {error}"
                )
            finally:
                if (
                    self._doubted == key
                ):  # it found nothing out, say because its file is gone: the others go on
                    self._doubted = None

    async def _ask(self, key: str) -> None:
        """Send one question until there is an outcome to keep, or to give up with."""
        question = self._plan.questions[key]
        attempts, taken = 0, 0
        tried: Counter[Kind] = Counter()
        last: NoResponse | None = None
        while True:
            sent = await self._send_once(key, question, again=last is not None)
            if sent is None:
                self._give_up(key, last, attempts)
                return
            send, outcome, in_flight = sent
            attempts += 1
            self._learn(outcome, in_flight)
            self._settle_doubt(key, outcome)
            if isinstance(outcome, Detection) or outcome.permanent:
                self._budget.give_back(taken)
                await self._keep(key, send, question, self._stored(outcome, attempts))
                return
            await self._strike(send, question, outcome)
            last = outcome
            tried[outcome.kind] += 1
            if outcome.kind in (Kind.CONCURRENCY, Kind.TOO_OFTEN):
                attempts -= 1  # not this content's fault
                wait = self._chance.uniform(0.05, 0.25) * (1 + self._in_a_row[outcome.kind])
            elif tried[Kind.CUT_OFF] >= _UPLOADS_CUT_OFF and question.size >= _PROBABLY_TOO_LARGE:
                await self._too_large(key, question, outcome, attempts)
                return
            else:
                cost = self._worth_a_retry(outcome, attempts, tried)
                if cost is None:
                    self._give_up(key, last, attempts)
                    return
                taken += cost
                signed_again = outcome.kind is Kind.SIGNATURE
                wait = 0.0 if signed_again else backoff_s(attempts, chance=self._chance)
            wait = max(outcome.retry_after_s or 0.0, self._patience * wait)
            _log.debug(
                "content %.12s: %s (%s) %s; again in %.2f s",
                question.sha256, outcome.reason, outcome.kind.value, outcome.detail, wait,
            )  # fmt: skip
            await self._nap(wait)

    def _stored(self, outcome: Outcome, attempts: int) -> Stored:
        return Stored(outcome=outcome, attempts=attempts, key_fingerprint=self._carrier.key_fingerprint)

    async def _send_once(
        self, key: str, question: Question, *, again: bool
    ) -> tuple[str, Outcome, int] | None:
        """One send, on record before it happens; ``None`` when it may not happen any more."""
        finds_out = self._doubted == key  # it must not wait for a place behind those who wait for it
        if finds_out:
            return await self._with_media(key, question, again=again, in_a_place=False)
        await (
            self.limit.come_near()
        )  # the file is read before there is a place: few at a time hold their bytes
        try:
            return await self._with_media(key, question, again=again, in_a_place=True)
        finally:
            self.limit.go_away()

    async def _with_media(
        self, key: str, question: Question, *, again: bool, in_a_place: bool
    ) -> tuple[str, Outcome, int] | None:
        """Read, put on record, and send once there is a place: what takes time is done while others are answered."""
        if self.stop is not None:
            return None
        loaded = await self._carrier.load(question, [sample.path for sample in self._plan.sources[key]])
        if isinstance(loaded, MediaFile):
            self.unsendable[key] = loaded
            return None
        try:
            return await self._with_loaded(loaded, key, question, again=again, in_a_place=in_a_place)
        finally:
            self._carrier.drop(loaded)

    async def _with_loaded(
        self, loaded: Any, key: str, question: Question, *, again: bool, in_a_place: bool
    ) -> tuple[str, Outcome, int] | None:
        if not self._may_send():
            return None
        send = await self._on_record(question, again=again)
        if in_a_place:
            await self.limit.acquire()
        try:
            await self.rate.acquire()
            while self._doubted not in (None, key) and not self._dropped():
                await self._nap(0.05)
            if not self._dropped():
                outcome, in_flight = await self._sent(loaded, question)
                if isinstance(outcome, Detection | NoResponse):
                    return send, outcome, in_flight
                self._not_sent(key, outcome)
        finally:
            if in_a_place:
                self.limit.release()
        self.tally.sends -= 1
        self.tally.retries -= again
        await self._journal.write(partial(self._store.record_free, send))
        return None

    def _not_sent(self, key: str, why: MediaFile | None) -> None:
        """The carrier did not send it after all."""
        if why is not None:
            self.unsendable[key] = why
        else:
            self._halt(3, "stopped", f"stopped: {self._carrier.trouble}")

    async def _on_record(self, question: Question, *, again: bool) -> str:
        """Put a send on record before it happens."""
        self.tally.sends += 1  # before it waits for the disk, or others would pass the cap meanwhile
        self.tally.retries += again
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            return await self._journal.write(partial(self._store.record_send, question, at=at))
        except StoreError:
            self.tally.sends -= 1
            self.tally.retries -= again
            raise

    async def _sent(self, loaded: Any, question: Question) -> tuple[Outcome | MediaFile | None, int]:
        self._in_flight += 1
        in_flight = self._in_flight
        try:
            return await self._carrier.send(loaded, question), in_flight
        finally:
            self._in_flight -= 1

    def _dropped(self) -> bool:
        """Whether the run was stopped; what is on record within the cap of calls is sent all the same."""
        return self.stop is not None and self.stop.reason != "max_calls"

    def _settle_doubt(self, key: str, outcome: Outcome) -> None:
        """After the first refused signature everybody waits for the answer to a second one."""
        refused = isinstance(outcome, NoResponse) and outcome.kind is Kind.SIGNATURE
        if refused and self._doubted is None:
            self._doubted = key
        elif not refused and self._doubted == key:
            self._doubted = None

    def _may_send(self) -> bool:
        if self.stop is not None:
            return False
        cap = self._rules.max_calls
        if cap is not None and self.tally.sends >= cap:
            self._halt(5, "max_calls", f"stopped: --max-calls {cap} reached; run again to go on")
            return False
        return True

    def _learn(self, outcome: Outcome, in_flight: int) -> None:
        """Everything that one answer says about the server, before it is asked what it says about the content."""
        limit_before = self.limit.limit
        self._note_skew(outcome)
        kind = outcome.kind if isinstance(outcome, NoResponse) else None
        self.tally.answers[kind.value if kind else "scored"] += 1
        for other in (Kind.CONCURRENCY, Kind.TOO_OFTEN, Kind.NEVER_SENT):
            self._in_a_row[other] = self._in_a_row[other] + 1 if kind is other else 0
        if kind is Kind.CONCURRENCY:
            self.tally.concurrency_limited += 1
            self.limit.refused(in_flight_then=in_flight)
        elif kind in (None, Kind.PERMANENT, Kind.REJECTED):
            self.limit.succeeded(in_flight_then=in_flight)
        if self.limit.limit != limit_before:
            lowered = self.limit.limit < limit_before  # going up is a line an answer at first
            _log.log(
                logging.INFO if lowered else logging.DEBUG,
                "at most %d calls at once from now on, %d before", self.limit.limit, limit_before,
            )  # fmt: skip
        if kind is Kind.TOO_OFTEN:
            self.rate.slow_down(pause_s=self._patience * min(10, self._in_a_row[kind]))
            _log.info("called too often: at most %.3g calls a second from now on", self.rate.per_second)
        if isinstance(outcome, NoResponse):
            self._stop_for(outcome)
        self._judge_recent(kind)

    def _stop_for(self, outcome: NoResponse) -> None:
        kind, said = outcome.kind, f"{outcome.reason}: {outcome.detail}".rstrip(": ")
        if kind is Kind.ACCOUNT:
            self._halt(
                4, "stopped", f"stopped: the account was refused ({said.upper()}); check the key with FinAuth"
            )
        elif kind is Kind.ADDRESS:
            self._halt(3, "stopped", f"stopped: wrong address {self._carrier.endpoint.url} ({said})")
        elif kind is Kind.FIREWALL:
            self._halt(3, "stopped", f"stopped: a firewall answered instead of the API: {outcome.detail!r}")
        elif self._in_a_row[Kind.TOO_OFTEN] >= _FREQUENCY_REFUSALS:
            self._halt(
                3, "stopped", f"stopped: refused as too often {_FREQUENCY_REFUSALS} times in a row ({said})"
            )
        elif self._in_a_row[Kind.CONCURRENCY] >= _CONCURRENCY_REFUSALS and self.limit.limit == 1:
            self._halt(
                3, "stopped", "stopped: refused as too many at once again and again, even one at a time"
            )
        elif self._in_a_row[Kind.NEVER_SENT] >= _UNREACHABLE:
            self._halt(
                3, "stopped", f"stopped: {self._carrier.endpoint.url} can't be reached ({outcome.detail})"
            )
        elif self.tally.answers[Kind.UNLISTED] >= _UNLISTED and not self.tally.answers["scored"]:
            self._halt(3, "stopped", f"stopped: nothing but refusals that are not documented ({said})")

    def _judge_recent(self, kind: Kind | None) -> None:
        if kind in (Kind.NEVER_SENT, Kind.CONCURRENCY, Kind.TOO_OFTEN, Kind.LOST):
            return
        self._recent.append(kind is Kind.BAD_RESPONSE)
        if len(self._recent) == _WINDOW and 2 * sum(self._recent) > _WINDOW:
            self._halt(3, "stopped", f"stopped: most of the last {_WINDOW} answers could not be understood")

    def _note_skew(self, outcome: Outcome) -> None:
        skew = clock_skew_s(outcome)
        if skew is not None and abs(skew) > abs(self.tally.largest_skew_s):
            self.tally.largest_skew_s = skew

    def _worth_a_retry(self, outcome: NoResponse, attempts: int, tried: Counter[Kind]) -> int | None:
        """Tokens of the budget taken for a further attempt, or ``None`` when there is to be none."""
        if self.stop is not None:
            return None
        once = tried[outcome.kind] == 1
        match outcome.kind:
            case Kind.SIGNATURE:
                if once:
                    return 0  # signed again at the moment of sending
                self._halt(4, "stopped", self._signature_message(outcome))
                return None
            case Kind.BAD_RESPONSE:
                wanted = once
            case Kind.AMBIGUOUS:
                wanted = once and self._rules.on_ambiguous == "retry"
            case (
                Kind.LOST
            ):  # the budget is for the server's sake, and it is none the worse for a worker that died
                again = once and self._rules.on_ambiguous == "retry" and attempts < MAX_ATTEMPTS
                return 0 if again else None
            case Kind.TRANSIENT | Kind.NEVER_SENT:
                wanted = True
            case Kind.CUT_OFF:
                wanted = tried[Kind.CUT_OFF] < _UPLOADS_CUT_OFF
            case _:
                wanted = False
        if not wanted or attempts >= MAX_ATTEMPTS:
            return None
        return self._budget.take(timed_out=outcome.kind is Kind.AMBIGUOUS)

    def _signature_message(self, outcome: NoResponse) -> str:
        skew = clock_skew_s(outcome) or 0.0
        clock = (
            f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
            if abs(skew) > 30
            else "the clock agrees with the server's, so check FINAUTH_API_KEY and FINAUTH_API_SECRET"
        )
        said = f"{outcome.reason}: {outcome.detail}".rstrip(": ").upper()
        return f"stopped: the signature was refused twice ({said}); {clock}"

    def _give_up(self, key: str, last: NoResponse | None, attempts: int) -> None:
        """What is left when there is to be no further attempt."""
        if last is None or last.kind in _NOT_LOOKED_AT:
            return  # it counts as not sent
        if last.kind in (Kind.TRANSIENT, Kind.NEVER_SENT, Kind.CUT_OFF):
            detail = f"{last.reason}: {last.detail}".removeprefix("gave_up: ").rstrip(": ")
            last = replace(last, reason="gave_up", detail=detail)
        _log.debug(
            "content %.12s: given up after %d attempts: %s (%s) %s",
            self._plan.questions[key].sha256, attempts, last.reason, last.kind.value, last.detail,
        )  # fmt: skip
        self.results[key] = self._stored(last, attempts)

    async def _strike(self, send: str, question: Question, outcome: NoResponse) -> None:
        if outcome.kind in _FREE:
            await self._journal.write(partial(self._store.record_free, send))
        else:
            await self._journal.write(partial(self._store.record_possibly_billed, send, question, outcome))

    async def _keep(self, key: str, send: str, question: Question, stored: Stored) -> None:
        """Put a final outcome on disk.

        While every answer so far rejects the request as malformed, the fault may be ours: then the rejections wait,
        and are kept once another answer comes or the run ends, but not when there are too many of them.
        """
        self.results[key] = stored
        rejected = isinstance(stored.outcome, NoResponse) and stored.outcome.kind is Kind.REJECTED
        if self._rejected_first is not None and rejected:
            self._rejected_first.append((send, question, stored))
            if len(self._rejected_first) >= _OUR_BUG and self.stop is None:
                assert isinstance(stored.outcome, NoResponse)  # noqa: S101 - for the type checker; see ``rejected``
                said = f"{stored.outcome.reason.upper()}: {stored.outcome.detail}".rstrip(": ")
                self._halt(
                    3, "rejected", f"stopped: the first {_OUR_BUG} requests were all rejected ({said})"
                )
            return
        await self._settle_first_rejections()
        await self._journal.write(partial(self._store.record_answer, send, question, stored))

    async def _settle_first_rejections(self) -> None:
        waiting, self._rejected_first = self._rejected_first or [], None
        for send, question, stored in waiting:
            if self.stop is not None and self.stop.reason == "rejected":
                await self._journal.write(partial(self._store.record_free, send))
            else:
                await self._journal.write(partial(self._store.record_answer, send, question, stored))

    async def _too_large(self, key: str, question: Question, outcome: NoResponse, attempts: int) -> None:
        """A server that refuses a size may just close: after some tries that is what a cut-off upload means."""
        detail = f"the connection was closed in mid-upload {_UPLOADS_CUT_OFF} times"
        final = replace(outcome, kind=Kind.PERMANENT, reason="too_large", detail=detail)
        self.results[key] = kept = self._stored(final, attempts)
        send = await self._journal.write(partial(self._store.record_send, question, at=outcome.received_at))
        await self._journal.write(partial(self._store.record_answer, send, question, kept))

    def _halt(self, exit_code: int, reason: str, message: str) -> None:
        if self.stop is None:
            self.stop = Stop(exit_code=exit_code, reason=reason, message=message)
            _log.info("no more sends: %s", message)
            self._stopped.set()
            self._carrier.hurry()

    async def _nap(self, seconds: float) -> None:
        """Sleep, but not longer than the run goes on."""
        with anyio.move_on_after(seconds):
            await self._stopped.wait()


def clock_skew_s(outcome: Outcome) -> float | None:
    """Seconds that this machine's clock is ahead of the server's, by the answer's ``Date``, as far as it tells."""
    if outcome.server_date is None or not outcome.received_at:
        return None
    try:
        server = parsedate_to_datetime(outcome.server_date)
        if server.tzinfo is None:
            return None
        return (datetime.fromisoformat(outcome.received_at) - server).total_seconds()
    except (ValueError, OverflowError, TypeError):  # a date that no calendar has
        return None

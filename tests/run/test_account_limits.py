"""A real server whose limits nobody told us: a concurrency limit that moves, a storm without end, a clock that is off."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from finauth_eval.sandbox.server import RunningSandbox

LATENCY_S = 0.05


class Account:
    """How many calls it answers at once, and what it has seen."""

    def __init__(
        self, limit: Callable[[int], int], *, clock_ahead_s: float = 0.0, dead: bool = False
    ) -> None:
        self.limit, self.clock_ahead_s, self.dead = limit, clock_ahead_s, dead
        self.lock = threading.Lock()
        self.in_flight = self.scored = 0
        self.refused_at: list[float] = []
        self.scored_at: list[float] = []

    def admit(self) -> bool:
        with self.lock:
            if self.in_flight >= self.limit(self.scored):
                self.refused_at.append(time.monotonic())
                return False
            self.in_flight += 1
            return True

    def answered(self) -> None:
        with self.lock:
            self.in_flight -= 1
            self.scored += 1
            self.scored_at.append(time.monotonic())


@pytest.fixture
def serving() -> Iterator[Callable[[Account], RunningSandbox]]:
    servers = []

    def start(account: Account) -> RunningSandbox:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                if account.dead:
                    self.say(403, {"error": "AUTHENTICATION_ERROR:EXPIRED_SIGN"})
                elif not account.admit():
                    self.say(403, {"error": "CONCURRENCY_LIMIT_EXCEEDED"})
                else:
                    time.sleep(LATENCY_S)
                    account.answered()
                    self.say(200, {"score": 0.25, "threshold": 0.5, "result": False})

            def say(self, status: int, content: dict[str, object]) -> None:
                body = json.dumps({"request_id": "1,x", "time_used": 1, **content}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + account.clock_ahead_s)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return RunningSandbox(
            endpoint=f"http://127.0.0.1:{server.server_port}/finauth/v5/anti_deepfake", pid=0
        )

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_limit_that_drops_in_mid_run_is_followed_within_seconds(serving, picture_folder, run_on):
    account = Account(lambda scored: 10 if scored < 300 else 4)
    _, run = run_on(
        serving(account), picture_folder(bona_fide=500, attack=400), max_concurrency=64, patience=1.0
    )
    assert (run["exit"], run["scored"]) == (0, 900)
    assert run["limiter"]["lowest"] <= 4
    dropped = account.scored_at[300]
    late = [at for at in account.refused_at if at > dropped + 3]
    after = [at for at in account.scored_at if at > dropped + 3]
    assert len(after) > 100
    # from then on a refusal is a probe: one in some seconds, and not one in a few answers
    assert len(late) <= 0.05 * len(after)
    assert run["concurrency_limited"] == len(account.refused_at)
    assert run["possibly_billed"] == 0


def test_a_limit_of_ten_is_used_and_seldom_passed(serving, picture_folder, run_on):
    account = Account(lambda _: 10)
    _, run = run_on(
        serving(account), picture_folder(bona_fide=500, attack=400), max_concurrency=64, patience=1.0
    )
    assert run["scored"] == 900
    assert run["limiter"]["last"] in (9, 10, 11)
    assert run["concurrency_limited"] <= 0.02 * run["sends"]


def test_a_storm_of_refusals_without_end_stops_the_run(serving, picture_folder, run_on):
    account = Account(lambda _: 0)
    _, run = run_on(serving(account), picture_folder(bona_fide=60, attack=40))
    assert run["exit"] == 3
    assert "too many at once again and again, even one at a time" in run["message"]
    assert run["scored"] == run["possibly_billed"] == 0
    assert run["not_sent"] == {"stopped": 100}
    assert len(account.refused_at) < 300


@pytest.mark.parametrize(("ahead", "words"), [(600, "600 s behind"), (-600, "600 s ahead of")])
def test_a_clock_ten_minutes_off_is_named_when_signatures_are_refused(
    serving, picture_folder, run_on, ahead, words
):
    account = Account(lambda _: 10, clock_ahead_s=ahead, dead=True)
    _, run = run_on(serving(account), picture_folder())
    assert run["exit"] == 4
    seconds = int(run["message"].split("clock is ")[1].split(" s ")[0])
    assert seconds == pytest.approx(600, abs=3)
    assert words.split(" s ")[1] in run["message"]
    assert abs(run["clock_skew_s"]) == pytest.approx(600, abs=3)

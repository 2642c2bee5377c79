"""What a run shows while it goes on: the arithmetic, the bar on a terminal, and the log line elsewhere."""

from __future__ import annotations

import io
import logging
import re

import pytest
from rich.console import Console

from finauth_eval.run.runner import Progress
from finauth_eval.terminal.progress import Pace, call_words, calling, pace_words


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def at(done: int, **more: int) -> Progress:
    fields = {
        "total": 100,
        "from_cache": 0,
        "sends": done,
        "retries": 0,
        "in_flight": 0,
        "limit": 10,
        "billable": done,
    }
    return Progress(**({"done": done} | fields | more))


def test_before_a_second_has_passed_nothing_is_claimed(clock):
    pace = Pace(monotonic=clock)
    assert pace.per_second() is None
    clock.now += 0.9
    pace.note(at(5))
    assert pace.per_second() is None
    assert pace_words(at(5), pace) == "– answers/s, –:––:–– left"


def test_the_pace_is_that_of_the_last_twenty_seconds(clock):
    pace = Pace(monotonic=clock)
    for second in range(1, 41):  # 1 a second for 20 s, then 3 a second
        clock.now = 1000.0 + second
        pace.note(at(min(second, 20) + 3 * max(0, second - 20)))
    assert pace.per_second() == 3.0
    assert pace.left_s(at(80)) == pytest.approx(20 / 3)


def test_answers_of_the_cache_are_not_taken_for_speed(clock):
    pace = Pace(monotonic=clock)
    clock.now += 10
    pace.note(at(70, from_cache=50))
    assert pace.per_second() == 2.0
    assert pace.left_s(at(70, from_cache=50)) == 15.0


def test_while_nothing_comes_the_pace_sinks_and_the_end_is_unknown(clock):
    pace = Pace(monotonic=clock)
    clock.now += 10
    pace.note(at(50))
    assert pace.per_second() == 5.0
    clock.now += 5
    assert pace.per_second() == pytest.approx(50 / 15)
    clock.now += 20
    assert pace.per_second() == 0
    assert pace.left_s(at(50)) is None
    assert pace.left_s(at(100)) == 0


def test_long_runs_do_not_pile_up_notes(clock):
    pace = Pace(monotonic=clock)
    for n in range(1000):
        clock.now += 1
        pace.note(at(n))
        pace.per_second()
    assert len(pace._notes) <= 22


def test_the_time_left_is_in_hours_minutes_and_seconds(clock):
    pace = Pace(monotonic=clock)
    clock.now += 10
    pace.note(at(10, total=3734))
    assert pace_words(at(10, total=3734), pace) == "1.0 answers/s, 1:02:04 left"


@pytest.mark.parametrize(
    ("price", "cost"),
    [(None, "at most 128 calls"), (0.1, "at most 128 calls = 12.80"), (100, "at most 128 calls = 12,800.00"),
     (0.0005, "at most 128 calls = 0.064"), (0, "at most 128 calls = 0.00")],
)  # fmt: skip
def test_the_cost_is_that_of_the_calls_that_may_be_billed(price, cost):
    now = at(120, sends=131, retries=1, in_flight=14, limit=16, billable=128, from_cache=7)
    assert call_words(now, price=price) == (
        f"14 in flight, limit 16; 131 sends, 1 retry; cost so far: {cost}; 7 from the cache"
    )


def shown(text: str) -> list[str]:
    """What stands on the terminal in the end: the lines of the last drawing, without colours."""
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.rsplit("\x1b[2K", 1)[-1])
    return [line.strip() for line in drawn.replace("\r", "").splitlines() if line.strip()]


def test_a_terminal_shows_a_bar_and_a_line_of_numbers(clock):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with calling(price=0.1, console=console, monotonic=clock) as show:
        clock.now += 10
        show(at(25, sends=31, retries=4, in_flight=9, limit=16, billable=30))
    bar, calls = shown(screen.getvalue())
    assert re.fullmatch(r"━+[╸╺]?━* +25/100 2\.5 answers/s, 0:00:30 left", bar)
    assert (
        calls
        == "9 in flight, limit 16; 31 sends, 4 retries; cost so far: at most 30 calls = 3.00; 0 from the cache"
    )


def test_a_narrow_terminal_gets_no_third_line(clock):
    screen = io.StringIO()
    with calling(console=Console(file=screen, force_terminal=True, width=60), monotonic=clock) as show:
        show(at(25, sends=31))
    lines = shown(screen.getvalue())
    assert len(lines) == 2
    assert lines[1].endswith("…")


def test_before_the_first_answer_a_terminal_says_so(clock):
    screen = io.StringIO()
    with calling(console=Console(file=screen, force_terminal=True, width=120), monotonic=clock):
        pass
    assert "no answer yet" in screen.getvalue()


def test_elsewhere_there_is_a_log_line_every_thirty_seconds_and_nothing_else(clock, caplog, capsys):
    caplog.set_level(logging.INFO, "finauth_eval")
    with calling(price=2.0, monotonic=clock) as show:
        for second in range(1, 66):
            clock.now = 1000.0 + second
            show(at(second))
    assert {record.levelname for record in caplog.records} == {"INFO"}
    calls = "0 in flight, limit 10; {n} sends, 0 retries; cost so far: at most {n} calls = {cost}; 0 from the cache"
    assert caplog.messages == [
        "30 of 100 done, 1.0 answers/s, 0:01:10 left; " + calls.format(n=30, cost="60.00"),
        "60 of 100 done, 1.0 answers/s, 0:00:40 left; " + calls.format(n=60, cost="120.00"),
    ]
    assert capsys.readouterr() == ("", "")


def test_a_run_reports_what_it_did(sandbox, picture_folder, run_on):
    server, root = sandbox("500@2,concurrency@3"), picture_folder()
    reports: list[Progress] = []
    _, run = run_on(server, root, progress=reports.append)
    last = reports[-1]
    done = [report.done for report in reports]
    assert (len(done), done[-1]) == (5, 5)
    assert done == sorted(done)  # answers that are put on disk together count at once
    assert (last.total, last.from_cache, last.in_flight, last.limit) == (5, 0, 0, run["limiter"]["last"])
    assert (last.sends, last.retries) == (run["sends"], run["retries"]) == (7, 2)
    assert last.billable == 6  # the server refused one at the door, and may have worked for the error


def test_answers_of_the_cache_and_files_that_are_gone_count_as_done(
    sandbox, picture_folder, run_on, make_png
):
    server, root = sandbox(), picture_folder()
    run_on(server, root)
    # some are read ahead, so the one that goes is the last of many
    for n in range(40):
        (root / "bona_fide" / f"new-{n:02}.png").write_bytes(make_png(500 + n))

    reports: list[Progress] = []

    def note(now: Progress) -> None:
        reports.append(now)
        (root / "bona_fide" / "new-39.png").unlink(missing_ok=True)

    _, run = run_on(server, root, progress=note, max_concurrency=1)
    assert run["not_sent"] == {"missing": 1}
    assert {(now.total, now.from_cache) for now in reports} == {(45, 5)}
    done = [now.done for now in reports]
    assert (min(done) > 5, done[-1], done) == (True, 45, sorted(done))


def test_calls_in_flight_are_those_without_an_answer_yet(sandbox, picture_folder, run_on):
    reports: list[Progress] = []
    server = sandbox(latency_ms=100)
    run_on(server, picture_folder(bona_fide=12, attack=8), progress=reports.append, max_concurrency=4)
    assert max(now.in_flight for now in reports) in (3, 4)
    assert all(now.in_flight == 0 for now in reports[-1:])

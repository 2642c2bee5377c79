"""The comparison page and the history page in a real browser: nothing leaves them, nothing is refused, all is reachable."""

from __future__ import annotations

import os
import shutil
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from finauth_eval.comparison import compare
from finauth_eval.gate import Rule, check
from finauth_eval.history import read_history
from finauth_eval.report import write_comparison, write_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAYLOAD = '"><img src=x onerror="window.ran = true">'


@pytest.fixture(scope="module")
def axe() -> str:
    try:
        return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            pytest.fail("CI must look for barriers with axe-core, and axe-playwright-python is not installed")
        pytest.skip("axe-playwright-python is not installed; pip install -e '.[dev]'")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = shutil.which("chromium")
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("CI must test the report in a browser, and there is no chromium on the PATH")
        pytest.skip("there is no chromium on the PATH; install Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


def moved_rows(frame: Any) -> tuple[Any, Any]:
    """Two runs over the same samples, of which the first three have ids that would do harm and flip."""
    a = frame(n=420)
    a.loc[a.index[:3], "sample_id"] = [PAYLOAD, "=1+1", "safe\u202egpj.exe"]
    moved = np.round(np.clip(a["score"] + np.random.default_rng(3).normal(0.03, 0.15, len(a)), 0, 1), 4)
    moved.iloc[:3] = [0.999 if score < 0.5 else 0.001 for score in a["score"].iloc[:3]]
    return a, a.assign(score=moved)


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, frame: Any, run_summary: Any, as_table: Any
) -> dict[str, Path]:
    """One page of each kind."""
    root = tmp_path_factory.mktemp("pages")
    a, b = moved_rows(frame)
    one, other = (
        as_table(a, run_summary()),
        as_table(b, run_summary(dataset={"name": "later", "digest": "cd" * 32})),
    )
    found = compare(one, other, by=["region", "device"], bootstrap=100)
    verdict = check(found, [Rule(metric="bpcer"), Rule(metric="auc", floor=0.5)], exchanges=200)
    runs = root / "runs"
    for k in range(4):
        rows = frame(n=120, seed=k)
        digest = ("ab" if k < 2 else "cd") * 32
        summary = run_summary(
            started_at=f"2026-01-0{k + 1}T09:00:00+00:00", dataset={"name": "demo", "digest": digest}
        )
        folder = as_table(rows, summary).write(runs / f"2026-{k}")
        (folder / "verdict.json").write_text('{"verdict": "pass"}' if k % 2 else '{"verdict": "fail"}')
        (folder / "report.html").write_text("<!DOCTYPE html><title>report</title><p>report")
    return {
        "comparison": write_comparison(found, path=root / "comparison.html", verdict=verdict),
        "history": write_history(read_history(runs), path=root / "history.html"),
    }


@pytest.fixture
def opened(browser: Any, files: dict[str, Path]) -> Iterator[Callable[..., Any]]:
    contexts = []

    def open_page(kind: str, *, width: int = 1400, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.requests, tab.messages = [], []
        tab.on("request", lambda request: tab.requests.append(request.url))
        tab.on("console", lambda message: tab.messages.append(message.text))
        tab.on("pageerror", lambda error: tab.messages.append(str(error)))
        tab.goto(files[kind].as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()


def every(kind: str) -> Any:
    return pytest.mark.parametrize("kind", kind.split())


def flips(tab: Any, column: int) -> list[str]:
    rows: list[str] = tab.evaluate(
        "(k) => [...document.querySelectorAll('.flips tbody tr')].filter((row) => !row.hidden)"
        ".map((row) => row.cells[k].querySelector('data')?.value ?? row.cells[k].textContent.trim())",
        column,
    )
    return rows


@every("comparison history")
def test_opening_asks_for_nothing_and_nothing_is_refused(
    opened: Any, files: dict[str, Path], kind: str
) -> None:
    tab = opened(kind)
    assert tab.requests == [files[kind].as_uri()]
    assert tab.messages == []
    assert tab.evaluate("() => window.ran") is None


@every("comparison history")
def test_policy_is_in_force(opened: Any, kind: str) -> None:
    tab = opened(kind)
    tab.evaluate("() => document.body.setAttribute('onclick', 'window.ran = true')")
    tab.evaluate("() => document.body.click()")
    tab.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s); }"
    )
    tab.evaluate("() => { new Image().src = 'http://127.0.0.1:9/x.png' }")
    tab.wait_for_timeout(100)
    assert tab.evaluate("() => window.ran") is None
    assert sum("Content Security Policy" in message for message in tab.messages) == 3


@every("comparison history")
def test_without_scripts_everything_is_there(opened: Any, kind: str) -> None:
    plain, scripted = opened(kind, java_script_enabled=False), opened(kind)
    for selector in ("svg.chart", "table", "tbody tr", "section", "details"):
        assert plain.locator(selector).count() == scripted.locator(selector).count() > 0
    charts = plain.locator("svg.chart")
    for k in range(charts.count()):
        box = charts.nth(k).bounding_box()
        assert box["width"] > 250
        assert box["height"] > 60
    assert plain.locator("th button").count() == 0
    assert plain.locator("input:not([disabled])").count() == 0


@pytest.mark.parametrize("width", [390, 768, 1400])
@every("comparison history")
def test_page_is_never_wider_than_the_window(opened: Any, kind: str, width: int) -> None:
    tab = opened(kind, width=width)
    tab.evaluate("() => document.querySelectorAll('details').forEach((details) => { details.open = true })")
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width


@pytest.mark.parametrize("look", ["light", "dark", "narrow", "print"])
@every("comparison history")
def test_axe_finds_no_barrier(opened: Any, axe: str, kind: str, look: str) -> None:
    tab = opened(
        kind, width=390 if look == "narrow" else 1400, color_scheme="dark" if look == "dark" else "light"
    )
    if look == "print":
        tab.emulate_media(media="print")
    tab.evaluate("() => document.querySelectorAll('details').forEach((details) => { details.open = true })")
    tab.evaluate(axe)
    found = tab.evaluate("async () => (await axe.run()).violations.map((own) => [own.id, own.nodes.map((node) => node.html.slice(0, 200))])")  # fmt: skip
    assert found == []


@pytest.mark.parametrize("width", [390, 1400])
@every("comparison history")
def test_words_in_charts_do_not_collide(opened: Any, kind: str, width: int) -> None:
    overlaps = opened(kind, width=width).evaluate(
        """() => [...document.querySelectorAll("svg.chart")].flatMap((chart) => {
          const boxes = [...chart.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
          const bounds = chart.getBoundingClientRect();
          const found = boxes.filter(([, a]) => a.left < bounds.left - 1 || a.right > bounds.right + 1
            || a.top < bounds.top - 1 || a.bottom > bounds.bottom + 1).map(([name]) => [name, "is cut off"]);
          boxes.forEach(([name, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (across > 1 && down > 3) found.push([chart.getAttribute("aria-labelledby"), name, other]);
          }));
          return found;
        })"""
    )
    assert overlaps == []


@every("comparison history")
def test_print_is_light_and_shows_what_is_folded(opened: Any, kind: str) -> None:
    tab = opened(kind, width=720, color_scheme="dark")
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    folded = tab.locator("details table")
    for k in range(folded.count()):
        assert folded.nth(k).bounding_box()["height"] > 20
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 720
    tools = tab.locator(".tools")
    assert all(not tools.nth(k).is_visible() for k in range(tools.count()))


def test_flips_are_sorted_by_keyboard_and_the_order_is_said(opened: Any) -> None:
    tab = opened("comparison")
    before = flips(tab, 3)
    head = tab.locator(".flips thead th").nth(3)
    assert head.get_attribute("aria-sort") is None
    head.locator("button").focus()
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(own) for own in flips(tab, 3)] == sorted(float(own) for own in before)
    tab.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(own) for own in flips(tab, 3)] == sorted((float(own) for own in before), reverse=True)
    tab.locator(".flips thead th").nth(0).locator("button").press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert flips(tab, 0) == sorted(flips(tab, 0))
    assert tab.evaluate("document.activeElement.matches(':focus-visible')")


def test_flips_are_filtered_by_what_is_typed_and_the_count_is_said(opened: Any) -> None:
    tab = opened("comparison")
    kinds = flips(tab, 2)
    tab.get_by_role("searchbox").fill("REPLAY attack")
    assert flips(tab, 2) == ["replay"] * kinds.count("replay")
    assert tab.get_by_role("status").inner_text() == f"{kinds.count('replay')} of {len(kinds)} rows"
    tab.locator(".flips thead th").nth(5).locator("button").click()
    assert len(flips(tab, 2)) == kinds.count("replay")
    tab.get_by_role("searchbox").fill("no such thing")
    assert flips(tab, 2) == []
    tab.get_by_role("searchbox").fill("")
    assert len(flips(tab, 2)) == len(kinds)


def test_hostile_sample_ids_stay_words_when_they_are_sorted_and_filtered(opened: Any) -> None:
    tab = opened("comparison")
    tab.get_by_role("searchbox").fill("onerror")
    assert flips(tab, 0) == [PAYLOAD]
    for k in range(7):
        tab.locator(".flips thead th").nth(k).locator("button").click()
    assert flips(tab, 0) == [PAYLOAD]
    assert tab.evaluate("() => window.ran") is None
    assert tab.locator("img").count() == 0
    assert tab.messages == []


def test_strip_leads_to_the_run_and_the_run_to_its_report(opened: Any, files: dict[str, Path]) -> None:
    tab = opened("history")
    tab.locator(".strip a").nth(2).click()
    assert tab.evaluate("document.querySelector(':target').textContent.trim()") == "2026-2"
    tab.locator("#run-3 a").click()
    tab.wait_for_load_state()
    assert tab.title() == "report"
    assert tab.url == (files["history"].parent / "runs" / "2026-2" / "report.html").as_uri()


def test_pages_are_small(files: dict[str, Path]) -> None:
    assert all(len(file.read_bytes()) <= 500_000 for file in files.values())


@pytest.mark.parametrize("wanted", [0.0, 0.271, 0.5, 0.9, 1.0])
def test_one_slider_moves_both_runs(opened: Any, frame: Any, wanted: float) -> None:
    tab = opened("comparison")
    tab.fill("#x-at", str(wanted))
    tab.press("#x-at", "Tab")
    at = float(tab.input_value("#x-at"))
    assert abs(at - wanted) <= 0.0005
    for k, rows in enumerate(moved_rows(frame)):
        scored = rows[rows["score"].notna()]
        flagged, attack = scored["score"] >= at, scored["label"] == "attack"
        blocked, missed = flagged[~attack].mean(), (~flagged[attack]).mean()
        shown = {
            name: float(tab.locator(f"#x{k}-{name}").get_attribute("value")) for name in ("bpcer", "apcer")
        }
        assert shown == {
            "bpcer": pytest.approx(blocked, abs=1e-12),
            "apcer": pytest.approx(missed, abs=1e-12),
        }
        ring = tab.locator("#roc circle.now.other" if k else "#roc circle.now:not(.review):not(.other)").first
        width, height = map(float, tab.locator("#roc [data-now]").get_attribute("data-size").split())
        assert float(ring.get_attribute("cx")) == pytest.approx(width * blocked, abs=0.06)
        assert float(ring.get_attribute("cy")) == pytest.approx(height * missed, abs=0.06)
    assert tab.messages == []

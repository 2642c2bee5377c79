"""The threshold explorer in a real browser: its numbers are Python's, and everything works by keyboard and address."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval.deployed import load_policy
from finauth_eval.evaluation import Evaluation, evaluate
from finauth_eval.metrics.review import best_band
from finauth_eval.policies import AcceptReviewReject
from finauth_eval.recommendation import MaxApcer, MaxBpcer, MinCost, Recommendations, recommend
from finauth_eval.report import render_report
from finauth_eval.shown import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from finauth_eval.scores import ScoreTable

pytestmark = pytest.mark.browser

COST = MinCost(miss=20, alarm=1, prior=0.02)
POLICIES = [
    MaxBpcer(0.05),
    MaxApcer(0.2, pooled=True),
    COST,
    AcceptReviewReject(miss=20, alarm=1, prior=0.02, capacity=0.1),
]

# types each threshold and reads every live number
TRY = """
(thresholds) => thresholds.map((threshold) => {
  const field = document.getElementById("x-at");
  field.value = threshold;
  field.dispatchEvent(new Event("change"));
  const read = {at: field.value};
  for (const cell of document.querySelectorAll("#explorer data[id]")) {
    read[cell.id] = {
      value: cell.value === "" ? null : Number(cell.value), text: cell.textContent,
      low: Number(cell.dataset.low), high: Number(cell.dataset.high),
      note: document.getElementById(`${cell.id}-note`).textContent,
    };
  }
  return read;
})
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    table: ScoreTable
    evaluation: Evaluation
    recommendations: Recommendations
    file: Path

    @property
    def grid(self) -> list[float]:
        page = self.file.read_text(encoding="utf-8")
        block = page.split('id="explorer-data">')[1].split("</script>")[0]
        found: list[float] = json.loads(block)["thresholds"]
        return found


@pytest.fixture(scope="module")
def case(
    frame: Callable[..., pd.DataFrame],
    as_table: Callable[..., ScoreTable],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Case]:
    made: dict[tuple[bool, bool], Case] = {}

    def make(*, tied: bool = False, clustered: bool = True) -> Case:
        if (tied, clustered) not in made:
            rows = frame(n=500, seed=11)
            if tied:
                rows["score"] = rows["score"].round(1)
            if not clustered:
                rows["subject"] = None
            table = as_table(rows)
            evaluation, advice = evaluate(table, thresholds=[0.35], bootstrap=0), recommend(table, POLICIES)
            file = tmp_path_factory.mktemp("explorer") / "report.html"
            file.write_text(render_report(evaluation, advice, scores=table), encoding="utf-8")
            made[tied, clustered] = Case(
                table=table, evaluation=evaluation, recommendations=advice, file=file
            )
        return made[tied, clustered]

    return make


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    contexts = []

    def open_page(file: Path, fragment: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": 1400, "height": 900}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.requests, tab.messages = [], []
        tab.on("request", lambda request: tab.requests.append(request.url))
        tab.on("console", lambda message: tab.messages.append(message.text))
        tab.on("pageerror", lambda error: tab.messages.append(str(error)))
        tab.goto(file.as_uri() + fragment)
        return tab

    yield open_page
    for context in contexts:
        context.close()


def wanted_thresholds(case: Case) -> list[float]:
    chosen = [item.threshold for item in case.recommendations if item.feasible]
    assert chosen
    return [0.5, *chosen, *np.random.default_rng(3).choice(case.grid, 50, replace=False).tolist()]


def agree(shown: dict[str, Any], estimate: Any) -> None:
    assert shown["value"] == estimate.value
    assert (shown["low"], shown["high"]) == pytest.approx((estimate.low, estimate.high), abs=1e-6, rel=0)


@pytest.mark.parametrize("clustered", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_numbers_equal_pythons_at_every_threshold_tried(
    opened: Callable[..., Any], case: Callable[..., Case], tied: bool, clustered: bool
) -> None:
    here = case(tied=tied, clustered=clustered)
    thresholds = wanted_thresholds(here)
    points = evaluate(here.table, thresholds=thresholds, bootstrap=0).operating_points[1:]
    assert points[0].apcer.method == ("korn-graubard" if clustered else "clopper-pearson")
    tab = opened(here.file)
    types = tab.evaluate(
        "JSON.parse(document.getElementById('explorer-data').textContent).sides[0].types.map((t) => t.name)"
    )
    for point, shown in zip(points, tab.evaluate(TRY, thresholds), strict=True):
        assert float(shown["at"]) == point.threshold
        agree(shown["x0-bpcer"], point.bpcer)
        agree(shown["x0-apcer"], point.apcer)
        agree(shown["x0-worst"], point.apcer_worst.estimate)
        assert shown["x0-worst"]["note"] == point.apcer_worst.attack_type
        for k, name in enumerate(types):
            agree(shown[f"x0-type-{k}"], point.apcer_by_attack_type[name])
        matrix = {key: shown[f"x0-{key}"]["value"] for key in (
            "attacks-0", "attacks-1", "attacks-2", "genuine-0", "genuine-1", "genuine-2")}  # fmt: skip
        own = point.confusion
        assert list(matrix.values()) == [own.tp, 0, own.fn, own.fp, 0, own.tn]
        cost = 10_000 * (COST.weight_of_miss * point.apcer.value + COST.weight_of_alarm * point.bpcer.value)
        assert shown["x0-cost"]["value"] == cost


def test_scores_of_any_range_are_explored_alike(
    opened: Callable[..., Any], as_table: Callable[..., ScoreTable], tmp_path: Path
) -> None:
    rng = np.random.default_rng(6)
    attack = rng.random(300) < 0.4
    scores = rng.normal(3.0 * attack, 2.0).round(3)
    table = as_table(
        pd.DataFrame({"label": np.where(attack, "fake", "real"), "score": scores}), score_range="any"
    )
    file = tmp_path / "report.html"
    file.write_text(render_report(evaluate(table, thresholds=[-1.2345], bootstrap=0)), encoding="utf-8")
    tab = opened(file)
    thresholds = [-1.2345, 0.5, 1.24, -2.0, float(scores.min()), 4.0]
    shown = tab.evaluate(TRY, thresholds)
    reached = [float(read["at"]) for read in shown]
    assert reached[:4] == [-1.2345, 0.5, 1.24, -2.0]
    points = evaluate(table, thresholds=reached, bootstrap=0).operating_points[1:]
    for point, read in zip(points, shown, strict=True):
        agree(read["x0-bpcer"], point.bpcer)
        agree(read["x0-apcer"], point.apcer)
    assert tab.messages == []


@pytest.mark.parametrize("label", ["real", "fake"])
def test_one_class_is_explored_without_the_other(
    opened: Callable[..., Any], as_table: Callable[..., ScoreTable], tmp_path: Path, label: str
) -> None:
    table = as_table(pd.DataFrame({"label": [label] * 40, "score": np.arange(40) / 40}))
    file = tmp_path / "report.html"
    file.write_text(render_report(evaluate(table, bootstrap=0)), encoding="utf-8")
    tab = opened(file, "#t=0.25&r=0.2")
    rates = [tab.locator(f"#x0-{name}").inner_text() for name in ("bpcer", "apcer", "cost", "review")]
    assert rates[0 if label == "fake" else 1] == "—"
    assert rates[2:] == ["—", "—"]
    tab.locator("#x-miss").fill("7")
    tab.wait_for_timeout(300)
    assert tab.messages == []


def test_words_are_those_of_the_rest_of_the_page(
    opened: Callable[..., Any], as_table: Callable[..., ScoreTable], tmp_path: Path
) -> None:
    # sixteenths are ties when they are rounded to a tenth of a percent; separated classes cost nothing
    scores = np.arange(32) / 32
    table = as_table(pd.DataFrame({"label": ["real"] * 16 + ["fake"] * 16, "score": scores}))
    file = tmp_path / "report.html"
    file.write_text(render_report(evaluate(table, bootstrap=0)), encoding="utf-8")
    thresholds = np.round(scores, 3).tolist()
    points = evaluate(table, thresholds=thresholds, bootstrap=0).operating_points[1:]
    words = set()
    for point, shown in zip(points, opened(file).evaluate(TRY, thresholds), strict=True):
        assert shown["at"] == numbers.threshold(point.threshold)
        assert shown["x0-bpcer"]["text"] == numbers.rate(point.bpcer)
        assert shown["x0-apcer"]["text"] == numbers.rate(point.apcer)
        assert shown["x0-cost"]["text"] == numbers.amount(shown["x0-cost"]["value"])
        words |= {shown["x0-bpcer"]["text"].split(" ")[0], shown["x0-cost"]["text"]}
    assert {"6.2%", "18.8%", "0%", "100%", "0"} <= words


def test_first_state_is_the_servers_and_the_script_changes_nothing_in_it(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    read = "() => [...document.querySelectorAll('#explorer td, #explorer tbody th, #x-says, #costs-lead')].map((c) => c.textContent)"
    tables = [
        opened(case().file, java_script_enabled=scripts).locator("#explorer table").all_inner_texts()
        for scripts in (True, False)
    ]
    assert tables[0] == tables[1]
    tab = opened(case().file)
    before = tab.evaluate(read)
    tab.evaluate(TRY, [0.2, 0.5])
    assert tab.evaluate(read) == before


def test_without_scripts_numbers_and_charts_stand_and_the_controls_are_off(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    tab = opened(case().file, java_script_enabled=False)
    assert tab.locator("#explorer svg.chart").count() == 2
    assert tab.locator("#x0-bpcer").inner_text().endswith("%)")
    assert tab.locator("#x-off").is_visible()
    assert all(control.is_disabled() for control in tab.locator("#explorer input, #explorer button").all())
    assert '"reject_from": 0.5' in tab.locator("#x-policy").input_value()


def test_exploring_asks_for_nothing_and_violates_nothing(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    here = case()
    tab = opened(here.file)
    tab.evaluate(
        "() => document.addEventListener('securitypolicyviolation', (e) => console.log(e.violatedDirective))"
    )
    tab.evaluate(TRY, here.grid[::100])
    tab.locator("#x-band").check()
    tab.locator("#x-miss").fill("55")
    tab.locator(".jumps button").first.click()
    tab.wait_for_timeout(400)
    assert tab.requests == [here.file.as_uri()]
    assert tab.messages == []


def test_prices_and_prevalence_that_are_typed_price_every_threshold_anew(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    here = case(clustered=False)
    tab = opened(here.file)
    tab.locator("#x-prior").fill("0.7")
    tab.locator("#x-miss").fill("130.5")
    tab.locator("#x-alarm").fill("3")
    mine = MinCost(miss=130.5, alarm=3, prior=0.007)
    [shown] = tab.evaluate(TRY, [0.61])
    point = evaluate(here.table, thresholds=[0.61], bootstrap=0).operating_points[1]
    cost = 10_000 * (mine.weight_of_miss * point.apcer.value + mine.weight_of_alarm * point.bpcer.value)
    assert shown["x0-cost"]["value"] == cost
    tab.wait_for_timeout(400)
    assert "&p=0.007&" in tab.url  # 0.7 / 100 is another number
    lead = tab.locator("#costs-lead").inner_text()
    assert lead.startswith(
        "With 0.7% attacks in the traffic, 130.5 for a missed attack and 3 for a blocked customer"
    )
    assert tab.locator("#costs-desc").text_content() == lead
    [best] = recommend(here.table, [mine])
    assert shown["x0-cost"]["note"].startswith("least with one threshold: ")
    least = float(shown["x0-cost"]["note"].split(": ")[1].split(" at ")[0].replace(",", ""))
    assert least == pytest.approx(10_000 * best.cost.per_decision, abs=0.51)


def test_a_price_that_is_no_price_changes_nothing_and_is_marked(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    tab = opened(case().file)
    before = tab.locator("#x0-cost").inner_text()
    for identity, text in (("#x-prior", "101"), ("#x-miss", "-1"), ("#x-alarm", "")):
        tab.locator(identity).fill(text)
        assert tab.locator(identity).get_attribute("aria-invalid") == "true"
    assert tab.locator("#x0-cost").inner_text() == before


def test_review_band_equals_pythons_cost_and_share(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    here = case(clustered=False)
    band = best_band(here.evaluation.score_counts, miss=20, alarm=1, prior=0.02, review=0.4)
    first = next(at for at in here.grid if band.first[0] < at <= band.first[1])
    second = next(at for at in here.grid if band.second[0] < at <= band.second[1])
    assert first < second
    tab = opened(here.file)
    tab.evaluate(TRY, [second])
    tab.locator("#x-band").check()
    tab.locator("#x-review-cost").fill("0.4")
    tab.locator("#x-review-at").fill(str(first))
    tab.locator("#x-review-at").press("Tab")
    value = {name: float(tab.locator(f"#x0-{name}").get_attribute("value")) for name in ("cost", "review")}
    assert value["cost"] == pytest.approx(10_000 * band.cost, rel=1e-12)
    assert value["review"] == pytest.approx(10_000 * band.share, rel=1e-9)
    points = evaluate(here.table, thresholds=[first, second], bootstrap=0).operating_points[1:]
    cells = [
        [int(tab.locator(f"#x0-{name}-{k}").inner_text()) for k in range(3)]
        for name in ("attacks", "genuine")
    ]
    low, high = (point.confusion for point in points)
    assert cells == [[high.tp, low.tp - high.tp, low.fn], [high.fp, low.fp - high.fp, low.tn]]
    assert float(tab.locator("#x0-apcer").get_attribute("value")) == points[0].apcer.value
    assert float(tab.locator("#x0-bpcer").get_attribute("value")) == points[1].bpcer.value


def test_state_is_in_the_address_and_comes_back(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    here = case()
    tab = opened(here.file)
    assert tab.url == here.file.as_uri()  # nobody has moved anything
    tab.evaluate(TRY, [0.44])
    tab.locator("#x-prior").fill("5")
    tab.locator("#x-band").check()
    tab.locator("#x-review-at").fill("0.3")
    tab.locator("#x-review-at").press("Tab")
    tab.wait_for_timeout(400)
    address = tab.url
    assert address.endswith("#t=0.44&p=0.05&r=0.3")
    words = tab.locator("#x-says").inner_text()
    again = opened(here.file, "#" + address.split("#")[1])
    assert again.locator("#x-says").inner_text() == words
    assert again.locator("#x-at").input_value() == "0.44"
    assert again.locator("#x-prior").input_value() == "5"
    assert again.locator("#x-band").is_checked()
    assert again.evaluate("document.getElementById('explorer').getBoundingClientRect().top") < 50
    again.evaluate("() => { location.hash = '#t=0.61' }")
    again.wait_for_function("document.getElementById('x-at').value === '0.61'")
    assert not again.locator("#x-band").is_checked()


@pytest.mark.parametrize(
    "fragment",
    [
        "#t=nonsense",
        "#t=1e999&p=-1&r=<script>",
        "#t=0.5&p=2&miss=&alarm=NaN",
        "#t=%E0%A4%A",
        "#verdict",
        "#t=-5&r=9",
    ],
)
def test_an_address_that_says_nonsense_does_no_harm(
    opened: Callable[..., Any], case: Callable[..., Case], fragment: str
) -> None:
    tab = opened(case().file, fragment)
    assert tab.messages == []
    assert 0 <= float(tab.locator("#x-at").input_value()) <= 1
    assert tab.locator("#x-prior").input_value() == "2"


def test_keyboard_moves_the_slider_and_reaches_every_control(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    here = case()
    tab = opened(here.file)
    tab.locator("#x-slide").focus()
    at = here.grid.index(0.5)
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#x-slide").get_attribute("aria-valuetext") == str(here.grid[at + 1])
    assert float(tab.locator("#x-at").input_value()) == here.grid[at + 1]
    tab.keyboard.press("End")
    assert tab.locator("#x-at").input_value() == "1.00"
    tab.keyboard.press("Home")
    assert tab.locator("#x-at").input_value() == "0.00"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    reached = []
    for _ in range(12 + 8):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id"))
    assert [name for name in reached if name][:5] == ["x-at", "x-prior", "x-miss", "x-alarm", "x-band"]
    tab.wait_for_timeout(400)
    assert "At 0.00" in tab.locator("#x-live").inner_text()


def test_typed_threshold_moves_to_the_nearest_on_offer(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    here = case()
    tab = opened(here.file)
    wanted = [0.123456, 7.0, -3.0, 0.4999]
    shown = [float(read["at"]) for read in tab.evaluate(TRY, wanted)]
    assert shown == [min(here.grid, key=lambda own: abs(own - at)) for at in wanted]


def test_markers_stand_where_the_threshold_is_on_every_chart(
    opened: Callable[..., Any], case: Callable[..., Case]
) -> None:
    here = case(clustered=False)
    tab = opened(here.file)
    tab.evaluate(TRY, [0.5])
    marks = tab.evaluate(
        """() => [...document.querySelectorAll("svg.chart")].map((chart) => {
          const holder = chart.querySelector("[data-now]");
          const now = holder.querySelector(".now:not(.review)");
          const pin = [...holder.querySelectorAll(".pin-letter")].find((letter) => letter.textContent === "A");
          const rule = [...holder.querySelectorAll(".rule, .point")].map((own) => own.getAttribute("d") || [own.getAttribute("cx"), own.getAttribute("cy")].join());
          return {kind: holder.dataset.now, d: now.getAttribute("d"), at: [now.getAttribute("cx"), now.getAttribute("cy")].map(Number).join(), pin: Boolean(pin), rule};
        })"""
    )
    assert len(marks) == 9
    for mark in marks:
        if mark["kind"] == "types":
            continue
        # where the chart has the pin of 0.50, the marker lies on it
        if mark["pin"]:
            places = {mark["d"], mark["at"]}
            assert places & {rule.replace(".0", "") for rule in mark["rule"]} or places & set(mark["rule"]), (
                mark
            )
    assert {mark["kind"] for mark in marks} == {
        "threshold", "bpcer caught", "bpcer apcer", "caught precision", "types",
    }  # fmt: skip


def test_copied_and_downloaded_policy_decides_as_the_explorer_shows(
    opened: Callable[..., Any], case: Callable[..., Case], tmp_path: Path
) -> None:
    here = case()
    tab = opened(here.file, permissions=["clipboard-read", "clipboard-write"])
    tab.evaluate(TRY, [0.44])
    tab.locator("#x-copy").click()
    tab.wait_for_function("document.getElementById('x-copied').textContent !== ''")
    text = tab.evaluate("navigator.clipboard.readText()")
    file = tmp_path / "policy.json"
    file.write_text(text, encoding="utf-8")
    policy = load_policy(file)
    assert (policy.decide(0.44), policy.decide(0.4399)) == ("reject", "accept")
    assert policy.cut.guarantee is None
    assert "chosen by hand" in policy.cut.reason
    assert policy.data.digest == here.table.provenance.digest
    [_, point] = evaluate(here.table, thresholds=[0.44], bootstrap=0).operating_points
    seen = policy.rates["in_sample"]
    assert seen["confusion"] == point.confusion.to_dict()
    assert seen["apcer"]["value"] == point.apcer.value
    assert seen["apcer_worst"]["attack_type"] == point.apcer_worst.attack_type
    with tab.expect_download() as waiting:
        tab.locator("#x-policy-link").click()
    assert waiting.value.path().read_text(encoding="utf-8") == text
    with tab.expect_download() as at_once:  # moved and downloaded before anything else could happen
        tab.evaluate(
            "() => { const slide = document.getElementById('x-slide'); slide.value = 0;"
            " slide.dispatchEvent(new Event('input')); document.getElementById('x-policy-link').click() }"
        )
    assert json.loads(at_once.value.path().read_text(encoding="utf-8"))["cut"]["reject_from"] == 0.0


def test_policy_can_be_read_and_copied_with_scripts_off(
    opened: Callable[..., Any], case: Callable[..., Case], tmp_path: Path
) -> None:
    tab = opened(case().file, java_script_enabled=False)
    text = tab.input_value("#x-policy")
    assert len(text.splitlines()) > 20
    file = tmp_path / "policy.json"
    file.write_text(text, encoding="utf-8")
    assert (load_policy(file).decide(0.5), load_policy(file).decide(0.4999)) == ("reject", "accept")


def test_update_is_quick(opened: Callable[..., Any], case: Callable[..., Case]) -> None:
    tab = opened(case().file)
    times = tab.evaluate(
        """() => Array.from({length: 200}, (_, k) => {
          const slide = document.getElementById("x-slide");
          slide.value = (k * 37) % 1000;
          const began = performance.now();
          slide.dispatchEvent(new Event("input"));
          return performance.now() - began;
        })"""
    )
    median = sorted(times)[100]
    assert not math.isnan(median)
    assert median < 5, f"the median update takes {median:.2f} ms"

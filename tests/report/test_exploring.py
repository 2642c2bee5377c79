"""The explorer in a notebook: a frame without rights that shows the same numbers, for one run and for two."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import finauth_eval
from finauth_eval.comparison import compare
from finauth_eval.evaluation import evaluate
from finauth_eval.report import explore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from finauth_eval.comparison import Comparison
    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.scores import ScoreTable

NOTEBOOK = "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>notebook</title><body>{}</body></html>"


@pytest.fixture(scope="module")
def comparison(frame: Callable[..., pd.DataFrame], as_table: Callable[..., ScoreTable]) -> Comparison:
    before, after = frame(n=400, seed=3), frame(n=400, seed=3)
    after["score"] = (after["score"] * 0.9 + 0.03).round(4)
    after["threshold"] = after["threshold"].where(after["threshold"].isna(), 0.61)
    return compare(as_table(before), as_table(after), bootstrap=0)


@pytest.fixture
def framed(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    contexts = []

    def open_frame(shown: Any) -> Any:
        file = tmp_path / "notebook.html"
        file.write_text(NOTEBOOK.format(shown._repr_html_()), encoding="utf-8")
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        contexts.append(context)
        tab = context.new_page()
        tab.said = []
        tab.on("console", lambda message: tab.said.append(message.text))
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.goto(file.as_uri())
        return tab, tab.frame_locator("iframe")

    yield open_frame
    for context in contexts:
        context.close()


@pytest.mark.browser
def test_one_run_is_explored_in_a_frame_without_rights(
    framed: Callable[..., Any], evaluation: Evaluation, recommendations: Recommendations, table: ScoreTable
) -> None:
    tab, inside = framed(explore(evaluation, recommendations))
    assert tab.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    inside.locator("#x-at").fill("0.44")
    inside.locator("#x-at").press("Tab")
    [_, point] = evaluate(table, thresholds=[0.44], bootstrap=0).operating_points
    assert float(inside.locator("#x0-apcer").get_attribute("value")) == point.apcer.value
    assert float(inside.locator("#x0-apcer").get_attribute("data-high")) == pytest.approx(
        point.apcer.high, abs=1e-6
    )
    assert inside.locator("svg.chart").count() == 2
    tab.wait_for_timeout(300)
    assert '"reject_from": 0.44' in inside.locator("#x-policy").input_value()
    assert tab.said == []


@pytest.mark.browser
def test_two_runs_are_explored_under_one_threshold(
    framed: Callable[..., Any], comparison: Comparison
) -> None:
    tab, inside = framed(explore(comparison))
    assert inside.locator(".jumps button").all_inner_texts() == ["A0.50", "B0.61"]
    inside.locator(".jumps button").last.click()
    assert inside.locator("#x-at").input_value() == "0.61"
    for k, side in enumerate((comparison.evidence.a, comparison.evidence.b)):
        [point] = side.points([(0.61, "x")], confidence=0.95)
        for name, estimate in (
            ("bpcer", point.bpcer),
            ("apcer", point.apcer),
            ("worst", point.apcer_worst.estimate),
        ):
            cell = inside.locator(f"#x{k}-{name}")
            assert float(cell.get_attribute("value")) == estimate.value
            limits = [float(cell.get_attribute(f"data-{end}")) for end in ("low", "high")]
            assert limits == pytest.approx([estimate.low, estimate.high], abs=1e-6)
        assert int(inside.locator(f"#x{k}-attacks-2").inner_text()) == point.confusion.fn
    tab.wait_for_timeout(300)
    assert inside.locator("#x-live").text_content().startswith("Run A: At 0.61, ")
    assert "Run B: At 0.61, " in inside.locator("#x-live").text_content()
    assert tab.said == []


def test_names_from_outside_stay_inside_the_frame(
    evaluation: Evaluation, parse: Callable[[str], Any]
) -> None:
    provenance = replace(evaluation.provenance, dataset_name='"></iframe><script>alert(1)</script>')
    shown = explore(replace(evaluation, provenance=provenance))._repr_html_()
    [frame] = parse(NOTEBOOK.format(shown)).all("iframe")
    assert not parse(NOTEBOOK.format(shown)).all("script")
    assert "&lt;script&gt;alert(1)" in frame["srcdoc"]


def test_what_cannot_be_explored_is_refused(
    evaluation: Evaluation, recommendations: Recommendations, comparison: Comparison
) -> None:
    with pytest.raises(
        TypeError, match="ScoreTable cannot be explored; expected an Evaluation or a Comparison"
    ):
        explore(comparison.a)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="recommendations belong to one run"):
        explore(comparison, recommendations)
    with pytest.raises(ValueError, match="nothing to explore"):
        explore(replace(evaluation, operating_points=()))
    assert finauth_eval.explore is explore

"""Files that the page carries: saved by a real browser from disk, with scripts and without, and safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finauth_eval.deployed import deploy, load_policy
from finauth_eval.evaluation import evaluate
from finauth_eval.report.downloads import data_link, defused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.scores import ScoreTable

ALARMS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\uff1d1", "=cmd|' /C calc'!A0"]


@pytest.fixture(scope="module")
def saved(
    browser: Any, page: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], dict[str, str]]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(page, encoding="utf-8")

    def save(scripts: bool) -> dict[str, str]:
        context = browser.new_context(accept_downloads=True, java_script_enabled=scripts)
        tab = context.new_page()
        tab.goto((folder / "report.html").as_uri())
        found = {}
        for link in tab.locator("#downloads a").all():
            with tab.expect_download() as waiting:
                link.click()
            found[waiting.value.suggested_filename] = waiting.value.path().read_bytes().decode("utf-8")
        context.close()
        return found

    return save


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False])
def test_every_link_saves_its_file_from_disk(
    saved: Callable[[bool], dict[str, str]], page: str, parse: Callable[[str], Any], scripts: bool
) -> None:
    found = saved(scripts)
    links = [element for element in parse(page).all("a") if element.get("download") and not element.get("id")]
    assert [link["download"] for link in links] == list(found)
    assert {"sweep.csv", "slices.csv", "policy-3-min_cost.json"} <= set(found)
    for link in links:
        assert found[link["download"]] == unquote(link["href"].partition(",")[2])


def rows_of(page: str, parse: Callable[[str], Any], file: str) -> list[dict[str, str]]:
    [link] = [element for element in parse(page).all("a") if element.get("download") == file]
    return list(csv.DictReader(io.StringIO(unquote(link["href"].partition(",")[2]))))


def test_sweep_is_the_rates_at_each_threshold_that_decides_otherwise(
    page: str, parse: Callable[[str], Any], table: ScoreTable
) -> None:
    rows = rows_of(page, parse, "sweep.csv")
    thresholds = [float(row["threshold"]) for row in rows]
    assert thresholds == sorted(set(thresholds))
    chosen = np.random.default_rng(0).choice(len(rows), 20, replace=False)
    points = evaluate(table, thresholds=[thresholds[k] for k in chosen], bootstrap=0).operating_points[1:]
    for k, point in zip(chosen, points, strict=True):
        row = rows[k]
        assert (int(row["genuine_blocked"]), int(row["attacks_passed"])) == (
            point.confusion.fp,
            point.confusion.fn,
        )
        assert row["worst_type"] == point.apcer_worst.attack_type
        for name, estimate in (
            ("bpcer", point.bpcer),
            ("apcer", point.apcer),
            ("worst", point.apcer_worst.estimate),
        ):
            value = row["worst_apcer" if name == "worst" else name]
            shown = [float(value), float(row[f"{name}_low"]), float(row[f"{name}_high"])]
            assert shown == pytest.approx([estimate.value, estimate.low, estimate.high], rel=1e-5)
    scores = table.scores[~np.isnan(table.scores)]
    grid = json.loads(parse(page).by_id("explorer-data").text)["thresholds"]
    assert len(rows) == len({int((scores >= at).sum()) for at in grid})


def test_slices_are_those_of_the_evaluation(
    page: str, parse: Callable[[str], Any], evaluation: Evaluation
) -> None:
    rows = rows_of(page, parse, "slices.csv")
    assert len(rows) == sum(2 * len(parts) for parts in evaluation.slices.values())
    for row in rows:
        part = evaluation.slices[row["column"]][row["value"]]
        [point] = [own for own in part.operating_points if own.threshold == float(row["threshold"])]
        assert int(row["genuine"]) == part.counts.bona_fide
        if point.bpcer.defined:
            assert float(row["bpcer"]) == pytest.approx(point.bpcer.value, rel=1e-5)
        else:
            assert row["bpcer"] == ""


def test_policies_are_the_exported_ones(
    page: str, parse: Callable[[str], Any], recommendations: Recommendations, tmp_path: Path
) -> None:
    [link] = [own for own in parse(page).all("a") if own.get("download") == "policy-3-min_cost.json"]
    file = tmp_path / "policy.json"
    file.write_text(unquote(link["href"].partition(",")[2]), encoding="utf-8")
    assert load_policy(file) == deploy(recommendations, "min_cost")


@pytest.mark.parametrize("text", ALARMS)
def test_a_text_that_a_spreadsheet_would_compute_is_defused(text: str) -> None:
    assert defused(text).startswith("'")


@given(st.text(max_size=30))
def test_every_text_survives_in_a_link_and_begins_with_no_formula(text: str) -> None:
    shown = defused(text)
    assert shown[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert unquote(data_link(shown, "text/csv").partition(",")[2]) == shown
    assert not set(data_link(shown, "text/csv")) & set(' "<>#\n\\')

"""The page as a document: what a parser, a screen reader and a browser's policy make of it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from finauth_eval.report import render_report, write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations
    from finauth_eval.scores import ScoreTable


def test_has_one_heading_of_the_first_rank_a_language_and_a_title(
    page: str, parse: Callable[[str], Any]
) -> None:
    document = parse(page)
    assert [element.text for element in document.all("h1")] == ["Deepfake detection on demo"]
    assert document.all("html")[0]["lang"] == "en"
    assert document.all("title")[0].text == "Deepfake detection on demo"


def test_headings_skip_no_rank(page: str, parse: Callable[[str], Any]) -> None:
    ranks = [int(element.tag[1]) for element in parse(page).elements if re.fullmatch(r"h[1-6]", element.tag)]
    assert ranks[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(ranks))


def test_every_table_has_a_caption_and_headers_that_say_what_they_head(
    page: str, parse: Callable[[str], Any]
) -> None:
    tables = parse(page).tables()
    assert len(tables) > 15
    for table in tables:
        assert table.caption
        assert all(scope in ("col", "row") for scope in table.scopes), table.caption
        assert len(table.columns) > 1
        assert all(table.columns), f"{table.caption}: a column without a heading"
        assert all(len(row) == len(table.columns) for row in table.rows), table.caption


def test_every_table_scrolls_in_a_named_region_that_the_keyboard_reaches(
    page: str, parse: Callable[[str], Any]
) -> None:
    document = parse(page)
    regions = [element for element in document.all("div") if element.get("class") == "scroll"]
    assert len(regions) == len(document.tables())
    for region in regions:
        assert (region["role"], region["tabindex"]) == ("region", "0")
        assert region["aria-label"].startswith("Table: ")


def test_ids_are_unique_and_every_reference_finds_its_target(page: str, parse: Callable[[str], Any]) -> None:
    document = parse(page)
    ids = [element["id"] for element in document.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in document.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(element.get(name, "").split()) <= set(ids)
        if element.tag == "a" and "download" in element.attributes:
            assert element["href"].startswith(("data:text/csv;", "data:application/json;"))
        elif element.tag == "a":
            assert element["href"].startswith("#")
            assert element["href"][1:] in ids


def test_every_chart_has_a_title_and_a_description(page: str, parse: Callable[[str], Any]) -> None:
    charts = [element for element in parse(page).all("svg") if element.get("class") == "chart"]
    assert len(charts) == 9  # rates, costs, scores, ROC twice, DET, PR, reliability, types
    for chart in charts:
        assert chart["role"] == "img"
        title, description = chart["aria-labelledby"].split()
        assert parse(page).by_id(title).text
        assert len(parse(page).by_id(description).text) > 30


def test_nothing_is_styled_or_scripted_in_attributes_and_nothing_is_loaded(
    page: str, parse: Callable[[str], Any]
) -> None:
    document = parse(page)
    for element in document.elements:
        for name in element.attributes:
            assert name != "style"
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "data", "action", "background", "poster", "xlink:href")
        assert element.tag not in ("link", "iframe", "object", "embed", "img", "base", "form", "image", "use")
    scripts = document.all("script")
    assert [script.get("type") for script in scripts] == ["application/json", "application/json", ""]
    style = document.all("style")
    assert len(style) == 1
    assert "url(" not in style[0].text
    assert "@import" not in style[0].text


def test_policy_allows_our_stylesheet_and_our_script_by_hash_and_nothing_else(
    page: str, parse: Callable[[str], Any]
) -> None:
    document = parse(page)
    [meta] = [element for element in document.all("meta") if "http-equiv" in element.attributes]
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (document.all("style")[0].text, document.all("script")[-1].text)
    )
    assert meta["content"] == (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script")


def test_script_makes_no_markup_runs_no_text_and_styles_nothing(
    page: str, parse: Callable[[str], Any]
) -> None:
    program = parse(page).all("script")[-1].text
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        ".style",
    ):
        assert word not in program
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "import("):
        assert word not in program


def test_data_block_is_the_evaluations_and_the_recommendations_json(
    page: str, evaluation: Evaluation, recommendations: Recommendations, parse: Callable[[str], Any]
) -> None:
    data = json.loads(parse(page).by_id("finauth-eval-data").text)
    assert data["evaluation"] == json.loads(json.dumps(evaluation.to_dict()))
    assert data["recommendations"] == json.loads(json.dumps(recommendations.to_dict()))


def test_same_input_gives_the_same_bytes(
    page: str, evaluation: Evaluation, recommendations: Recommendations, table: ScoreTable, tmp_path: Path
) -> None:
    path = write_report(evaluation, recommendations, path=tmp_path / "new" / "report.html", scores=table)
    assert path.read_bytes() == page.encode()
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_writing_replaces_an_older_report_and_leaves_nothing_else(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(evaluation, path=str(path))
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == [path]


def test_title_can_be_given(evaluation: Evaluation, parse: Callable[[str], Any]) -> None:
    assert parse(render_report(evaluation, title="Q3 & Q4")).all("h1")[0].text == "Q3 & Q4"


@pytest.mark.parametrize(
    ("endpoint", "sandbox", "shown"),
    [
        ("http://127.0.0.1:8765", None, True),
        ("http://[::1]:80/x", None, True),
        ("localhost:9000", None, True),
        ("https://api.example.com", True, True),
        ("https://api.example.com", None, False),
        ("http://127.0.0.1.example.com", None, False),
        ("http://[", None, False),
        (None, None, False),
    ],
)
def test_banner_warns_of_the_reference_detector_and_only_of_it(
    evaluation: Evaluation, endpoint: str | None, sandbox: bool | None, shown: bool
) -> None:
    provenance = replace(evaluation.provenance, endpoint=endpoint, run={"sandbox": sandbox})
    page = render_report(replace(evaluation, provenance=provenance))
    assert ("Weak reference detector" in page) is shown
    assert ("they say nothing about FinAuth" in page) is shown


def test_stylesheet_script_and_page_keep_their_sizes(page: str, parse: Callable[[str], Any]) -> None:
    assert len(parse(page).all("style")[0].text.encode()) <= 15_000
    assert len(parse(page).all("script")[-1].text.encode()) <= 25_000
    assert len(page.encode()) <= 500_000


def test_page_says_nothing_of_times_that_are_not_the_runs(page: str) -> None:
    years = set(re.findall(r"\b20\d\d-\d\d-\d\d", page))
    assert years == {"2026-01-05"}

"""Names and messages from outside cannot become markup, end the data block, turn the reading direction or hide."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import MaxApcer, MaxBpcer, recommend
from finauth_eval.report import render_report, write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from finauth_eval.scores import ScoreTable

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "closes": "</script></style></title></svg><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x="',
    "single": "' onfocus='alert(1)' autofocus='",
    "css": "</style><style>*{display:none}</style>",
    "expression": "};background:url(//evil.example/x)",
    "template": "{{ 7*7 }}{% raw %}",
    "comment": "<!--<script>",
    "cdata": "]]><script>alert(1)</script>",
    "entity": "&lt;script&gt;&#x22;&quot;",
    "json": '"},"x":{"',
    "separators": "line\u2028para\u2029end",
    "bidi": "safe\u202egpj.exe\u2066x\u2069\u200f",
    "zero width": "re\u200bplay\ufeff\u00ad",
    "control": "bell\x07null\x00esc\x1b[31m",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "long": "x" * 300,
    "long words": "very " * 60,
    "arabic": "هجوم",
    "emoji": "👩\u200d💻",
    "javascript": "javascript:alert(1)",
    "newline": "a\nb\tc",
    "sum": "@SUM(1+1)*cmd|' /C calc'!A0",
    "plus": "+1",
    "minus": "-2+3",
    "wide": "\uff1dHYPERLINK(1)",
    "tab": "\t=1",
    "data": "data:text/html,<script>alert(1)</script>",
    "prototype": "__proto__",
    "attribute of a chart": '"/><image href=x onerror=alert(1)>',
    "percent": "%3Cscript%3Ealert(1)%3C/script%3E",
    "hash": "#t=0.1&p=<script>",
}


@pytest.fixture(scope="module")
def hostile(
    frame: Callable[..., pd.DataFrame],
    run_summary: Callable[..., dict[str, Any]],
    as_table: Callable[..., ScoreTable],
) -> ScoreTable:
    rows = frame(n=900, seed=2)
    words = list(PAYLOADS.values())
    spread = [words[k % len(words)] for k in range(len(rows))]
    rows["attack_type"] = spread
    rows["reason"] = spread
    rows["media_type"] = spread
    rows["region"] = spread[::-1]
    rows["subject"] = None
    rows["<b onclick=x>column</b>\u202e"] = spread
    run = run_summary(
        dataset={"name": PAYLOADS["closes"] + PAYLOADS["bidi"], "digest": PAYLOADS["script"]},
        endpoint=PAYLOADS["closes"],
        region=PAYLOADS["attribute"],
        campaign=PAYLOADS["css"],
        command=PAYLOADS["script"],
        package_versions={PAYLOADS["script"]: PAYLOADS["attribute"]},
        no_response={PAYLOADS["closes"]: 3, PAYLOADS["script"]: "<b>"},
        sends="<script>",
    )
    return as_table(rows, run)


@pytest.fixture(scope="module")
def hostile_page(hostile: ScoreTable) -> str:
    evaluation = evaluate(hostile, bootstrap=0, by=["media_type", "<b onclick=x>column</b>\u202e"])
    evaluation = replace(evaluation, warnings=(*evaluation.warnings, *PAYLOADS.values()))
    answers = recommend(hostile, [MaxBpcer(0.05), MaxApcer(0.01)])
    return render_report(evaluation, answers, scores=hostile)


def shapes(document: Any) -> set[tuple[str, str]]:
    return {(element.tag, name) for element in document.elements for name in ("", *element.attributes)}


def test_no_payload_makes_an_element_or_an_attribute(
    page: str, hostile_page: str, parse: Callable[[str], Any]
) -> None:
    known = shapes(parse(page))
    assert shapes(parse(hostile_page)) <= known


def test_payloads_are_read_as_they_are_written(hostile_page: str, parse: Callable[[str], Any]) -> None:
    texts = {element.text for element in parse(hostile_page).all("bdi")}
    for name in (
        "script",
        "closes",
        "attribute",
        "css",
        "template",
        "entity",
        "formula",
        "arabic",
        "emoji",
        "long",
    ):
        assert PAYLOADS[name] in texts


def test_no_hidden_character_is_left(hostile_page: str) -> None:
    hidden = {
        char
        for char in hostile_page
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in "\n\u200d"
    }
    assert not hidden
    assert "safe\\u202egpj.exe" in hostile_page


def test_data_block_ends_where_it_should(hostile_page: str, parse: Callable[[str], Any]) -> None:
    document = parse(hostile_page)
    explorer, whole, program = document.all("script")
    types = set(json.loads(whole.text)["evaluation"]["attack_types"])
    assert {PAYLOADS["script"], PAYLOADS["closes"]} <= types
    shown = {kind["name"] for kind in json.loads(explorer.text)["sides"][0]["types"]}
    assert len(shown) == 8
    for block in (explorer, whole):
        assert not set("<>&\u2028\u2029") & set(block.text)
    assert "alert" not in program.text


def test_downloads_of_hostile_names_are_defused_and_whole(
    hostile_page: str, parse: Callable[[str], Any]
) -> None:
    links = {own["download"]: own["href"] for own in parse(hostile_page).all("a") if own.get("download")}
    assert all(
        href.startswith("data:") and not set(href) & set("<>\"' \n") - {"'"} for href in links.values()
    )
    cells = [
        cell
        for file in ("sweep.csv", "slices.csv")
        for row in csv.DictReader(io.StringIO(unquote(links[file].partition(",")[2])))
        for name, cell in row.items()
        if name in ("worst_type", "column", "value")
    ]
    assert {"'" + PAYLOADS["plus"], "'" + PAYLOADS["formula"], "'" + PAYLOADS["sum"]} <= set(cells)
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r\uff1d"]
    for file, href in links.items():
        if file.endswith(".json"):
            json.loads(unquote(href.partition(",")[2]))


@pytest.mark.browser
def test_nothing_hostile_runs_while_thresholds_are_explored(
    browser: Any, hostile_page: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(hostile_page, encoding="utf-8")
    context = browser.new_context()
    tab = context.new_page()
    alarms: list[str] = []
    tab.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    tab.on("console", lambda message: alarms.append(message.text))
    tab.on("pageerror", lambda error: alarms.append(str(error)))
    tab.on("request", lambda request: alarms.append(request.url))
    tab.goto(file.as_uri())
    assert alarms.pop(0) == file.as_uri()
    before = tab.evaluate("document.querySelectorAll('*').length")
    for at in range(0, 1000, 40):
        tab.evaluate(
            """(at) => { const slide = document.getElementById("x-slide"); slide.value = at;
            slide.dispatchEvent(new Event("input")); }""",
            at,
        )
    tab.locator("#x-copy").click()
    tab.wait_for_timeout(300)
    assert alarms == []
    assert tab.evaluate("document.querySelectorAll('*').length") == before
    assert json.loads(tab.locator("#x-policy").input_value())["goal"] == "a threshold chosen by hand"
    context.close()


def test_run_summary_without_a_table_is_no_less_safe(
    page: str, hostile: ScoreTable, parse: Callable[[str], Any]
) -> None:
    document = parse(render_report(evaluate(hostile, bootstrap=0)))
    assert shapes(document) <= shapes(parse(page))
    shown = document.table("Samples without a score, by reason")
    assert [row[-1].value for row in shown.rows] == [3]


def test_a_name_that_is_not_unicode_can_be_written(hostile: ScoreTable, tmp_path: Path) -> None:
    provenance = replace(hostile.provenance, dataset_name="caf\udce9", source="runs/\udcff")
    evaluation = evaluate(replace(hostile, provenance=provenance), bootstrap=0)
    path = write_report(evaluation, path=tmp_path / "report.html")
    assert "caf\\udce9" in path.read_text(encoding="utf-8")

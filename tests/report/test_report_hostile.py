"""Names and messages from outside cannot become markup, end the data block, turn the reading direction or hide."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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

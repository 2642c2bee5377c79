"""Names from outside make no markup on the comparison page and the history page, end no data block and hide nothing."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval.comparison import compare
from finauth_eval.gate import RuleVerdict, Verdict, invalid
from finauth_eval.history import FIGURES, History
from finauth_eval.report import render_comparison, render_history, write_history

if TYPE_CHECKING:
    from collections.abc import Callable

    from finauth_eval.comparison import Comparison
    from finauth_eval.scores import ScoreTable

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script></style></title></svg></bdi><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onfocus='alert(1)' autofocus='",
    "</style><style>*{display:none}</style>",
    "};background:url(//evil.example/x)",
    "{{ 7*7 }}{% raw %}",
    "<!--<script>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;&#x22;&quot;",
    '"},"x":{"',
    "line\u2028para\u2029end",
    "safe\u202egpj.exe\u2066x\u2069\u200f",
    "re\u200bplay\ufeff\u00ad",
    "bell\x07null\x00esc\x1b[31m",
    '=HYPERLINK("http://evil.example","x")',
    "x" * 300,
    "javascript:alert(1)",
    "a\nb\tc",
    "هجوم",
]
HOSTILE_COLUMN = "<b onclick=x>column</b>\u202e"


def spread(n: int, *, unique: bool = False) -> list[str]:
    return [PAYLOADS[k % len(PAYLOADS)] + (f" {k}" if unique else "") for k in range(n)]


def compared(
    frame: Callable[..., pd.DataFrame], as_table: Callable[..., ScoreTable], summary: Any, *, hostile: bool
) -> Comparison:
    rows = frame(n=600, seed=3)
    rows["subject"] = None
    rows["other"] = rows["region"]
    run = summary()
    if hostile:
        rows["sample_id"] = spread(600, unique=True)
        rows["attack_type"] = rows["region"] = rows["reason"] = spread(600)
        rows["other"] = spread(600)
        run = summary(
            dataset={"name": PAYLOADS[1] + PAYLOADS[12], "digest": PAYLOADS[0]}, endpoint=PAYLOADS[1], region=PAYLOADS[2],
            campaign=PAYLOADS[4], endpoint_name=PAYLOADS[0], started_at=PAYLOADS[1], ended_at=PAYLOADS[3],
            package_versions={PAYLOADS[0]: PAYLOADS[2]}, sends="<script>",
        )  # fmt: skip
    rows = rows.rename(columns={"other": HOSTILE_COLUMN if hostile else "other"})
    moved = rows.assign(score=np.clip(rows["score"] + np.linspace(-0.2, 0.25, 600), 0, 1), threshold=np.nan)
    other = {**run, "dataset": {"name": "other", "digest": "ef" * 32}}
    a, b = as_table(rows.assign(threshold=np.nan), run), as_table(moved, other)
    source = {"source": PAYLOADS[1] + "/" + PAYLOADS[12]} if hostile else {}
    found = compare(
        a.with_provenance(**source), b.with_provenance(**source), by=["region", HOSTILE_COLUMN if hostile else "other"],
        bootstrap=0,
    )  # fmt: skip
    return replace(found, warnings=tuple(PAYLOADS) if hostile else ("a warning",))


def judged(found: Comparison, words: list[str]) -> Verdict:
    rules = tuple(
        RuleVerdict(
            name=own, verdict="pass", observed=0.1, limit=0.2, p_value=0.5, p_holm=0.5, n=9, explanation=own
        )
        for own in words
    )
    nothing = invalid("reason", baseline="a", run="b")
    return replace(nothing, verdict="pass", rules=rules, reason=None, flips=found.flips)


@pytest.fixture(scope="module")
def pages(frame: Any, as_table: Any, run_summary: Any) -> tuple[str, str]:
    """The comparison page of plain names and that of hostile ones."""
    plain, hostile = (compared(frame, as_table, run_summary, hostile=own) for own in (False, True))
    assert hostile.flips
    return render_comparison(plain, judged(plain, ["rule"])), render_comparison(
        hostile, judged(hostile, PAYLOADS)
    )


def history_of(names: list[str]) -> History:
    n = len(names)
    words = pd.Series(names, dtype=object)  # pandas' own texts can't hold what is not Unicode
    frame = pd.DataFrame({
        "run": words, "started_at": words, "campaign": words, "region": words, "endpoint": words, "dataset_name": words,
        "dataset_digest": words, "threshold": 0.5, "samples": 9, "bona_fide": 4, "attack": 5,
        **{f"{name}{suffix}": 0.1 for name in FIGURES for suffix in ("", "_low", "_high")}, "worst_type": words,
        "verdict": words, "baseline": True, "baseline_reason": words, "changed": pd.Series([own.replace(",", "") for own in names], dtype=object),
    })  # fmt: skip
    frame.loc[n - 1, "changed"] = "dataset, threshold, endpoint"
    return History(folder=Path(names[0].replace("/", "")), frame=frame, left_out={own: own for own in names})


@pytest.fixture(scope="module")
def histories() -> tuple[str, str]:
    """The history page of plain names and that of hostile ones."""
    plain, hostile = history_of([f"run-{k}" for k in range(20)]), history_of(PAYLOADS)
    return render_history(plain, links={"run-1": "run-1/report.html"}), render_history(hostile)


def shapes(document: Any) -> set[tuple[str, str]]:
    return {(element.tag, name) for element in document.elements for name in ("", *element.attributes)}


@pytest.fixture(params=["pages", "histories"])
def both(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.getfixturevalue(request.param)
    return found


def test_no_payload_makes_an_element_or_an_attribute(
    both: tuple[str, str], parse: Callable[[str], Any]
) -> None:
    plain, hostile = both
    assert shapes(parse(hostile)) <= shapes(parse(plain))


def test_no_hidden_character_is_left(both: tuple[str, str]) -> None:
    hidden = {
        char
        for char in both[1]
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n"
    }
    assert not hidden
    assert "safe\\u202egpj.exe" in both[1]


def test_names_are_isolated_from_the_words_around_them(
    both: tuple[str, str], parse: Callable[[str], Any]
) -> None:
    texts = {element.text for element in parse(both[1]).all("bdi")}
    assert {PAYLOADS[0], PAYLOADS[2], PAYLOADS[6], PAYLOADS[9], PAYLOADS[19]} <= texts


def test_data_block_ends_where_it_should(pages: tuple[str, str], parse: Callable[[str], Any]) -> None:
    document = parse(pages[1])
    assert len(document.all("script")) == 3  # the result, the explorer's numbers, the script
    text = document.by_id("finauth-eval-data").text
    data = json.loads(text)
    assert PAYLOADS[1] in data["comparison"]["attack_types"]
    assert not set("<>&\u2028\u2029") & set(text)


def test_no_hostile_run_becomes_a_link_that_leaves(tmp_path: Path, parse: Callable[[str], Any]) -> None:
    names = ["javascript:alert(1)", "a b#c?d%20", '"><script>', "caf\udce9", "..x", "//evil.example"]
    own = history_of(names)
    own = replace(own, folder=tmp_path)
    for name in names[:5]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.html").write_text("x")
    document = parse(write_history(own, path=tmp_path / "history.html").read_text(encoding="utf-8"))
    links = [a["href"] for a in document.all("a") if a.inside("table")]
    assert links == [
        "..x/report.html", "caf%E9/report.html", "%22%3E%3Cscript%3E/report.html", "a%20b%23c%3Fd%2520/report.html",
        "javascript%3Aalert%281%29/report.html",
    ]  # fmt: skip


def test_a_name_that_is_not_unicode_can_be_shown() -> None:
    assert "caf\\udce9" in render_history(history_of(["caf\udce9", "b"]))

"""Data that leave questions open, in a real browser: each page stands, fits, explores to both ends and tells the truth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import EqualError, MaxApcer, MaxBpcer, recommend
from finauth_eval.report import write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from finauth_eval.scores import ScoreTable

pytestmark = pytest.mark.browser

POLICIES = [MaxBpcer(0.05), MaxApcer(0.05), EqualError()]
LONG = "replay of a very long name "


def all_fake(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    rows = frame()
    return rows[rows["label"] == "attack"]


def all_real(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    rows = frame()
    return rows[rows["label"] == "bona_fide"]


def nothing_scored(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return frame().assign(score=np.nan, threshold=np.nan, result=None, reason="no_face_found")


def one_sample(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    rows = frame()
    return rows[rows["score"].notna()].head(1)


def many_long_types(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    rows = frame(n=1200)
    attack = rows["label"] == "attack"
    names = [f"{LONG}{k % 200:03} ".ljust(300, "x") for k in range(int(attack.sum()))]
    rows.loc[attack, "attack_type"] = names
    return rows


def forty_slices(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    rows = frame(n=800)
    return rows.assign(place=[f"{k % 40:02} ".ljust(300, "y") for k in range(len(rows))])


def million(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    attack = rng.random(1_000_000) < 0.5
    return pd.DataFrame(
        {"label": np.where(attack, "fake", "real"), "score": rng.beta(2 + attack, 3 - attack).round(6)}
    )


def ends(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Scores of exactly 0 and 1 among others, and a threshold of 0 in force."""
    rows = frame()
    rows.loc[rows.index[:4], "score"] = [0.0, 1.0, 0.0, 1.0]
    rows["threshold"] = np.where(rows["score"].notna(), 0.0, np.nan)
    return rows.assign(result=rows["score"].notna().where(rows["score"].notna(), None))


def ends_at_one(frame: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    rows = ends(frame)
    rows["threshold"] = np.where(rows["score"].notna(), 1.0, np.nan)
    return rows.assign(result=np.where(rows["score"].notna(), rows["score"] == 1, None))


CASES = {
    own.__name__: own
    for own in (all_fake, all_real, nothing_scored, one_sample, many_long_types, forty_slices, million, ends, ends_at_one)
}  # fmt: skip


@pytest.fixture(scope="module")
def made(
    frame: Any, as_table: Any, run_summary: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, ScoreTable]]:
    folder = tmp_path_factory.mktemp("degenerate")
    known: dict[str, tuple[Path, ScoreTable]] = {}

    def make(case: str) -> tuple[Path, ScoreTable]:
        if case not in known:
            table = as_table(CASES[case](frame), run_summary())
            by = {"forty_slices": ["place"], "million": []}.get(case, ["region"])
            found = evaluate(table, by=by, bootstrap=0, thresholds=[0.0, 1.0], even_unscored=True)
            advice = recommend(table, POLICIES) if table.scored.any() else None
            path = folder / f"{case}.html"
            write_report(found, advice, path=path, scores=table)
            known[case] = (path, table)
        return known[case]

    return make


@pytest.fixture
def opened(browser: Any, made: Callable[[str], tuple[Path, ScoreTable]]) -> Iterator[Callable[..., Any]]:
    contexts = []

    def open_page(case: str, *, width: int = 1280) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        tab = context.new_page()
        tab.messages = []
        tab.on("console", lambda message: tab.messages.append(message.text))
        tab.on("pageerror", lambda error: tab.messages.append(str(error)))
        tab.goto(made(case)[0].as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("case", CASES)
def test_page_stands_and_is_never_wider_than_the_window(
    opened: Callable[..., Any], case: str, width: int
) -> None:
    tab = opened(case, width=width)
    tab.evaluate("() => document.querySelectorAll('details').forEach((details) => { details.open = true })")
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= width
    charts = tab.locator("svg.chart")
    for k in range(charts.count()):
        box = charts.nth(k).bounding_box()
        assert box["width"] > 200
        assert box["height"] > 40
    sections = tab.evaluate("() => [...document.querySelectorAll('section')].map((own) => own.id)")
    explored = ["explorer"] if case != "nothing_scored" else []
    assert [own for own in sections if own not in ("mistakes", "downloads")] == [
        "verdict", "coverage", *explored, "thresholds", "curves", "types", "quality", "methods",
    ]  # fmt: skip
    text = tab.inner_text("main")
    assert re.search(r"\bnan\b", text.lower()) is None
    assert tab.messages == []


@pytest.mark.parametrize("case", [own for own in CASES if own != "nothing_scored"])
def test_both_ends_of_the_slider_tell_the_truth(
    opened: Callable[..., Any], made: Callable[[str], tuple[Path, ScoreTable]], case: str
) -> None:
    tab = opened(case)
    rows = made(case)[1].frame
    rows = rows[rows["score"].notna()]
    attack = (rows["label"] == "attack").to_numpy()
    score = rows["score"].to_numpy()
    for key in ("Home", "End"):
        tab.focus("#x-slide")
        tab.keyboard.press(key)
        at = float(tab.input_value("#x-at"))
        if key == "Home":
            assert at == 0.0
        else:
            assert at >= 1.0
        blocked = score >= at
        expected = {
            "attacks-0": int((blocked & attack).sum()),
            "attacks-2": int((~blocked & attack).sum()),
            "genuine-0": int((blocked & ~attack).sum()),
            "genuine-2": int((~blocked & ~attack).sum()),
        }
        shown = {name: float(tab.locator(f"#x0-{name}").get_attribute("value") or "nan") for name in expected}
        assert shown == expected
    assert tab.messages == []


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("all_fake", "no genuine sample has a score"),
        ("all_real", "no attack has a score"),
        ("nothing_scored", "No sample has a score, so nothing can be said."),
        ("one_sample", "Not enough data"),
        ("ends", "At 0.00, 0% of attacks pass and 100% of genuine customers are blocked."),
        ("ends_at_one", "At 1.00,"),
    ],
)
def test_verdict_says_what_is_the_matter(opened: Callable[..., Any], case: str, words: str) -> None:
    assert words in opened(case).inner_text("#verdict")


def test_why_nothing_is_scored_is_on_the_page(opened: Callable[..., Any]) -> None:
    text = opened("nothing_scored").inner_text("#coverage")
    assert "no face found" in text
    assert "What the run sent" in text

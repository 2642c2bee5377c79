"""What a notebook shows of a result: plain tables, small, and safe whatever names are in it."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from finauth_eval.evaluation import evaluate
from finauth_eval.scores import ScoreTable
from finauth_eval.shown.notebook import MOST_ROWS

ALLOWED = {"div", "p", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "bdi"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\u202egpj.exe",
    "=cmd|' /C calc'!A0",
    "&lt;",
)


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(page: str) -> Seen:
    seen = Seen()
    seen.feed(page)
    seen.close()
    assert not seen.open
    return seen


def scores(n: int, types, **columns) -> ScoreTable:
    rng = np.random.default_rng(n)
    attack = np.arange(n) % 2 == 0
    frame = pd.DataFrame({
        "label": np.where(attack, "attack", "bona_fide"),
        "score": np.round(rng.beta(2 + 2 * attack, 4 - 2 * attack), 3),
        "attack_type": np.where(attack, np.array(types, dtype=object)[np.arange(n) // 2 % len(types)], None),
        **columns,
    })  # fmt: skip
    return ScoreTable.from_frame(frame)


def test_an_evaluation_is_shown_with_its_rates_types_slices_and_notes():
    table = scores(400, ["mask", "swap"], region=np.resize(["sgp", "idn", "idn"], 400))
    found = evaluate(table, thresholds=[0.44], by=["region"], bootstrap=50)
    seen = parsed(found._repr_html_())
    text = "".join(seen.text)
    first = found.operating_points[0]
    for words in (
        "200 bona fide and 200 attacks have a score", f"{found.auc.value:.3f}", f"{100 * first.bpcer.value:.1f}%",
        "mask", "swap", "sgp", "idn", "0.44", "BPCER20", "95% confidence intervals",
    ):  # fmt: skip
        assert words in text
    assert seen.tags <= ALLOWED
    assert seen.attributes == {"scope"}


@pytest.mark.parametrize("length", [1, 300])
def test_hostile_and_long_names_neither_act_nor_grow_beyond_sixty_kilobytes(length):
    names = [(payload * length)[: max(length, len(payload))] for payload in HOSTILE]
    kinds = [f"{name}{i}" for i in range(200) for name in names[:1]]
    values = [f"{names[i % 5]}{i}" for i in range(480)]
    columns = {f"column {k} <b>": np.resize(np.array(values, dtype=object), 4_000) for k in range(14)}
    found = evaluate(scores(4_000, kinds, **columns), by=[*columns], bootstrap=0, calibration=False)
    page = found._repr_html_()
    assert len(page.encode()) <= 60_000
    seen = parsed(page)
    assert seen.tags <= ALLOWED
    assert seen.attributes <= {"scope"}
    assert "\u202e" not in page
    text = "".join(seen.text)
    assert f"and {200 - MOST_ROWS} more, which to_dict() has" in text
    if length == 300:
        assert "parts are left out" in text


def test_one_class_and_a_single_sample_are_shown_too():
    for label in ("real", "fake"):
        found = evaluate(ScoreTable.from_frame(pd.DataFrame({"label": [label], "score": [0.25]})))
        text = "".join(parsed(found._repr_html_()).text)
        assert "have a score; 0 and 0 have none" in text
        assert "nan" not in text

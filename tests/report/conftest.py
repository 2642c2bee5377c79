"""Score tables as a run leaves them, the page made of them, and a reader that takes the page apart again."""

from __future__ import annotations

import contextlib
import functools
import gettext
import os
import re
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from finauth_eval import phrases
from finauth_eval.evaluation import evaluate
from finauth_eval.recommendation import EqualError, MaxApcer, MaxBpcer, MinCost, Youden, recommend
from finauth_eval.report import render_report
from finauth_eval.scores import ScoreTable, provenance_of_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.recommendation import Recommendations

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

TYPES = {"face_swap": 1.4, "replay": 0.7, "face_morph": 1.0, "inpainting": 1.9, "puppeteering": 2.4}
REGIONS = ("sgp", "idn", "hkg")


def make_frame(*, n: int = 320, seed: int = 5) -> pd.DataFrame:
    """About ``n`` rows with five attack types, subjects, regions and some samples without a response."""
    rng = np.random.default_rng(seed)
    attack = rng.random(n) < 0.55
    kinds = np.where(attack, rng.choice(list(TYPES), n, p=[0.3, 0.25, 0.2, 0.17, 0.08]), None)
    shift = np.array([TYPES.get(kind, -1.6) for kind in kinds])
    score = np.round(1 / (1 + np.exp(-(shift + rng.normal(0, 1.2, n)))), 4)
    without = rng.random(n) < 0.05
    reason = np.where(
        without, rng.choice(["no_face_found", "gave_up", "invalid_image_size"], n, p=[0.7, 0.2, 0.1]), None
    )
    return pd.DataFrame(
        {
            "sample_id": [f"s{k:05}" for k in range(n)],
            "label": np.where(attack, "attack", "bona_fide"),
            "score": np.where(without, np.nan, score),
            "reason": reason,
            "threshold": np.where(without, np.nan, 0.5),
            "result": np.where(without, None, score >= 0.5),
            "attack_type": kinds,
            "subject": [f"p{k:03}" for k in rng.integers(0, n // 3, n)],
            "media_type": rng.choice(["image", "video"], n, p=[0.8, 0.2]),
            "region": rng.choice(REGIONS, n),
            "time_used_ms": np.where(without, np.nan, np.round(rng.lognormal(5.2, 0.5, n))),
            "device": rng.choice(["phone", "laptop", "kiosk"], n, p=[0.7, 0.25, 0.05]),
        }
    )


def make_run(**changes: Any) -> dict[str, Any]:
    """A run.json of the sandbox."""
    return {
        "schema": "finauth-eval/run/1",
        "samples": 320,
        "unique_contents": 318,
        "scored": 304,
        "no_response": {"no_face_found": 11, "gave_up": 4, "invalid_image_size": 1},
        "not_sent": {},
        "from_cache": 0,
        "sends": 325,
        "retries": 7,
        "possibly_billed": 319,
        "concurrency_limited": 3,
        "endpoint": "http://127.0.0.1:8765",
        "sandbox": True,
        "started_at": "2026-01-05T09:00:00+00:00",
        "finished_at": "2026-01-05T09:01:12+00:00",
        "wall_s": 72.4,
        "dataset": {"name": "demo", "digest": "ab" * 32},
        "package_versions": {"numpy": "2.4.6", "scipy": "1.18.0"},
        **changes,
    }


def make_table(frame: pd.DataFrame, run: dict[str, Any] | None = None, **reading: Any) -> ScoreTable:
    table = ScoreTable.from_frame(frame, **reading)
    return table.with_provenance(**provenance_of_run(run)) if run else table


OPEN, CLOSE = "⟦", "⟧"
SILENT = {"script", "style", "bdi", "code", "textarea"}
SPOKEN = {"aria-label", "aria-description", "aria-valuetext", "alt", "title", "placeholder"}
# what fills the gaps of a text must come from the catalogue by itself
GAPS = re.compile(r"(<[^>]*>|\{\{|\}\}|\{[a-z_0-9]+\}|%\([a-z_]+\)s)")
# terms of the field, which are the same in every language
TERMS = {
    *("APCER", "BPCER", "AUC", "ROC", "DET", "PSI", "KS", "Wasserstein", "Holm", "JSON", "API", "UTC", "ms"),
    *("finauth", "eval"),
}


class Brackets(gettext.NullTranslations):
    """A language in which every text of the catalogue stands in brackets, but for its gaps and its markup."""

    def gettext(self, message: str) -> str:
        parts = GAPS.split(message)
        return "".join(
            part if k % 2 or not part.strip() else f"{OPEN}{part}{CLOSE}" for k, part in enumerate(parts)
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


class Outside(HTMLParser):
    """Collects what a reader is told outside of all brackets."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.silent: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent.append(tag)
        for name, value in attrs:
            if name in SPOKEN:
                self.found += pieces_outside(value or "")

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found += pieces_outside(data)


def pieces_outside(text: str) -> list[str]:
    return re.split(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", text)


FILES = re.compile(r"\b[a-z0-9_-]+\.(?:csv|json)\b")


def words_of(text: str, names: set[str]) -> bool:
    return any(word not in TERMS | names for word in re.findall(r"[^\W\d_]{2,}", FILES.sub("", text)))


def unspoken_text(text: str, names: set[str]) -> list[str]:
    return [own for own in pieces_outside(text) if words_of(own, names)]


def unspoken_page(page: str, names: set[str]) -> list[str]:
    reader = Outside()
    reader.feed(page)
    reader.close()
    return [own for own in reader.found if words_of(own, names)]


VOID = {"meta", "br", "hr", "img", "link", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None
    pieces: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    @property
    def text(self) -> str:
        return (
            "".join(self.pieces)
            if self.tag in ("style", "script")
            else " ".join("".join(self.pieces).split())
        )

    def inside(self, tag: str) -> Element | None:
        found = self.parent
        while found is not None and found.tag != tag:
            found = found.parent
        return found


@dataclass
class Cell:
    """A cell: its own text, the note below it, its machine-readable value and the letter before it."""

    text: str = ""
    note: str = ""
    flag: str = ""
    key: str = ""
    value: float | None = None


@dataclass
class Table:
    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    scopes: list[str]

    def row(self, heading: str) -> list[Cell]:
        [found] = [row for row in self.rows if row[0].text == heading]
        return found


class Document(HTMLParser):
    """Every element in order; an element that is not closed where it should be is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: Element | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, attributes, self._open)
        self.elements.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, self._open))

    def handle_endtag(self, tag: str) -> None:
        assert self._open is not None, f"</{tag}> closes nothing"
        assert self._open.tag == tag, f"</{tag}> closes <{self._open.tag}>"
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        element = self._open
        while element is not None:
            element.pieces.append(data)
            element = element.parent

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def by_id(self, wanted: str) -> Element:
        [found] = [element for element in self.elements if element.get("id") == wanted]
        return found

    def tables(self) -> list[Table]:
        return [self._table(element) for element in self.all("table")]

    def table(self, caption: str) -> Table:
        [found] = [table for table in self.tables() if table.caption == caption]
        return found

    def _table(self, table: Element) -> Table:
        inner = [element for element in self.elements if element.inside("table") is table]
        caption = next(element.text for element in inner if element.tag == "caption")
        heads = [element for element in inner if element.tag == "th"]
        columns = [element.text for element in heads if element.inside("thead")]
        rows: dict[int, list[Cell]] = {}
        for element in inner:
            if element.tag in ("th", "td") and element.inside("tbody"):
                rows.setdefault(id(element.parent), []).append(self._cell(element, inner))
        return Table(caption, columns, list(rows.values()), [head.get("scope") for head in heads])

    def _cell(self, cell: Element, inner: list[Element]) -> Cell:
        found = Cell(text=cell.text)
        for element in inner:
            if element.parent is not cell:
                continue
            if element.tag == "data":
                found.value = float(element["value"]) if element["value"] else None
            elif element.tag == "span":
                setattr(found, element["class"], element.text)
        text = cell.text.removeprefix(found.key).strip()
        text = text.removesuffix(found.note).strip() if found.note else text
        found.text = text.removesuffix(found.flag).strip() if found.flag else text
        if found.value is None:
            with contextlib.suppress(ValueError):
                found.value = float(found.text.replace(",", ""))
        return found


@functools.cache
def parse_page(page: str) -> Document:
    document = Document()
    document.feed(page)
    document.close()
    assert document._open is None, "an element is still open at the end"
    return document


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Document]:
    return parse_page


@pytest.fixture(scope="session")
def frame() -> Callable[..., pd.DataFrame]:
    return make_frame


@pytest.fixture(scope="session")
def run_summary() -> Callable[..., dict[str, Any]]:
    return make_run


@pytest.fixture(scope="session")
def as_table() -> Callable[..., ScoreTable]:
    return make_table


@pytest.fixture(scope="session")
def table() -> ScoreTable:
    return make_table(make_frame(), make_run())


@pytest.fixture(scope="session")
def evaluation(table: ScoreTable) -> Evaluation:
    return evaluate(table, thresholds=[0.35], by=["region", "media_type", "device"])


@pytest.fixture(scope="session")
def recommendations(table: ScoreTable) -> Recommendations:
    policies = [MaxBpcer(0.05), MaxApcer(0.05), MinCost(miss=20, alarm=1, prior=0.02), EqualError(), Youden()]
    return recommend(table, policies, holdout=0.5, seed=7)


@pytest.fixture(scope="session")
def page(evaluation: Evaluation, recommendations: Recommendations, table: ScoreTable) -> str:
    return render_report(evaluation, recommendations, scores=table)


@pytest.fixture
def brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every language but English is that of `Brackets`."""
    monkeypatch.setattr(phrases, "_catalogue", lambda wanted: Brackets())


@pytest.fixture(scope="session")
def unspoken() -> Callable[[str, set[str]], list[str]]:
    """What of a page is outside of brackets and has a word in it that is neither a term nor one of these names."""
    return unspoken_page


@pytest.fixture(scope="session")
def unspoken_words() -> Callable[[str, set[str]], list[str]]:
    """The same of a text."""
    return unspoken_text


@pytest.fixture(
    scope="module"
)  # not longer: while it is open an event loop runs, and no other can in this process
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

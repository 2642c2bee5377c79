"""The comparison page says what the comparison found: every figure, in the order of the sections, whatever the runs are."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finauth_eval.comparing.kept import keeping_blocked
from finauth_eval.comparison import compare
from finauth_eval.gate import Rule, check
from finauth_eval.report import render_comparison, write_comparison
from finauth_eval.scores import ScoreTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from finauth_eval.comparison import Comparison

BADGES = {
    "better": "✓ B is better",
    "worse": "✕ B is worse",
    "mixed": "◐ Better in one error, not in the other",
    "equivalent": "≈ Equivalent within the margin",
    "inconclusive": "○ Inconclusive",
    "identical": "= Identical scores",
    "unlabelled": "○ No labels: better or worse can't be told",
}
SECTIONS = ["verdict", "comparability", "differences", "flips", "shift", "explorer", "keeping", "gate", "service", "methods"]  # fmt: skip


@pytest.fixture(scope="module")
def frames(frame: Callable[..., pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    a = frame(n=420)
    rng = np.random.default_rng(11)
    moved = np.round(np.clip(a["score"] + rng.normal(0.03, 0.12, len(a)), 0, 1), 4)
    b = a.assign(
        score=moved, time_used_ms=a["time_used_ms"] + 40, threshold=np.where(moved.isna(), np.nan, 0.55)
    )
    return a, b.drop(index=[3, 7, 9])


@pytest.fixture(scope="module")
def found(
    frames: tuple[pd.DataFrame, pd.DataFrame],
    as_table: Callable[..., ScoreTable],
    run_summary: Callable[..., dict[str, Any]],
) -> Comparison:
    a, b = (as_table(own, run_summary()) for own in frames)
    return compare(a, b, by=["region", "device"], bootstrap=200)


@pytest.fixture(scope="module")
def gated(found: Comparison) -> str:
    rules = [
        Rule(metric="bpcer"),
        Rule(metric="apcer", tolerance=0.01, ceiling=0.01),
        Rule(metric="auc", floor=0.5),
    ]
    return render_comparison(found, check(found, rules, exchanges=200))


@pytest.fixture(scope="module")
def document(gated: str, parse: Callable[[str], Any]) -> Any:
    return parse(gated)


def tables(a: pd.DataFrame, b: pd.DataFrame, **options: Any) -> Comparison:
    return compare(
        ScoreTable.from_frame(a, require_labels=False),
        ScoreTable.from_frame(b, require_labels=False),
        **options,
    )


def simple(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    attack = np.arange(n) % 2 == 1
    score = np.round(np.clip(np.where(attack, 0.7, 0.3) + rng.normal(0, 0.15, n), 0, 1), 3)
    return pd.DataFrame({"sample_id": [f"s{k}" for k in range(n)], "label": np.where(attack, "attack", "bona_fide"), "score": score})  # fmt: skip


def shifted(a: pd.DataFrame, genuine: float, attack: float) -> pd.DataFrame:
    move = np.where(a["label"] == "attack", attack, genuine)
    return a.assign(score=np.clip(a["score"] + move, 0, 1))


def test_sections_stand_in_the_order_of_the_reader(document: Any) -> None:
    assert [section["id"] for section in document.all("section")] == SECTIONS
    assert len(document.all("h1")) == 1
    links = [link["href"].removeprefix("#") for link in document.all("a") if link.inside("nav")]
    assert links == SECTIONS[1:]


@pytest.mark.parametrize(
    ("word", "genuine", "attack", "margin"),
    [
        ("identical", 0.0, 0.0, 0.01),
        ("worse", 0.15, 0.0, 0.01),
        ("better", -0.1, 0.1, 0.01),
        ("mixed", -0.1, -0.1, 0.01),
        ("equivalent", 0.001, 0.0, 0.1),
        ("inconclusive", 0.003, -0.002, 0.001),
    ],
)
def test_every_verdict_is_an_icon_and_a_word(
    word: str, genuine: float, attack: float, margin: float, parse: Callable[[str], Any]
) -> None:
    a = simple()
    own = tables(a, shifted(a, genuine, attack), margin=margin, bootstrap=0)
    assert own.verdict == word
    document = parse(render_comparison(own))
    [badge] = [element for element in document.all("p") if element.get("class").startswith("badge ")]
    assert badge.text == BADGES[word]


@pytest.mark.parametrize(
    ("genuine", "badge"),
    [(0.0, "○ Inconclusive: scores are missing"), (-0.1, "◐ Fewer errors, but scores are missing")],
)
def test_a_run_that_is_silent_where_the_other_was_wrong_is_told_as_that(
    genuine: float, badge: str, parse: Callable[[str], Any]
) -> None:
    a = simple()
    wrong = (a["score"] >= 0.5) != (a["label"] == "attack")
    b = shifted(a, genuine, 0.0)
    quiet = wrong if not genuine else wrong & (a["label"] == "attack")
    page = render_comparison(tables(a, b.assign(score=b["score"].mask(quiet)), bootstrap=0))
    document = parse(page)
    [shown] = [element for element in document.all("p") if element.get("class").startswith("badge ")]
    assert shown.text == badge
    assert "more often gives no score" in document.by_id("verdict").text
    left_out = int(quiet.sum())
    assert f"B has no score for {left_out} samples that A scored, {left_out} of which A" in page


def test_without_labels_only_what_needs_none_is_told(parse: Callable[[str], Any]) -> None:
    a = simple().drop(columns="label")
    own = tables(a, a.assign(score=np.clip(a["score"] + 0.1, 0, 1)))
    document = parse(render_comparison(own))
    assert BADGES["unlabelled"] in document.by_id("verdict").text
    row = document.table("Error rates at 0.50").row("Samples flagged")
    assert [cell.value for cell in row[1:4]] == [
        own.alerts.a.value,
        own.alerts.b.value,
        own.alerts.change.difference.value,
    ]
    assert "needs labels" in document.by_id("keeping").text
    assert "need labels" in document.by_id("curves").text
    assert document.by_id("scores-all").tag == "figure"
    counts = np.array(
        [[cell.value for cell in row[1:]] for row in document.table("Samples, flagged or not (400)").rows]
    )
    before, after = own.evidence.a.arrays.scores >= 0.5, own.evidence.b.arrays.scores >= 0.5
    assert counts.tolist() == [
        [(before & after).sum(), (before & ~after).sum()], [(~before & after).sum(), (~before & ~after).sum()]
    ]  # fmt: skip


def test_what_keeps_runs_from_being_compared_comes_first(
    frames: tuple[pd.DataFrame, pd.DataFrame],
    as_table: Callable[..., ScoreTable],
    run_summary: Callable[..., dict[str, Any]],
    parse: Callable[[str], Any],
) -> None:
    a = as_table(frames[0], run_summary())
    b = as_table(frames[1], run_summary(dataset={"name": "other", "digest": "cd" * 32}))
    own = compare(a, b, bootstrap=0)
    document = parse(render_comparison(own))
    notes = document.by_id("notes")
    assert "the runs scored different datasets (demo and other" in notes.text
    order = [element.get("id") for element in document.elements if element.get("id") in ("notes", "verdict")]
    assert order == ["notes", "verdict"]
    assert [li.text.removeprefix("⚠ Note: ") for li in document.all("li") if li.inside("aside") is notes] == [*own.comparability, *own.warnings]  # fmt: skip


def test_nothing_is_said_first_where_nothing_is_the_matter(parse: Callable[[str], Any]) -> None:
    document = parse(render_comparison(tables(simple(), simple(), bootstrap=0)))
    assert not [element for element in document.elements if element.get("id") == "notes"]
    assert "Nothing known keeps" in document.by_id("comparability").text


def test_differences_are_those_of_the_comparison(found: Comparison, document: Any) -> None:
    at = found.at_threshold
    assert at is not None
    assert found.auc is not None
    table = document.table("Error rates at 0.50 in A, 0.55 in B")
    for words, own in (("Genuine blocked (BPCER)", at.bona_fide), ("Attacks that pass (APCER)", at.attack)):
        assert [cell.value for cell in table.row(words)[1:]] == [
            own.a.value, own.b.value, own.change.difference.value, own.change.p_value, own.a_only, own.b_only
        ]  # fmt: skip
    areas = [cell.value for cell in table.row("AUC")[1:5]]
    assert areas == [found.auc_a.value, found.auc_b.value, found.auc.difference.value, found.auc.p_value]
    for key, own in found.bpcer_at_apcer.items():
        values = [cell.value for cell in table.row(f"BPCER{key}")[1:4]]
        assert values == [own.a.worst_type.value, own.b.worst_type.value, own.worst_type.value]
    margin = document.table("Is B worse by less than 1 point?")
    assert margin.row("Genuine blocked (BPCER)")[1].value == found.non_inferiority.bpcer_upper
    assert margin.row("Attacks that pass (APCER)")[1].value == found.non_inferiority.apcer_upper


def test_parts_are_those_of_the_comparison(found: Comparison, document: Any) -> None:
    seen = {}
    types = document.table("Attack types")
    for row in types.rows:
        seen["apcer", row[0].text] = row[1:]
    parts = {("apcer", name): part for name, part in found.attack_types.items()}
    assert len(seen) == len(parts) == 5
    for column in ("region", "device"):
        for row in document.table(f"By {column}").rows:
            rate = {"blocked": "bpcer", "missed": "apcer"}[row[1].text]
            seen[rate, f"{column}/{row[0].text}"] = row[2:]
        for value, metrics in found.slices[column].items():
            parts |= {(rate, f"{column}/{value}"): part for rate, part in metrics.items()}
    assert seen.keys() == parts.keys()
    for key, part in parts.items():
        own = part.rates
        assert [cell.value for cell in seen[key]] == [
            own.n, own.a.value, own.b.value, own.change.difference.value, own.change.p_value, part.p_holm, own.a_only,
            own.b_only,
        ]  # fmt: skip


def test_matrices_count_the_pairs(frames: tuple[pd.DataFrame, pd.DataFrame], document: Any) -> None:
    both = (
        frames[0]
        .merge(frames[1][["sample_id", "score"]], on="sample_id", suffixes=("", "_b"))
        .dropna(subset=["score", "score_b"])
    )
    for label, caption in (("bona_fide", "Genuine samples"), ("attack", "Attacks")):
        own = both[both["label"] == label]
        right_a = (own["score"] >= 0.5) == (label == "attack")
        right_b = (own["score_b"] >= 0.55) == (label == "attack")
        table = document.table(f"{caption} ({len(own)})")
        counts = [[cell.value for cell in row[1:]] for row in table.rows]
        assert counts == [
            [(right_a & right_b).sum(), (right_a & ~right_b).sum()],
            [(~right_a & right_b).sum(), (~right_a & ~right_b).sum()],
        ]


def test_flips_are_listed_with_both_scores(found: Comparison, document: Any) -> None:
    table = document.table(f"Flipped decisions ({len(found.flips)})")
    listed = [
        (row[0].text, row[1].text, row[2].text, row[3].value, row[4].value, row[6].text) for row in table.rows
    ]
    assert listed == [
        (
            flip.sample_id, {"bona_fide": "genuine", "attack": "attack"}[flip.label], flip.attack_type or "", flip.a,
            flip.b, "✕ yes" if flip.worse else "✓ no",
        )
        for flip in found.flips
    ]  # fmt: skip


def test_shift_is_that_of_scipy(found: Comparison, document: Any) -> None:
    table = document.table("How far the scores lie apart")
    for words, mask in (("Genuine samples", False), ("Attacks", True)):
        a, b = (
            own.arrays.scores[own.arrays.is_attack == mask] for own in (found.evidence.a, found.evidence.b)
        )
        row = table.row(words)
        assert [row[1].value, row[2].value] == [a.size, b.size]
        assert row[3].value == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-12)
        assert row[4].value == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)
    psi = found.shift.by_class["all"].psi
    assert table.row("All samples")[5].value == psi.value
    bins = document.table("Bins of PSI, all samples")
    assert [(row[1].value, row[3].value) for row in bins.rows] == list(zip(psi.a, psi.b, strict=True))
    quantiles = document.table("Quantiles of the scores")
    a, b = (np.sort(own.arrays.scores) for own in (found.evidence.a, found.evidence.b))
    assert [cell.value for cell in quantiles.row("50%")[1:3]] == [np.median(a), np.median(b)]
    moves = [row[1].value for row in document.table("What became of each sample's score").rows]
    own = found.shift.moves
    assert moves == [own.up, own.down, own.same, own.mean.value, own.largest]


def test_service_is_that_of_the_comparison(found: Comparison, document: Any) -> None:
    row = document.table("Samples without a score").row("All samples")
    own = found.no_response["all"]
    assert [cell.value for cell in row[1:4]] == [own.a.value, own.b.value, own.change.difference.value]
    times = document.table("Latency").row("The detector's own time, 95% within")
    assert [cell.value for cell in times[1:]] == [found.latency["time_used"].a["p95"].value, found.latency["time_used"].b["p95"].value]  # fmt: skip


def test_threshold_that_keeps_blocked_customers_is_the_lowest_of_all(
    found: Comparison, document: Any
) -> None:
    kept = keeping_blocked(found)
    one, other = found.evidence.a.arrays, found.evidence.b.arrays
    limit = np.mean(one.scores[~one.is_attack] >= found.thresholds[0])
    grid = np.round(np.arange(10_001) / 10_000, 4)  # the scores have four decimals
    blocked = np.array([np.mean(other.scores[~other.is_attack] >= at) for at in grid])
    assert kept.threshold == grid[blocked <= limit][0]
    row = document.table("The threshold for B that keeps A's blocked customers").rows[1]
    missed = np.mean(other.scores[other.is_attack] < kept.threshold)
    assert [cell.value for cell in row[1:4]] == pytest.approx(
        [kept.threshold, blocked[blocked <= limit][0], missed]
    )
    assert "chosen on these very samples" in document.by_id("keeping").text


@pytest.mark.parametrize(
    ("scores_a", "scores_b", "expected"),
    [
        ([0.9, 0.9], [0.1, 0.2], 0.0),  # A blocks all, so that every threshold will do
        ([0.1, 0.9], [0.3, 0.31], 0.31),
        ([0.1, 0.1], [0.3, 0.31], 0.32),
        ([0.1, 0.1], [1.0, 0.3], None),  # the highest score there is can't be let pass
        ([0.1, 0.9], [0.55, 0.55], 0.56),  # ties are blocked or let pass together
    ],
)
def test_threshold_that_keeps_blocked_customers_at_the_edges(
    scores_a: list[float], scores_b: list[float], expected: float | None, parse: Callable[[str], Any]
) -> None:
    a = pd.DataFrame(
        {"sample_id": [*"wxyz"], "label": ["real", "real", "fake", "fake"], "score": [*scores_a, 0.6, 0.8]}
    )
    own = tables(a, a.assign(score=[*scores_b, 0.6, 0.8]), bootstrap=0)
    kept = keeping_blocked(own)
    text = parse(render_comparison(own)).by_id("keeping").text
    if expected is None:
        assert np.isnan(kept.threshold)
        assert "no threshold in [0, 1] lets them pass" in text
    else:
        assert kept.threshold == expected
        assert kept.b.bpcer.value <= kept.a.bpcer.value


def test_both_curves_are_drawn_in_two_looks(gated: str, document: Any) -> None:
    for anchor in ("roc", "det"):
        figure = document.by_id(anchor)
        lines = [
            e
            for e in document.all("path")
            if e.inside("figure") is figure and e.get("class").startswith("line ")
        ]
        drawn = [e["class"] for e in lines if e.inside("svg").get("class") == "chart"]
        legend = [e["class"] for e in lines if e.inside("svg").get("class") == "swatch"]
        assert drawn == ["line reference", "line run-a", "line run-b"]
        assert legend == ["line run-a", "line run-b", "line reference"]
    assert ".line.run-b { stroke: var(--attack); stroke-dasharray" in gated
    assert ".bars.run-b { fill: none;" in gated


def test_gate_shows_each_rule_with_its_reason(found: Comparison, document: Any) -> None:
    verdict = check(found, [Rule(metric="bpcer"), Rule(metric="apcer", tolerance=0.01, ceiling=0.01), Rule(metric="auc", floor=0.5)], exchanges=200)  # fmt: skip
    rows = document.table("Rules of the gate").rows
    assert [(row[0].text, row[1].text.split()[1], row[2].text, row[3].value) for row in rows] == [
        (own.name, own.verdict, own.explanation, own.observed) for own in verdict.rules
    ]
    assert f"Gate: {verdict.verdict}" in document.by_id("gate").text
    assert verdict.headline in document.by_id("gate").text


def test_page_holds_the_comparison_as_json(found: Comparison, document: Any) -> None:
    data = json.loads(document.by_id("finauth-eval-data").text)
    assert data["comparison"] == {**found.to_dict(), "flips_in_all": len(found.flips)}
    assert data["verdict"]["schema"] == "finauth-eval/verdict/1"


def test_policy_names_the_style_and_the_script_by_their_hashes(document: Any) -> None:
    [style] = document.all("style")
    [script] = [element for element in document.all("script") if not element.get("type")]
    [policy] = [element["content"] for element in document.all("meta") if element.get("http-equiv")]

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert policy == (
        f"default-src 'none'; script-src {source(script.text)}; style-src {source(style.text)}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    assert len(style.text.encode()) <= 15_000
    assert len(script.text.encode()) <= 25_000
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", ".style"):
        assert forbidden not in script.text


def test_the_same_comparison_gives_the_same_bytes(found: Comparison, tmp_path: Path) -> None:
    first = write_comparison(found, path=tmp_path / "deep" / "a.html").read_bytes()
    assert first == write_comparison(found, path=tmp_path / "b.html").read_bytes()
    assert first == render_comparison(found).encode()
    assert len(first) <= 500_000


def test_ten_thousand_flips_are_counted_and_the_first_listed(parse: Callable[[str], Any]) -> None:
    n = 10_000
    a = pd.DataFrame(
        {
            "sample_id": [f"{k:08d}-{'x' * 20}" for k in range(n)],
            "label": ["real", "fake"] * (n // 2),
            "score": 0.1,
        }
    )
    own = tables(a, a.assign(score=np.linspace(0.5, 1, n)), bootstrap=0)
    assert len(own.flips) == n
    page = render_comparison(own)
    assert len(page.encode()) <= 500_000
    document = parse(page)
    assert len(document.table("Flipped decisions (10,000)").rows) == 500
    assert "9,500 more" in document.by_id("flips").text
    data = json.loads(document.by_id("finauth-eval-data").text)["comparison"]
    assert (len(data["flips"]), data["flips_in_all"]) == (500, n)


def test_runs_of_different_samples_are_told_to_be_so(parse: Callable[[str], Any]) -> None:
    a, b = simple(seed=1), simple(n=300, seed=2)
    own = tables(a, b.assign(sample_id=[f"t{k}" for k in range(300)]), bootstrap=0)
    assert not own.paired
    document = parse(render_comparison(own))
    assert "different samples (400 in A, 300 in B)" in document.by_id("verdict").text
    assert "no decision can be said to have flipped" in document.by_id("flips").text
    row = document.table("Error rates at 0.50").row("Genuine blocked (BPCER)")
    assert [cell.text for cell in row[5:]] == ["—", "—"]
    assert [cell.value for cell in row[1:4]] == [
        own.at_threshold.bona_fide.a.value, own.at_threshold.bona_fide.b.value, own.at_threshold.bona_fide.change.difference.value
    ]  # fmt: skip
    assert document.by_id("notes").text.count("independent samples") == 1
    kept = keeping_blocked(own)
    one, other = own.evidence.a.arrays, own.evidence.b.arrays
    limit = np.mean(one.scores[~one.is_attack] >= 0.5)
    grid = np.arange(1001) / 1000
    blocked = np.array([np.mean(other.scores[~other.is_attack] >= at) for at in grid])
    assert kept.threshold == grid[blocked <= limit][0]


@pytest.mark.parametrize("label", ["bona_fide", "attack"])
def test_one_class_alone_is_compared_and_the_other_said_to_be_missing(
    label: str, parse: Callable[[str], Any]
) -> None:
    a = simple()
    a = a[a["label"] == label]
    own = tables(a, a.assign(score=np.clip(a["score"] + 0.05, 0, 1)))
    document = parse(render_comparison(own))
    assert "Each run needs scores of both classes." in document.by_id("explorer").text
    missing = "Attacks that pass (APCER)" if label == "bona_fide" else "Genuine blocked (BPCER)"
    assert document.table("Error rates at 0.50").row(missing)[3].text == "—"


@pytest.mark.parametrize("n", [1, 2])
def test_hardly_a_sample(n: int, parse: Callable[[str], Any]) -> None:
    a = simple().head(n)
    document = parse(render_comparison(tables(a, a.assign(score=0.4))))
    assert document.by_id("methods").tag == "section"


def test_scores_of_any_range(parse: Callable[[str], Any]) -> None:
    a = simple()
    wide = [
        ScoreTable.from_frame(a.assign(score=factor * (a["score"] - 0.5)), score_range="any")
        for factor in (10, 12)
    ]
    document = parse(render_comparison(compare(*wide, threshold=0.0, bootstrap=0)))
    assert document.table("Error rates at 0.00").rows


def test_many_types_and_slices_with_long_names(parse: Callable[[str], Any]) -> None:
    n = 4_000
    a = simple(n, seed=4)
    rng = np.random.default_rng(4)
    a["attack_type"] = [f"{k:03d}-{'long name ' * 30}"[:300] for k in rng.integers(0, 200, n)]
    a["device"] = [f"{k:02d}-{'w' * 297}" for k in rng.integers(0, 40, n)]
    own = tables(a, shifted(a, 0.01, 0.01), by=["device"], bootstrap=0)
    page = render_comparison(own)
    document = parse(page)
    assert len(document.table("Attack types").rows) == 200
    assert len(document.table("By device").rows) == 80
    chart = document.by_id("types-figure")
    names = [
        e
        for e in document.all("text")
        if e.get("class").startswith("row-name") and e.inside("figure") is chart
    ]
    assert len(names) == 20
    assert all(len(e.text) <= 16 for e in names)
    assert "180 more rows in the table" in chart.text
    assert (
        len(page.encode()) <= 900_000
    )  # names of 300 characters, each of them once in a table and once in the JSON


def test_asking_again_is_shown_against_the_change(parse: Callable[[str], Any]) -> None:
    a = simple(60).assign(sha256=[f"{k:064x}" for k in range(60)])
    again = pd.concat(
        [
            a.assign(
                replicate=k, outcome="scored", threshold=0.5, score=np.clip(a["score"] + 0.002 * k, 0, 1)
            )
            for k in (1, 2)
        ]
    )
    one = ScoreTable.from_frame(a)
    own = compare(
        replace(one, replicates=again),
        ScoreTable.from_frame(a.assign(score=np.clip(a["score"] + np.linspace(0.001, 0.1, 60), 0, 1))),
        bootstrap=0,
    )
    assert own.noise is not None
    assert own.noise.changed > own.noise.beyond > own.noise.flips_beyond > 0
    table = parse(render_comparison(own)).table("Changes against the noise of asking again")
    assert [cell.value for cell in table.row("Asked again in A")[1:]] == [own.noise.a.contents, own.noise.a.changed, own.noise.a.flipped, own.noise.a.largest]  # fmt: skip
    assert [cell.value for cell in table.row("Of these, beyond that noise")[1:4]] == [own.noise.pairs, own.noise.beyond, own.noise.flips_beyond]  # fmt: skip

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from finauth_eval.errors import NothingToEvaluate, ScoresError
from finauth_eval.metrics.ascending import Ascending
from finauth_eval.metrics.clustered_rates import effective_size
from finauth_eval.metrics.intervals import clopper_pearson
from finauth_eval.metrics.prevalence import Detector, prevalence
from finauth_eval.metrics.shift import score_shift
from finauth_eval.production import watch
from finauth_eval.scanning import scan_scores
from finauth_eval.scores import ScoreTable
from finauth_eval.slicing import Windows
from finauth_eval.terminal.texts import production_text

KNOWN = Detector(tpr=0.9, fpr=0.05, n_attack=200, n_bona_fide=1000)


def seen(scores, **columns) -> ScoreTable:
    frame = pd.DataFrame({"score": scores, **columns})
    return ScoreTable.from_frame(frame, require_labels=False)


def known(seed=1, n=400, **columns) -> ScoreTable:
    rng = np.random.default_rng(seed)
    attack = np.arange(n) % 2 == 0
    scores = np.round(np.where(attack, 1 - rng.random(n) ** 3, rng.random(n) ** 3), 2)
    kinds = np.where(attack, np.where(np.arange(n) % 3, "mask", "swap"), "")
    frame = pd.DataFrame({"label": np.where(attack, "fake", "real"), "score": scores, "attack_type": kinds})
    return ScoreTable.from_frame(frame.assign(**columns))


# --- the adjusted count


def test_the_share_of_attacks_is_what_the_rates_and_the_alerts_leave():
    found = prevalence(65, 1000, KNOWN)
    assert found.estimate.value == pytest.approx((0.065 - 0.05) / (0.9 - 0.05))
    assert not found.clipped


def test_the_interval_is_lang_and_reiczigels_by_hand():
    z = 1.959963984540054
    n, alerts = 1000 + z * z, 65 + z * z / 2
    se, sp = (0.9 * 200 + 1) / 202, (0.95 * 1000 + 1) / 1002
    flagged = alerts / n
    share = (flagged + sp - 1) / (se + sp - 1)
    of_se, of_sp = se * (1 - se) / 202, sp * (1 - sp) / 1002
    half = (
        z
        * math.sqrt(flagged * (1 - flagged) / n + share**2 * of_se + (1 - share) ** 2 * of_sp)
        / (se + sp - 1)
    )
    middle = share + 2 * z * z * (share * of_se - (1 - share) * of_sp)
    found = prevalence(65, 1000, KNOWN).estimate
    assert found.low == pytest.approx(max(0, middle - half), abs=1e-12)
    assert found.high == pytest.approx(middle + half, abs=1e-12)


def test_with_a_perfectly_known_perfect_detector_it_is_the_share_of_alerts():
    perfect = Detector(tpr=1.0, fpr=0.0, n_attack=10**12, n_bona_fide=10**12)
    found = prevalence(300, 1000, perfect).estimate
    low, high = clopper_pearson(300, 1000)
    assert found.value == 0.3
    assert (found.low, found.high) == (pytest.approx(low, abs=0.001), pytest.approx(high, abs=0.001))


@pytest.mark.parametrize(
    ("alerts", "n", "detector", "words"),
    [
        (5, 10, Detector(tpr=0.2, fpr=0.2, n_attack=50, n_bona_fide=50), "no more often"),
        (5, 10, Detector(tpr=0.1, fpr=0.2, n_attack=50, n_bona_fide=50), "no more often"),
        (0, 0, KNOWN, "no sample has a score"),
        (5, 10, Detector(tpr=math.nan, fpr=0.2, n_attack=0, n_bona_fide=50), "no labelled attack"),
        (5, 10, Detector(tpr=0.9, fpr=math.nan, n_attack=50, n_bona_fide=0), "no labelled bona fide sample"),
    ],
)
def test_what_cannot_be_told_is_undefined_with_its_reason(alerts, n, detector, words):
    found = prevalence(alerts, n, detector)
    assert not found.estimate.defined
    assert words in found.estimate.reason
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["estimate"]["value"] is None


def test_a_share_outside_0_and_1_is_clipped_and_said_to_be():
    low, high = prevalence(10, 1000, KNOWN), prevalence(990, 1000, KNOWN)
    assert (low.estimate.value, low.clipped, high.estimate.value, high.clipped) == (0.0, True, 1.0, True)
    assert low.unclipped == pytest.approx((0.01 - 0.05) / 0.85)
    assert low.estimate.low == 0.0
    assert high.estimate.high == 1.0


@settings(deadline=None)
@given(
    n=st.integers(1, 10**6), share=st.floats(0, 1), tpr=st.floats(0, 1), fpr=st.floats(0, 1),
    attacks=st.integers(1, 5000), bona_fide=st.integers(1, 5000),
)  # fmt: skip
# what is added to the counts moves the limits of tiny samples past the estimate
@example(n=1, share=0.0, tpr=1.0, fpr=0.0, attacks=1, bona_fide=5000)
@example(n=1, share=1.0, tpr=1.0, fpr=0.0, attacks=5000, bona_fide=1)
def test_limits_are_ordered_around_the_estimate_within_0_and_1(n, share, tpr, fpr, attacks, bona_fide):
    detector = Detector(tpr=tpr, fpr=fpr, n_attack=attacks, n_bona_fide=bona_fide)
    found = prevalence(round(share * n), n, detector).estimate
    if found.defined:
        assert 0 <= found.low <= found.value <= found.high <= 1


# --- counted scores


@settings(deadline=None)
@given(
    a=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    b=st.lists(st.integers(0, 20), min_size=1, max_size=60),
)
def test_the_shift_of_counted_scores_is_that_of_the_scores(a, b):
    x, y = np.array(a) / 20, np.array(b) / 20
    found = score_shift(Ascending.of_each(x), Ascending.of_each(y))
    apart = [abs(np.mean(x <= at) - np.mean(y <= at)) for at in {*x.tolist(), *y.tolist()}]
    assert found.ks == pytest.approx(max(apart), abs=1e-12)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(x, y), abs=1e-12)
    for share, (of_x, of_y) in found.quantiles.items():
        assert (of_x, of_y) == (np.quantile(x, share), np.quantile(y, share))
    edges = np.array(found.psi.edges)
    cuts = np.quantile(x, np.arange(1, 10) / 10, method="higher")
    # a decile that more than a tenth of x shares is a bin of its own
    alone = [at for at in {*cuts.tolist()} if 10 * np.count_nonzero(x == at) > x.size]
    expected = {*cuts[cuts > x.min()].tolist(), *alone, *(float(np.nextafter(at, np.inf)) for at in alone)}
    assert edges.tolist() == sorted(expected)
    for own, counted in ((x, found.psi.a), (y, found.psi.b)):
        assert np.bincount(np.searchsorted(edges, own, side="right"), minlength=edges.size + 1).tolist() == [
            *counted
        ]


def test_ranks_beyond_the_scores_are_refused():
    with pytest.raises(IndexError):
        Ascending.of_each([0.1, 0.2])[2]


# --- windows of time


@pytest.mark.parametrize(
    ("every", "names"),
    [
        ("day", ["2026-11-22", "2026-11-23", "2026-11-29", "2026-12-01", "(missing)"]),
        ("week", ["2026-11-16", "2026-11-23", "2026-11-30", "(missing)"]),
        ("month", ["2026-11", "2026-12", "(missing)"]),
    ],
)
def test_times_of_every_kind_fall_into_their_windows(every, names):
    times = [
        "2026-11-22T23:59:59Z",
        "2026-11-23T00:00:00+00:00",
        "2026-11-29",
        "2026-12-01T05:00:00+07:00",
        "2026-12-01",
        " ",
        None,
    ]
    if every == "day":
        names = ["2026-11-22", "2026-11-23", "2026-11-29", "2026-11-30", "2026-12-01", "(missing)"]
    found = Windows(column="at", every=every).of(pd.Series(times, dtype=object), source="x")
    assert [*found.values] == names
    stamps = pd.Series(pd.to_datetime(pd.Series(times[:5]), utc=True, format="ISO8601"))
    other = Windows(column="at", every=every).of(stamps, source="x")
    assert [other.values[code] for code in other.codes] == [found.values[code] for code in found.codes[:5]]


def test_weeks_begin_on_monday_by_the_calendar_of_the_standard_library():
    days = [dt.date(2024, 12, 20) + dt.timedelta(days=i) for i in range(40)]
    found = Windows(column="at").of(pd.Series(days, dtype=object), source="x")
    for day, code in zip(days, found.codes, strict=True):
        assert found.values[code] == (day - dt.timedelta(days=day.weekday())).isoformat()


@pytest.mark.parametrize("value", ["yesterday", 20261124, 1.5])
def test_what_is_no_time_is_named_with_its_row(value):
    with pytest.raises(ScoresError, match=r"x: row 3 .*at is .*expected a time"):
        Windows(column="at").of(pd.Series(["2026-11-24", None, value], dtype=object), source="x")


def test_an_unknown_length_is_refused():
    with pytest.raises(ValueError, match="every is 'hour'; expected one of day, week, month"):
        Windows(column="at", every="hour")


def test_too_many_windows_are_refused():
    days = pd.Series(pd.date_range("2020-01-01", periods=600, tz="UTC"))
    with pytest.raises(ValueError, match="has 600 different values"):
        Windows(column="at", every="day").of(days, source="x")


# --- production


def drawn(n=3000, seed=2):
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2026-11-02", tz="UTC") + pd.to_timedelta(rng.integers(0, 28 * 24, n), unit="h")
    return pd.DataFrame({"score": np.round(rng.random(n) ** 2, 3), "received_at": times}).assign(
        score=lambda frame: frame["score"].mask(rng.random(n) < 0.02)
    )


def test_files_and_tables_of_production_say_the_same(tmp_path):
    frame = drawn()
    (tmp_path / "scores").mkdir()
    frame[:1000].to_parquet(tmp_path / "scores" / "a.parquet", row_group_size=300)
    frame[1000:].to_parquet(tmp_path / "scores" / "b.parquet", row_group_size=300)
    windows = Windows(column="received_at")
    counted = scan_scores(tmp_path / "scores", by=[windows], require_labels=False)
    table = ScoreTable.from_frame(frame, require_labels=False)
    plain = [
        watch(own, reference=reference, labelled=known(), windows=windows, threshold=0.6).to_dict()
        for own in (counted, table)
        for reference in (counted, table)
    ]
    for found in plain:
        assert len(found["windows"]["values"]) == 4
        assert {**found, "sources": None} == {**plain[0], "sources": None}
    assert plain[0]["scored"] == int(frame["score"].notna().sum())


def test_every_figure_of_a_window_is_that_of_its_samples_alone():
    frame = drawn()
    found = watch(
        ScoreTable.from_frame(frame, require_labels=False),
        labelled=known(),
        threshold=0.6,
        windows=Windows(column="received_at"),
    )
    weeks = frame["received_at"].dt.tz_localize(None).dt.to_period("W-SUN").dt.start_time.dt.date.astype(str)
    assert [*found.windows] == sorted(weeks.unique())
    labelled = known().frame
    attack = (labelled["label"] == "attack").to_numpy()
    tpr, fpr = ((labelled["score"][own] >= 0.6).mean() for own in (attack, ~attack))
    for name, own in found.windows.items():
        scores = frame["score"][weeks == name].dropna()
        assert own.scored == scores.size
        assert own.no_response == (weeks == name).sum() - scores.size
        assert own.alert_rate.value == (scores >= 0.6).mean()
        assert own.attacks.unclipped == pytest.approx(((scores >= 0.6).mean() - fpr) / (tpr - fpr))
        assert {*own.attacks.if_all_were} == {"mask", "swap"}
    assert found.assumptions
    text = production_text(found)
    assert "2026-11-02" in text
    assert "assumed: Genuine customers" in text


def test_subjects_of_the_labelled_samples_make_them_count_for_less():
    subject = [f"p{i // 8}" for i in range(400)]
    table = known(subject=subject)
    found, plain = (
        watch(seen([0.1, 0.9] * 50), labelled=table, threshold=0.6, cluster=cluster)
        for cluster in (None, "none")
    )
    bona_fide = table.frame[~table.is_attack].groupby("subject")["score"]
    expected = effective_size(bona_fide.agg(lambda own: (own >= 0.6).sum()), bona_fide.size())
    assert found.detector.n_bona_fide == pytest.approx(expected)
    assert plain.detector.n_bona_fide == 200
    assert found.detector.fpr == plain.detector.fpr


def test_counted_labelled_samples_say_what_those_of_a_table_say(tmp_path):
    table = known(subject=[f"p{i % 37}" for i in range(400)])
    folder = table.write(tmp_path / "labelled")
    one, other = watch(seen([0.1]), labelled=scan_scores(folder)), watch(seen([0.1]), labelled=table)
    assert one.overall.to_dict() == other.overall.to_dict()
    independent = watch(seen([0.1]), labelled=scan_scores(folder), cluster="none")
    assert one.overall.to_dict() != independent.overall.to_dict()
    with pytest.raises(ValueError, match="which samples belong together was not counted"):
        watch(seen([0.1]), labelled=scan_scores(folder, together=False))
    apart = known().write(tmp_path / "apart")
    one, other = watch(seen([0.1]), labelled=scan_scores(apart)), watch(seen([0.1]), labelled=known())
    assert one.overall.to_dict() == other.overall.to_dict()


def test_repeated_subjects_of_production_are_warned_of():
    found = watch(seen([0.1, 0.2, 0.9], subject=["a", "a", "b"]))
    assert any(own.startswith("Subjects have several samples in production") for own in found.warnings)


def test_the_threshold_is_the_answers_own_unless_another_is_asked_for():
    table = seen([0.1, 0.7, 0.9], threshold=0.7)
    assert (watch(table).threshold, watch(table).threshold_source) == (0.7, "run")
    asked = watch(table, threshold=0.8)
    assert (asked.overall.alert_rate.value, asked.threshold_source) == (pytest.approx(1 / 3), "requested")
    assert any("name the thresholds 0.7; alerts here are those from 0.8 on" in own for own in asked.warnings)
    assert watch(seen([0.5])).overall.alert_rate.value == 1.0  # score >= threshold
    with pytest.raises(ValueError, match=r"threshold is 1\.5"):
        watch(table, threshold=1.5)


def test_what_does_not_fit_is_said():
    few = watch(seen([0.1] * 100), labelled=known(n=20))
    assert any("Fewer than 30 labelled samples" in own for own in few.warnings)
    none = watch(seen([0.1] * 100 + [None]), labelled=known())
    assert any(
        "the share of attacks is given as 0" in " ".join(own.split()) or "given as 0" in own
        for own in none.warnings
    )
    assert any("1 samples got no score" in own for own in none.warnings)
    all_of_them = watch(seen([0.99] * 100), labelled=known())
    assert any("given as 1" in own for own in all_of_them.warnings)
    with pytest.raises(ScoresError, match="no column 'label'"):
        watch(seen([0.1]), labelled=seen([0.1]))
    with pytest.raises(NothingToEvaluate, match="none of 2 samples has a score"):
        watch(seen([None, None]))

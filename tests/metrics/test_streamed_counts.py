from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finauth_eval.errors import ScoresError
from finauth_eval.metrics.streamed import count_parquet
from finauth_eval.samples import count_scores
from finauth_eval.scores import read_scores

FRAME = pd.DataFrame({
    "note": np.arange(400),
    "label": np.random.default_rng(1).choice(["real", "fake", "bona_fide", "attack"], 400),
    "score": np.append(np.random.default_rng(2).random(300), np.round(np.random.default_rng(3).random(100), 1)),
    "attack_type": np.random.default_rng(4).choice(["mask", "swap", ""], 400),
})  # fmt: skip
FRAME.loc[::17, "score"] = np.nan


def same(one, other):
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.bona_fide, other.bona_fide)
    np.testing.assert_array_equal(one.attack, other.attack)
    assert [*one.by_attack_type] == [*other.by_attack_type]
    for name, own in one.by_attack_type.items():
        np.testing.assert_array_equal(own, other.by_attack_type[name])


@settings(max_examples=30, deadline=None)
@given(rows_at_once=st.integers(1, 500), row_group=st.integers(7, 500))
def test_any_chunking_of_a_file_counts_as_the_whole(tmp_path_factory, rows_at_once, row_group):
    path = tmp_path_factory.mktemp("counts") / "scores.parquet"
    FRAME.to_parquet(path, row_group_size=row_group)
    same(count_parquet(path, rows_at_once=rows_at_once), count_scores(read_scores(path)))


def test_types_without_a_gap_stay_as_they_are(tmp_path):
    for name, kinds in (("typed", "mask"), ("untyped", ""), ("taken", ["unspecified", ""] * 200)):
        path = tmp_path / f"{name}.parquet"
        FRAME.assign(attack_type=kinds).to_parquet(path)
        same(count_parquet(path, rows_at_once=64), count_scores(read_scores(path)))


def test_other_column_names_and_ranges_are_taken(tmp_path):
    path = tmp_path / "own.parquet"
    FRAME.rename(columns={"label": "truth", "score": "p"}).assign(p=FRAME["score"] * 7 - 3).to_parquet(path)
    found = count_parquet(path, label_column="truth", score_column="p", score_range="any", rows_at_once=50)
    whole = read_scores(path, label_column="truth", score_column="p", score_range="any")
    same(found, count_scores(whole))
    with pytest.raises(ScoresError, match="from row 1 on: row"):
        count_parquet(path, label_column="truth", score_column="p")


def test_a_file_without_rows_counts_nothing_and_one_without_the_column_is_refused(tmp_path):
    path = tmp_path / "empty.parquet"
    FRAME.iloc[:0].to_parquet(path)
    assert count_parquet(path).scores.size == 0
    with pytest.raises(ScoresError, match="there is no column 'p'"):
        count_parquet(path, score_column="p")


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    path = tmp_path / "scores.parquet"
    path.write_text("label,score\n")
    with pytest.raises(ScoresError, match="not readable as Parquet"):
        count_parquet(path)

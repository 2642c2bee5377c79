from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.metrics.tally import tally

RNG = np.random.default_rng(3)
N = 5_000


@pytest.mark.parametrize("n_codes", [1, 2, 4, 7])
@pytest.mark.parametrize(
    "scores",
    [
        pytest.param(RNG.random(N), id="all distinct"),
        pytest.param(np.round(RNG.random(N), 2), id="two decimals"),
        pytest.param(np.append(np.round(RNG.random(N - 1), 2), 1 / 3), id="two decimals but for one"),
        pytest.param(np.repeat(RNG.random(N // 10), 10), id="ties off any grid"),
        pytest.param(RNG.normal(size=N).round(2), id="beyond the unit range"),
        pytest.param(np.round(RNG.random(N), 5), id="more ticks than samples"),
        pytest.param(RNG.choice([0.0, -0.0, 1.0, 5e-324, np.nextafter(1, 0)], N), id="ends of the range"),
    ],
)
def test_every_road_counts_what_a_dictionary_counts(scores, n_codes):
    codes = RNG.integers(0, n_codes, N).astype(np.uint8)
    expected = Counter(zip((scores + 0.0).tolist(), codes.tolist(), strict=True))
    values, counts = tally(scores, codes, n_codes)
    assert np.all(np.diff(values) > 0)
    assert sum(int(own.sum()) for own in counts) == N
    for code, own in enumerate(counts):
        assert own.dtype in (np.int8, np.int32, np.int64)
        for value, count in zip(values.tolist(), own.tolist(), strict=True):
            assert expected[value, code] == count


def test_six_decimals_of_many_samples_are_counted_on_the_grid():
    scores = np.round(RNG.random(600_000), 6)
    values, (counts,) = tally(scores, np.zeros(scores.size, dtype=np.uint8), 1)
    unique, expected = np.unique(scores, return_counts=True)
    np.testing.assert_array_equal(values, unique)
    np.testing.assert_array_equal(counts, expected)


def test_many_scores_off_any_grid_are_counted_as_few_are():
    scores = RNG.random(700_000)  # enough to be sorted by halves
    scores[::5] = scores[1]
    codes = RNG.integers(0, 2, scores.size).astype(np.uint8)
    values, (zeros, ones) = tally(scores, codes, 2)
    for own, found in ((scores[codes == 0], zeros), (scores[codes == 1], ones)):
        unique, expected = np.unique(own, return_counts=True)
        np.testing.assert_array_equal(values[found > 0], unique)
        np.testing.assert_array_equal(found[found > 0], expected)


def test_the_arrays_that_are_counted_stay_as_they_are():
    scores = RNG.random(100)
    before = scores.copy()
    ScoreCounts.from_arrays(scores, scores > 0.5)
    np.testing.assert_array_equal(scores, before)


def test_more_than_two_hundred_attack_types_do_not_overflow():
    names = [f"type {i:03}" for i in range(300)]
    counts = ScoreCounts.from_arrays([0.5] * 301, [True] * 300 + [False], [*names, None])
    assert [*counts.by_attack_type] == names
    assert all(counts.n_of(name) == 1 for name in names)
    assert (counts.n_attack, counts.n_bona_fide) == (300, 1)


def test_the_type_of_a_bona_fide_sample_is_ignored():
    counts = ScoreCounts.from_arrays([0.1, 0.9], [False, True], ["mask", "swap"])
    assert [*counts.by_attack_type] == ["swap"]


def test_selecting_a_type_keeps_every_bona_fide_sample():
    counts = ScoreCounts.from_arrays([0.1, 0.6, 0.9], [False, True, True], [None, "mask", "swap"])
    own = counts.select("mask").compact()
    assert own.scores.tolist() == [0.1, 0.6]
    assert (own.n_bona_fide, own.n_attack) == (1, 1)
    with pytest.raises(ValueError, match="no attack type 'print'; the types are mask, swap"):
        counts.select("print")


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused(score):
    with pytest.raises(ValueError, match="NaN or infinite"):
        ScoreCounts.from_arrays([0.1, score], [True, False])


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="2 scores, 1 labels"):
        ScoreCounts.from_arrays([0.1, 0.2], [True])
    with pytest.raises(ValueError, match="1 attack types for 2 labels"):
        ScoreCounts.from_arrays([0.1, 0.2], [True, False], ["mask"])


def test_nothing_counts_as_nothing():
    counts = ScoreCounts.from_arrays([], [])
    assert (counts.n_bona_fide, counts.n_attack, counts.scores.size) == (0, 0, 0)

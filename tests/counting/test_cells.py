from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finauth_eval.counting.cells import Cells
from finauth_eval.counting.rows import Rows
from finauth_eval.counting.subjects import Subjects, numbers_of
from finauth_eval.slicing import SliceColumn

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2", "p3", "p4"]),
        st.sampled_from([0.0, 0.25, 0.5, float("nan")]),
        st.integers(0, 3),
        st.integers(0, 2),
        st.sampled_from(["idn", "sgp", "web"]),
    ),
    max_size=40,
)


def cells_of(rows, types=("mask", "swap")) -> Cells:
    whose, scores, kinds, splits, regions = zip(*rows, strict=True) if rows else ([],) * 5
    names, values = [*dict.fromkeys(whose)], [*dict.fromkeys(regions)]
    column = SliceColumn(
        name="region", values=tuple(values), codes=np.array([values.index(own) for own in regions], int)
    )
    counted = Rows(
        scores=np.array(scores, float), kinds=np.array(kinds, np.uint8), types=types, not_sent=None, columns=[column],
        splits=np.array(splits, np.int8),
    )  # fmt: skip
    return Cells.of(counted, numbers_of(names), np.array([names.index(own) for own in whose], int))


def spelled(cells: Cells, types=("mask", "swap")) -> Counter:
    """What is counted, read back from the keys by hand."""
    names = {int(numbers_of([name])[0]): name for name in ("p1", "p2", "p3", "p4")}
    found = Counter()
    rows, clusters, profiles = cells.samples()
    for i, (cluster, profile) in enumerate(zip(clusters, profiles, strict=True)):
        own = cells.profiles[profile]
        kind = 0 if not own.is_attack else 1 if not own.attack_type else 2 + types.index(own.attack_type)
        n = 1 if rows.weights is None else int(rows.weights[i])
        found[names[int(cells.clusters[cluster])], float(rows.scores[i]), kind, own.split, *own.values] += n
    return found


@settings(max_examples=200)
@given(ROWS, st.integers(0, 40))
def test_cells_count_what_is_there_and_add_up_to_it(rows, cut):
    expected = Counter(row for row in rows if row[1] == row[1])
    whole, parts = cells_of(rows), (cells_of(rows[:cut]), cells_of(rows[cut:]))
    assert spelled(whole) == expected
    for added in (parts[0] + parts[1], parts[1] + parts[0]):
        assert (added.profiles, added.columns) == (whole.profiles, whole.columns)
        for name in ("clusters", "scores", "keys", "sizes"):
            assert getattr(added, name).tolist() == getattr(whole, name).tolist()
    assert whole.n_clusters == len({row[0] for row in expected})
    assert whole.repeated == (expected.total() > whole.n_clusters)


@given(ROWS)
def test_cells_told_apart_by_less_are_those_of_rows_that_say_less(rows):
    cells = cells_of(rows)
    bare = cells.over()
    assert bare.columns == ()
    by_hand = Counter((who, score, kind, 0) for who, score, kind, *_ in rows if score == score)
    assert spelled(bare) == by_hand
    assert spelled(cells.over("region").only("sgp")) == Counter(
        (who, score, kind, 0, region)
        for who, score, kind, _, region in rows
        if score == score and region == "sgp"
    )
    typed = cells.over(typed=True).profiles
    assert not any(own.is_attack and not own.attack_type for own in typed)
    assert any(own.attack_type == "unspecified" for own in typed) == any(
        kind == 1 for _, score, kind, *_ in rows if score == score
    )


def test_too_many_things_to_tell_apart_are_refused_with_advice(monkeypatch):
    monkeypatch.setattr("finauth_eval.counting.cells._MOST_BITS", 3)
    rows = [(f"p{i % 4 + 1}", i / 8, i % 4, 0, "sgp") for i in range(8)]
    with pytest.raises(ValueError, match=r"4 clusters, 8 different scores .*cluster 'none'"):
        cells_of(rows)


def test_a_name_has_the_same_number_in_every_process():
    asked = "from finauth_eval.counting.subjects import numbers_of; print(numbers_of(['p1', 'p2']).tolist())"
    said = [
        subprocess.run(
            [sys.executable, "-c", asked], env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
            capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert said == [f"{numbers_of(['p1', 'p2']).tolist()}\n"] * 2


def test_two_spellings_of_one_name_are_one_subject():
    numbers = numbers_of(["p1", "p2", "p1"])
    assert Subjects.of("subject", numbers, np.array([0, 1, 2])).repeated
    assert not Subjects.of("subject", numbers, np.array([0, 1])).repeated

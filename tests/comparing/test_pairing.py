"""Which rows of two tables are the same sample."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finauth_eval.comparing.pairing import pair
from finauth_eval.scores import ScoreTable, read_scores


def table(contents=None, ids=None, labels=None, types=None) -> ScoreTable:
    """A table with these columns only; every score is one half."""
    given_columns = {"sha256": contents, "sample_id": ids, "label": labels, "attack_type": types}
    columns = {name: pd.Series(own, dtype=object) for name, own in given_columns.items() if own is not None}
    n = max(map(len, columns.values()))
    columns.setdefault("label", pd.Series(["real", "fake"] * n, dtype=object)[:n])
    return ScoreTable.from_frame(pd.DataFrame({**columns, "score": np.full(n, 0.5)}))


def rows(found) -> list[tuple[int, int]]:
    return list(zip(found.rows_a.tolist(), found.rows_b.tolist(), strict=True))


def test_the_same_content_is_the_same_sample_whatever_it_is_called():
    a = table(contents=["c1", "c2", "c3"], ids=["x", "y", "z"])
    b = table(contents=["c3", "c1", "c2"], ids=["x", "y", "z"], labels=["real", "real", "fake"])
    found = pair(a, b)
    assert rows(found) == [(0, 1), (1, 2), (2, 0)]
    assert (found.by, found.paired, found.only_in_a, found.only_in_b) == ("content", True, 0, 0)


def test_without_contents_the_same_id_is_the_same_sample():
    b = table(ids=["z", "q", "y", "r"], labels=["real", "real", "fake", "real"])
    found = pair(table(ids=["x", "y", "z"]), b)
    assert rows(found) == [(1, 2), (2, 0)]
    assert (found.by, found.only_in_a, found.only_in_b) == ("sample_id", 1, 2)


def test_rows_whose_content_one_run_does_not_know_are_matched_by_id():
    a = table(contents=["c1", None, "c3", "c4"], ids=["x", "y", "z", "w"])
    b = table(
        contents=[None, "c9", "c1", None], ids=["z", "y", "x", "w"], labels=["real", "fake", "real", "fake"]
    )
    found = pair(a, b)
    assert rows(found) == [(0, 2), (1, 1), (2, 0), (3, 3)]
    assert found.by == "content and sample_id"


def test_one_id_with_two_known_contents_is_two_samples():
    a, b = table(contents=["c1", "c2"], ids=["x", "y"]), table(contents=["c1", "c3"], ids=["x", "y"])
    found = pair(a, b)
    assert rows(found) == [(0, 0)]
    assert (found.by, found.only_in_a, found.only_in_b) == ("content", 1, 1)


@pytest.mark.parametrize("given_in", ["neither", "a", "b"])
def test_rows_without_given_ids_are_never_paired_by_their_numbers(given_in):
    plain, named = table(labels=["real", "fake", "real"]), table(ids=["1", "2", "3"])
    a, b = {"neither": (plain, plain), "a": (named, plain), "b": (plain, named)}[given_in]
    found = pair(a, b)
    assert rows(found) == []
    assert (found.by, found.paired, found.only_in_a, found.only_in_b) == ("nothing", False, 3, 3)


def test_numbers_that_were_given_as_ids_are_ids():
    found = pair(table(ids=[7, 8, 9]), table(ids=["9", "8"], labels=["real", "fake"]))
    assert rows(found) == [(1, 1), (2, 0)]


def test_of_rows_with_the_same_content_the_first_one_counts():
    a = table(contents=["c1", "c1", "c2", "c1"], labels=["real"] * 4)
    b = table(contents=["c2", "c1", "c2"], labels=["real"] * 3)
    found = pair(a, b)
    assert rows(found) == [(0, 1), (2, 0)]
    assert found.repeated == 3


def test_of_rows_with_the_same_id_the_first_one_counts():
    found = pair(
        table(ids=["x", "y", "x"], labels=["real"] * 3), table(ids=["x", "x", "y"], labels=["real"] * 3)
    )
    assert rows(found) == [(0, 0), (1, 2)]
    assert found.repeated == 2


def test_samples_that_are_labelled_differently_are_left_out_and_counted():
    a = table(ids=["x", "y", "z"], labels=["real", "fake", "fake"])
    b = table(ids=["x", "y", "z"], labels=["real", "real", "fake"])
    found = pair(a, b)
    assert rows(found) == [(0, 0), (2, 2)]
    assert found.relabelled == 1
    assert found.to_dict() == {"by": "sample_id", "pairs": 2, "repeated": 0, "relabelled": 1, "retyped": 0}
    json.dumps(found.to_dict(), allow_nan=False)


def test_attacks_of_another_type_are_pairs_and_counted():
    labels = ["real", "fake", "fake", "fake"]
    a = table(ids=[*"wxyz"], labels=labels, types=["mask", "mask", "swap", None])
    b = table(ids=[*"wxyz"], labels=labels, types=["swap", "mask", "mask", "mask"])
    found = pair(a, b)
    assert len(rows(found)) == 4
    assert found.retyped == 2, "a bona fide row has no type, whatever it says"


def test_labels_of_one_run_alone_relabel_nothing():
    ids = pd.DataFrame({"sample_id": ["x", "y"], "score": [0.1, 0.9]})
    without = ScoreTable.from_frame(ids, require_labels=False)
    for a, b in ((without, table(ids=["x", "y"])), (table(ids=["x", "y"]), without), (without, without)):
        found = pair(a, b)
        assert (rows(found), found.relabelled, found.paired) == ([(0, 0), (1, 1)], 0, True)


@pytest.mark.parametrize(("common", "paired"), [(4, False), (5, True), (10, True)])
def test_half_of_the_smaller_run_in_common_is_a_basis_for_pairs(common, paired):
    a = table(ids=[f"s{i}" for i in range(10)], labels=["real"] * 10)
    b = table(ids=[f"s{i}" for i in range(10 - common, 40)], labels=["real"] * (30 + common))
    for found in (pair(a, b), pair(b, a)):
        assert (found.rows_a.size, found.paired) == (common, paired)


def test_an_empty_table_has_nothing_in_common():
    nothing = ScoreTable.from_frame(pd.DataFrame({"sample_id": [], "label": [], "score": []}))
    for a, b in ((nothing, table(ids=["x"])), (table(ids=["x"]), nothing), (nothing, nothing)):
        found = pair(a, b)
        assert (rows(found), found.by, found.paired) == ([], "nothing", False)


samples = st.lists(
    st.tuples(st.sampled_from([None, "c1", "c2", "c3", "c4"]), st.sampled_from([*"vwxyz"]), st.booleans()),
    min_size=1, max_size=7,
)  # fmt: skip


def built(own) -> ScoreTable:
    contents, ids, attack = zip(*own, strict=True)
    return table(contents=contents, ids=ids, labels=["fake" if one else "real" for one in attack])


def by_hand(a, b) -> tuple[set[tuple[int, int]], int, int, list[int]]:
    """The pairs, the repeated rows, the relabelled ones and those of one run only, row by row."""
    kept = []
    for own in (a, b):
        seen: set[str] = set()
        kept.append([])
        for row, (content, _, _) in enumerate(own):
            if content is None or content not in seen:
                kept[-1].append(row)
            seen.add(content)
    repeated = len(a) + len(b) - len(kept[0]) - len(kept[1])
    pairs = [(i, j) for i in kept[0] for j in kept[1] if a[i][0] is not None and a[i][0] == b[j][0]]
    rest = [
        [row for row in own if row not in {found[side] for found in pairs}] for side, own in enumerate(kept)
    ]
    first = [
        [row for at, row in enumerate(own) if all(run[row][1] != run[other][1] for other in own[:at])]
        for own, run in zip(rest, (a, b), strict=True)
    ]
    by_id = [
        (i, j)
        for i in first[0]
        for j in first[1]
        if a[i][1] == b[j][1] and (a[i][0] is None or b[j][0] is None)
    ]
    # of two known contents under one id the second is another sample, though it can't be matched by the id
    again = [
        sum(run[row][0] is None for row in own if row not in once)
        for own, once, run in zip(rest, first, (a, b), strict=True)
    ]
    repeated += sum(again) if by_id else 0
    alone = [len(own) - len(by_id) - (more if by_id else 0) for own, more in zip(rest, again, strict=True)]
    pairs += by_id
    agree = {(i, j) for i, j in pairs if a[i][2] == b[j][2]}
    return agree, repeated, len(pairs) - len(agree), alone


@given(samples, samples)
def test_pairs_are_those_of_looking_at_every_two_rows(one, other):
    found = pair(built(one), built(other))
    pairs, repeated, relabelled, alone = by_hand(one, other)
    assert set(rows(found)) == pairs
    assert (found.repeated, found.relabelled) == (repeated, relabelled)
    assert [found.only_in_a, found.only_in_b] == alone
    assert found.rows_a.tolist() == sorted(found.rows_a.tolist())
    back = pair(built(other), built(one))
    assert {(i, j) for j, i in rows(back)} == pairs
    assert (back.by, back.paired, back.repeated) == (found.by, found.paired, found.repeated)


@given(samples)
def test_a_run_and_itself_are_the_same_samples(own):
    found = pair(built(own), built(own))
    assert found.rows_a.tolist() == found.rows_b.tolist()
    assert found.relabelled == found.retyped == 0
    if found.repeated == 0:
        assert found.rows_a.size == len(own)


@pytest.mark.parametrize("blank", ["", None, np.nan])
def test_samples_without_an_id_are_not_the_same_sample(blank):
    found = pair(table(ids=[blank, "y"]), table(ids=[blank, "y"]))
    assert rows(found) == [(1, 1)]


def test_row_numbers_that_were_written_to_disk_are_still_no_ids(tmp_path):
    table(labels=["real", "fake", "fake"]).write(tmp_path / "a")
    table(labels=["real", "fake", "fake"]).write(tmp_path / "b")
    assert rows(pair(read_scores(tmp_path / "a"), read_scores(tmp_path / "b"))) == []


def test_samples_with_another_label_are_in_both_runs():
    a = table(ids=["x", "y", "z"], labels=["real", "fake", "fake"])
    b = table(ids=["x", "y", "z"], labels=["real", "real", "fake"])
    found = pair(a, b)
    assert (found.only_in_a, found.only_in_b) == (0, 0)


def test_repeated_rows_of_a_sample_that_both_have_are_in_both_runs():
    own = table(contents=["c1", "c2", "c1"], labels=["real", "fake", "real"])
    found = pair(own, own)
    assert (found.only_in_a, found.only_in_b) == (0, 0)


def test_a_run_that_has_every_sample_three_times_is_paired_with_itself():
    own = table(contents=["c1", "c2"] * 3, labels=["real", "fake"] * 3)
    assert pair(own, own).paired


def test_a_run_that_does_not_tell_attack_types_retypes_nothing():
    typed = table(ids=["x", "y"], types=["", "mask"])
    unlabelled = ScoreTable.from_frame(
        pd.DataFrame({"sample_id": ["x", "y"], "score": [0.1, 0.9]}), require_labels=False
    )
    assert pair(unlabelled, typed).retyped == pair(typed, table(ids=["x", "y"])).retyped == 0


def test_two_known_contents_under_one_id_are_no_repeated_rows():
    a = table(contents=["c1", "c2", None], ids=["x", "x", "y"], labels=["real"] * 3)
    found = pair(a, table(contents=[None], ids=["y"], labels=["real"]))
    assert (found.repeated, found.only_in_a) == (0, 2)

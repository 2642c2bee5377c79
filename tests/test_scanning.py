from __future__ import annotations

import dataclasses
import io
import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from finauth_eval.errors import NothingToEvaluate, ScoresError
from finauth_eval.evaluation import evaluate
from finauth_eval.metrics.clustered import ClusteredScores
from finauth_eval.metrics.clustered_auc import clustered_auc
from finauth_eval.metrics.clustered_rates import clustered_rate
from finauth_eval.metrics.counts import ScoreCounts
from finauth_eval.recommendation import (
    AcceptReviewReject,
    BestFBeta,
    EqualError,
    MaxApcer,
    MaxBpcer,
    MinCost,
    Youden,
    recommend,
)
from finauth_eval.samples import count_scores
from finauth_eval.scanned.batches import Asked, batches_of, piece_of
from finauth_eval.scanning import part_files, scan_scores, worth_scanning
from finauth_eval.scores import Provenance, ScoreTable, read_scores
from finauth_eval.tallied import Tallied, summed

LABELS = {
    "texts": ["real", "fake", "bona_fide", "attack", " Genuine ", "spoof"],
    "numbers": [0, 1],
    "booleans": [False, True],
}
SOME = settings(max_examples=30, deadline=None)


@st.composite
def frames(draw):
    """Tables of every kind that is allowed, with blanks, words for blanks, and columns that are not there."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 120))
    scores = rng.random(n)
    if draw(st.booleans()):
        scores = np.round(scores, draw(st.sampled_from([0, 1, 2, 4])))
    frame = pd.DataFrame({"score": scores, "note": np.arange(n)})
    kind = draw(st.sampled_from(["float64", "float32", "int64", "text"]))
    blank = rng.random(n) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    if kind == "int64":
        frame["score"] = rng.integers(0, 2, n)
    elif kind == "text":
        frame["score"] = [" " if b else f" {s!r}" for s, b in zip(scores.tolist(), blank, strict=True)]
    else:
        frame["score"] = frame["score"].mask(blank).astype(kind)
    missing = blank if kind != "int64" else np.zeros(n, dtype=bool)
    if draw(st.booleans()):
        frame["outcome"] = np.where(
            missing, rng.choice(["not_sent", "no_response", ""], n), rng.choice(["scored", ""], n)
        )
    label = LABELS[draw(st.sampled_from([*LABELS]))]
    frame["label"] = (
        pd.Series(label).iloc[rng.integers(0, draw(st.sampled_from([1, len(label)])), n)].to_numpy()
    )
    if draw(st.booleans()):
        words = draw(
            st.sampled_from(
                [["mask", "swap", " swap ", None], ["", "nan"], ["unspecified", "mask", ""], ["mask"]]
            )
        )
        frame["attack_type"] = pd.Series(words, dtype=object).iloc[rng.integers(0, len(words), n)].to_numpy()
    if draw(st.booleans()):
        frame["threshold"] = rng.choice(draw(st.sampled_from([[0.5], [0.5, 0.25, np.nan]])), n)
        frame["result"] = pd.array(rng.choice([True, False], n), dtype="boolean")
        frame.loc[rng.random(n) < 0.2, "result"] = pd.NA
    whose = draw(st.sampled_from(["nobody's", "one each", "some blank", "several each", "several each"]))
    if whose == "several each":  # of samples without a score not every one is known
        subjects = [f" p{i}" for i in rng.integers(0, draw(st.sampled_from([1, 5, n])), n)]
        frame["subject"] = pd.Series(subjects, dtype=object).mask(missing & (rng.random(n) < 0.5))
    elif whose != "nobody's":
        blank_share = draw(st.sampled_from([0.5, 1])) if whose == "some blank" else 0
        frame["subject"] = [None if b else f"p{i}" for i, b in enumerate(rng.random(n) < blank_share)]
    frame["region"] = rng.choice(["sgp", "idn", "", "NA"], n)
    frame["device"] = (
        pd.Series(["b", "a", None, "", "(missing)"], dtype=object).iloc[rng.integers(0, 5, n)].to_numpy()
    )
    frame["week"] = pd.array(rng.integers(1, 4, n), dtype="Int64")
    if draw(st.booleans()):
        frame.loc[rng.random(n) < 0.3, "week"] = pd.NA
    if draw(st.booleans()):
        frame["split"] = rng.choice(
            draw(st.sampled_from([["calibration", "test"], ["calibration", "test", "", "train"], ["test"]])),
            n,
        )
    return frame.sample(frac=1, random_state=draw(st.integers(0, 99)))


def plain(result):
    """Every field: numbers to the last digit, the counts behind them, and the words."""
    counts, clustered = result.score_counts, result.clustered
    return {
        **result.to_dict(),
        "clustered": clustered and {
            "types": clustered.types,
            **{name: None if (own := getattr(clustered, name)) is None else own.tolist()
               for name in ("rows", "clusters", "is_attack", "type_codes", "weights")},
        },
        "provenance": {**dataclasses.asdict(result.provenance), "digest": ""},
        "score_counts": [counts.scores.tolist(), counts.bona_fide.tolist(), counts.attack.tolist(),
                         {name: own.tolist() for name, own in counts.by_attack_type.items()}],
        "curves": [own.counts.scores.tolist() for own in result.attack_types.values()],
    }  # fmt: skip


def evaluated(scores, by):
    try:
        return plain(evaluate(scores, by=by, thresholds=[0.3], bootstrap=20))
    except NothingToEvaluate as error:
        return str(error)


GOALS = [
    MaxBpcer(0.2), MaxApcer(0.3), MaxApcer(0.3, pooled=True), MinCost(miss=5, alarm=1, prior=0.1),
    AcceptReviewReject(miss=5, alarm=1, prior=0.1, review=0.2), EqualError(), Youden(), BestFBeta(),
]  # fmt: skip


def recommended(scores, by, holdout):
    try:
        found = recommend(scores, GOALS, by=by, holdout=holdout, joint=True, confidence=0.6)
    except NothingToEvaluate as error:
        return str(error)
    return found.to_dict(), found.sizes, [own.sizes for own in found.segments.values()], found.score_range


QUICK = ["region", "device", "week", "media_type"]
BY = [*QUICK, "label", "outcome"]


@SOME
@given(frame=frames(), cuts=st.lists(st.integers(0, 120), max_size=4), data=st.data())
def test_any_parts_of_a_table_add_up_to_the_table_in_every_field(frame, cuts, data):
    table = ScoreTable.from_frame(frame)
    ends = sorted({0, len(frame), *(cut for cut in cuts if cut < len(frame))})
    parts = [Tallied.of_frame(frame.iloc[a:b], by=BY) for a, b in pairwise(ends)]
    whole = summed(pickle.loads(pickle.dumps(part)) for part in data.draw(st.permutations(parts)))  # noqa: S301 - our own
    assert evaluated(whole, BY) == evaluated(table, BY)
    by, holdout = (
        data.draw(st.sampled_from([None, "region", "week"])),
        data.draw(st.sampled_from([None, 0.3])),
    )
    assert recommended(whole, by, holdout) == recommended(table, by, holdout)
    assert len(whole) == len(table)
    assert whole.n_scored == table.n_scored


@SOME
@given(
    frame=frames(),
    parts=st.integers(1, 4),
    rows=st.integers(1, 130),
    group=st.integers(1, 130),
    data=st.data(),
)
def test_files_are_evaluated_as_the_table_of_all_their_rows(
    tmp_path_factory, frame, parts, rows, group, data
):
    folder = tmp_path_factory.mktemp("scores")
    ends = np.linspace(0, len(frame), parts + 1).astype(int)
    for i, (a, b) in enumerate(pairwise(ends)):
        own = frame.iloc[a:b]
        if data.draw(st.booleans()):  # each file with dictionaries of its own
            own = own.astype({"region": "category", "device": "category"})
        own.to_parquet(folder / f"{i}.parquet", row_group_size=group, index=False)
    by = data.draw(st.sampled_from([QUICK, BY]))  # counted from dictionaries, or as tables are
    found = scan_scores(folder, by=by, rows_at_once=rows)
    whole = read_whole(frame, folder)
    assert evaluated(found, by) == evaluated(whole, by)
    assert recommended(found, "week", None) == recommended(whole, "week", None)


def read_whole(frame, folder):
    """The table as it would be read from one file of all rows."""
    file = folder.with_suffix(".whole.parquet")
    frame.to_parquet(file, index=False)
    return read_scores(file).with_provenance(source=str(folder))


def tiny(n=40, **columns):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({
        "label": np.where(np.arange(n) % 3 == 0, "fake", "real"), "score": np.round(rng.random(n), 2),
        "region": np.where(np.arange(n) % 2, "sgp", "idn"),
    })  # fmt: skip
    return frame.assign(**columns)


def write(folder, *frames, **options):
    folder.mkdir(exist_ok=True)
    for i, frame in enumerate(frames, start=1):
        frame.to_parquet(folder / f"part-{i}.parquet", index=False, **options)
    return folder


def test_a_bad_row_in_the_third_file_is_named_with_its_file_and_row(tmp_path):
    odd = {
        "label": ("label is 'maybe'", tiny(label=["real"] * 33 + ["maybe"] + ["fake"] * 6)),
        "blank": ("label is blank", tiny(label=["real"] * 33 + [None] + ["fake"] * 6)),
        "score": ("score is 1.5", tiny(score=[0.5] * 33 + [1.5] + [0.1] * 6)),
        "text": ("score is 'x'", tiny(score=["0.5"] * 33 + ["x"] + ["0.1"] * 6)),
        "outcome": ("outcome is 'no_response' but the row has a score", tiny(outcome=["scored"] * 33 + ["no_response"] + ["scored"] * 6)),
        "result": ("result is 'perhaps'", tiny(result=["true"] * 33 + ["perhaps"] + ["false"] * 6)),
        "threshold": (r"\(threshold\): row 34 .*: score is inf", tiny(threshold=[0.5] * 33 + [np.inf] + [0.5] * 6)),
    }  # fmt: skip
    for name, (words, frame) in odd.items():
        folder = write(tmp_path / name, tiny(), tiny(), frame, row_group_size=7)
        with pytest.raises(ScoresError, match=rf"part-3\.parquet.*row 34 .*{words.split(': ')[-1]}"):
            scan_scores(folder, rows_at_once=5)


def test_a_label_that_no_row_has_is_no_error(tmp_path):
    labels = pd.Categorical(["real", "fake"] * 20, categories=["real", "fake", "maybe"])
    folder = write(tmp_path / "scores", tiny(label=labels))
    assert scan_scores(folder).everything().sizes.attack == 20


def test_dictionaries_that_differ_between_row_groups_count_alike(tmp_path):
    frame = tiny(region=["idn"] * 10 + ["sgp"] * 10 + ["sgp", "web", "idn", "idn"] * 5)
    folder = write(tmp_path / "scores", frame, frame[::-1], row_group_size=10)
    found = scan_scores(folder, by=["region"])
    assert {value: part.n for value, part in found.slices_of("region").items()} == {
        "idn": 40,
        "sgp": 30,
        "web": 10,
    }


def test_empty_files_and_files_of_one_class_or_of_blanks_add_nothing_of_their_own(tmp_path):
    folder = write(
        tmp_path / "scores",
        tiny().iloc[:0],
        tiny(label="real"),
        tiny(score=np.nan),
        tiny(1, score=[np.nan]),
        tiny(label="fake"),
    )
    sizes = scan_scores(folder).everything().sizes
    assert (sizes.bona_fide, sizes.attack) == (40, 40)
    assert (sizes.no_response_bona_fide, sizes.no_response_attack) == (26, 15)
    nothing = scan_scores(write(tmp_path / "none", tiny().iloc[:0], tiny(score=np.nan)))
    with pytest.raises(NothingToEvaluate, match="none of 40 samples has a score"):
        evaluate(nothing)
    assert len(scan_scores(write(tmp_path / "empty", tiny().iloc[:0]))) == 0


def test_a_column_that_some_files_lack_is_blank_there_and_one_that_all_lack_is_refused(tmp_path):
    folder = write(tmp_path / "scores", tiny(site="a"), tiny())
    assert {value: part.n for value, part in scan_scores(folder, by=["site"]).slices_of("site").items()} == {
        "a": 40,
        "(missing)": 40,
    }
    with pytest.raises(ValueError, match="there is no column 'branch'; the columns are label, score, region"):
        scan_scores(folder, by=["branch"])
    with pytest.raises(ScoresError, match=r"part-2\.parquet: there is no column 'truth'"):
        scan_scores(
            write(tmp_path / "renamed", tiny().rename(columns={"label": "truth"}), tiny()),
            label_column="truth",
        )


def test_a_column_of_very_many_values_is_refused(tmp_path):
    folder = write(tmp_path / "scores", tiny(600, name=[f"n{i}" for i in range(600)]))
    with pytest.raises(ValueError, match="column 'name' has 600 different values"):
        scan_scores(folder, by=["name"])
    with pytest.raises(ValueError, match="different values"):
        scan_scores(folder, by=["name"], rows_at_once=100)


def test_many_slices_are_counted_as_few_are(tmp_path):
    frame = tiny(3000, site=np.arange(3000) % 400, attack_type=np.arange(3000) % 7)
    folder = write(tmp_path / "scores", frame, row_group_size=1000)
    found = scan_scores(folder, by=["site"])
    assert evaluated(found, ["site"]) == evaluated(read_whole(frame, folder), ["site"])


def test_subjects_with_several_samples_are_never_taken_as_independent_unasked(tmp_path):
    within = tiny(subject=[f"p{i // 2}" for i in range(40)])
    across = tiny(subject=[f"p{i}" for i in range(40)])
    for name, frames_ in {"within": [within], "across": [across, across]}.items():
        found = scan_scores(write(tmp_path / name, *frames_))
        assert found.belong_together
        assert evaluate(found).auc.method == "delong-clustered-logit-t"
        bare = scan_scores(tmp_path / name, together=False)
        assert bare.belong_together
        with pytest.raises(
            ValueError, match="subjects may have several samples each, and which samples belong"
        ):
            evaluate(bare)
        assert (
            evaluate(found, cluster="none").auc.method
            == evaluate(scan_scores(tmp_path / name, cluster="none")).auc.method
        )
    apart = scan_scores(
        write(tmp_path / "apart", across, across.assign(subject=[f"q{i}" for i in range(40)]))
    )
    assert not apart.belong_together
    assert apart.cells is None
    assert evaluate(apart).warnings == evaluate(apart, cluster="none").warnings


def test_blank_subjects_are_warned_of_as_in_a_table(tmp_path):
    frame = tiny(subject=["p1", None] * 20)
    folder = write(tmp_path / "scores", frame)
    assert evaluated(scan_scores(folder), []) == evaluated(read_whole(frame, folder), [])
    with pytest.raises(ValueError, match="column 'subject' is blank for 20 scored samples"):
        evaluate(scan_scores(folder, cluster="subject"), cluster="subject")
    with pytest.raises(ValueError, match="by 'device' was not looked at"):
        evaluate(scan_scores(folder), cluster="device")


def test_more_subjects_than_are_remembered_are_not_taken_as_independent(tmp_path, monkeypatch):
    monkeypatch.setattr("finauth_eval.counting.subjects._MOST_SUBJECTS", 50)
    parts = [tiny(subject=[f"p{40 * k + i}" for i in range(40)]) for k in range(3)]
    found = scan_scores(write(tmp_path / "apart", *parts))
    assert found.subjects.repeated is None
    assert not found.belong_together  # looked at again, each by itself
    again = scan_scores(write(tmp_path / "again", *parts, parts[0]))
    assert again.belong_together
    assert evaluate(again).clustered.n_clusters == 120


def test_more_clusters_and_scores_than_can_be_kept_apart_are_refused_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr("finauth_eval.counting.cells.MOST_CELLS", 50)
    folder = write(tmp_path / "scores", *[tiny(subject=[f"p{i % 7}" for i in range(40)])] * 2)
    assert scan_scores(folder).cells.keys.size <= 50  # the same cells twice
    other = tiny(subject=[f"q{i % 7}" for i in range(40)])
    with pytest.raises(ValueError, match=r"more than 50 different combinations of subject.*cluster 'none'"):
        scan_scores(write(tmp_path / "more", tiny(subject=[f"p{i % 7}" for i in range(40)]), other))
    assert scan_scores(tmp_path / "more", cluster="none").n_scored == 80


def test_slices_that_were_not_counted_are_refused(tmp_path):
    found = scan_scores(write(tmp_path / "scores", tiny()), by=["region"])
    with pytest.raises(ValueError, match="were not counted by the column 'device'; by: region"):
        evaluate(found, by=["device"])
    with pytest.raises(ValueError, match="not counted by the same columns"):
        found + Tallied.of_frame(tiny())


def test_other_names_and_ranges_are_taken(tmp_path):
    frame = tiny().rename(columns={"label": "truth", "score": "p"}).assign(p=np.arange(40) * 7.5 - 3)
    folder = write(tmp_path / "scores", frame)
    found = scan_scores(folder, label_column="truth", score_column="p", score_range="any", rows_at_once=7)
    whole = read_scores(folder / "part-1.parquet", label_column="truth", score_column="p", score_range="any")
    assert evaluated(found, []) == evaluated(whole.with_provenance(source=str(folder)), [])
    with pytest.raises(ScoresError, match=r"row 1 .*score is -3"):
        scan_scores(folder, label_column="truth", score_column="p")


def test_files_without_labels_are_refused_unless_asked_for_and_never_evaluated(tmp_path):
    folder = write(tmp_path / "scores", tiny().drop(columns="label"))
    with pytest.raises(ScoresError, match="there is no column 'label'"):
        scan_scores(folder)
    found = scan_scores(folder, require_labels=False)
    assert found.n_scored == 40
    with pytest.raises(ScoresError, match="there is no column 'label'"):
        evaluate(found)
    with pytest.raises(ScoresError, match="while other parts have one"):
        scan_scores(write(tmp_path / "mixed", tiny(), tiny().drop(columns="label")), require_labels=False)


def test_which_files_a_path_names(tmp_path):
    folder = write(tmp_path / "scores", tiny(), tiny())
    (folder / "deep").mkdir()
    (folder / "_old").mkdir()
    tiny().to_parquet(folder / "deep" / "part-9.pq")
    tiny().to_parquet(folder / "_old" / "part-0.parquet")
    (folder / "notes.txt").write_text("x")
    assert [file.name for file in part_files(folder)] == ["part-9.pq", "part-1.parquet", "part-2.parquet"]
    assert [file.name for file in part_files(folder / "part-*.parquet")] == [
        "part-1.parquet",
        "part-2.parquet",
    ]
    assert worth_scanning(folder)
    assert worth_scanning(folder / "*.parquet")
    assert not worth_scanning(folder / "part-1.parquet")
    assert not worth_scanning(folder / "absent.csv")
    assert not worth_scanning(ScoreTable.from_frame(tiny()).write(tmp_path / "run"))
    for path, words in (
        (folder / "absent-*.parquet", "no such file"),
        (tmp_path / "deep", "no such file"),
        (folder / "notes.txt", "only Parquet"),
    ):
        with pytest.raises(ScoresError, match=words):
            part_files(path)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ScoresError, match="there is no Parquet file in this folder"):
        part_files(tmp_path / "bare")


def test_a_run_folder_keeps_its_provenance(tmp_path):
    table = ScoreTable.from_frame(tiny()).with_provenance(run={"region": "sgp", "samples": 40}, region="sgp")
    folder = table.write(tmp_path / "run")
    found, whole = scan_scores(folder).provenance, read_scores(folder).provenance
    assert dataclasses.replace(found, digest="") == dataclasses.replace(whole, digest="")


def test_the_digest_of_parts_is_that_of_their_counts_whatever_the_parts(tmp_path):
    frame = tiny()
    one = scan_scores(write(tmp_path / "one", frame))
    several = scan_scores(write(tmp_path / "several", frame[:13], frame[13:]), rows_at_once=3)
    other = scan_scores(write(tmp_path / "other", frame.assign(score=1 - frame["score"])))
    assert one.provenance.digest == several.provenance.digest != other.provenance.digest
    assert (
        ScoreTable.from_frame(frame).provenance.digest
        == evaluate(ScoreTable.from_frame(frame)).provenance.digest
    )


def test_a_file_that_is_no_parquet_or_is_cut_off_is_refused_by_name(tmp_path):
    folder = write(tmp_path / "scores", tiny(), tiny())
    whole = (folder / "part-2.parquet").read_bytes()
    (folder / "part-2.parquet").write_text("label,score\n")
    with pytest.raises(ScoresError, match=r"part-2\.parquet: not readable as Parquet"):
        scan_scores(folder)
    (folder / "part-2.parquet").write_bytes(b"PAR1" + bytes(400) + whole[404:])
    with pytest.raises(ScoresError, match=r"part-2\.parquet: not readable as Parquet, after row 0"):
        scan_scores(folder)


def test_counts_of_a_scan_are_those_of_the_table(tmp_path):
    frame = tiny(attack_type=["mask", "", "swap", None] * 10)
    folder = write(tmp_path / "scores", frame)
    mine, whole = (
        scan_scores(folder).everything().counts,
        count_scores(read_scores(folder / "part-1.parquet")),
    )
    assert mine.scores.tolist() == whole.scores.tolist()
    assert {name: own.tolist() for name, own in mine.by_attack_type.items()} == {
        name: own.tolist() for name, own in whole.by_attack_type.items()
    }


def test_a_table_written_by_others_with_dictionaries_of_numbers_and_large_texts_is_read(tmp_path):
    folder = tmp_path / "scores"
    folder.mkdir()
    table = pa.table({
        "label": pa.array(["fake", "real"] * 20, pa.large_string()).dictionary_encode(),
        "score": pa.array([0, 1] * 20, pa.int8()),
        "week": pa.array([1, None] * 20, pa.int16()),
        "open": pa.array([True, False] * 20),
    })  # fmt: skip
    parquet.write_table(table, folder / "a.parquet")
    found = scan_scores(folder, by=["week", "open"])
    assert list(found.slices_of("week")) == ["1", "(missing)"]
    assert list(found.slices_of("open")) == ["False", "True"]
    assert evaluate(found).auc.value == 0.0


def test_parts_come_from_one_source():
    first = Tallied.of_frame(tiny(), source="a")
    assert (first + Tallied.of_frame(tiny(), source="a")).origin == Provenance(source="a", digest="")


def test_another_column_may_say_which_samples_belong_together(tmp_path):
    frame = tiny(device=[i % 7 for i in range(40)], subject=[f"p{i}" for i in range(40)])
    gaps = frame.assign(device=frame["device"].astype("Int64"), score=frame["score"].where(frame.index != 3))
    gaps.loc[3, "device"] = pd.NA
    folder = write(tmp_path / "scores", frame, gaps)
    found = evaluate(scan_scores(folder, cluster="device"), cluster="device")
    assert found.clustered.n_clusters == 7
    whole = read_whole(
        pd.concat([frame, gaps]).astype({"device": "float64"}), folder
    )  # as columns with gaps often are
    assert plain(found) == plain(evaluate(whole, cluster="device"))
    assert any("79 scored samples come from 7 values of 'device'" in own for own in found.warnings)


def test_numbers_are_exact_where_some_are_blank_and_a_batch_goes_the_road_of_tables(tmp_path):
    devices = pd.array([2**60 + 1, 2**60 + 2, 7, None] * 10, dtype="Int64")
    labels = ["real", "fake"] * 20
    odd = tiny(device=devices, label=labels, threshold=["0.5"] * 40)  # texts are read as in a table
    folder = tmp_path / "scores"
    folder.mkdir()
    table = pa.Table.from_pandas(odd, preserve_index=False).replace_schema_metadata(None)
    parquet.write_table(table, folder / "0.parquet")
    found = scan_scores(folder, by=["device"])
    assert list(found.slices_of("device")) == [str(2**60 + 1), str(2**60 + 2), "7", "(missing)"]
    whole = read_scores(folder / "0.parquet").with_provenance(source=str(folder))
    assert evaluated(found, ["device"]) == evaluated(whole, ["device"])


def test_clustered_figures_are_those_of_the_samples_one_by_one(tmp_path):
    """Against the very formulas on arrays in the order of the rows, which know nothing of counts."""
    rng = np.random.default_rng(3)
    frame = tiny(600, subject=[f"p{i}" for i in rng.integers(0, 60, 600)], attack_type=["a", "b", "c"] * 200)
    found = evaluate(scan_scores(write(tmp_path / "scores", frame[:200], frame[200:])), by=[], bootstrap=0)
    scores, attack = frame["score"].to_numpy(), (frame["label"] == "fake").to_numpy()
    codes = pd.factorize(frame["subject"])[0]
    counts = ScoreCounts.from_arrays(scores, attack)
    alone = ClusteredScores.of(counts, scores, is_attack=attack, clusters=codes)
    assert found.clustered.weights is not None
    expected = clustered_auc(alone)
    assert (found.auc.low, found.auc.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    blocked = np.bincount(codes, ~attack & (scores >= 0.5))
    rate = clustered_rate(blocked, np.bincount(codes, ~attack))
    bpcer = found.operating_points[0].bpcer
    assert (bpcer.value, bpcer.low, bpcer.high) == pytest.approx((rate.value, rate.low, rate.high), rel=1e-12)


def test_folders_named_after_values_are_columns(tmp_path):
    frame = tiny(300)
    for (region, week), own in frame.assign(week=np.arange(300) % 3).groupby(["region", "week"]):
        folder = tmp_path / "scores" / f"region={region}" / f"week={week or '__HIVE_DEFAULT_PARTITION__'}"
        folder.mkdir(parents=True)
        own[["label", "score"]].to_parquet(folder / "part-0.parquet", index=False)
    (tmp_path / "scores" / "region=a%20b").mkdir()
    tiny(5)[["label", "score"]].to_parquet(tmp_path / "scores" / "region=a%20b" / "0.parquet", index=False)
    for path in (tmp_path / "scores", tmp_path / "sc*" / "**" / "*.parquet"):
        found = scan_scores(path, by=["region", "week"])
        assert {value: own.n for value, own in found.slices_of("region").items()} == {
            "a b": 5,
            "idn": 150,
            "sgp": 150,
        }
        assert {value: own.n for value, own in found.slices_of("week").items()} == {
            "1": 100,
            "2": 100,
            "(missing)": 105,
        }
    together = pd.concat([
        frame[["label", "score", "region"]], tiny(5)[["label", "score"]].assign(region="a b"),
    ])  # fmt: skip
    folder = tmp_path / "scores"
    assert evaluated(scan_scores(folder, by=["region"]), ["region"]) == evaluated(
        read_whole(together, folder), ["region"]
    )
    one = scan_scores(
        folder / "region=sgp", by=["region", "week"]
    )  # what lies above the folder is not looked at
    assert one.n_scored == 150
    assert list(one.slices_of("region")) == ["(missing)"]


@pytest.mark.parametrize("there", [True, False])
def test_a_path_may_be_written_with_slashes_and_dots(tmp_path, monkeypatch, there):
    if there:
        store = pytest.importorskip("fsspec", reason="the extra dask is not installed").filesystem("memory")
    for region, own in tiny().groupby("region"):
        content = io.BytesIO()
        own[["label", "score"]].to_parquet(content, index=False)
        if there:
            store.pipe_file(f"/b/prod/region={region}/0.parquet", content.getvalue())
        else:
            (tmp_path / f"region={region}").mkdir()
            (tmp_path / f"region={region}" / "0.parquet").write_bytes(content.getvalue())
    monkeypatch.chdir(tmp_path)
    root = "memory:///b/prod" if there else str(tmp_path)
    paths = [root, f"{root}/", f"{root}/*/*.parquet", f"{root}/**/*.parquet", f"{root}/region=*/0.parquet"]
    if there:
        paths += ["memory://b/prod", "memory://b/prod/", "memory://b/prod/*/*.parquet"]
    else:
        paths += [".", "./", "./*/*.parquet", "*/*.parquet", "**/*.parquet", f"../{tmp_path.name}/"]
    for path in paths:
        assert list(scan_scores(path, by=["region"]).slices_of("region")) == ["idn", "sgp"], path


def test_files_come_in_one_order_from_disk_and_from_a_store(tmp_path):
    store = pytest.importorskip("fsspec", reason="the extra dask is not installed").filesystem("memory")
    names = ["week/0.parquet", "week/1.parquet", "week-2/0.parquet", "week.parquet"]
    for name in names:
        store.pipe_file(f"/order/{name}", b"x")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for end, expected in (("", [*names[:2], *names[2:]]), ("/*/*.parquet", names[:3])):
        here = [file.relative_to(tmp_path).as_posix() for file in part_files(f"{tmp_path}{end}")]
        there = [str(file).removeprefix("memory:///order/") for file in part_files(f"memory:///order{end}")]
        assert here == there == expected


@pytest.mark.parametrize("there", [True, False])
def test_patterns_leave_out_what_folders_leave_out(tmp_path, there):
    names = ["a/0.parquet", "a/_1.parquet", "_tmp/0.parquet", ".old/0.parquet", "a/.2.parquet"]
    root = "memory:///hidden" if there else str(tmp_path)
    for name in names:
        if there:
            store = pytest.importorskip("fsspec", reason="the extra dask is not installed").filesystem(
                "memory"
            )
            store.pipe_file(f"/hidden/{name}", b"x")
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"x")

    def found(path: str) -> list[str]:
        return [str(file).removeprefix(f"{root}/") for file in part_files(path)]

    for path in (root, f"{root}/*/*.parquet", f"{root}/**/*.parquet", f"{root}/a*/*.parquet"):
        assert found(path) == names[:1], path
    assert found(f"{root}/_tmp/*.parquet") == names[2:3]
    assert found(f"{root}/*/_1.parquet") == names[1:2]


def test_repeated_answers_of_a_run_are_no_samples(tmp_path):
    for name in ("first", "second"):
        folder = ScoreTable.from_frame(tiny()).write(tmp_path / name)
        tiny(80).to_parquet(folder / "replicates.parquet")
        (folder / "run.json").write_text("{}")
    for path in (tmp_path, tmp_path / "*" / "*.parquet"):
        assert [file.name for file in part_files(path)] == ["scores.parquet"] * 2
        assert scan_scores(path).n_scored == 80
    (tmp_path / "first" / "scores.parquet").unlink()
    for path in (tmp_path / "first", tmp_path):
        with pytest.raises(ScoresError, match=r"first: there is run\.json but no scores\.parquet"):
            scan_scores(path)
    assert not worth_scanning(tmp_path / "first")


def test_a_files_own_column_goes_before_its_folders(tmp_path):
    (tmp_path / "scores" / "region=web").mkdir(parents=True)
    tiny().to_parquet(tmp_path / "scores" / "region=web" / "0.parquet", index=False)
    assert list(scan_scores(tmp_path / "scores", by=["region"]).slices_of("region")) == ["idn", "sgp"]


def test_folders_may_stand_for_labels_and_subjects(tmp_path):
    frame = tiny(subject=[f"p{i % 5}" for i in range(40)])
    for (label, subject), own in frame.groupby(["label", "subject"]):
        folder = tmp_path / "scores" / f"label={label}" / f"subject={subject}"
        folder.mkdir(parents=True)
        own[["score"]].to_parquet(folder / "0.parquet", index=False)
    folder = tmp_path / "scores"
    assert evaluated(scan_scores(folder), []) == evaluated(read_whole(frame, folder), [])


def asked_of():
    return Asked(
        by=(), cluster=None, together=False, stops=False, named={name: name for name in ("label", "score", "attack_type")},
        score_range="unit", require_labels=True, origin=Provenance(source="x", digest=""),
    )  # fmt: skip


def write_groups(file, *sizes):
    table = pa.Table.from_pandas(tiny(sum(sizes)), preserve_index=False)
    with parquet.ParquetWriter(file, table.schema) as writer:
        for i, n in enumerate(sizes):
            writer.write_table(table.slice(sum(sizes[:i]), n), row_group_size=max(n, 1))
    return file


def test_no_piece_is_without_rows_but_that_of_a_file_without_rows(tmp_path):
    for sizes, expected in (
        ((10, 0), [range(1)]),
        ((10, 0, 0, 4, 0), [range(1), range(1, 5)]),
        ((0, 10), [range(2)]),
        ((0, 0), [range(2)]),
    ):
        file = write_groups(tmp_path / "own.parquet", *sizes)
        assert parquet.read_metadata(file).num_row_groups == len(sizes)
        pieces = piece_of(file, {}, asked_of()).split(5)
        assert [own.groups for own in pieces] == expected
        assert all([*batches_of([own], asked_of(), 100)] for own in pieces)


def test_a_file_that_others_write_to_meanwhile_is_not_counted_in_part(tmp_path):
    file = write_groups(tmp_path / "own.parquet", 20, 20)
    piece = piece_of(file, {}, asked_of())
    for write_again, words in (
        (lambda: write_groups(file, 20, 20, 5), "had 40 rows and has 45 now"),
        (lambda: write_groups(file, 20), "had 40 rows and has 20 now"),
        (lambda: write_groups(file, 10, 30), "had 2 row groups and was written anew"),
        (
            lambda: tiny().rename(columns={"label": "truth"}).to_parquet(file, row_group_size=20),
            "had a column 'label' and has none now",
        ),
    ):
        assert sum(len(own.rows) for own in batches_of([piece], asked_of(), 100)) == 40
        write_again()
        with pytest.raises(ScoresError, match=rf"own\.parquet: {words}; count again when nobody writes"):
            list(batches_of([piece], asked_of(), 100))
        write_groups(file, 20, 20)


def test_a_file_is_cut_into_pieces_of_whole_row_groups(tmp_path):
    folder = write(tmp_path / "scores", tiny(40), tiny(5), row_group_size=7)
    asked = Asked(
        by=(), cluster=None, together=False, stops=False, named={name: name for name in ("label", "score", "attack_type")},
        score_range="unit", require_labels=True, origin=Provenance(source="x", digest=""),
    )  # fmt: skip
    large, small = (piece_of(file, {}, asked) for file in part_files(folder))
    assert [own.groups for own in large.split(14)] == [range(2), range(2, 4), range(4, 6)]
    assert [own.groups for own in large.split(15)] == [range(3), range(3, 6)]
    assert [own.groups for own in small.split(1000)] == [range(1)]
    read = [batch for own in large.split(14) for batch in batches_of([own], asked, 5)]
    assert [batch.rows_before for batch in read] == [
        sum(len(own.rows) for own in read[:i]) for i in range(len(read))
    ]
    assert (
        pa.Table.from_batches([own.rows for own in read])["score"].to_pylist() == tiny(40)["score"].tolist()
    )

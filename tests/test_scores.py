"""The score table: what is read, what is refused, and that it comes back as it was."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import finauth_eval as fe
from finauth_eval.errors import ScoresError
from finauth_eval.scores import COLUMNS


def csv(tmp_path, text, name="x.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_a_plain_csv_of_labels_and_scores_is_a_table(tmp_path):
    table = fe.read_scores(csv(tmp_path, "label,score\nreal,0.1\nfake,0.9\nfake,\n"))
    assert table.frame["label"].tolist() == ["bona_fide", "attack", "attack"]
    assert table.scores.tolist()[:2] == [0.1, 0.9]
    assert table.frame["outcome"].tolist() == ["scored", "scored", "no_response"]
    assert table.is_attack.tolist() == [False, True, True]
    assert list(table.frame.columns) == list(COLUMNS)


@pytest.mark.parametrize("words", ["bona_fide attack", "real fake", "bonafide spoof", "genuine deepfake", "0 1",
                                   "false true", "FALSE True", "0.0 1.0", "Bona-Fide ATTACK"])  # fmt: skip
def test_every_documented_spelling_of_the_labels_is_read(tmp_path, words):
    bona_fide, attack = words.split()
    table = fe.read_scores(csv(tmp_path, f"label,score\n{bona_fide},0.1\n{attack},0.9\n"))
    assert table.frame["label"].tolist() == ["bona_fide", "attack"]


@pytest.mark.parametrize("labels", [[False, True], [0, 1], [0.0, 1.0], pd.Categorical(["real", "fake"])])
def test_labels_of_a_frame_may_be_booleans_numbers_or_categories(labels):
    table = fe.ScoreTable.from_frame(pd.DataFrame({"label": labels, "score": [0.1, 0.9]}))
    assert table.is_attack.tolist() == [False, True]


@pytest.mark.parametrize("blank", ["", " ", "NA", "nan", "NaN", "None", "null", "n/a"])
def test_a_blank_score_is_a_sample_without_a_response(tmp_path, blank):
    table = fe.read_scores(csv(tmp_path, f"label,score,subject\nreal,0.1,a\nreal,{blank},b\n"))
    assert table.scored.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("label,score\nreal,0.1\nfake,1.7\n", ["row 2 (line 3)", "score is 1.7", "[0, 1]", "--score-range any"]),
        ("label,score\nreal,-0.01\n", ["row 1 (line 2)", "-0.01"]),
        ("label,score\nreal,inf\n", ["row 1", "inf"]),
        ("label,score\nreal,\nfake,high\n", ["row 2 (line 3)", "'high'", "expected a number"]),
        ("label,score\nfak,0.1\n", ["row 1 (line 2)", "'fak'", "attack/bona_fide"]),
        ("label,score\nreal,0.2\n,0.1\n", ["row 2", "label is blank"]),
        ("class,score\nreal,0.1\n", ["no column 'label'", "class, score", "--label-column"]),
        ("label,value\nreal,0.1\n", ["no column 'score'", "--score-column"]),
        ("label,score,score\nreal,0.1,0.2\n", ["the column 'score' occurs more than once"]),
        ("label,score\nreal,0.1\nreal\n", ["row 2 (line 3)", "1 fields", "the header has 2"]),
        ("label,score\nreal,0.1\n\nreal,0.2\n", ["row 2 (line 3)", "label is blank"]),
        ("label,score\nreal,0.1\nreal,0.2,x\n", ["row 2 (line 3)", "3 fields"]),
        ("label,score\nreal,0.2,x\n", ["row 1 (line 2)", "3 fields"]),
        ("label,score,outcome\nreal,0.1,lost\n", ["outcome is 'lost'", "scored, no_response, not_sent"]),
        ("label,score,outcome\nreal,,scored\n", ["outcome is 'scored' but the row has no score"]),
        ("label,score,outcome\nreal,0.5,not_sent\n", ["outcome is 'not_sent' but the row has a score"]),
        ("label,score,result\nreal,0.5,maybe\n", ["result is 'maybe'", "expected true or false"]),
        ("label,score,threshold\nreal,0.5,x\n", ["threshold", "'x'"]),
        ("label,score,attempts\nreal,0.5,1.5\n", ["attempts is 1.5", "whole number"]),
        ("", ["the file is empty"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_row_value_and_what_is_expected(tmp_path, text, parts):
    file = csv(tmp_path, text)
    with pytest.raises(ScoresError) as caught:
        fe.read_scores(file)
    for part in [str(file), *parts]:
        assert part in str(caught.value)


def test_scores_outside_the_unit_interval_are_read_when_asked_to(tmp_path):
    file = csv(tmp_path, "label,score\nreal,-3.5\nfake,12\n")
    assert fe.read_scores(file, score_range="any").scores.tolist() == [-3.5, 12.0]
    with pytest.raises(ScoresError, match="a finite number"):
        fe.read_scores(csv(tmp_path, "label,score\nreal,inf\n"), score_range="any")


def test_columns_can_be_renamed_and_an_own_column_of_that_name_gives_way(tmp_path):
    file = csv(tmp_path, "truth,score,confidence,kind\ngenuine,9,0.2,x\nspoof,9,0.8,print\n")
    table = fe.read_scores(file, label_column="truth", score_column="confidence", attack_type_column="kind")
    assert table.scores.tolist() == [0.2, 0.8]
    assert table.frame["attack_type"].tolist()[1] == "print"
    assert pd.isna(table.frame["attack_type"].tolist()[0]), "the attack type of a bona fide row is ignored"
    assert table.frame["score (not used)"].tolist() == ["9", "9"]


def test_missing_and_unreadable_files_are_clear_errors(tmp_path):
    with pytest.raises(ScoresError, match="no such file"):
        fe.read_scores(tmp_path / "nowhere.csv")
    with pytest.raises(ScoresError, match="no such file"):
        fe.read_scores(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(ScoresError, match="not readable as Parquet"):
        fe.read_scores(tmp_path / "x.parquet")
    (tmp_path / "x.csv").write_bytes(b"label,score\nr\xe9al,0.1\n")
    with pytest.raises(ScoresError, match="not UTF-8 text"):
        fe.read_scores(tmp_path / "x.csv")
    (tmp_path / "run").mkdir()
    pd.DataFrame({"label": ["real"], "score": [0.1]}).to_parquet(tmp_path / "run" / "scores.parquet")
    (tmp_path / "run" / "run.json").write_text("{oops")
    with pytest.raises(ScoresError, match=r"run\.json: not readable as JSON"):
        fe.read_scores(tmp_path / "run")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found_and_a_byte_order_mark_is_skipped(tmp_path, separator):
    text = "\ufefflabel,score,region\nreal,0.1,sg\nfake,0.9,id\n".replace(",", separator)
    table = fe.read_scores(csv(tmp_path, text))
    assert table.frame["region"].tolist() == ["sg", "id"]


@pytest.mark.parametrize("run", ['{"dataset": "x"}', '{"package_versions": [1]}', "[" * 100_000, "[]",
                                 '{"thresholds_seen": 1}', '{"sends": "many"}'])  # fmt: skip
def test_a_run_json_that_was_tampered_with_is_a_clear_error(tmp_path, run):
    fe.ScoreTable.from_frame(pd.DataFrame({"label": ["real"], "score": [0.1]})).write(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(run)
    with pytest.raises(ScoresError, match=r"run\.json: "):
        fe.read_scores(tmp_path / "run")


@pytest.mark.parametrize("column", ["label", "attack_type", "site"])
def test_columns_of_lists_are_refused_by_name(tmp_path, column):
    frame = pd.DataFrame({"label": ["real"], "score": [0.1], "attack_type": ["x"], "site": ["a"]}).astype(
        object
    )
    frame[column] = [["nested"]]
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ScoresError, match=f"the column '{column}' holds lists"):
        fe.read_scores(tmp_path / "x.parquet")


def test_blank_lines_at_the_end_are_no_samples(tmp_path):
    assert len(fe.read_scores(csv(tmp_path, "label,score\nreal,0.1\n\n\n"))) == 1


def test_the_callers_frame_is_not_changed():
    frame = pd.DataFrame({"label": ["real", "fake"], "score": ["0.1", ""], "attack_type": ["x", "y"]})
    before = frame.copy(deep=True)
    fe.ScoreTable.from_frame(frame)
    pd.testing.assert_frame_equal(frame, before)


rows = st.lists(
    st.tuples(
        st.sampled_from(["bona_fide", "attack"]),
        st.one_of(st.none(), st.integers(0, 20).map(lambda i: i / 20)),
        st.sampled_from([None, "swap", "replay", "ünï"]),
    ),
    min_size=1,
    max_size=30,
)


def frame_of(samples):
    frame = pd.DataFrame(samples, columns=["label", "score", "attack_type"])
    return frame.assign(score=frame["score"].astype(float), attack_type=frame["attack_type"].astype(object))


@given(rows)
def test_csv_parquet_and_frame_give_the_same_table_and_digest(samples):
    frame = frame_of(samples)
    table = fe.ScoreTable.from_frame(frame)
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(Path(folder, "x.csv"), index=False)
        frame.to_parquet(Path(folder, "x.parquet"), index=False)
        table.write(Path(folder, "run"))
        for source in ("x.csv", "x.parquet", "run"):
            back = fe.read_scores(Path(folder, source))
            assert back.provenance.digest == table.provenance.digest
            np.testing.assert_array_equal(back.scores, table.scores)
            assert back.frame["outcome"].tolist() == table.frame["outcome"].tolist()


@given(rows, st.data())
def test_the_digest_changes_with_any_label_score_or_type(samples, data):
    at = data.draw(st.integers(0, len(samples) - 1))
    label, score, kind = samples[at]
    changed = data.draw(
        st.sampled_from(
            [
                ("attack" if label == "bona_fide" else "bona_fide", score, kind),
                (label, 0.123 if score is None else None, kind),
                *([(label, score, "another")] if label == "attack" else []),
            ]
        )
    )
    other = [*samples[:at], changed, *samples[at + 1 :]]
    digests = {fe.ScoreTable.from_frame(frame_of(s)).provenance.digest for s in (samples, other)}
    assert len(digests) == 2


def test_the_digest_is_what_it_is_said_to_be():
    table = fe.ScoreTable.from_frame(
        pd.DataFrame({"label": [1, 0], "score": [0.5, 0.25], "attack_type": ["b", None]})
    )
    by_hand = hashlib.sha256(b"finauth-eval/score-table/1")
    by_hand.update(bytes([0b10000000]))
    by_hand.update(np.array([0.5, 0.25]).tobytes())
    by_hand.update(np.array([0, -1], dtype=np.int32).tobytes())
    by_hand.update(b'["b"]')
    assert table.provenance.digest == by_hand.hexdigest()

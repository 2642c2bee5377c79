"""Asking again: each content several times, and what that says of the scores' stability."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from finauth_eval.dataset import load_dataset
from finauth_eval.run.runner import plan_run
from finauth_eval.run.stability import stability_fields
from finauth_eval.scores import read_scores


def test_each_content_is_asked_as_often_as_wanted_and_no_oftener(run_on, scripted, picture_folder, tmp_path):
    server = scripted(lambda n: None)  # the n-th answer has the score n / 100: every answer differs
    folder = picture_folder(bona_fide=3, attack=2)
    table, run = run_on(server, folder, replicates=3, max_concurrency=1)
    assert (run["sends"], run["scored"], run["unique_contents"]) == (15, 5, 5)
    # the table has the first answer of each: all contents are asked once before any is asked again
    assert sorted(table.frame["score"]) == [n / 100 for n in (1, 2, 3, 4, 5)]
    again = table.replicates
    assert again["replicate"].tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert sorted(again["score"]) == [n / 100 for n in range(1, 16)]
    assert again["score"][:5].tolist() == table.frame["score"].tolist()
    stability = run["stability"]
    assert (stability["replicates"], stability["compared"], stability["changed"]) == (3, 5, 5)
    assert stability["largest_score_change"] == pytest.approx(0.10)
    assert stability["decision_flips"] == 0
    # one more replicate costs one more answer each, and fewer cost nothing
    _, more = run_on(server, folder, replicates=4)
    assert more["sends"] == 5
    plain, once = run_on(server, folder)
    assert (once["sends"], "stability" in once) == (0, False)
    assert plain.replicates is None
    assert (
        plan_run(
            load_dataset(folder), endpoint=server.endpoint, cache=tmp_path / "cache", replicates=6
        ).planned_calls
        == 10
    )


def test_replicates_are_kept_in_the_run_folder(run_on, scripted, picture_folder, tmp_path):
    table, run = run_on(scripted(lambda n: None), picture_folder(), replicates=2)
    read = read_scores(table.write(tmp_path / "run"))
    pd.testing.assert_frame_equal(read.replicates, table.replicates, check_dtype=False)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["stability"] == run["stability"]
    # a later run into the same folder without replicates does not show the old ones
    plain, _ = run_on(scripted(lambda n: None), picture_folder(name="others", first_seed=50))
    assert read_scores(plain.write(tmp_path / "run")).replicates is None


def test_a_content_that_is_answered_differently_the_second_time_is_counted(run_on, scripted, picture_folder):
    answers = {
        2: (400, {"error": "NO_FACE_FOUND"}),
        6: (200, {"score": 0.9, "threshold": 0.5, "result": True}),
    }
    table, run = run_on(
        scripted(answers.get), picture_folder(bona_fide=2, attack=2), replicates=2, max_concurrency=1
    )
    # scores: 0.01, none, 0.03, 0.04 and then 0.05, 0.9, 0.07, 0.08
    found = run["stability"]
    assert (found["compared"], found["outcome_changes"], found["decision_flips"]) == (3, 1, 0)
    assert found["largest_score_change"] == pytest.approx(0.04)
    assert run["no_response"] == {"no_face_found": 1}
    assert table.replicates["outcome"].tolist() == [
        "scored",
        "no_response",
        "scored",
        "scored",
        *["scored"] * 4,
    ]


def test_flips_are_decided_by_each_answers_own_threshold():
    frame = pd.DataFrame({
        "sample_id": ["a", "a", "b", "b", "c", "c", "d"],
        "sha256": ["1", "1", "2", "2", "3", "3", "4"],
        "replicate": [0, 1, 0, 1, 0, 1, 0],
        "outcome": "scored",
        "score": [0.49, 0.5, 0.4, 0.45, 0.6, 0.6, 0.7],
        # a flips at 0.5, which is reached; b flips because its threshold moves; c is the same twice; d was asked once
        "threshold": [0.5, np.nan, 0.5, 0.45, 0.5, 0.5, 0.5],
    })  # fmt: skip
    found = stability_fields(frame, replicates=2)
    assert (found["compared"], found["changed"], found["decision_flips"]) == (3, 2, 2)
    assert found["largest_score_change"] == pytest.approx(0.05)
    assert found["mean_score_change"] == pytest.approx(0.02)
    assert [own["sample_id"] for own in found["most_changed"]] == ["b", "a"]
    nothing = stability_fields(frame.head(0), replicates=2)
    assert (nothing["compared"], nothing["largest_score_change"]) == (0, None)


def test_a_replay_lists_what_is_missing_and_opens_no_socket(run_on, scripted, picture_folder, monkeypatch):
    import socket

    server = scripted(lambda n: None)
    folder = picture_folder(bona_fide=2, attack=1)
    run_on(server, folder)
    (folder / "bona_fide" / "new.png").write_bytes((folder / "bona_fide" / "00000.png").read_bytes() + b"\n")
    opened = []
    monkeypatch.setattr(socket.socket, "connect", lambda *args: opened.append(args))
    table, run = run_on(server, folder, replay=True, credentials=None)
    assert not opened
    assert (run["sends"], run["scored"], run["exit"]) == (0, 3, 3)
    [missing] = run["missing"]["sample_ids"]
    assert run["missing"]["contents"] == 1
    row = table.frame.set_index("sample_id").loc[missing]
    assert (row["outcome"], row["reason"]) == ("not_sent", "not_cached")


@pytest.mark.parametrize("replicates", [0, -1])
def test_asking_less_than_once_is_refused(run_on, scripted, picture_folder, replicates):
    with pytest.raises(ValueError, match="replicates is"):
        run_on(scripted(lambda n: None), picture_folder(), replicates=replicates)

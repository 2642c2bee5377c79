"""What the sections say: worst mistakes, times, gaps of slices, the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from finauth_eval.evaluation import evaluate
from finauth_eval.report import render_report

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from finauth_eval.evaluation import Evaluation
    from finauth_eval.scores import ScoreTable

PASSED = "Attacks that pass with the lowest scores"
BLOCKED = "Genuine samples blocked with the highest scores"


def test_worst_mistakes_are_the_most_confident_ones(
    page: str, parse: Callable[[str], Any], table: ScoreTable
) -> None:
    frame = table.frame
    passed = frame[(frame["label"] == "attack") & (frame["score"] < 0.5)].sort_values("score")["score"]
    blocked = frame[(frame["label"] == "bona_fide") & (frame["score"] >= 0.5)].sort_values("score")["score"][
        ::-1
    ]
    for caption, expected in ((PASSED, passed), (BLOCKED, blocked)):
        shown = parse(page).table(caption)
        assert [row[1].value for row in shown.rows] == expected[:10].tolist()
        for sample, score, *_ in shown.rows:
            assert frame.set_index("sample_id").loc[sample.text, "score"] == score.value
    text = parse(page).by_id("mistakes").text
    assert f"At 0.50, {len(passed)} attacks pass and {len(blocked)} genuine samples are blocked." in text
    assert f"{len(passed) - 10} further mistakes of this kind not shown." in text


def test_worst_mistakes_need_the_table_and_are_told_of_even_if_there_are_none(
    evaluation: Evaluation, as_table: Callable[..., ScoreTable], frame: Callable[..., pd.DataFrame]
) -> None:
    assert "Worst mistakes" not in render_report(evaluation)
    rows = frame()
    rows["score"] = np.where(rows["label"] == "attack", 0.9, 0.1)
    table = as_table(rows)
    assert "At 0.50 nothing is decided wrongly." in render_report(evaluate(table, bootstrap=0), scores=table)


def test_times_of_the_detector_and_of_the_round_trip_are_told_apart(
    as_table: Callable[..., ScoreTable], frame: Callable[..., pd.DataFrame], parse: Callable[[str], Any]
) -> None:
    rows = frame()
    rows["round_trip_ms"] = rows["time_used_ms"] + 1000
    table = as_table(rows)
    document = parse(render_report(evaluate(table, bootstrap=0), scores=table))
    own = document.table("Time the detector took for an answer, by its own account")
    trip = document.table("Time from sending to the answer, network included")
    assert [row[0].text for row in trip.rows] == [row[0].text for row in own.rows]
    assert own.rows[0][0].text == "all answers"
    assert {row[0].text for row in own.rows[1:]} == {"sgp", "idn", "hkg", "image", "video"}
    for mine, longer in zip(own.rows, trip.rows, strict=True):
        assert [cell.value + 1000 for cell in mine[2:]] == [cell.value for cell in longer[2:]]


def test_a_slice_that_differs_is_flagged_and_others_are_not(
    as_table: Callable[..., ScoreTable], frame: Callable[..., pd.DataFrame], parse: Callable[[str], Any]
) -> None:
    rows = frame(n=1500)
    rows["subject"] = None
    odd = (rows["region"] == "idn") & (rows["label"] == "bona_fide")
    rows.loc[odd, "score"] = (rows.loc[odd, "score"] + 0.35).clip(upper=1.0)
    table = as_table(rows)
    found = evaluate(table, by=["region", "device"], bootstrap=0)
    document = parse(render_report(found, scores=table))
    flags = {
        (row[0].text, column): row[place].flag
        for name in ("region", "device")
        for row in document.table(f"By {name}").rows
        for place, column in ((3, "apcer"), (4, "bpcer"))
    }
    assert flags[("idn", "bpcer")] == "differs"
    assert not any(
        flag for (value, column), flag in flags.items() if column == "apcer" or value in TYPES_OF_DEVICE
    )
    [row] = [row for row in document.table("By region").rows if row[0].text == "idn"]
    gap = found.slices["region"]["idn"].gaps["bpcer"]
    rest = [found.slices["region"][name].operating_points[0].confusion for name in ("sgp", "hkg")]
    others = sum(own.fp for own in rest) / sum(own.fp + own.tn for own in rest)
    assert gap.change.difference.value == pytest.approx(
        found.slices["region"]["idn"].operating_points[0].bpcer.value - others
    )
    assert "points" in row[4].note
    assert "against the rest, p < 0.001" in row[4].note
    assert "adjusted for the 12 comparisons" in document.by_id("types").text  # 6 values, 2 errors


TYPES_OF_DEVICE = {"phone", "laptop", "kiosk"}


def test_p_values_of_all_slices_are_adjusted_together(evaluation: Evaluation) -> None:
    gaps = [
        gap for parts in evaluation.slices.values() for part in parts.values() for gap in part.gaps.values()
    ]
    raw = sorted((gap.change.p_value, gap.p_holm) for gap in gaps)
    highest = 0.0
    for place, (p, adjusted) in enumerate(raw):
        highest = max(highest, min(1.0, p * (len(raw) - place)))
        assert adjusted == pytest.approx(highest)
    assert len(raw) == 16  # regions 3, media 2, devices 3


def test_command_is_shown_as_it_was_typed(evaluation: Evaluation, parse: Callable[[str], Any]) -> None:
    command = "finauth-eval report runs/a -o 'out <b>.html'"
    provenance = parse(render_report(evaluation, command=command)).table("Provenance")
    assert provenance.row("Command")[1].text == command
    assert "Command" not in [row[0].text for row in parse(render_report(evaluation)).table("Provenance").rows]


CONTENTS = "Duplicates, label conflicts and leakage"


def facts(page: Any) -> dict[str, float | None]:
    return {fact.text: value.value for fact, value, _ in page.table(CONTENTS).rows}


def test_copies_conflicts_and_leakage_are_counted(
    frame: Callable[..., pd.DataFrame], as_table: Callable[..., ScoreTable], parse: Callable[[str], Any]
) -> None:
    rows = frame(n=200)
    rows["sha256"] = [f"{k:064x}" for k in range(len(rows))]
    rows["split"] = np.where(np.arange(len(rows)) < 100, "calibration", "test")
    rows["subject"] = [f"p{k}" for k in range(len(rows))]
    attacks = rows.index[rows["label"] == "attack"]
    genuine = rows.index[rows["label"] == "bona_fide"]
    early, late = attacks[attacks < 100], attacks[attacks >= 100]
    # three attacks of one content, two of them in one split and of one type, the third in the other of another type
    rows.loc[early[[0, 1]], "attack_type"] = "replay"
    rows.loc[late[0], "attack_type"] = "face_swap"
    rows.loc[[early[0], early[1], late[0]], "sha256"] = "a" * 64
    # one content under both labels, within a split
    rows.loc[[early[2], genuine[0]], "sha256"] = "b" * 64
    assert genuine[0] < 100
    # a person on both sides, and one without a digest
    rows.loc[[genuine[1], genuine[-1]], "subject"] = "leaks"
    rows.loc[genuine[2], "sha256"] = None
    table = as_table(rows)
    found = parse(render_report(evaluate(table, cluster="none", bootstrap=0), scores=table))
    assert facts(found) == {
        "Samples whose content another one has too": 5,
        "Contents under both labels": 1,
        "Contents under several attack types": 1,
        "Samples without a digest of their content": 1,
        "Subjects in more than one split": 1,
        "Contents in more than one split": 1,
    }
    assert found.table(CONTENTS).rows[0][2].text.startswith("2 contents that are there more than once")


def test_without_digests_nothing_is_said_to_be_unique(
    page: str, evaluation: Evaluation, parse: Callable[[str], Any]
) -> None:
    assert facts(parse(page)) == {"Samples whose content another one has too": None}
    assert CONTENTS not in render_report(evaluation)

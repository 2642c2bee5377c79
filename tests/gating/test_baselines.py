"""Which run was accepted as the baseline, by whom and why; and that no other one takes its place."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finauth_eval.baselines import accept_baseline, read_acceptances, read_baseline
from finauth_eval.errors import InputError
from finauth_eval.scores import read_scores

RUN = {
    "schema": "finauth-eval/run/1", "dataset": {"name": "q3", "digest": "ab" * 32},
    "endpoint": "https://api.example/finauth/v5/anti_deepfake", "campaign": "2026-W31", "exit": 0,
}  # fmt: skip
THEN = datetime(2026, 8, 3, 5, 0, 0, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def run(table, tmp_path: Path) -> Callable[..., Path]:
    """A run folder below ``runs`` whose scores a seed decides."""

    def write(name: str, *, seed: int = 1, scored: bool = True, **summary: object) -> Path:
        scores = np.random.default_rng(seed).random(20) if scored else np.full(20, np.nan)
        whole = table(scores[:10], scores[10:]).with_provenance(run={**RUN, **summary})
        return whole.write(tmp_path / "runs" / name)

    return write


def test_an_acceptance_says_which_run_and_who_when_and_why(run, tmp_path):
    file = accept_baseline(run("2026-W31"), reason="  first week  ", who="Ada", now=THEN)
    assert file == tmp_path / "runs" / "baseline.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    (entry,) = content["accepted"]
    assert content["schema"] == "finauth-eval/baseline/1"
    assert entry == {
        "run": "2026-W31",
        "scores_digest": read_scores(tmp_path / "runs" / "2026-W31").provenance.digest,
        "dataset_digest": "ab" * 32,
        "endpoint": "https://api.example/finauth/v5/anti_deepfake",
        "accepted_at": "2026-08-03T03:00:00+00:00",
        "accepted_by": "Ada",
        "reason": "first week",
    }
    assert {own.name for own in file.parent.iterdir()} == {"2026-W31", "baseline.json"}


def test_the_endpoints_name_stands_for_its_address_where_it_has_one(run):
    (entry,) = read_acceptances(accept_baseline(run("w", endpoint_name="sgp"), reason="r"))
    assert entry.endpoint == "sgp"


def test_the_account_and_the_moment_are_recorded_by_themselves(run, monkeypatch):
    monkeypatch.setenv("LOGNAME", "scheduler")
    before = datetime.now(UTC).replace(microsecond=0)
    (entry,) = read_acceptances(accept_baseline(run("w"), reason="r"))
    assert entry.accepted_by == "scheduler"
    assert before <= datetime.fromisoformat(entry.accepted_at) <= datetime.now(UTC)


def test_an_account_without_a_name_is_recorded_by_its_number(run, monkeypatch):
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("finauth_eval.baselines.getpass.getuser", nameless)
    (entry,) = read_acceptances(accept_baseline(run("w"), reason="r"))
    assert entry.accepted_by == f"uid {os.getuid()}"


def test_the_last_acceptance_is_in_force_and_those_before_it_stay(run):
    accept_baseline(run("one", seed=1), reason="first", who="Ada")
    file = accept_baseline(run("two", seed=2), reason="new version, looked at by two of us", who="Grace")
    assert [(own.run, own.accepted_by) for own in read_acceptances(file)] == [
        ("one", "Ada"),
        ("two", "Grace"),
    ]
    assert read_baseline(file).provenance.digest == read_scores(file.parent / "two").provenance.digest


def test_a_file_may_lie_elsewhere_and_moves_with_its_runs(run, tmp_path):
    folder = run("2026-W31")
    file = accept_baseline(folder, reason="r", file=tmp_path / "kept" / "deep" / "baseline.json")
    assert read_acceptances(file)[0].run == "../../runs/2026-W31"
    (tmp_path / "moved").mkdir()
    for own in ("kept", "runs"):
        (tmp_path / own).rename(tmp_path / "moved" / own)
    assert len(read_baseline(tmp_path / "moved" / "kept" / "deep" / "baseline.json")) == 20


def test_a_run_that_is_named_relatively_is_found_from_anywhere(run, tmp_path, monkeypatch):
    folder = run("2026-W31")
    monkeypatch.chdir(folder)
    file = accept_baseline(".", reason="r")
    monkeypatch.chdir("/")
    assert file == tmp_path / "runs" / "baseline.json"
    assert len(read_baseline(file)) == 20


def test_texts_in_any_script_stay_readable(run):
    file = accept_baseline(run("woche-ü"), reason="naïve → geprüft 🦊", who="Zoë")
    assert "naïve → geprüft 🦊" in file.read_text(encoding="utf-8")
    assert read_acceptances(file)[0].run == "woche-ü"


def test_a_reason_that_is_not_utf_8_is_refused_or_written_out(run, tmp_path):
    with contextlib.suppress(InputError, UnicodeEncodeError):
        accept_baseline(run("w"), reason="bad \udcff")
    assert not [own for own in (tmp_path / "runs").iterdir() if own.name.startswith(".")]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_blank_reason_is_refused(run, reason, tmp_path):
    with pytest.raises(InputError, match="the reason is blank; say why"):
        accept_baseline(run("w"), reason=reason)
    assert not (tmp_path / "runs" / "baseline.json").exists()


def test_what_is_no_run_with_scores_can_be_no_baseline(run, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such run folder"):
        accept_baseline(tmp_path / "nowhere", reason="r")
    with pytest.raises(InputError, match="no sample has a score; such a run can't be a baseline"):
        accept_baseline(run("empty", scored=False), reason="r")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(InputError, match=r"scores\.parquet: no such file"):
        accept_baseline(tmp_path / "hollow", reason="r")
    file = tmp_path / "x.csv"
    file.write_text("label,score\nreal,0.1\n")
    with pytest.raises(InputError, match=r"x\.csv: no such run folder"):
        accept_baseline(file, reason="r")


def test_a_place_that_cannot_be_written_is_named_and_an_earlier_file_is_not_lost(run, tmp_path):
    with pytest.raises(InputError, match=r"/proc/nowhere/b\.json: can't be written"):
        accept_baseline(run("w"), reason="r", file="/proc/nowhere/b.json")
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(InputError, match="schema is None"):
        accept_baseline(run("w"), reason="r", file=tmp_path / "b.json")
    assert (tmp_path / "b.json").read_text() == "{}"


def entry(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "run": "w", "scores_digest": "00", "dataset_digest": None, "endpoint": None, "accepted_at": "2026-08-03",
        "accepted_by": "Ada", "reason": "r",
    }  # fmt: skip
    return {**good, **changes}


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in entry().items() if name != key}


BAD_FILES = [
    ("", "not readable as JSON"),
    ("[" * 100_000, "not readable as JSON"),
    ("[]", "schema is 'list'; expected 'finauth-eval/baseline/1'"),
    ({"schema": "finauth-eval/baseline/2", "accepted": [entry()]}, "schema is 'finauth-eval/baseline/2'"),
    ({"schema": "finauth-eval/baseline/1"}, "nothing is accepted in it"),
    ({"schema": "finauth-eval/baseline/1", "accepted": []}, "nothing is accepted in it"),
    ({"schema": "finauth-eval/baseline/1", "accepted": ["w"]}, "acceptance 1 is not an object with run"),
    ({"schema": "finauth-eval/baseline/1", "accepted": [entry(), without("run")]}, "acceptance 2 is not an object"),
    ({"schema": "finauth-eval/baseline/1", "accepted": [entry(more=1)]}, "acceptance 1 is not an object"),
    ({"schema": "finauth-eval/baseline/1", "accepted": [entry(run=7)]}, "acceptance 1: run is '7'; expected a text"),
    ({"schema": "finauth-eval/baseline/1", "accepted": [entry(run=None)]}, "acceptance 1: run is 'None'"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD_FILES)
def test_a_file_that_is_no_record_of_acceptances_is_named(tmp_path, content, message):
    file = tmp_path / "baseline.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    for read in (read_acceptances, read_baseline):
        with pytest.raises(InputError) as found:
            read(file)
        assert str(found.value).startswith(f"{file}: ")
        assert message in str(found.value)


def test_a_record_may_lack_what_the_run_did_not_say(tmp_path):
    file = tmp_path / "baseline.json"
    for own in (entry(), without("endpoint"), without("dataset_digest")):
        file.write_text(json.dumps({"schema": "finauth-eval/baseline/1", "accepted": [own]}))
        assert read_acceptances(file)[0].endpoint is None


@pytest.mark.parametrize("change", ["score", "label", "rows"])
def test_scores_that_changed_after_they_were_accepted_are_refused(run, tmp_path, change):
    folder = run("2026-W31")
    file = accept_baseline(folder, reason="first", who="Ada", now=THEN)
    frame = pd.read_parquet(folder / "scores.parquet")
    if change == "score":
        frame.loc[3, "score"] += 1e-9
    elif change == "label":
        frame.loc[3, "label"] = "attack"
    else:
        frame = frame.iloc[1:]
    frame.to_parquet(folder / "scores.parquet", index=False)
    with pytest.raises(InputError) as found:
        read_baseline(file)
    message = str(found.value)
    assert message.startswith(
        f"{file}: the scores of 2026-W31 are not those that were accepted on 2026-08-03T03:00"
    )
    assert "by Ada" in message
    assert "accept the run again" in message
    accept_baseline(folder, reason="looked at again")
    assert len(read_baseline(file)) == len(frame)


def test_a_run_that_is_gone_is_named(run, tmp_path):
    folder = run("2026-W31")
    file = accept_baseline(folder, reason="r")
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"2026-W31/scores\.parquet: no such file|2026-W31: no such"):
        read_baseline(file)


def test_a_run_folder_or_a_table_is_a_baseline_by_itself(run, tmp_path):
    folder = run("2026-W31")
    assert (
        read_baseline(folder).provenance.digest == read_baseline(folder / "scores.parquet").provenance.digest
    )
    (tmp_path / "x.csv").write_text("verdict,points\nreal,0.1\nfake,0.9\n")
    assert len(read_baseline(tmp_path / "x.csv", label_column="verdict", score_column="points")) == 2

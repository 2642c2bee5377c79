"""Comparing many Parquet files: on one machine and on workers the same, in every field, as two tables are."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from finauth_eval.cluster import connected
from finauth_eval.comparison import Comparison, compare
from finauth_eval.errors import InputError, MissingExtra, ScoresError
from finauth_eval.joining import on_workers
from finauth_eval.joining.parts import Reading
from finauth_eval.joining.reading import read_pair
from finauth_eval.scores import ScoreTable, read_scores

OPTIONS: dict[str, Any] = {"by": ["region"], "bootstrap": 100, "seed": 5}


def samples(n: int = 400, *, seed: int = 1) -> pd.DataFrame:
    """Everything that two runs of the same samples may hold."""
    rng = np.random.default_rng(seed)
    attack = np.arange(n) % 5 < 2
    score = np.round(rng.beta(2 + 3 * attack, 5 - 3 * attack), 2)
    kinds = rng.choice(["mask", "swap", "replay"], n)
    kinds[:8] = ["swap", "swap", "mask", "mask", "mask", "swap", "swap", "mask"]
    kinds[attack & (np.arange(n) < n // 2) & (kinds == "mask")] = "replay"
    return pd.DataFrame({
        "sample_id": [f"s{i:05d}" for i in range(n)],
        "sha256": [f"{i:064x}" for i in range(n)],
        "label": np.where(attack, "attack", "bona_fide"),
        "attack_type": kinds,  # those of bona fide rows are ignored; the mask comes first there
        "score": np.where(rng.random(n) < 0.03, np.nan, score),
        "region": rng.choice(["sgp", "idn", None], n),
        "time_used_ms": rng.integers(50, 900, n),
        "round_trip_ms": np.where(rng.random(n) < 0.1, np.nan, rng.integers(80, 999, n)),
    })  # fmt: skip


def rescored(own: pd.DataFrame, *, seed: int = 2) -> pd.DataFrame:
    """The same samples in another order with other scores."""
    rng = np.random.default_rng(seed)
    moved = own.assign(score=np.round((own["score"] + rng.normal(0.02, 0.1, len(own))).clip(0, 1), 2))
    return moved.sample(frac=1, random_state=seed, ignore_index=True)


def with_few_contents(own: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ids = own["sample_id"].mask(rng.random(len(own)) < 0.1)
    return own.assign(sha256=own["sha256"].mask(rng.random(len(own)) < 0.4), sample_id=ids)


def repeated(own: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([own, own[::7].assign(score=0.5)], ignore_index=True)


def relabelled(own: pd.DataFrame) -> pd.DataFrame:
    other = own["label"].map({"attack": "bona_fide", "bona_fide": "attack"})
    return own.assign(
        label=own["label"].mask(own.index % 11 == 0, other),
        attack_type=own["attack_type"].mask(own.index % 9 == 0, "print"),
    )


def persons(own: pd.DataFrame, column: str = "subject") -> pd.DataFrame:
    return own.assign(**{column: pd.Series(own["sample_id"].str[1:].astype(int) // 3, index=own.index)})


def two(kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    a = samples()
    b = rescored(a)
    numbered = a.assign(sample_id=np.arange(len(a)))
    return {
        "contents": lambda: (a, b),
        "ids": lambda: (a.drop(columns="sha256"), b.drop(columns="sha256")),
        "numbers_as_ids": lambda: (numbered[["sample_id", "label", "score", "region"]],
                                   rescored(numbered)[["sample_id", "label", "score"]]),
        "both": lambda: (with_few_contents(a, 3), with_few_contents(b, 4)),
        "contents_of_one_run": lambda: (repeated(a).drop(columns="sample_id"), b.drop(columns="sha256")),
        "no_ids": lambda: (a.drop(columns="sample_id"), b.drop(columns="sample_id")),
        "nothing": lambda: (a.drop(columns=["sample_id", "sha256"]), b.drop(columns=["sample_id", "sha256"])),
        "places_never": lambda: (a.drop(columns=["sample_id", "sha256"]), b.drop(columns="sha256")),
        "repeated": lambda: (repeated(a), repeated(with_few_contents(b, 5))),
        "relabelled": lambda: (a, relabelled(b)),
        "few_in_common": lambda: (a[:250], b[b["sample_id"] > "s00200"]),
        "persons": lambda: (persons(a), b),
        "persons_apart": lambda: (persons(a[:200]), persons(b[b["sample_id"] > "s00150"])),
        "some_persons": lambda: (persons(a).assign(subject=lambda f: f["subject"].mask(f.index % 50 == 0)), b),
        "no_labels": lambda: (a.drop(columns="label"), b),
        "thresholds": lambda: (a.assign(threshold=0.5), b.assign(threshold=0.44)),
        "region_of_b": lambda: (a.drop(columns="region"), b),
        "not_sent": lambda: (a.assign(outcome=a["score"].isna().map({True: "not_sent", False: "scored"})), b),
    }[kind]()  # fmt: skip


KINDS = [
    "contents", "ids", "numbers_as_ids", "both", "contents_of_one_run", "no_ids", "nothing", "places_never", "repeated",
    "relabelled", "few_in_common", "persons", "persons_apart", "some_persons", "no_labels", "thresholds", "region_of_b",
    "not_sent",
]  # fmt: skip


def cut(own: pd.DataFrame, folder: Path, *, seed: int = 0) -> Path:
    """The rows in files of unequal sizes, one of them without rows."""
    rng = np.random.default_rng(seed)
    edges = [0, *sorted(rng.choice(np.arange(1, len(own)), 4, replace=False)), len(own)]
    edges.insert(3, edges[3])
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        file = folder / f"day={number}" / "part.parquet"
        file.parent.mkdir(parents=True)
        own[start:end].to_parquet(file, index=False, row_group_size=37)
    return folder


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Two runs as folders of files, and each as one file beside them."""

    def write(a: pd.DataFrame, b: pd.DataFrame) -> tuple[Path, Path]:
        for name, own in (("a", a), ("b", b)):
            cut(own, tmp_path / name, seed=len(name))
            own.to_parquet(tmp_path / f"{name}.whole.parquet", index=False)
        return tmp_path / "a", tmp_path / "b"

    return write


def told(a: ScoreTable, b: ScoreTable, **options: Any) -> dict[str, Any]:
    """All of a comparison; what the tables are called is not theirs to say."""
    one, other = a.with_provenance(source="A"), b.with_provenance(source="B")
    found: Comparison = compare(one, other, **(OPTIONS | options))
    rows = {"rows_a": found.pairing.rows_a.tolist(), "rows_b": found.pairing.rows_b.tolist()}
    as_read = {
        "digests": (a.provenance.digest, b.provenance.digest),
        "types": [[*own.frame["attack_type"].cat.categories] for own in (a, b)],
        "flips_at": found.flips_at(0.3),
    }
    return found.to_dict() | rows | as_read


def told_of_tables(a: Path, b: Path, **options: Any) -> dict[str, Any]:
    whole = [read_scores(f"{own}.whole.parquet", require_labels=False) for own in (a, b)]
    return told(*whole, **options)


def options_of(kind: str) -> dict[str, Any]:
    return {"by": []} if kind == "numbers_as_ids" else {}


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_compared_as_the_tables_that_they_are_parts_of(written, kind):
    a, b = written(*two(kind))
    assert told(*read_pair(a, b, by=["region"]), **options_of(kind)) == told_of_tables(
        a, b, **options_of(kind)
    )


def test_the_kinds_are_what_their_names_say():
    def of(kind: str) -> dict[str, Any]:
        return compare(
            *(ScoreTable.from_frame(own, require_labels=False) for own in two(kind)), bootstrap=0
        ).to_dict()

    by = {kind: of(kind)["pairing"] for kind in KINDS}
    assert by["contents"]["by"] == by["no_ids"]["by"] == "content"
    assert by["ids"]["by"] == by["numbers_as_ids"]["by"] == "sample_id"
    assert by["both"]["by"] == "content and sample_id"
    assert by["nothing"]["by"] == by["places_never"]["by"] == by["contents_of_one_run"]["by"] == "nothing"
    assert by["contents_of_one_run"]["repeated"] > 50
    assert by["repeated"]["repeated"] > 100
    assert by["relabelled"]["relabelled"] > 30
    assert by["relabelled"]["retyped"] > 5
    assert not of("few_in_common")["paired"]
    for kind, said in (
        ("nothing", True),
        ("places_never", True),
        ("contents_of_one_run", True),
        ("few_in_common", False),
    ):
        assert ("neither sha256 nor sample_id in common" in of(kind)["comparability"][-1]) == said
    assert "subjects are in both runs" in of("persons_apart")["warnings"][0]
    assert "have no subject" in of("some_persons")["warnings"][0]


def test_a_pattern_and_a_large_file_are_read_part_by_part_too(written, monkeypatch):
    a, b = written(*two("persons"))
    expected = told_of_tables(a, b)
    assert told(*read_pair(f"{a}/*/part.parquet", b, by=["region"])) == expected
    monkeypatch.setattr("finauth_eval.scanned.files.MOST_AT_ONCE", 1000)
    table = read_pair(f"{a}.whole.parquet", b, by=["region"])[0]
    assert table.frame["media_type"].isna().all()
    assert told(table, read_pair(a, b, by=["region"])[1]) == expected


def by_region(own: pd.DataFrame, folder: Path) -> Path:
    """A folder a region, which the files themselves do not have, as other tools write them."""
    for region, rows in own.groupby(own["region"].fillna("__HIVE_DEFAULT_PARTITION__")):
        (folder / f"region={region}").mkdir(parents=True)
        rows.drop(columns="region").to_parquet(folder / f"region={region}" / "0.parquet", index=False)
    return folder


@pytest.mark.cluster
def test_folders_that_stand_for_a_column_are_that_column_here_and_on_workers(tmp_path):
    runs = two("contents")
    a, b = (by_region(own, tmp_path / name) for own, name in zip(runs, "ab", strict=True))
    tables = [  # in the order of the files' names
        pd.concat([own[own["region"].isna()], own[own["region"] == "idn"], own[own["region"] == "sgp"]])
        for own in runs
    ]
    expected = told(*(ScoreTable.from_frame(own.reset_index(drop=True)) for own in tables))
    assert {"idn", "sgp"} < {*expected["slices"]["region"]}
    with connected("local", workers=2) as client:
        for pair in (read_pair(a, b, by=["region"]), read_pair(a, b, by=["region"], dask=client)):
            found = told(*pair)
            assert found["slices"] == expected["slices"]
            assert found == expected


def test_a_folder_is_compared_with_a_table_of_another_kind(written, tmp_path):
    a, b = written(*two("contents"))
    pd.read_parquet(f"{b}.whole.parquet").to_csv(tmp_path / "b.csv", index=False)
    assert told(*read_pair(a, tmp_path / "b.csv", by=["region"])) == told_of_tables(a, b)


def test_columns_of_other_names_and_numbers_with_gaps_are_read_as_in_a_table(written):
    a, b = two("ids")
    devices = np.where(np.arange(len(a)) % 13 == 0, np.nan, np.arange(len(a)) % 7)
    a = a.assign(device=devices, when=pd.date_range("2026-01-01", periods=len(a)).floor("100D"))
    renamed = [own.rename(columns={"label": "truth", "score": "points"}) for own in (a, b)]
    folders = written(*renamed)
    names = {"label_column": "truth", "score_column": "points"}
    whole = [read_scores(f"{own}.whole.parquet", **names) for own in folders]
    options = {"by": ["device", "when"], "cluster": "none"}
    assert told(*read_pair(*folders, **names, **options), **options) == told(*whole, **options)


def test_clusters_in_both_runs_are_warned_of_where_one_of_them_is_a_folder(written):
    a, b = (own.drop(columns=["sha256", "sample_id"]) for own in (persons(samples(), "device"),) * 2)
    folders = written(a, b)
    options = {"cluster": "device", "by": [], "bootstrap": 0}
    pairs = [(folders[0], f"{folders[1]}.whole.parquet"), folders]
    warned = [compare(*read_pair(*pair, cluster="device"), **options).warnings[0] for pair in pairs]
    assert warned[0] == warned[1]
    assert "values of 'device' are in both runs" in warned[0]


@pytest.mark.parametrize("where", ["here", pytest.param("workers", marks=pytest.mark.cluster)])
def test_numbers_as_ids_are_exact_where_some_are_blank(tmp_path, where, request):
    large = 2**60
    ids = [large + 1, large + 2, large + 3, 7, None, large + 4]
    own = samples(10)[:6].drop(columns=["sha256", "region"])
    own = own.assign(
        sample_id=pd.array(ids, dtype="Int64"), subject=pd.array(ids[:4] + ids[:2], dtype="Int64"),
        device=pd.array(ids, dtype="Int64"),
    )  # fmt: skip
    other = own.iloc[[2, 1, 0, 5, 3]]
    for name, rows in (("a", own), ("b", other)):
        (tmp_path / name).mkdir()
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
        parquet.write_table(table, tmp_path / name / "0.parquet")
        parquet.write_table(table, tmp_path / f"{name}.whole.parquet")
    pair = [tmp_path / "a", tmp_path / "b"]
    dask = request.getfixturevalue("cluster") if where == "workers" else None
    found = told(*read_pair(*pair, by=["device"], dask=dask), by=["device"])
    assert found == told_of_tables(*pair, by=["device"])
    assert (found["rows_a"], found["rows_b"]) == ([0, 1, 2, 3, 5], [2, 1, 0, 4, 3])
    a = read_pair(*pair, by=["device"])[0].frame
    whole = read_scores(tmp_path / "a.whole.parquet").frame
    texts = ["" if own is None else str(own) for own in ids]
    assert a["sample_id"].tolist() == whole["sample_id"].tolist() == texts
    assert a["device"].astype(str).tolist()[:4] == texts[:4]
    assert whole["subject"].tolist() == [*texts[:4], *texts[:2]]


def test_a_cluster_may_be_any_column(written):
    a, b = two("ids")
    folders = written(persons(a, "device"), persons(b, "device"))
    options = {"cluster": "device"}
    assert told(*read_pair(*folders, by=["region"], **options), **options) == told_of_tables(
        *folders, **options
    )
    assert told_of_tables(*folders, **options) != told_of_tables(*folders)


def test_what_is_wrong_with_a_row_is_said_with_its_file(written):
    a, b = written(*two("contents"))
    broken = a / "day=4" / "part.parquet"
    own = pd.read_parquet(broken)
    own.loc[2, "score"] = 7.0
    own.to_parquet(broken)
    with pytest.raises(ScoresError, match=r"day=4/part\.parquet: row 3 \(line 4\): score is 7"):
        read_pair(a, b)


def test_files_with_labels_and_files_without_are_no_one_table(written):
    a, b = written(*two("contents"))
    file = a / "day=4" / "part.parquet"
    pd.read_parquet(file).drop(columns="label").to_parquet(file)
    with pytest.raises(ScoresError, match="some files have a column 'label'"):
        read_pair(a, b)


def test_a_column_that_no_file_has_is_refused(written):
    a, b = written(*two("contents"))
    with pytest.raises(ValueError, match="there is no column 'nowhere'"):
        compare(*read_pair(a, b, by=["nowhere"]), by=["nowhere"])


def test_the_command_compares_folders(written, tmp_path):
    a, b = written(*two("persons"))
    assert said(tmp_path, a, b) == json.loads(json.dumps(compare_of_tables(a, b)))


def said(tmp_path: Path, a: object, b: object, *more: str) -> dict[str, Any]:
    from finauth_eval.cli.application import app

    file = tmp_path / "out.json"
    done = CliRunner().invoke(
        app, ["compare", str(a), str(b), "--by", "region", "--seed", "5", "--json", str(file), *more]
    )
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def compare_of_tables(a: Path, b: Path) -> dict[str, Any]:
    whole = [read_scores(f"{own}.whole.parquet") for own in (a, b)]
    return compare(*whole, by=["region"], seed=5).to_dict()


# on workers


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    with connected("local", workers=2) as client:
        yield client


@pytest.mark.cluster
@pytest.mark.parametrize("kind", KINDS)
def test_workers_find_the_same_pairs_and_everything_follows(cluster, written, kind):
    a, b = written(*two(kind))
    there = read_pair(a, b, by=["region"], dask=cluster)
    assert told(*there, **options_of(kind)) == told_of_tables(a, b, **options_of(kind))
    assert all(own.frame["sha256"].isna().all() for own in there)
    assert not there[1].has_sample_ids


@pytest.mark.cluster
def test_runs_that_asked_again_are_compared_on_workers_as_they_are_here(cluster, tmp_path):
    folders = []
    for name, own in zip("ab", two("contents"), strict=True):
        again = own[["sample_id", "sha256", "score"]].assign(replicate=1, outcome="scored", threshold=0.5)
        more = again.assign(replicate=2, score=(again["score"] + 0.01).clip(0, 1))
        run = {"stability": {"replicates": 2}, "exit": 3, "dataset": {"name": name, "digest": name * 64}}
        folder = ScoreTable.from_frame(own).write(tmp_path / name)
        (folder / "run.json").write_text(json.dumps(run))
        pd.concat([again, more]).to_parquet(folder / "replicates.parquet")
        folders.append(folder)
    here = told(*map(read_scores, folders))
    assert here["stability"]["a"]["contents"] > 300
    assert len(here["comparability"]) == 3
    assert told(*read_pair(*folders, by=["region"], dask=cluster)) == here


@pytest.mark.cluster
def test_the_command_compares_on_workers(cluster, written, tmp_path):
    a, b = written(*two("persons"))
    assert said(tmp_path, a, b, "--dask", cluster.scheduler.address) == json.loads(
        json.dumps(compare_of_tables(a, b))
    )


@pytest.mark.cluster
def test_ids_are_joined_only_where_a_content_is_not_known(cluster, written, monkeypatch):
    joined = []
    plain = on_workers.first_rows
    monkeypatch.setattr(
        "finauth_eval.joining.reading.first_rows",
        lambda files, name, *rest: joined.append(name) or plain(files, name, *rest),
    )
    read_pair(*written(*two("contents")), dask=cluster)
    assert joined == ["sha256"]


@pytest.mark.cluster
def test_tables_that_were_joined_are_compared_with_each_other_alone(cluster, written):
    folders = written(*two("ids"))
    a, b = read_pair(*folders, dask=cluster)
    other = read_pair(*folders, dask=cluster)[1]
    assert compare(a, b, bootstrap=0).paired
    for one, two_ in ((b, a), (a, other), (a, read_scores(f"{folders[1]}.whole.parquet")), (a, a), (b, b)):
        with pytest.raises(ValueError, match="were not read together, in this order"):
            compare(one, two_, bootstrap=0)


@pytest.mark.cluster
def test_what_is_wrong_with_a_row_is_said_by_the_worker_with_its_file(cluster, written):
    a, b = written(*two("contents"))
    broken = b / "day=0" / "part.parquet"
    own = pd.read_parquet(broken)
    own.loc[0, "label"] = "perhaps"
    own.to_parquet(broken)
    with pytest.raises(ScoresError, match=r"b/day=0/part\.parquet: row 1 \(line 2\): label is 'perhaps'"):
        read_pair(a, b, dask=cluster)


def test_a_file_that_others_write_to_meanwhile_is_no_basis_for_pairs(written):
    pytest.importorskip("dask.dataframe", reason="the extra dask is not installed")
    file = written(*two("ids"))[0] / "day=0" / "part.parquet"
    names = {"label": "label", "score": "score", "attack_type": "attack_type"}
    reading = Reading(columns=frozenset({"sample_id"}), named=names, score_range="unit", require_labels=False)
    n = len(pd.read_parquet(file))
    keys = on_workers._keyed(file, {}, n, 100, "sample_id", reading)
    assert keys["row"].tolist() == [*range(100, 100 + n)]
    with pytest.raises(ScoresError, match=rf"had {n - 1} rows and has {n} now"):
        on_workers._keyed(file, {}, n - 1, 100, "sample_id", reading)


@pytest.mark.cluster
def test_folders_may_stand_for_labels_types_and_ids_on_workers(cluster, tmp_path):
    runs = [own[:120].assign(kind=own["attack_type"], truth=own["label"]) for own in two("ids")]
    for name, own in zip("ab", runs, strict=True):
        for (truth, kind), rows in own.groupby(["truth", "kind"]):
            folder = tmp_path / name / f"truth={truth}" / f"kind={kind}"
            folder.mkdir(parents=True)
            rows[["sample_id", "score"]].to_parquet(folder / "0.parquet", index=False)
    names = {"label_column": "truth", "attack_type_column": "kind"}
    here = read_pair(tmp_path / "a", tmp_path / "b", **names)
    there = read_pair(tmp_path / "a", tmp_path / "b", dask=cluster, **names)
    assert told(*there, by=[]) == told(*here, by=[])
    assert compare(*there, bootstrap=0).pairing.by == "sample_id"


@pytest.mark.cluster
def test_a_csv_is_not_read_by_workers(cluster, tmp_path):
    samples().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ScoresError, match="only Parquet files can be read part by part"):
        read_pair(tmp_path / "a.csv", tmp_path / "a.csv", dask=cluster)


def tasks_done(dask_scheduler: Any, begin: str) -> int:
    return sum(
        key.startswith(begin) and task.state == "memory"
        for key, task in ((str(key).strip("('"), task) for key, task in dask_scheduler.tasks.items())
    )


def test_without_the_extra_a_clear_message_names_it(written, monkeypatch):
    a, b = written(*two("ids"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finauth-eval\[dask\]'"):
        read_pair(a, b, dask="local")


@pytest.mark.cluster
def test_without_dasks_data_frames_a_clear_message_names_the_extra(cluster, written, monkeypatch):
    a, b = written(*two("ids"))
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(MissingExtra, match=r"a join on a cluster needs: pip install 'finauth-eval\[dask\]'"):
        read_pair(a, b, dask=cluster)


def test_an_address_without_a_scheduler_is_an_input_error(written, monkeypatch):
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.setattr("finauth_eval.cluster._CONNECT_TIMEOUT_S", 1)
    with pytest.raises(InputError, match=r"no Dask scheduler at 'tcp://127\.0\.0\.1:1'"):
        read_pair(*written(*two("ids")), dask="tcp://127.0.0.1:1")

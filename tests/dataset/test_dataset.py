"""Datasets from folders and manifests, and what is found in them."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path

import pandas as pd
import pytest

import finauth_eval as fe
from finauth_eval.dataset import check_dataset, load_dataset
from finauth_eval.errors import DatasetError


def write_csv(folder: Path, rows: list[dict[str, str]], name: str = "manifest.csv") -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with (folder / name).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def kinds(source: Path) -> list[str]:
    return [finding.kind for finding in check_dataset(source).findings]


def test_a_folder_gives_labels_attack_types_and_hashes(picture_folder):
    root = picture_folder(bona_fide=2, attack=1)
    dataset = fe.load_dataset(root)
    assert [(s.id, s.label, s.attack_type) for s in dataset.samples] == [
        ("attack/replay/00000.png", "attack", "replay"),
        ("bona_fide/00000.png", "bona_fide", None),
        ("bona_fide/00001.png", "bona_fide", None),
    ]
    for sample in dataset.samples:
        assert sample.sha256 == hashlib.sha256(sample.path.read_bytes()).hexdigest()
        assert sample.size == sample.path.stat().st_size
        assert sample.media_type == "image"
    assert dataset.name == "faces"
    assert dataset.findings == ()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_same_rows_give_the_same_dataset_in_every_format(tmp_path, make_png, ending):
    rows = []
    for i, (label, kind) in enumerate(
        [("real", ""), ("fake", "swap"), ("1", "replay"), ("Bona Fide", "ignored")]
    ):
        (tmp_path / f"{i}.png").write_bytes(make_png(i))
        rows.append({"path": f"{i}.png", "label": label, "id": f"s{i}", "attack_type": kind, "subject": f"p{i}",
                     "split": "test", "camera": "front"})  # fmt: skip
    manifest = tmp_path / f"m.{ending}"
    if ending == "csv":
        write_csv(tmp_path, rows, "m.csv")
    elif ending == "jsonl":
        manifest.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        pd.DataFrame(rows).to_parquet(manifest)
    dataset = load_dataset(manifest)
    assert [s.label for s in dataset.samples] == ["bona_fide", "attack", "attack", "bona_fide"]
    assert [s.attack_type for s in dataset.samples] == [None, "swap", "replay", None]
    assert [s.id for s in dataset.samples] == ["s0", "s1", "s2", "s3"]
    assert {s.split for s in dataset.samples} == {"test"}
    assert [dict(s.attributes) for s in dataset.samples] == [{"camera": "front"}] * 4


def test_the_digest_depends_on_content_and_labels_and_not_on_order_or_names(tmp_path, make_png):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(make_png(i))
    (tmp_path / "copy.png").write_bytes(make_png(0))
    rows = [{"path": f"{i}.png", "label": "real" if i else "fake"} for i in range(3)]
    first = load_dataset(write_csv(tmp_path, rows, "a.csv")).digest
    assert load_dataset(write_csv(tmp_path, rows[::-1], "b.csv")).digest == first
    assert (
        load_dataset(write_csv(tmp_path, [{**rows[0], "path": "copy.png"}, *rows[1:]], "c.csv")).digest
        == first
    )
    relabelled = [{**rows[0], "label": "real"}, *rows[1:]]
    assert load_dataset(write_csv(tmp_path, relabelled, "d.csv")).digest != first
    (tmp_path / "0.png").write_bytes(make_png(99))
    assert load_dataset(tmp_path / "a.csv").digest != first


def test_an_unknown_label_is_refused_naming_file_row_value_and_what_is_allowed(tmp_path, make_png):
    (tmp_path / "a.png").write_bytes(make_png())
    manifest = write_csv(
        tmp_path, [{"path": "a.png", "label": "real"}, {"path": "a.png", "label": "fak", "id": "b"}]
    )
    with pytest.raises(DatasetError) as caught:
        load_dataset(manifest)
    message = str(caught.value)
    for part in (str(manifest), "row 2", "line 3", "'fak'", "attack/bona_fide", "fake/real"):
        assert part in message


def test_a_folder_that_is_no_label_is_refused(picture_folder, make_png):
    root = picture_folder()
    (root / "masks").mkdir()
    (root / "masks" / "x.png").write_bytes(make_png(50))
    with pytest.raises(DatasetError, match=r"masks/x\.png: label is 'masks'"):
        load_dataset(root)


def test_what_cannot_be_sent_stays_in_the_dataset_with_its_reason(tmp_path, make_png):
    root = tmp_path / "data"
    root.mkdir()
    outside = tmp_path / "outside.png"
    outside.write_bytes(make_png(5))
    (root / "good.png").write_bytes(make_png(1))
    (root / "empty.png").write_bytes(b"")
    (root / "folder.png").mkdir()
    (root / "link.png").symlink_to(outside)
    (root / "inner.png").symlink_to(root / "good.png")
    (root / "loop.png").symlink_to(root / "loop.png")
    os.mkfifo(root / "pipe.png")
    with (root / "huge.png").open("wb") as stream:
        stream.truncate(2 * 1024**3)  # sparse: it takes no room, and must not be read
    with (root / "long.mp4").open("wb") as stream:
        stream.write(b"\x00\x00\x00\x18ftypisom")
        stream.truncate(7_864_321)
    paths = ["good.png", "empty.png", "folder.png", "link.png", "loop.png", "pipe.png", "huge.png", "gone.png",
             "../outside.png", str(outside), "long.mp4", "nul\0.png"]  # fmt: skip
    (root / "m.jsonl").write_text("\n".join(json.dumps({"path": p, "label": "real"}) for p in paths))
    dataset = load_dataset(root / "m.jsonl")
    assert [sample.problem for sample in dataset.samples] == [
        None, "empty", "not_a_file", "outside_root", "unreadable", "not_a_file", "over_size", "missing",
        "outside_root", "outside_root", "over_size", "unreadable",
    ]  # fmt: skip
    assert all((sample.sha256 is None) == (sample.problem is not None) for sample in dataset.samples)
    errors = check_dataset(root / "m.jsonl").errors
    assert len(errors) == 11
    assert not any(finding.blocks for finding in errors)


def test_a_video_of_exactly_the_cap_may_be_sent(tmp_path):
    with (tmp_path / "a.mp4").open("wb") as stream:
        stream.write(b"\x00\x00\x00\x18ftypisom")
        stream.truncate(7_864_320)
    (tmp_path / "m.csv").write_text("path,label\na.mp4,real\n")
    (sample,) = load_dataset(tmp_path / "m.csv").samples
    assert (sample.problem, sample.media_type) == (None, "video")


def test_magic_bytes_beat_the_extension_and_are_mentioned(tmp_path, make_png, mp4_bytes):
    (tmp_path / "clip.png").write_bytes(mp4_bytes)
    (tmp_path / "picture.mp4").write_bytes(make_png())
    (tmp_path / "notes.jpg").write_text("not a picture")
    manifest = write_csv(
        tmp_path, [{"path": p, "label": "0"} for p in ("clip.png", "picture.mp4", "notes.jpg")]
    )
    check = check_dataset(manifest)
    assert [sample.media_type for sample in check.dataset.samples] == ["video", "image", "image"]
    assert [finding.kind for finding in check.findings] == ["magic_bytes"] * 3
    assert check.errors == ()


def test_same_bytes_twice_is_a_warning_and_under_two_labels_a_refusal_naming_both(tmp_path, make_png):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(make_png(1))
    twice = write_csv(
        tmp_path, [{"path": "a.png", "label": "1"}, {"path": "b.png", "label": "1"}], "twice.csv"
    )
    assert kinds(twice) == ["duplicate_content"]
    assert len(load_dataset(twice)) == 2
    both = write_csv(tmp_path, [{"path": "a.png", "label": "1"}, {"path": "c.png", "label": "0"}], "both.csv")
    with pytest.raises(DatasetError, match=r"a\.png, c\.png, labelled attack and bona_fide"):
        load_dataset(both)


def test_a_subject_or_a_content_in_two_splits_is_refused(tmp_path, make_png):
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(make_png(i))
    (tmp_path / "copy.png").write_bytes(make_png(0))
    rows = [
        {"path": "0.png", "label": "0", "subject": "ann", "split": "calibration"},
        {"path": "1.png", "label": "0", "subject": "ann", "split": "test"},
        {"path": "2.png", "label": "0", "subject": "bob", "split": "test"},
    ]
    with pytest.raises(DatasetError, match="subject 'ann' is in the splits calibration, test"):
        load_dataset(write_csv(tmp_path, rows, "subject.csv"))
    rows = [
        {"path": "0.png", "label": "0", "split": "calibration"},
        {"path": "copy.png", "label": "0", "split": "test"},
    ]
    assert "content_leakage" in kinds(write_csv(tmp_path, rows, "content.csv"))


def test_duplicate_ids_are_refused(tmp_path, make_png):
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(make_png(i))
    rows = [{"path": "0.png", "label": "0", "id": "x"}, {"path": "1.png", "label": "0", "id": "x"}]
    with pytest.raises(DatasetError, match=r"row 2 \(line 3\): the id 'x' is taken by row 1 \(line 2\)"):
        load_dataset(write_csv(tmp_path, rows))


@pytest.mark.parametrize(("file", "name"), [("manifest.csv", "q3"), ("faces.csv", "faces")])
def test_a_dataset_is_named_after_its_manifest_unless_that_says_nothing(tmp_path, make_png, file, name):
    folder = tmp_path / "q3"
    folder.mkdir()
    (folder / "0.png").write_bytes(make_png())
    assert load_dataset(write_csv(folder, [{"path": "0.png", "label": "0"}], file)).name == name


def test_a_wrong_checksum_in_the_manifest_is_refused(tmp_path, make_png):
    (tmp_path / "0.png").write_bytes(make_png())
    with pytest.raises(DatasetError, match="the manifest says 00ff"):
        load_dataset(write_csv(tmp_path, [{"path": "0.png", "label": "0", "sha256": "00ff"}]))


def test_odd_file_names_survive(tmp_path, make_png):
    root = tmp_path / "odd"
    (root / "real").mkdir(parents=True)
    names = ["naïve 🙂.png", "line\nbreak.png", " blank .png", "'quote\".png", "=cmd().png", "-rf.png"]
    for i, name in enumerate(names):
        (root / "real" / name).write_bytes(make_png(i))
    (root / "real" / os.fsdecode(b"bad\xff.png")).write_bytes(make_png(99))
    dataset = load_dataset(root)
    assert len(dataset) == 7
    assert all(sample.problem is None and sample.path.exists() for sample in dataset.samples)
    ids = {sample.id for sample in dataset.samples}
    assert "real/bad\\udcff.png" in ids
    for name in names:
        assert f"real/{name}" in ids
    for text in ids:
        text.encode("utf-8")
    manifest = write_csv(root, [{"path": f"real/{name}", "label": "real"} for name in names])
    assert all(sample.problem is None for sample in load_dataset(manifest).samples)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("m.csv", b"", "the file is empty"),
        ("m.csv", b"path,label\n", "there are no samples"),
        ("m.csv", b"file,label\na.png,real\n", "there is no column 'path'; the columns are file, label"),
        ("m.csv", b"path,label\na.png\n", r"row 1 \(line 2\): 1 fields; the header has 2"),
        ("m.csv", b"path,label\n\xff\xfe,real\n", "not UTF-8"),
        ("m.csv", b"path,label,label\na,b,c\n", "occurs twice"),
        ("m.jsonl", b'{"path": "a", "label": "real"}\n{oops\n', "line 2: not readable as JSON"),
        ("m.jsonl", b"[1]\n", "line 1: expected a JSON object"),
        ("m.parquet", b"PAR1 but not really", "not readable as parquet"),
        ("m.csv", b"\xef\xbb\xbf", "there is no column|there are no samples"),
        ("m.csv", b"path,label, label\na,real,fake\n", "occurs twice"),
        ("m.jsonl", b'{"path": "a", "label": "real", "label": "fake"}', "occurs twice"),
        (
            "m.jsonl",
            b'{"path": "a", "label": "real", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
            "not readable as JSON",
        ),
        ("m.xlsx", b"x", "expected a folder, or a file that ends in"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_a_clear_error(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=expected):
        load_dataset(tmp_path / name)


def test_texts_that_cannot_be_written_are_written_out(tmp_path, make_png):
    (tmp_path / "a.png").write_bytes(make_png())
    (tmp_path / "m.jsonl").write_text(
        '{"path": "a.png", "label": "real", "subject": "\\ud800", "note": "x\\udcff"}'
    )
    (sample,) = load_dataset(tmp_path / "m.jsonl").samples
    assert sample.subject == "\\ud800"
    assert dict(sample.attributes) == {"note": "x\\udcff"}


def test_numbers_dates_and_bytes_of_a_parquet_manifest_are_plain_texts(tmp_path, make_png):
    (tmp_path / "a.png").write_bytes(make_png())
    frame = pd.DataFrame(
        {"path": ["a.png"], "label": [b"fake"], "taken": [pd.Timestamp("2026-01-02")], "n": [3]}
    )
    frame.to_parquet(tmp_path / "m.parquet")
    (sample,) = load_dataset(tmp_path / "m.parquet").samples
    assert sample.label == "attack"
    assert dict(sample.attributes) == {"taken": "2026-01-02 00:00:00", "n": "3"}


def test_a_linked_folder_is_reported_and_not_passed_over(picture_folder):
    root = picture_folder()
    (root / "attack" / "print").symlink_to(root / "attack" / "replay")
    check = check_dataset(root)
    assert [finding.kind for finding in check.findings] == ["not_a_file"]
    assert "attack/print" in check.findings[0].message


def test_a_missing_manifest_is_a_clear_error(tmp_path):
    with pytest.raises(DatasetError, match="there is no such folder or file"):
        load_dataset(tmp_path / "nowhere.csv")


def test_a_semicolon_csv_with_a_byte_order_mark_is_read(tmp_path, make_png):
    (tmp_path / "a.png").write_bytes(make_png())
    (tmp_path / "m.csv").write_bytes("\ufeffpath;label;note\na.png;genuine;a, b\n".encode())
    (sample,) = load_dataset(tmp_path / "m.csv").samples
    assert (sample.label, dict(sample.attributes)) == ("bona_fide", {"note": "a, b"})


def test_large_pictures_are_mentioned(tmp_path, make_png):
    (tmp_path / "a.png").write_bytes(make_png(width=2000, height=4))
    manifest = write_csv(tmp_path, [{"path": "a.png", "label": "0"}])
    (finding,) = check_dataset(manifest).findings
    assert (finding.kind, finding.severity) == ("large_picture", "warning")
    assert "2000 x 4 px" in finding.message

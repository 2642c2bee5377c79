"""Scores by the million as Parquet: four decimals, label, region, attack type, in part files.

    python benchmarks/make_scores.py FOLDER ROWS [--rows-per-file N] [--a-subject N]

About 2.6 bytes a row on disk, without subjects. The same numbers give the same rows. With --a-subject N there is a column
subject, each of about N samples that lie anywhere in the files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

REGIONS = ("idn", "sgp", "web")
TYPES = ("2d_mask", "3d_mask", "face_swap", "lip_sync", "synthetic")
SHARE_OF_ATTACKS = 0.2
ROWS_AT_ONCE = 1_000_000


def batch(rows: int, rng: np.random.Generator, *, subjects: int = 0) -> pa.RecordBatch:
    """So many rows: attacks score high and customers low, in each region a little differently; of so many subjects."""
    drawn = rng.random(rows, dtype=np.float32)
    attack = rng.random(rows, dtype=np.float32) < SHARE_OF_ATTACKS
    region = rng.integers(0, len(REGIONS), rows, dtype=np.int8)
    kind = rng.integers(0, len(TYPES), rows, dtype=np.int8)
    skew = 2.0 + 0.25 * region + 0.5 * (attack & (kind == 0))
    low = drawn.astype(np.float64) ** skew
    score = np.rint(np.where(attack, 1 - low, low) * 10_000) / 10_000
    nothing = ~attack
    whose = (
        pa.array(np.char.add("person-", rng.integers(0, subjects, rows).astype(str))) if subjects else None
    )
    return pa.RecordBatch.from_arrays(
        [
            pa.DictionaryArray.from_arrays(attack.astype(np.int8), ["bona_fide", "attack"]),
            pa.array(score),
            pa.DictionaryArray.from_arrays(pa.array(kind, mask=nothing), list(TYPES)),
            pa.DictionaryArray.from_arrays(region, list(REGIONS)),
            *([] if whose is None else [whose]),
        ],
        names=["label", "score", "attack_type", "region", *([] if whose is None else ["subject"])],
    )


def make(folder: Path, rows: int, *, rows_per_file: int = 10_000_000, a_subject: int = 0) -> None:
    """Write the part files; a file that is there already is left as it is."""
    subjects = rows // a_subject if a_subject else 0
    folder.mkdir(parents=True, exist_ok=True)
    for part, start in enumerate(range(0, rows, rows_per_file)):
        file = folder / f"part-{part:05d}.parquet"
        if file.is_file():
            continue
        scratch = file.with_suffix(".part")
        rng = np.random.default_rng([part, rows_per_file])
        left = min(rows_per_file, rows - start)
        schema = batch(1, np.random.default_rng(0), subjects=subjects).schema
        with parquet.ParquetWriter(scratch, schema) as writer:
            while left:
                now = min(left, ROWS_AT_ONCE)
                writer.write_batch(batch(now, rng, subjects=subjects), row_group_size=ROWS_AT_ONCE)
                left -= now
        scratch.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("--rows-per-file", type=int, default=10_000_000)
    parser.add_argument("--a-subject", type=int, default=0, metavar="N")
    asked = parser.parse_args()
    make(asked.folder, asked.rows, rows_per_file=asked.rows_per_file, a_subject=asked.a_subject)


if __name__ == "__main__":
    main()

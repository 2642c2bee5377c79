"""Train the sandbox's reference detector, and measure it on people it has never seen.

    python scripts/train_reference_detector.py            train, cross-validate, write the coefficients
    python scripts/train_reference_detector.py --measure  only measure the committed coefficients on the demo's people

Every choice (features, regularisation) was made by cross-validation over the training persons. The demo's persons
are measured on, never chosen by. What comes out says nothing about FinAuth.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from finauth_eval.demo.build import build_demo
from finauth_eval.demo.people import people_of
from finauth_eval.demo.pictures import make_picture
from finauth_eval.demo.plan import plan_people
from finauth_eval.demo.portraits import decode, load_portraits
from finauth_eval.demo.sources import PACKAGES, fetch_archives, read_members, weights_path
from finauth_eval.sandbox.detector import LinearModel, ReferenceDetector, load_detector
from finauth_eval.sandbox.faces import FaceFinder
from finauth_eval.sandbox.features import FEATURE_COUNT, FEATURE_GROUPS
from finauth_eval.sandbox.scoring import IMAGE, VIDEO, Scored

TARGET = Path(__file__).parents[1] / "finauth_eval" / "sandbox" / "reference_detector.json"
COUNTS = {
    "bona_fide": 16,
    "face_swap": 6,
    "self_blend": 6,
    "lowres_decode": 6,
    "replay": 6,
    "ai_generated": 20,
}
FOLDS = 5
REPEATS = 3
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one version of the detector differs from another.

    Attributes:
        strength: Inverse regularisation, scikit-learn's ``C``.
        left_out: Groups of features that it does without.
    """

    strength: float
    left_out: tuple[str, ...] = ()

    @property
    def features(self) -> NDArray[np.int64]:
        """Indices of the features that it uses."""
        groups = np.repeat(list(FEATURE_GROUPS), list(FEATURE_GROUPS.values()))
        return np.flatnonzero(~np.isin(groups, self.left_out))


RECIPES = {"v5": Recipe(strength=0.003), "v5.1": Recipe(strength=0.01, left_out=("transitions",))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Features and what is known of each picture; one row a picture."""

    features: NDArray[np.float64]
    is_attack: NDArray[np.bool_]
    kinds: NDArray[np.str_]
    subjects: NDArray[np.str_]
    donors: NDArray[np.str_]


def sample_training_pictures() -> Sampled:
    """Make the training persons' pictures and measure them."""
    people = [*people_of("training", is_real=True), *people_of("training", is_real=False)]
    archives = fetch_archives({person.package for person in people}, progress=print)
    contents = read_members((picture for person in people for picture in person.pictures), archives)
    finder = FaceFinder(weights_path(progress=print))
    portraits = load_portraits(people, contents, finder)
    unscored = LinearModel(
        features=np.zeros(0, np.int64),
        mean=np.zeros(0),
        scale=np.zeros(0),
        weights=np.zeros(0),
        intercept=0.0,
    )
    detector = ReferenceDetector(finder, unscored)
    rows = []
    for item in plan_people("training", counts=COUNTS):
        features = detector.features_of(decode(make_picture(item, portraits)))
        if features is None:
            print(f"left out, no face found: {item.id}")
            continue
        rows.append((features, item.kind, item.subject.id, item.donor.id if item.donor else ""))
    features, kinds, subjects, donors = zip(*rows, strict=True)
    return Sampled(
        features=np.array(features),
        is_attack=np.array(kinds) != "bona_fide",
        kinds=np.array(kinds),
        subjects=np.array(subjects),
        donors=np.array(donors),
    )


def fit(features: NDArray[np.float64], is_attack: NDArray[np.bool_], recipe: Recipe) -> LinearModel:
    """Fit one version; its numbers are rounded here, so that what is measured is what is written."""
    used = features[:, recipe.features]
    mean, scale = used.mean(axis=0).round(DIGITS), (used.std(axis=0) + 1e-6).round(DIGITS)
    empty = np.zeros(2 * len(recipe.features))
    model = LinearModel(features=recipe.features, mean=mean, scale=scale, weights=empty, intercept=0.0)
    regression = LogisticRegression(C=recipe.strength, class_weight="balanced", max_iter=5000)
    regression.fit(model.terms(features), is_attack)
    return LinearModel(
        features=recipe.features,
        mean=mean,
        scale=scale,
        weights=regression.coef_[0].round(DIGITS),
        intercept=round(float(regression.intercept_[0]), DIGITS),
    )


def cross_validate(sampled: Sampled, recipe: Recipe, is_attack: NDArray[np.bool_]) -> list[float]:
    """Return the AUC of each repeat: folds by person, and no swap in training whose donor is held out."""
    aucs = []
    for repeat in range(REPEATS):
        scores = np.empty(len(is_attack))
        for held_out in _folds(sampled, np.random.default_rng(repeat)):
            tested = np.isin(sampled.subjects, held_out)
            trained = ~tested & ~np.isin(sampled.donors, held_out)
            model = fit(sampled.features[trained], is_attack[trained], recipe)
            scores[tested] = model.probability(sampled.features[tested])
        aucs.append(float(roc_auc_score(is_attack, scores)))
    return aucs


def _folds(sampled: Sampled, rng: np.random.Generator) -> Iterator[list[str]]:
    is_generated = sampled.kinds == "ai_generated"
    real = rng.permutation(np.unique(sampled.subjects[~is_generated]))
    generated = rng.permutation(np.unique(sampled.subjects[is_generated]))
    for fold in range(FOLDS):
        yield [*real[fold::FOLDS], *generated[fold::FOLDS]]


def train() -> None:
    """Train and cross-validate every version, and write them."""
    sampled = sample_training_pictures()
    print(f"{len(sampled.kinds)} training pictures of {len(set(sampled.subjects))} persons")
    versions = {}
    for name, recipe in RECIPES.items():
        aucs = cross_validate(sampled, recipe, sampled.is_attack)
        print(f"{name}: cross-validated AUC {np.mean(aucs):.3f}, repeats {[round(auc, 3) for auc in aucs]}")
        versions[name] = _to_dict(fit(sampled.features, sampled.is_attack, recipe), recipe, aucs)
    rng = np.random.default_rng(0)
    control = [cross_validate(sampled, RECIPES["v5"], rng.permutation(sampled.is_attack)) for _ in range(10)]
    print(
        f"control with permuted labels: AUC {np.mean(control):.3f} (standard deviation {np.std(control):.3f})"
    )
    content = _provenance(sampled) | {"feature_count": FEATURE_COUNT, "versions": versions}
    TARGET.write_text(
        json.dumps(content, sort_keys=True, separators=(",", ":")).replace('],"', '],\n"') + "\n"
    )
    print(f"wrote {TARGET.name}, {TARGET.stat().st_size:,} bytes")


def _to_dict(model: LinearModel, recipe: Recipe, aucs: list[float]) -> dict[str, object]:
    return {
        "features": model.features.tolist(),
        "mean": model.mean.tolist(),
        "scale": model.scale.tolist(),
        "weights": model.weights.tolist(),
        "intercept": model.intercept,
        "strength": recipe.strength,
        "left_out": list(recipe.left_out),
        "cross_validated_auc": [round(auc, 4) for auc in aucs],
    }


def _provenance(sampled: Sampled) -> dict[str, object]:
    return {
        "about": "weak reference detector of the sandbox; says nothing about FinAuth",
        "made_by": "scripts/train_reference_detector.py",
        "training_subjects": sorted(set(sampled.subjects.tolist())),
        "pictures_a_person": COUNTS,
        "sources": {name: package.version for name, package in PACKAGES.items()},
        "packages": {
            name: installed_version(name) for name in ("numpy", "scikit-learn", "opencv-python-headless")
        },
    }


def measure(directory: Path) -> None:
    """Score the demo's items, whose persons the detector has not seen, and print what that gives."""
    manifest = build_demo(directory, progress=print)
    with manifest.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    for version in RECIPES:
        detector = load_detector(weights_path(), version=version)
        for media_type, data_type in (("image", IMAGE), ("video", VIDEO)):
            chosen = [row for row in rows if row["media_type"] == media_type]
            answers = [detector((manifest.parent / row["path"]).read_bytes(), data_type) for row in chosen]
            scored = [(row, a.score) for row, a in zip(chosen, answers, strict=True) if isinstance(a, Scored)]
            print(f"{version}, {media_type}: {len(scored)} of {len(chosen)} scored")
            _print_aucs([row for row, _ in scored], np.array([score for _, score in scored]))


def _print_aucs(rows: list[dict[str, str]], scores: NDArray[np.float64]) -> None:
    is_attack = np.array([row["label"] == "attack" for row in rows])
    subjects = np.array([row["subject"] for row in rows])
    kinds = np.array([row["attack_type"] or "bona_fide" for row in rows])
    low, high = _bootstrap_by_subject(is_attack, scores, subjects)
    print(
        f"  AUC {roc_auc_score(is_attack, scores):.3f} [{low:.3f}, {high:.3f}] (95%, bootstrap over subjects)"
    )
    for kind in sorted(set(kinds) - {"bona_fide"}):
        chosen = np.isin(kinds, ["bona_fide", kind])
        print(
            f"  {kind}: AUC {roc_auc_score(is_attack[chosen], scores[chosen]):.3f}, n = {(kinds == kind).sum()}"
        )
    rng = np.random.default_rng(0)
    control = [roc_auc_score(rng.permutation(is_attack), scores) for _ in range(200)]
    print(
        f"  control with permuted labels: {np.mean(control):.3f} (standard deviation {np.std(control):.3f})"
    )


def _bootstrap_by_subject(
    is_attack: NDArray[np.bool_], scores: NDArray[np.float64], subjects: NDArray[np.str_]
) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(subjects == subject) for subject in np.unique(subjects)]
    aucs = []
    for _ in range(2000):
        drawn = np.concatenate([members[index] for index in rng.integers(0, len(members), len(members))])
        if 0 < is_attack[drawn].sum() < len(drawn):
            aucs.append(roc_auc_score(is_attack[drawn], scores[drawn]))
    low, high = np.quantile(aucs, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", action="store_true", help="do not train")
    parser.add_argument(
        "--demo", type=Path, default=None, help="a built demo directory; otherwise a temporary one"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if not arguments.measure:
        train()
    with tempfile.TemporaryDirectory() as scratch:
        measure(arguments.demo or Path(scratch) / "demo")


if __name__ == "__main__":
    main()

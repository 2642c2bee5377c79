"""The reference detector: a face detector, forensic features, logistic regression. Weak, and honest about it.

Its coefficients lie beside this module as JSON, made by ``scripts/train_reference_detector.py`` from pictures of
training persons alone, with what that script measured. It says nothing about FinAuth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from finauth_eval.sandbox.faces import FaceFinder, Picture
from finauth_eval.sandbox.features import FEATURE_COUNT, measure
from finauth_eval.sandbox.media import BAD_VIDEO, Undecodable, decode_image, decode_video
from finauth_eval.sandbox.scoring import IMAGE, Refused, Score, Scored

__all__ = ["EVERY_NTH_FRAME", "LinearModel", "ReferenceDetector", "load_detector", "load_model"]

EVERY_NTH_FRAME = 8
CLIP = 4.0  # standard deviations; a picture far from all training pictures should not decide by one feature
NO_FACE = Refused(error="NO_FACE_FOUND")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel:
    """Logistic regression on some of the features, standardised, and on their absolute values.

    Attributes:
        features: Indices of the features used; int64, shape (k,).
        mean: Mean of each on the training pictures; float64, shape (k,).
        scale: Standard deviation of each; float64, shape (k,).
        weights: Weights of the k standardised features, then of their k absolute values; float64, shape (2k,).
        intercept: Log odds of an attack where all of them are 0.
    """

    features: NDArray[np.int64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read a model from its JSON form.

        Raises:
            ValueError: The arrays do not fit each other.
        """
        model = cls(
            features=np.array(content["features"], np.int64),
            mean=np.array(content["mean"], np.float64),
            scale=np.array(content["scale"], np.float64),
            weights=np.array(content["weights"], np.float64),
            intercept=float(content["intercept"]),
        )
        count = len(model.features)
        if not (len(model.mean) == len(model.scale) == count and len(model.weights) == 2 * count):
            raise ValueError(f"a model of {count} features has arrays of other lengths")
        return model

    def terms(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the weights are applied to: float64, shape (n, 2k), from features of shape (n, all)."""
        standard = np.clip((features[:, self.features] - self.mean) / self.scale, -CLIP, CLIP)
        return np.hstack([standard, np.abs(standard)])

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scores in (0, 1), shape (n,), from features of shape (n, all)."""
        odds = self.terms(features) @ self.weights + self.intercept
        return np.asarray(1 / (1 + np.exp(-odds)), np.float64)


class ReferenceDetector:
    """Scores an image, or a video by the mean over every 8th frame that shows a face.

    Args:
        finder: Finds the faces.
        model: Scores their features.
    """

    def __init__(self, finder: FaceFinder, model: LinearModel) -> None:
        self._finder = finder
        self._model = model

    def __call__(self, media: bytes, data_type: int) -> Scored | Refused:
        """Score media.

        Args:
            media: The file's bytes.
            data_type: 0 for an image, 1 for a video.

        Returns:
            A score; or ``NO_FACE_FOUND``, ``BAD_ARGUMENTS`` or ``INVALID_IMAGE_SIZE`` with the field's name.
        """
        if data_type == IMAGE:
            picture = decode_image(media)
            return picture if isinstance(picture, Refused) else self._score([self.features_of(picture)])
        try:
            return self._score(
                [self.features_of(frame) for frame in decode_video(media, every=EVERY_NTH_FRAME)]
            )
        except Undecodable:
            return BAD_VIDEO

    def features_of(self, picture: Picture) -> NDArray[np.float64] | None:
        """Return the features of the most prominent face, shape (FEATURE_COUNT,); None where there is no face."""
        faces = self._finder.find(picture)
        return measure(picture, max(faces, key=lambda face: face.height)) if faces else None

    def _score(self, frames: list[NDArray[np.float64] | None]) -> Scored | Refused:
        found = [features for features in frames if features is not None]
        if not frames:
            return BAD_VIDEO
        return Scored(score=float(self._model.probability(np.array(found)).mean())) if found else NO_FACE


def load_model(version: str) -> LinearModel:
    """Read the coefficients of one version of the detector.

    Args:
        version: ``v5`` or ``v5.1``.

    Raises:
        ValueError: There is no such version, or the file was made for other features.
    """
    content = json.loads(files(__package__).joinpath("reference_detector.json").read_text(encoding="utf-8"))
    if content["feature_count"] != FEATURE_COUNT:
        raise ValueError(
            "reference_detector.json is of other features: run scripts/train_reference_detector.py"
        )
    if version not in content["versions"]:
        raise ValueError(f"version {version!r} is not one of {', '.join(content['versions'])}")
    return LinearModel.from_dict(content["versions"][version])


def load_detector(weights: Path, *, version: str = "v5") -> Score:
    """Return the reference detector as a scorer.

    Args:
        weights: The face detector's ONNX file.
        version: ``v5`` or ``v5.1``.
    """
    # the server has its own worker threads, and one thread adds up in the same order on every machine
    cv2.setNumThreads(1)
    return ReferenceDetector(FaceFinder(weights), load_model(version))

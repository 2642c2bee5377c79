"""The measurements: finite on anything, and moved by the traces that they are there to see."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from finauth_eval.sandbox.faces import Face
from finauth_eval.sandbox.features import FEATURE_COUNT, FEATURE_GROUPS, measure

SIDE = 200
TEXTURE = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8), (0, 0), 0.7)
STARTS = dict(zip(FEATURE_GROUPS, np.cumsum([0, *FEATURE_GROUPS.values()]), strict=False))


def face(left: float = 60, top: float = 50, right: float = 140, bottom: float = 150) -> Face:
    box = np.array([left, top, right, bottom], np.float64)
    return Face(box=box, score=0.9, landmarks=np.full((5, 2), (box[:2] + box[2:]) / 2))


def inside() -> NDArray[np.bool_]:
    y, x = np.mgrid[:SIDE, :SIDE]
    return ((x - 100) / 40) ** 2 + ((y - 100) / 50) ** 2 < 1


@pytest.mark.parametrize(
    "picture",
    [TEXTURE, np.zeros_like(TEXTURE), np.full_like(TEXTURE, 255), TEXTURE[:, :, :1].repeat(3, axis=2)],
    ids=["texture", "black", "white", "grey"],
)
@pytest.mark.parametrize(
    "where",
    [
        face(),
        face(0, 0, 200, 200),
        face(-20, -20, 30, 30),
        face(190, 190, 230, 230),
        face(100, 100, 102, 103),
    ],
    ids=["middle", "all", "corner", "beyond", "tiny"],
)
def test_every_picture_gives_finite_numbers(picture: NDArray[np.uint8], where: Face) -> None:
    features = measure(picture, where)
    assert features.shape == (FEATURE_COUNT,)
    assert np.isfinite(features).all()


def test_a_large_face_is_measured_too() -> None:
    large = cv2.resize(TEXTURE, (1600, 1600), interpolation=cv2.INTER_CUBIC)
    assert np.isfinite(measure(large, face(300, 200, 1300, 1400))).all()


def test_a_softened_face_shows_less_residual_inside_than_around() -> None:
    soft = cv2.GaussianBlur(TEXTURE, (0, 0), 2.0)
    forged = np.where(inside()[..., None], soft, TEXTURE)
    at = STARTS["residuals"]
    before, after = measure(TEXTURE, face())[at : at + 3], measure(forged, face())[at : at + 3]
    assert after[0] < before[0] - 0.5  # inside, in logs
    assert abs(before[2]) < 0.1  # the untouched texture is the same everywhere
    assert after[2] > 0.5  # background against inside


def test_stripes_stand_out_in_the_spectrum() -> None:
    stripes = 40 * np.sin(2 * np.pi * np.arange(SIDE) / 2.5)[None, :, None]
    striped = np.clip(TEXTURE + stripes, 0, 255).astype(np.uint8)
    peaks = slice(20, 30)  # of the face, in the upper half of the frequencies
    assert measure(striped, face())[peaks].max() > measure(TEXTURE, face())[peaks].max() + 2


def test_a_seam_shows_where_it_is() -> None:
    forged = TEXTURE.astype(np.int64) // 4 + 96
    forged[inside()] += 60
    plain = measure((TEXTURE // 4 + 96).astype(np.uint8), face())
    seam = measure(forged.astype(np.uint8), face())
    at = STARTS["seam"]
    rise = (seam - plain)[at : at + 12]
    # bins are 0.1 wide from 0.4: a border at radius 1 lies in the sixth or the seventh
    assert int(np.argmax(rise)) in (5, 6)


def test_an_already_compressed_picture_changes_less_when_compressed_again() -> None:
    _, content = cv2.imencode(".jpg", TEXTURE, [cv2.IMWRITE_JPEG_QUALITY, 75])
    again = cv2.imdecode(content, cv2.IMREAD_COLOR)
    at = STARTS["error_levels"]
    assert measure(again, face(0, 0, 200, 200))[at] < measure(TEXTURE, face(0, 0, 200, 200))[at] - 0.5

"""The attacks: each takes a crop of a face and gives the forged picture, at the crop's own size.

They imitate the traces of known kinds of attack with classical image processing. They are not the attacks of an
adversary with a trained generator; the report of a demo says so.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from finauth_eval.demo.portraits import Crop
from finauth_eval.sandbox.faces import Picture

__all__ = ["ALTERATIONS", "Alteration", "face_swap", "lowres_decode", "replay", "self_blend"]

Mask = NDArray[np.float64]
Alteration = Callable[[Crop, np.random.Generator], Picture]


def face_swap(target: Crop, donor: Crop, rng: np.random.Generator) -> Picture:
    """Put a donor's face on a target's.

    The donor is laid on the target's landmarks by a similarity (Umeyama 1991), takes on the target's colours
    (Reinhard et al. 2001, in LAB) and is blended in by Poisson editing (Perez et al. 2003).

    Args:
        target: Whose picture it is.
        donor: Whose face is put on it.
        rng: Chance; decides the size of the mask.
    """
    height, width = target.picture.shape[:2]
    motion = _similarity(donor.landmarks, target.landmarks)
    worn = cv2.warpAffine(
        donor.picture, motion, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    mask = _ellipse(target, float(rng.uniform(0.36, 0.44))) > 0.5
    worn = _with_colours_of(np.asarray(worn, np.uint8), target.picture, mask)
    left, top, wide, high = cv2.boundingRect(mask.astype(np.uint8))
    middle = (left + wide // 2, top + high // 2)
    blended = cv2.seamlessClone(worn, target.picture, mask.astype(np.uint8) * 255, middle, cv2.NORMAL_CLONE)
    return np.asarray(blended, np.uint8)


def self_blend(crop: Crop, rng: np.random.Generator) -> Picture:
    """Blend a face with a slightly moved, coloured and softened copy of itself (Shiohara and Yamasaki 2022)."""
    height, width = crop.picture.shape[:2]
    size = crop.box[3] - crop.box[1]
    scale, shift = float(rng.uniform(0.95, 1.05)), rng.uniform(-0.03, 0.03, 2) * size
    middle = crop.landmarks.mean(axis=0)
    motion = np.column_stack([np.eye(2) * scale, middle * (1 - scale) + shift])
    copy = cv2.warpAffine(
        crop.picture, motion, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    lab = cv2.cvtColor(copy, cv2.COLOR_BGR2LAB).astype(np.float64)
    lab = np.clip(lab * rng.uniform(0.94, 1.06, 3) + rng.uniform(-6, 6, 3), 0, 255)
    coloured = cv2.cvtColor(lab.astype(np.uint8), cv2.COLOR_LAB2BGR)
    softened = _through(np.asarray(coloured, np.uint8), float(rng.uniform(0.45, 0.75)), cv2.INTER_LINEAR)
    return _blend(softened, crop.picture, _feathered(crop, float(rng.uniform(0.38, 0.48)), 0.04))


def lowres_decode(crop: Crop, rng: np.random.Generator) -> Picture:
    """Replace a face by what a decoder of 64 to 96 pixels would give back of it."""
    pixels = float(rng.integers(64, 97))
    factor = min(1.0, pixels / float(crop.box[3] - crop.box[1]))
    decoded = _through(crop.picture, factor, cv2.INTER_CUBIC)
    return _blend(decoded, crop.picture, _feathered(crop, float(rng.uniform(0.42, 0.52)), 0.06))


def replay(crop: Crop, rng: np.random.Generator) -> Picture:
    """Show the picture on a screen and photograph that: pixel grid, colour cast, perspective, and so moire."""
    height, width = crop.picture.shape[:2]
    period = float(rng.uniform(2.2, 3.8)) * width / 400
    strength = float(rng.uniform(0.10, 0.22))
    columns = 2 * np.pi * np.arange(width) / max(period, 1.6)
    rows = 2 * np.pi * np.arange(height) / max(period, 1.6)
    stripes = np.stack([np.sin(columns + phase) for phase in (0, 2.094, 4.189)], axis=-1)[None]
    grid = 1 + strength * stripes + strength / 2 * np.sin(rows)[:, None, None]
    cast = rng.uniform(0.92, 1.06, 3) * [1.03, 1.0, 0.98]
    shown = np.clip(255 * (crop.picture / 255) ** float(rng.uniform(0.85, 1.1)) * grid * cast, 0, 255)
    return _photographed(shown.astype(np.uint8), rng)


def _photographed(shown: Picture, rng: np.random.Generator) -> Picture:
    height, width = shown.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    # the corners move outwards, so that the screen fills the photograph
    outwards = np.sign(corners - [width / 2, height / 2]) * rng.uniform(0.005, 0.05, (4, 2)) * [width, height]
    motion = cv2.getPerspectiveTransform(corners, (corners + outwards).astype(np.float32))
    seen = cv2.warpPerspective(shown, motion, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), float(rng.uniform(0.4, 0.8))), np.uint8)


ALTERATIONS: dict[str, Alteration] = {
    "self_blend": self_blend,
    "lowres_decode": lowres_decode,
    "replay": replay,
}
"""Attacks that need nobody's face but the target's, by attack type."""


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares similarity without reflection, shape (2, 3): a complex factor and a shift."""
    a = source @ [1, 1j]
    b = target @ [1, 1j]
    centred = a - a.mean()
    factor = np.vdot(centred, b - b.mean()) / np.vdot(centred, centred)
    shift = b.mean() - factor * a.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def _ellipse(crop: Crop, size: float) -> Mask:
    """1 inside an ellipse over the face, 0 outside; it stays off the picture's border."""
    height, width = crop.picture.shape[:2]
    wide, high = crop.box[2] - crop.box[0], crop.box[3] - crop.box[1]
    middle = (crop.landmarks.mean(axis=0) + (crop.box[:2] + crop.box[2:]) / 2) / 2
    y, x = np.mgrid[:height, :width]
    inside = ((x - middle[0]) / (size * wide)) ** 2 + ((y - middle[1]) / (size * high)) ** 2 <= 1
    inside[[0, 1, -2, -1]] = False
    inside[:, [0, 1, -2, -1]] = False
    return np.asarray(inside, np.float64)


def _feathered(crop: Crop, size: float, softness: float) -> Mask:
    sigma = max(1.0, softness * float(crop.box[3] - crop.box[1]))
    return np.asarray(cv2.GaussianBlur(_ellipse(crop, size), (0, 0), sigma), np.float64)


def _blend(inner: Picture, outer: Picture, mask: Mask) -> Picture:
    weight = mask[..., None]
    return np.rint(inner * weight + outer * (1 - weight)).astype(np.uint8)


def _through(picture: Picture, factor: float, back: int) -> Picture:
    """Make a picture smaller and bring it back to its size."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=back), np.uint8)


def _with_colours_of(picture: Picture, model: Picture, mask: NDArray[np.bool_]) -> Picture:
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB).astype(np.float64)
    like = cv2.cvtColor(model, cv2.COLOR_BGR2LAB).astype(np.float64)[mask]
    own = lab[mask]
    moved = (lab - own.mean(axis=0)) * (like.std(axis=0) / (own.std(axis=0) + 1e-6)) + like.mean(axis=0)
    return np.asarray(cv2.cvtColor(np.clip(moved, 0, 255).astype(np.uint8), cv2.COLOR_LAB2BGR), np.uint8)

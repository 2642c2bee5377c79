"""Forensic measurements of a face and what surrounds it: what the reference detector sees of a picture.

Each looks for a trace that a kind of forgery leaves: missing or repeated high frequencies (spectrum, transitions),
noise that differs between a face and its surroundings (residuals), a face compressed once less or once more than
the rest (error levels, blocking), and a seam around the face (polar profile).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from finauth_eval.sandbox.faces import Face, Picture

__all__ = ["FEATURE_COUNT", "FEATURE_GROUPS", "measure"]

Plane = NDArray[np.float64]
Region = NDArray[np.bool_]

FACE_HEIGHT_CAP = 320.0  # pixels; larger faces are made smaller, so that time stays bounded
MARGIN = 0.45  # of the face's height, on each side of its box
RADIAL_BINS = 20
RING_BINS = 12
FEATURE_GROUPS = {
    "spectrum": 60,
    "residuals": 33,
    "error_levels": 6,
    "blocking": 8,
    "transitions": 50,
    "seam": 36,
    "colours": 6,
}
FEATURE_COUNT = sum(FEATURE_GROUPS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A face with its surroundings, in the planes that are measured.

    Attributes:
        picture: Height x width x 3, blue-green-red, 8 bits.
        planes: Luma and the two chroma planes, float64.
        radius: Distance from the face's middle in units of its half axes; 1 on the ellipse in its box.
        regions: Inside of the face, a ring around its border, and the background.
        box: Left, top, right, bottom of the face in whole pixels.
    """

    picture: Picture
    planes: tuple[Plane, Plane, Plane]
    radius: Plane
    regions: tuple[Region, Region, Region]
    box: tuple[int, int, int, int]

    @property
    def face(self) -> Plane:
        """Luma of the box."""
        left, top, right, bottom = self.box
        return self.planes[0][top:bottom, left:right]


def measure(picture: Picture, face: Face) -> NDArray[np.float64]:
    """Return the features of one face.

    Args:
        picture: Height x width x 3, blue-green-red, 8 bits.
        face: A face in it.

    Returns:
        Float64, shape (FEATURE_COUNT,), all finite.
    """
    view = _view(picture, face)
    parts: tuple[Callable[[View], Iterator[float]], ...] = (
        _spectrum,
        _residuals,
        _error_levels,
        _blocking,
        _transitions,
        _seam,
        _colours,
    )
    return np.nan_to_num(np.fromiter((value for part in parts for value in part(view)), np.float64))


def _view(picture: Picture, face: Face) -> View:
    scale = min(1.0, FACE_HEIGHT_CAP / face.height)
    box = face.box.copy()
    if scale < 1.0:
        picture = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
        box *= scale
    size = np.array(picture.shape[1::-1])
    margin = MARGIN * (box[3] - box[1])
    left, top = np.maximum(np.rint(box[:2] - margin), 0).astype(int)
    right, bottom = np.minimum(np.rint(box[2:] + margin), size).astype(int)
    return _view_of(np.ascontiguousarray(picture[top:bottom, left:right]), box - [left, top, left, top])


def _view_of(part: Picture, box: NDArray[np.float64]) -> View:
    height, width = part.shape[:2]
    coloured = cv2.cvtColor(part, cv2.COLOR_BGR2YCrCb).astype(np.float64)
    middle, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 4.0)
    y, x = np.mgrid[:height, :width]
    radius = np.hypot((x - middle[0]) / half[0], (y - middle[1]) / half[1])
    left, top = np.clip(np.rint(box[:2]), 0, [width - 8, height - 8]).astype(int)
    right, bottom = (int(v) for v in np.clip(np.rint(box[2:]), [left + 8, top + 8], [width, height]))
    return View(
        picture=part,
        planes=(coloured[..., 0], coloured[..., 1], coloured[..., 2]),
        radius=radius,
        regions=(radius < 0.75, (radius >= 0.75) & (radius < 1.15), radius >= 1.3),
        box=(int(left), int(top), right, bottom),
    )


def _log(value: float) -> float:
    return float(np.log(value + 1e-3))


def _mean(plane: Plane, region: Region) -> float:
    return float(plane[region].mean()) if region.any() else 0.0


def _spread(plane: Plane, region: Region) -> float:
    return float(plane[region].std()) if region.any() else 0.0


def _contrasts(plane: Plane, regions: tuple[Region, Region, Region]) -> Iterator[float]:
    """Log means of a non-negative plane inside, and inside against ring and background."""
    inside, ring, background = (_log(_mean(plane, region)) for region in regions)
    yield from (inside, ring - inside, background - inside)


def _spectrum(view: View) -> Iterator[float]:
    """Radial power and peakedness of the face and of everything: 2 x (20 + 10)."""
    for plane in (view.face, view.planes[0]):
        power = _log_power(plane)
        frequency = _frequencies(*power.shape)
        edges = np.linspace(0.02, 0.5, RADIAL_BINS + 1)
        rings = [power[(frequency >= low) & (frequency < high)] for low, high in itertools.pairwise(edges)]
        means = np.array([ring.mean() if ring.size else 0.0 for ring in rings])
        yield from means - means[: RADIAL_BINS // 2].mean()
        for ring in rings[RADIAL_BINS // 2 :]:
            yield float(np.quantile(ring, 0.995) - np.median(ring)) if ring.size else 0.0


def _log_power(plane: Plane) -> Plane:
    window = np.hanning(plane.shape[0])[:, None] * np.hanning(plane.shape[1])
    return np.asarray(np.log(np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2 + 1.0), np.float64)


def _frequencies(rows: int, columns: int) -> Plane:
    return np.asarray(np.hypot(np.fft.fftfreq(rows)[:, None], np.linspace(0, 0.5, columns)))


def _residuals(view: View) -> Iterator[float]:
    """What smoothing takes away: 3 planes x 2 filters x (3 contrasts + 2 shapes) + 3 for sharpness."""
    for plane in view.planes:
        smoothed = cv2.GaussianBlur(plane, (0, 0), 1.0)
        median = cv2.medianBlur(plane.astype(np.uint8), 3).astype(np.float64)
        for residual in (plane - smoothed, plane - median):
            yield from _contrasts(np.abs(residual), view.regions)
            yield from (_peakedness(residual[region]) for region in (view.regions[0], view.regions[2]))
    laplacian = np.asarray(cv2.Laplacian(view.planes[0], cv2.CV_64F), np.float64)
    yield from _contrasts(laplacian**2, view.regions)


def _peakedness(values: NDArray[np.float64]) -> float:
    """Log of standard deviation over mean deviation: 0.23 for normal noise, more for heavy tails."""
    return _log(float(values.std()) / (float(np.abs(values).mean()) + 1e-3)) if values.size else 0.0


def _error_levels(view: View) -> Iterator[float]:
    """What another JPEG compression changes: 2 qualities x 3."""
    for quality in (75, 90):
        _, encoded = cv2.imencode(".jpg", view.picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        again = np.asarray(cv2.imdecode(np.asarray(encoded, np.uint8), cv2.IMREAD_COLOR), np.float64)
        difference = np.abs(view.picture - again).mean(axis=2)
        yield from _contrasts(difference, view.regions)


def _blocking(view: View) -> Iterator[float]:
    """How far steps at a block grid stand out, inside and outside: 2 directions x 4."""
    luma = view.planes[0]
    for axis in (0, 1):
        steps = np.abs(np.diff(luma, 2, axis=axis))
        position = np.indices(steps.shape)[axis] % 8
        inside = view.radius[: steps.shape[0], : steps.shape[1]] < 1.0
        profiles = [_grid_profile(steps, position, region) for region in (inside, ~inside)]
        for profile in profiles:
            yield float(profile.max())
            yield float(profile.std())


def _grid_profile(steps: Plane, position: NDArray[np.int64], region: Region) -> NDArray[np.float64]:
    means = np.array([_mean(steps, region & (position == phase)) for phase in range(8)])
    return np.asarray(np.log(means + 1e-2) - np.log(means.mean() + 1e-2), np.float64)


def _transitions(view: View) -> Iterator[float]:
    """How neighbouring steps of luma follow one another, clipped to -2..2: 2 regions x 25."""
    whole = np.rint(view.planes[0]).astype(np.int64)
    left, top, right, bottom = view.box
    for part, is_face in ((whole[top:bottom, left:right], True), (whole, False)):
        counts = np.zeros(25)
        for direction in (part, part.T):
            steps = np.clip(np.diff(direction, axis=1), -2, 2) + 2
            pairs = 5 * steps[:, :-1] + steps[:, 1:]
            counts += np.bincount(pairs.ravel(), minlength=25)
        shares = np.log(counts / counts.sum() + 1e-4)
        if is_face:
            in_face = shares
            yield from shares
        else:
            yield from shares - in_face


def _seam(view: View) -> Iterator[float]:
    """Steps of luma and of both chromas by distance from the face's middle: 3 x 12."""
    bins = np.clip(((view.radius - 0.4) / 0.1).astype(np.int64), -1, RING_BINS)
    for plane in view.planes:
        gradient = np.hypot(cv2.Sobel(plane, cv2.CV_64F, 1, 0), cv2.Sobel(plane, cv2.CV_64F, 0, 1))
        profile = np.array([_log(_mean(gradient, bins == ring)) for ring in range(RING_BINS)])
        yield from profile - profile.mean()


def _colours(view: View) -> Iterator[float]:
    """Mean and spread of each plane inside against the ring: 3 x 2."""
    inside, ring, _ = view.regions
    for plane in view.planes:
        yield _mean(plane, inside) - _mean(plane, ring)
        yield _log(_spread(plane, inside)) - _log(_spread(plane, ring))

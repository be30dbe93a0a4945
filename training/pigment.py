"""Skin and pigmented lesions as fields of optical density, from the criteria of the ABCD rule.

The picture is made as optical density (Beer-Lambert: light = exp(-density)), so that pigment
darkens light and dark skin alike. Lengths are shares of the picture's side, so that a lesion looks
the same at every size. Fields are float32 (size, size), densities float32
(3, size, size) for R, G, B.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

_ANGLES = 2048

# Optical density of R, G, B per unit of pigment.
_MELANIN = np.array([0.62, 1.0, 1.25], dtype=np.float32)[:, None, None]
_DEEP_MELANIN = np.array([0.95, 0.80, 0.55], dtype=np.float32)[:, None, None]  # looks blue-grey
_BLOOD = np.array([0.12, 0.70, 0.52], dtype=np.float32)[:, None, None]

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 1) -> Field:
    """Smooth noise around 0, `cells` bumps across the picture; each octave has half the height."""
    total = rng.standard_normal((cells, cells), dtype=np.float32)
    for octave in range(1, octaves):
        finer = rng.standard_normal((cells << octave,) * 2, dtype=np.float32)
        total = _resize(total, cells << octave) + finer * np.float32(0.5**octave)
    return _resize(total, size)


def _resize(field: Field, size: int) -> Field:
    return np.asarray(Image.fromarray(field).resize((size, size), Image.Resampling.BICUBIC))


def _step(field: Field, width: float) -> Field:
    """0 below -width, 1 above width, smooth between."""
    t = np.clip(field / np.float32(2 * width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def bare_skin(rng: np.random.Generator, size: int) -> Field:
    """Optical density of bare skin, (3, size, size) pixels, from very light to dark."""
    light = np.array([0.04, 0.15, 0.17]) + rng.normal(0, (0.02, 0.04, 0.06))  # the camera's cast
    tone = light.astype(np.float32)[:, None, None]
    tone = tone + np.float32(0.85 * rng.beta(0.8, 1.6)) * _MELANIN
    tone = tone + np.float32(0.45 * rng.beta(1.2, 3)) * _BLOOD
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    slope = rng.normal(0, 0.05, 2).astype(np.float32)
    falloff = np.float32(rng.uniform(0, 0.08))
    shade = slope[0] * axis[None, :] + slope[1] * axis[:, None]
    shade = shade + falloff * (axis[None, :] ** 2 + axis[:, None] ** 2)
    furrow = _noise(rng, size, int(rng.integers(22, 50)), 2)
    shade += np.float32(rng.uniform(0, 0.07)) * np.exp(-((furrow / np.float32(0.25)) ** 2))
    shade += np.float32(rng.uniform(0.01, 0.03)) * _noise(rng, size, 150)
    blotches = _noise(rng, size, 7, 4) * np.float32(rng.uniform(0.02, 0.06))
    pores = _step(_noise(rng, size, 75) - np.float32(1.7), 0.3) * np.float32(rng.uniform(0, 0.12))
    spots = _noise(rng, size, 9, 3) * np.float32(rng.uniform(0.0, 0.04)) + pores
    return np.asarray(tone + shade + blotches * _BLOOD + spots * _MELANIN)


@dataclass(frozen=True)
class Criteria:
    """Severity of each criterion of the ABCD rule, 0 to 1."""

    asymmetry: float
    border: float
    colours: float
    structures: float
    size: float

    @classmethod
    def around(cls, rng: np.random.Generator, severity: float) -> "Criteria":
        """Criteria of one lesion. Size follows severity least: small melanomas are common."""
        noise = rng.normal(0, (0.10, 0.10, 0.10, 0.10, 0.42))
        return cls(*np.clip(severity + noise, 0, 1).tolist())


@dataclass(frozen=True)
class Body:
    """Shape of the lesion. All fields are (size, size); u and v run from -1 to 1 across it."""

    mask: Mask
    edge: Field
    depth: Field
    u: Field
    v: Field


def _largest_piece(inside: Mask) -> Mask:
    """The largest connected piece with its holes filled."""
    pieces, _ = ndimage.label(inside)
    piece = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    rest, _ = ndimage.label(~piece)
    frame = np.concatenate([rest[0], rest[-1], rest[:, 0], rest[:, -1]])
    return np.asarray(~np.isin(rest, frame[frame > 0]))


def _outline(rng: np.random.Generator, criteria: Criteria) -> Field:
    """Relative radius at each of `_ANGLES` angles."""
    angle = np.linspace(-np.pi, np.pi, _ANGLES, endpoint=False)
    outline = np.ones(_ANGLES)
    for order, height in ((2, 0.05), (3, 0.15), (4, 0.05), (5, 0.07), (7, 0.04)):
        swing = height * (0.15 + criteria.asymmetry) * rng.normal(1, 0.3)
        outline += swing * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    # Streaks and notches stand in one part of the border, not all around it.
    segment = np.exp(2.5 * (np.cos(angle - rng.uniform(0, 2 * np.pi)) - 1))
    spikes = ndimage.gaussian_filter1d(rng.standard_normal(_ANGLES), _ANGLES / 160, mode="wrap")
    spikes /= spikes.std()
    outline += segment * spikes * 0.11 * max(0.0, criteria.structures - 0.25)
    return np.asarray(np.clip(outline, 0.45, 1.6), dtype=np.float32)


def lesion_body(rng: np.random.Generator, size: int, criteria: Criteria) -> Body:
    """Outline of a lesion and the coordinates within it, on size x size pixels."""
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    x0, y0 = np.clip(rng.normal(0, 0.045, 2), -0.1, 0.1).astype(np.float32)
    radius = 0.13 + 0.17 * criteria.size + rng.uniform(-0.02, 0.06)
    stretch = np.sqrt(rng.uniform(1.0, 1.5))
    turn = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    x, y = axis[None, :] - x0, axis[:, None] - y0
    u = (cos * x + sin * y) / np.float32(radius * stretch)
    v = (cos * y - sin * x) / np.float32(radius / stretch)
    index = ((np.arctan2(v, u) / np.float32(2 * np.pi) + np.float32(0.5)) * _ANGLES).astype(int)
    outline = _outline(rng, criteria)[index % _ANGLES]
    rough = _noise(rng, size, 9, 4) * np.float32(0.02 + 0.14 * criteria.border)
    depth = outline - np.hypot(u, v) + rough
    mask = _largest_piece(depth > 0)
    near = ndimage.uniform_filter(mask.astype(np.float32), max(3, size // 20))
    # A nevus fades out evenly; a melanoma ends abruptly in parts of its border.
    uneven = _noise(rng, size, 3) * np.float32(0.35 * criteria.border)
    fade = 0.20 - 0.16 * criteria.border + 0.1 * rng.uniform(-0.4, 1)
    width = np.clip(fade * np.exp(2 * uneven), 0.03, 0.4)
    profile = np.clip(depth / (2 * width) + np.float32(0.5), 0, 1)
    profile = profile * profile * (3 - 2 * profile)
    edge = profile * np.clip(near * 4, 0, 1)
    return Body(mask, edge, np.clip(depth, 0, 1), u, v)


def _texture(rng: np.random.Generator, body: Body, criteria: Criteria) -> Field:
    """Pigment network, globules or neither, around 0: even in a nevus, broken up in a melanoma."""
    size = len(body.mask)
    pattern = rng.choice(["network", "globules", "plain"], p=[0.4, 0.25, 0.35])
    disorder = np.float32(1.0 + 1.4 * criteria.structures)
    if pattern == "plain":
        return _noise(rng, size, 28, 3) * np.float32(0.10 + 0.1 * criteria.structures)
    cells = rng.uniform(30, 48) if pattern == "network" else rng.uniform(20, 34)
    axis = np.linspace(0, 2 * np.pi * cells, size, dtype=np.float32)
    x = axis[None, :] + disorder * _noise(rng, size, 16, 3)
    y = axis[:, None] + disorder * _noise(rng, size, 16, 3)
    lattice = np.zeros((size, size), dtype=np.float32)
    for direction in rng.uniform(0, np.pi) + np.array([0, 1, 2]) * 2 * np.pi / 3:
        lattice += np.cos(np.float32(np.cos(direction)) * x + np.float32(np.sin(direction)) * y)
    strength = rng.uniform(0.07, 0.19) + 0.08 * criteria.structures
    patchy = 1 + np.float32(0.3 + 1.1 * criteria.structures) * _noise(rng, size, 6, 3)
    dark = -lattice / 2 if pattern == "network" else _step(lattice - 1, 0.8) * 2 - np.float32(0.4)
    return np.asarray(dark * np.float32(strength) * np.clip(patchy, 0, 2.2), dtype=np.float32)


def _patch(rng: np.random.Generator, body: Body, reach: float) -> Field:
    """An area of one colour somewhere within the lesion, 0 to 1."""
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.65)
    away = np.hypot(body.u - distance * np.cos(angle), body.v - distance * np.sin(angle))
    ragged = _noise(rng, len(body.mask), 9, 3) * np.float32(0.28)
    return _step(np.float32(reach) - away.astype(np.float32) + ragged, rng.uniform(0.15, 0.5))


def pigmented(rng: np.random.Generator, skin: Field, body: Body, criteria: Criteria) -> Field:
    """Skin with the lesion's pigment on it; both optical densities of shape (3, size, size)."""
    size = len(body.mask)
    # Dark skin hides thin pigment, so the lesion has more of it there.
    base = rng.uniform(0.4, 0.95) + 0.35 * float(skin[0].mean())
    side = rng.uniform(0, 2 * np.pi)
    tilt = body.u * np.float32(np.cos(side)) + body.v * np.float32(np.sin(side))
    cloudy = _noise(rng, size, 6, 5) * np.float32(0.08 + 0.22 * criteria.colours)
    melanin = np.float32(base) * (1 + cloudy)
    melanin += np.float32(rng.normal(0.3, 0.35)) * body.depth * np.float32(1 - criteria.asymmetry)
    melanin += np.float32(0.5 * criteria.asymmetry) * tilt
    melanin *= 1 + _texture(rng, body, criteria)
    blood = np.full((size, size), max(0.0, rng.normal(0.1, 0.2)), dtype=np.float32)
    deep = np.zeros((size, size), dtype=np.float32)
    white = np.zeros((size, size), dtype=np.float32)
    count = int(np.clip(np.floor(criteria.colours * 6 - 1.1 + rng.uniform(-0.6, 0.6)), 0, 5))
    for colour in rng.permutation(["black", "red", "blue-grey", "white", "tan"])[:count]:
        area = _patch(rng, body, rng.uniform(0.3, 0.6))
        if colour == "black":
            melanin += area * np.float32(rng.uniform(0.7, 1.5))
        elif colour == "red":
            blood += area * np.float32(rng.uniform(0.25, 0.7))
            melanin *= 1 - np.float32(0.45) * area
        elif colour == "blue-grey":
            deep += area * np.float32(rng.uniform(0.5, 1.1))
            melanin *= 1 - np.float32(0.55) * area
        elif colour == "white":
            white = area * np.float32(rng.uniform(0.5, 0.85))
        else:
            melanin *= 1 - np.float32(0.55) * area
    melanin = np.clip(melanin, 0.15, 2.6) * (1 - white)
    pigment = melanin * _MELANIN + deep * _DEEP_MELANIN + blood * (1 - white) * _BLOOD
    pigment -= np.float32(0.10) * white
    return np.asarray(skin + body.edge * pigment, dtype=np.float32)

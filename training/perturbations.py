"""Perturbations of dermoscopic photographs that do not change the lesion.

A model that uses the lesion gives the same answer. Hairs, rulers, ink and dark corners are what
models were found to use instead (Winkler et al. 2019 on ink, Bissoto et al. 2019 and 2020 on
rulers, corners and background); colour, blur and JPEG follow Hendrycks & Dietterich 2019, at
strengths that leave the lesion readable; rotation and crop simulate how the camera was held.
Training fits the final layer to react less to them, and the stress test measures how much it does.
:func:`covered` is the reverse test: without the lesion no information should be left.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final
from zlib import crc32

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from handlers.colours import to_srgb
from handlers.imaging import decode
from handlers.quality import LUMA
from handlers.segmentation import rough_mask
from training.artefacts import PAINTERS
from training.dataset import Photograph

SIDE: Final = 300
"""Pixels per side: that of the photographs of the data set, so most are not scaled."""

Change = Callable[[Image.Image, np.random.Generator], Image.Image]
"""Function from an RGB picture of 300 x 300 pixels to one of the same size."""

COVER: Final = 0.8
"""Radius of the cover, relative to half a side. Fixed, so that it does not reveal the lesion's
size."""
MARGIN: Final = round(0.05 * SIDE)
"""Pixels of overlap for a lesion that reaches beyond the cover, because outlines are rough."""
FEATHER: Final = 6
"""Pixels within the cover over which it fades in: well within `MARGIN`, or the fading border of
a lesion would show through as a ring."""
_GRAIN: Final = 1.2  # pixels; pores and sensor noise are smooth over about as many
_SHADING: Final = 4.0  # pixels; what is smoother than this is light, not texture
_FEWEST: Final = 300  # pixels of skin from which a colour and a deviation can be taken

# Radius from the centre, of half a side: 1 is the circle that touches the edges.
_AXIS = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
_RADIUS = np.hypot(_AXIS[None, :], _AXIS[:, None])


def square(picture: Image.Image) -> Image.Image:
    """The centre square of an RGB photograph, scaled to 300 x 300 pixels.

    Every perturbation and the unchanged control start from it, so that only the perturbation
    differs between them.
    """
    short = min(picture.size)
    left, top = ((length - short) / 2 for length in picture.size)
    box = (left, top, left + short, top + short)
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)


def hair(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Draw hairs over skin and lesion: 3 to 18 long ones or up to 40 short, 1 to 3 px thick.

    As in unshaved photographs; the lesion stays to be seen between them.
    """
    return _painted("hair", picture, generator)


def ruler(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Draw a millimetre scale along one edge: ticks of 2 to 7 % of the side.

    It lies next to the lesion, as in clinics, and hides almost nothing.
    """
    return _painted("ruler", picture, generator)


def ink(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Draw strokes or dots of a surgical pen next to the lesion, 1 to 3 % of the side wide.

    Winkler et al. 2019 found that such marks alone raise a melanoma score.
    """
    density, mask = _density(picture), _outline(picture)
    painted = PAINTERS["ink"](generator, density, mask)
    # A pen that keeps off a lesion as large as the picture draws outside: it must come nearer.
    while np.mean(np.any(painted != density, axis=0)) < 0.002:
        mask = mask & (0.9 * _RADIUS[mask].max() >= _RADIUS)
        painted = PAINTERS["ink"](generator, density, mask)
    return _developed(painted)


def dark_corners(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Draw the round field of view of a dermatoscope: black beyond 0.55 to 0.65 of the side.

    Only the corners go, where no lesion is.
    """
    return _painted("dark_corners", picture, generator)


def colour_cast(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Change the white balance: a gain for each channel, exp(N(0, 0.12)), at the same mean luma.

    As far apart as two cameras' automatic balances: channels differ by some 17 %. What lies
    beyond 0.15 is cut off: it would clip red skin and hide the lesion.
    """
    pixels = np.asarray(picture, dtype=np.float64)
    gains = np.exp(np.clip(generator.normal(0, 0.12, 3), -0.15, 0.15))
    mean = pixels.mean(axis=(0, 1))
    gains *= (mean @ LUMA) / max(float(mean * gains @ LUMA), 1e-6)
    return _picture(pixels * gains)


def blur(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Defocus slightly: Gaussian, radius 1.3 to 1.7 px, 0.5 % of the side.

    Pores and fine hairs go; network, globules and border stay readable.
    """
    return picture.filter(ImageFilter.GaussianBlur(generator.uniform(1.3, 1.7)))


def jpeg(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Save as a JPEG of quality 30: as messengers do it, blocks are just visible."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=30)
    with Image.open(stream, formats=("JPEG",)) as saved:
        return saved.convert("RGB")


def rotation(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Rotate by any angle: dermoscopy has no up and down.

    What the turn brings in at the corners is the picture mirrored at its edges, not black.
    """
    pad = SIDE // 4  # the corner of a turned square sticks out by (sqrt(2) - 1) / 2 of its side
    mirrored = np.pad(np.asarray(picture), ((pad, pad), (pad, pad), (0, 0)), mode="symmetric")
    turned = Image.fromarray(mirrored).rotate(
        generator.uniform(0, 360), resample=Image.Resampling.BICUBIC
    )
    return turned.crop((pad, pad, pad + SIDE, pad + SIDE))


def crop(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Crop to 80 to 90 % of the side at a random position, and scale up."""
    side = generator.uniform(0.8, 0.9) * SIDE
    left, top = generator.uniform(0, SIDE - side, 2)
    box = (float(left), float(top), float(left + side), float(top + side))
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)


PERTURBATIONS: Final[dict[str, Change]] = {
    "hair": hair,
    "ruler": ruler,
    "ink": ink,
    "dark corners": dark_corners,
    "colour cast": colour_cast,
    "blur": blur,
    "JPEG quality 30": jpeg,
    "rotation": rotation,
    "crop": crop,
}
"""Perturbations by name. Each is deterministic in the generator."""


def opened(photograph: Photograph) -> Image.Image:
    """Open the centre square of a photograph, RGB of 300 x 300 pixels."""
    return square(to_srgb(decode(photograph.path.read_bytes())))


def perturbed(photograph: Photograph, change: Change, name: str, seed: int) -> Image.Image:
    """Open a photograph and perturb it.

    Args:
        photograph: a checked one.
        change: what happens to it.
        name: of the change: each draws its own numbers.
        seed: of the numbers.
    """
    # Seeded by content, so that a photograph's perturbation does not depend on the other files.
    rng = np.random.default_rng((seed, crc32(name.encode()), int(photograph.digest[:8], 16)))
    return change(opened(photograph), rng)


def cover_mask(picture: Image.Image) -> np.ndarray:
    """Return the area that :func:`covered` hides in an RGB picture: bool (300, 300).

    A centred disc of 0.8 of half the side, united with the rough outline of the lesion and a
    margin of 5 % of the side. It tells a size only for lesions that reach beyond the disc.
    """
    cover = _RADIUS <= COVER
    outline = rough_mask(picture)
    if outline is not None:
        cover |= ndimage.distance_transform_edt(~outline) <= MARGIN
    return cover


def covered(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Cover the lesion with skin from the picture's rim, to test the background.

    After Bissoto et al. 2019, whose models kept most of their skill without the lesion. The skin
    has the median colour of what is left uncovered within the circle that touches the edges (of
    the corners, where a lesion leaves nothing else) and grain as strong as the texture there.

    Args:
        picture: RGB, 300 x 300 pixels, from :func:`square`.
        generator: draws the grain.

    Returns:
        RGB, 300 x 300 pixels, unchanged outside the cover.
    """
    pixels = np.asarray(picture, dtype=np.float64)
    cover = cover_mask(picture)
    rim = ~cover & (_RADIUS <= 1)
    if rim.sum() < _FEWEST:
        rim = ~cover
    colour = np.median(pixels[rim], axis=0)
    texture = (pixels - ndimage.gaussian_filter(pixels, (_SHADING, _SHADING, 0)))[rim]
    # Hairs, ink and black edges are outliers and would make the texture coarse.
    away = np.abs(texture).sum(axis=1)
    spread = np.cov(texture[away <= 3 * np.median(away)].T)
    # Blurring white noise divides its deviation by 2 sqrt(pi) times the radius.
    grain = generator.multivariate_normal(np.zeros(3), spread, (SIDE, SIDE), method="eigh")
    grain = ndimage.gaussian_filter(grain, (_GRAIN, _GRAIN, 0)) * (2 * np.sqrt(np.pi) * _GRAIN)
    share = np.clip(ndimage.distance_transform_edt(cover) / FEATHER, 0, 1)[:, :, None]
    share = share * share * (3 - 2 * share)
    return _picture(pixels + share * (colour + grain - pixels))


def _outline(picture: Image.Image) -> np.ndarray:
    """Return the rough outline of the lesion, or a small centred disc if none is found."""
    mask = rough_mask(picture)
    return _RADIUS <= 0.4 if mask is None else mask


def _density(picture: Image.Image) -> np.ndarray:
    """Optical density for the painters, float32 (3, 300, 300); finite for black, too."""
    return -np.log((np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) + 1) / 256)


def _developed(density: np.ndarray) -> Image.Image:
    """Convert optical density back to a picture."""
    return _picture(np.exp(-density.transpose(1, 2, 0)) * 256 - 1)


def _painted(name: str, picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Paint one of the artefacts of :mod:`training.artefacts` on a picture."""
    return _developed(PAINTERS[name](generator, _density(picture), _outline(picture)))


def _picture(pixels: np.ndarray) -> Image.Image:
    """Convert float (h, w, 3) levels to RGB, rounded and clipped."""
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))

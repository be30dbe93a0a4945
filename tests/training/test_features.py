"""Features and activations equal those of the eager network, for any order and cache."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handlers.drift import STATISTICS, image_statistics
from handlers.imaging import centre_view, decode, to_tensor
from training import features
from training.backbone import Backbone
from training.dataset import Photograph, Progress
from training.features import ACTIVATIONS, VIEWS

pytestmark = pytest.mark.slow


def closer(picture: Image.Image) -> Image.Image:
    """The middle four fifths."""
    short = min(picture.size)
    side = round(0.8 * short)
    corner = [(length - side) // 2 for length in picture.size]
    return picture.crop((*corner, corner[0] + side, corner[1] + side))


def turned(photo: Photograph) -> list[Image.Image]:
    """The views of a photograph, made otherwise."""
    picture = decode(photo.path.read_bytes())
    pixels = np.asarray(centre_view(picture))
    near = np.asarray(centre_view(closer(picture)))
    views = [pixels, pixels[:, ::-1], pixels[::-1], near, np.rot90(pixels)]
    return [Image.fromarray(np.ascontiguousarray(view)) for view in views]


def eager(network: Backbone, view: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """What the whole network has before its final layer, and after ``layer3``."""
    found: list[torch.Tensor] = []
    hooks = [
        network.network.fc.register_forward_pre_hook(lambda _, args: found.append(args[0])),
        network.network.layer3.register_forward_hook(lambda _, args, out: found.append(out)),
    ]
    with torch.inference_mode():
        network.network(to_tensor(view)[None])
    for hook in hooks:
        hook.remove()
    return found[1][0].numpy(), found[0][0].numpy()


def test_features_are_those_of_the_eager_network_on_the_same_views(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress
) -> None:
    extracted = features.extract(few, network, cache, silent)

    assert extracted.views.shape == (10, 5, 512)
    assert extracted.views.dtype == np.float32
    assert np.array_equal(extracted.plain, extracted.views[:, 0])
    for row in (0, 7, 8, 9):
        for place, view in enumerate(turned(few[row])):
            expected, _ = eager(network, view)
            np.testing.assert_allclose(extracted.views[row, place], expected, atol=1e-5, rtol=1e-5)


def test_statistics_are_those_of_the_photograph_as_it_is(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress
) -> None:
    extracted = features.extract(few, network, cache, silent)

    assert extracted.statistics.shape == (10, len(STATISTICS))
    for row, photo in enumerate(few):
        measured = image_statistics(turned(photo)[0])
        expected = [measured[name] for name in STATISTICS]
        np.testing.assert_allclose(extracted.statistics[row], expected, rtol=1e-6)


def test_activations_are_those_of_layer3_in_half_precision(
    few: list[Photograph], network: Backbone, tmp_path: Path, silent: Progress
) -> None:
    extracted = features.extract(few[:3], network, tmp_path, silent, activations=True)
    kept = features.activations_of(few[:3], network, tmp_path)

    places, views = np.array([2, 0, 2, 1, 0]), np.array([4, 0, 3, 1, 2])
    read = kept.read(places, views)

    assert read.shape == (5, *ACTIVATIONS)
    assert read.dtype == torch.float32
    for row, place, view in zip(read.numpy(), places, views, strict=True):
        _, expected = eager(network, turned(few[place])[view])
        np.testing.assert_allclose(row, expected, atol=1e-3, rtol=1e-3)
    # The last stage makes the features of them, which is what its fine-tuning starts from.
    with torch.inference_mode():
        again = network.network.layer4(read).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(again, extracted.views[places, views], atol=5e-3, rtol=5e-3)


def test_views_differ_and_rows_follow_the_order_asked_for(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress
) -> None:
    forth = features.extract(few, network, cache, silent)
    back = features.extract(few[::-1], network, cache, silent)

    assert np.array_equal(forth.views[::-1], back.views)
    assert np.array_equal(forth.statistics[::-1], back.statistics)
    for one in range(len(VIEWS)):
        for other in range(one):
            assert np.abs(forth.views[:, one] - forth.views[:, other]).max() > 1e-4


def test_fewer_views_are_the_first(
    few: list[Photograph], network: Backbone, cache: Path, tmp_path: Path, silent: Progress
) -> None:
    every = features.extract(few[:3], network, cache, silent)
    two = features.extract(few[:3], network, tmp_path, silent, views=2)

    np.testing.assert_allclose(two.views, every.views[:, :2], atol=1e-5, rtol=1e-5)
    assert np.array_equal(two.statistics, every.statistics)


def test_no_photograph_gives_no_features(
    network: Backbone, tmp_path: Path, silent: Progress
) -> None:
    assert features.extract([], network, tmp_path, silent).views.shape == (0, len(VIEWS), 512)


def test_no_more_than_two_photographs_a_thread_are_held(
    few: list[Photograph],
    network: Backbone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, opened, lock = features._run, [], threading.Lock()

    def counting(photo: Photograph, *rest: Any) -> object:
        with lock:
            opened.append(photo)
        return run(photo, *rest)

    monkeypatch.setattr(features, "_run", counting)
    ahead: list[int] = []

    def watch(what: str, done: int, total: int) -> None:
        # Every picture opened and not done yet lies in memory.
        ahead.append(len(opened) - done)

    features.extract(few, network, tmp_path, watch, views=1)

    assert len(opened) == len(few)
    assert max(ahead) <= 2 * torch.get_num_threads()


def test_extracting_leaves_the_backbone_as_it_was(
    few: list[Photograph], network: Backbone, tmp_path: Path, silent: Progress
) -> None:
    before = network.digest
    features.extract(few[:1], network, tmp_path, silent)

    assert network.digest == before

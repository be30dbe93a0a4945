"""Cached features are those of the eager network, and are computed once a photograph."""

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from handlers.drift import image_statistics
from handlers.imaging import centre_view, decode, to_tensor
from training import backbone, features
from training.backbone import Backbone
from training.dataset import Dataset, Photograph, Progress
from training.features import STATISTICS, VIEWS, Features

NoForwardPass = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def few(found: Dataset) -> list[Photograph]:
    """Ten photographs: one whole chunk and a part of a second."""
    return list(found.train[:10])


@pytest.fixture
def own_cache(tmp_path: Path, cache: Path, learned: Features) -> Path:
    """A copy of the shared cache, to damage."""
    return shutil.copytree(cache, tmp_path / "cache")


class Counting(nn.Module):
    """Counts the photographs that a network sees, and may stop it."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside
        self.seen = 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.seen += len(inputs)
        return self.inside(inputs)  # type: ignore[no-any-return]


@pytest.fixture
def counted(network: Backbone, monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting(network.convolutions())
    monkeypatch.setattr(Backbone, "convolutions", lambda self: counting)
    return counting


def eager(network: Backbone, view: Image.Image) -> np.ndarray:
    """What the whole network has before its final layer."""
    found: list[torch.Tensor] = []
    hook = network.network.fc.register_forward_pre_hook(lambda _, args: found.append(args[0]))
    with torch.inference_mode():
        network.network(to_tensor(view)[None])
    hook.remove()
    return found[0][0].numpy()


def only(cache: Path, photo: Photograph) -> Path:
    (path,) = cache.rglob(f"{photo.digest}.npy")
    return path


def test_features_are_those_of_the_eager_network_on_the_same_views(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress
) -> None:
    extracted = features.extract(few, network, cache, silent)

    assert extracted.views.shape == (10, 3, 512)
    assert extracted.views.dtype == np.float32
    assert np.array_equal(extracted.plain, extracted.views[:, 0])
    for row in (0, 7, 8, 9):
        view = centre_view(decode(few[row].path.read_bytes()))
        pixels = np.asarray(view)
        flips = [pixels, pixels[:, ::-1], pixels[::-1]]
        for place, flipped in enumerate(flips):
            expected = eager(network, Image.fromarray(np.ascontiguousarray(flipped)))
            np.testing.assert_allclose(extracted.views[row, place], expected, atol=1e-5, rtol=1e-5)
        statistics = image_statistics(view)
        expected_statistics = [statistics[name] for name in STATISTICS]
        np.testing.assert_allclose(extracted.statistics[row], expected_statistics, rtol=1e-6)


def test_views_differ_and_rows_follow_the_order_asked_for(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress
) -> None:
    forth = features.extract(few, network, cache, silent)
    back = features.extract(few[::-1], network, cache, silent)

    assert np.array_equal(forth.views[::-1], back.views)
    assert np.array_equal(forth.statistics[::-1], back.statistics)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(forth.views[:, one] - forth.views[:, other]).max() > 1e-4


def test_a_second_run_runs_no_forward_pass_and_gives_the_same(
    found: Dataset,
    learned: Features,
    network: Backbone,
    cache: Path,
    no_forward_pass: NoForwardPass,
) -> None:
    calls: list[tuple[str, int, int]] = []
    photographs = [*found.train, *found.validation]
    with no_forward_pass():
        again = features.extract(photographs, network, cache, lambda *call: calls.append(call))

    assert np.array_equal(again.views, learned.views)
    assert np.array_equal(again.statistics, learned.statistics)
    assert calls == [("features", len(photographs), len(photographs))]


def test_only_what_is_missing_is_computed(
    few: list[Photograph], own_cache: Path, network: Backbone, counted: Counting, silent: Progress
) -> None:
    only(own_cache, few[3]).unlink()
    features.extract(few, network, own_cache, silent)

    assert counted.seen == len(VIEWS)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def headless(path: Path) -> None:
    os.truncate(path, 20)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def short(path: Path) -> None:
    np.save(path, np.load(path)[:-1])


def not_finite(path: Path) -> None:
    record = np.load(path)
    record[5] = np.nan
    np.save(path, record)


def an_archive(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 and no archive")


def no_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8:12] = b"(((("
    path.write_bytes(bytes(data))


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "damage",
    [truncated, headless, emptied, zeroed, short, not_finite, an_archive, no_header, pickled],
)
def test_a_damaged_record_is_computed_again_and_mended(
    few: list[Photograph],
    own_cache: Path,
    network: Backbone,
    silent: Progress,
    no_forward_pass: NoForwardPass,
    damage: Callable[[Path], None],
) -> None:
    whole = features.extract(few, network, own_cache, silent)
    damage(only(own_cache, few[4]))

    mended = features.extract(few, network, own_cache, silent)

    np.testing.assert_allclose(mended.views, whole.views, atol=1e-5, rtol=1e-5)
    with no_forward_pass():
        features.extract(few, network, own_cache, silent)


def test_an_interrupted_run_keeps_what_was_done(
    few: list[Photograph], network: Backbone, tmp_path: Path, counted: Counting, silent: Progress
) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if done == features.CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.extract(few, network, tmp_path, interrupt)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} == {".npy"}
    assert len(kept) == features.CHUNK

    counted.seen = 0
    features.extract(few, network, tmp_path, silent)
    assert counted.seen == len(VIEWS) * (len(few) - features.CHUNK)


def test_another_backbone_has_another_cache(
    few: list[Photograph], weights_file: Path, own_cache: Path, network: Backbone, silent: Progress
) -> None:
    other = backbone.load(weights_file, 0, pytest.fail)
    with torch.no_grad():
        other.network.layer4[1].bn2.bias += 1
    before = features.extract(few[:2], network, own_cache, silent)
    changed = features.extract(few[:2], other, own_cache, silent)

    assert np.abs(changed.views - before.views).max() > 0.1
    assert np.array_equal(features.extract(few[:2], network, own_cache, silent).views, before.views)


def test_another_preprocessing_has_another_cache(
    few: list[Photograph],
    own_cache: Path,
    network: Backbone,
    counted: Counting,
    silent: Progress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(features, "PREPROCESSING", {**features.PREPROCESSING, "crop": "other"})
    features.extract(few[:2], network, own_cache, silent)

    assert counted.seen == 2 * len(VIEWS)


def test_a_renamed_photograph_is_found_in_the_cache(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress, tmp_path: Path
) -> None:
    before = features.extract(few[:1], network, cache, silent)
    renamed = replace(few[0], path=tmp_path / "gone elsewhere.jpg")

    # The file of the new name is not even there: nothing but the digest is looked at.
    after = features.extract([renamed], network, cache, silent)
    assert np.array_equal(after.views, before.views)


def test_extracting_leaves_the_backbone_as_it_was(
    few: list[Photograph], network: Backbone, tmp_path: Path, silent: Progress
) -> None:
    before = network.digest
    features.extract(few[:1], network, tmp_path, silent)

    assert network.digest == before

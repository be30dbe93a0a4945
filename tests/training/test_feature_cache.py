"""Cached features are reused, and damaged or outdated ones are not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.conftest import Counting
from training import backbone, features
from training.backbone import Backbone
from training.dataset import Dataset, Photograph, Progress
from training.features import VIEWS, Features

pytestmark = pytest.mark.slow

NoForwardPass = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def own_cache(tmp_path: Path, cache: Path, learned: Features) -> Path:
    """A copy of the shared cache's features, to damage; another test may have left activations."""
    shutil.copytree(cache / "features", tmp_path / "cache" / "features")
    return tmp_path / "cache"


def only(cache: Path, photo: Photograph) -> Path:
    (path,) = cache.glob(f"features/*-{len(VIEWS)}/*/{photo.digest}.npy")
    return path


def test_a_second_run_runs_no_forward_pass_and_gives_the_same(
    found: Dataset,
    learned: Features,
    network: Backbone,
    cache: Path,
    no_forward_pass: NoForwardPass,
) -> None:
    calls: list[tuple[str, int, int]] = []
    with no_forward_pass():
        again = features.extract(found.train, network, cache, lambda *call: calls.append(call))

    assert np.array_equal(again.views, learned.views)
    assert np.array_equal(again.statistics, learned.statistics)
    assert calls == [("features", len(found.train), len(found.train))]


def test_only_what_is_missing_is_computed(
    few: list[Photograph], own_cache: Path, network: Backbone, counted: Counting, silent: Progress
) -> None:
    only(own_cache, few[3]).unlink()
    features.extract(few, network, own_cache, silent)

    assert counted.seen == len(VIEWS)


def test_activations_are_computed_where_only_features_are_kept(
    few: list[Photograph], own_cache: Path, network: Backbone, counted: Counting, silent: Progress
) -> None:
    for _ in range(2):
        features.extract(few[:2], network, own_cache, silent, activations=True)

    assert counted.seen == 2 * len(VIEWS)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def another_record(path: Path) -> None:
    np.save(path, np.zeros(3, dtype=np.float32))


DAMAGES = [cut_off, emptied, one_bit, another_record]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_features_are_computed_again_and_mended(
    few: list[Photograph],
    own_cache: Path,
    network: Backbone,
    silent: Progress,
    no_forward_pass: NoForwardPass,
    damage: Callable[[Path], None],
) -> None:
    whole = features.extract(few, network, own_cache, silent)
    damage(only(own_cache, few[4]))

    repaired = features.extract(few, network, own_cache, silent)

    np.testing.assert_allclose(repaired.views, whole.views, atol=1e-5, rtol=1e-5)
    with no_forward_pass():
        features.extract(few, network, own_cache, silent)


@pytest.mark.parametrize("damage", [*DAMAGES, Path.unlink])
def test_damaged_activations_are_refused_and_mended_by_the_next_run(
    few: list[Photograph],
    tmp_path: Path,
    network: Backbone,
    counted: Counting,
    silent: Progress,
    damage: Callable[[Path], None],
) -> None:
    features.extract(few[:2], network, tmp_path, silent, activations=True)
    kept = features.activations_of(few[:2], network, tmp_path)
    places, views = np.repeat([0, 1], len(VIEWS)), np.tile(np.arange(len(VIEWS)), 2)
    whole = kept.read(places, views)
    (broken,) = tmp_path.rglob(f"{few[1].digest}-3.npy")
    damage(broken)

    with pytest.raises(OSError, match=r"gone or damaged: run it again") as raised:
        kept.read(places, views)
    assert str(broken) in str(raised.value)

    counted.seen = 0
    features.extract(few[:2], network, tmp_path, silent, activations=True)
    assert counted.seen == len(VIEWS), "the other photograph is whole"
    assert torch.equal(kept.read(places, views), whole)


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


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("PREPROCESSING", {**features.PREPROCESSING, "crop": "other"}),
        ("STATISTICS", (*features.STATISTICS[:3], "redness")),
        ("VIEWS", {f"not {name}": turn for name, turn in VIEWS.items()}),
    ],
)
def test_another_way_to_prepare_a_photograph_has_another_cache(
    few: list[Photograph],
    own_cache: Path,
    network: Backbone,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    other: object,
) -> None:
    former = features._records(own_cache, network, len(VIEWS))
    monkeypatch.setattr(features, name, other)
    records = features._records(own_cache, network, len(VIEWS))

    assert former.read(few[0].digest) is not None
    assert records.read(few[0].digest) is None


def test_a_renamed_photograph_is_found_in_the_cache(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress, tmp_path: Path
) -> None:
    before = features.extract(few[:1], network, cache, silent)
    renamed = replace(few[0], path=tmp_path / "gone elsewhere.jpg")

    # The file of the new name is not even there: nothing but the digest is looked at.
    after = features.extract([renamed], network, cache, silent)
    assert np.array_equal(after.views, before.views)

"""Copies of a lesion are found: resaved, rotated, flipped, cropped. Other lesions are not."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import audit, dataset, features, near_duplicates
from training.backbone import Backbone
from training.console import RunLog
from training.dataset import Photograph, Progress
from training.near_duplicates import Pair
from training.settings import TrainingSettings

pytestmark = pytest.mark.slow

Change = Callable[[Image.Image], Image.Image]
CHANGES: dict[str, Change] = {
    "saved again": lambda image: image,
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "flipped": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned and flipped": lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    "cropped": lambda image: image.crop((3, 3, image.width - 3, image.height - 3)),
    "brighter": lambda image: image.point(lambda value: min(255, value + 15)),
}


def photograph(path: Path, image: Image.Image | None = None) -> Photograph:
    if image is not None:
        image.save(path, "JPEG", quality=70)
    return Photograph(path, 0, dataset._check(path, 0).digest)  # type: ignore[union-attr]


@pytest.fixture
def compare(
    network: Backbone, cache: Path, silent: Progress
) -> Callable[[list[Photograph]], list[Pair]]:
    def run(photographs: list[Photograph]) -> list[Pair]:
        found = features.extract(photographs, network, cache, silent, views=1)
        views = features.views_of(photographs, network, cache, silent)
        return near_duplicates.find(found.small, found.plain, views, silent)

    return run


@pytest.fixture(scope="module")
def lesions(small_set: Path) -> list[Photograph]:
    return [photograph(path) for path in sorted(small_set.glob("train/benign/*.jpg"))[:20]]


@pytest.mark.parametrize("name", CHANGES)
def test_the_same_lesion_is_found(
    name: str,
    lesions: list[Photograph],
    compare: Callable[[list[Photograph]], list[Pair]],
    tmp_path: Path,
) -> None:
    with Image.open(lesions[7].path) as original:
        again = photograph(tmp_path / "again.jpg", CHANGES[name](original.convert("RGB")))

    pairs = compare([*lesions, again])

    assert [(pair.first, pair.second) for pair in pairs] == [(7, len(lesions))]
    assert pairs[0].correlation > near_duplicates.CORRELATION


def test_pairs_are_joined_to_groups() -> None:
    pairs = [Pair(0, 2, 1, 1), Pair(2, 4, 1, 1), Pair(1, 5, 1, 1)]

    found = near_duplicates.groups(6, pairs)

    assert found[0] == found[2] == found[4]
    assert found[1] == found[5]
    assert len(set(found)) == 3
    assert len(set(near_duplicates.groups(3, []))) == 3


def test_pictures_of_one_colour_are_no_pair(
    compare: Callable[[list[Photograph]], list[Pair]], tmp_path: Path
) -> None:
    plain = [
        photograph(tmp_path / f"{red}.jpg", Image.new("RGB", (96, 96), (red, 100, 100)))
        for red in (100, 200)
    ]

    assert compare(plain) == []


def test_the_audit_names_what_lies_on_both_sides(
    small_set: Path,
    small_settings: Callable[[Path], TrainingSettings],
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    for path in small_set.glob("t*/*/*.jpg"):
        target = data / path.relative_to(small_set)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    source = next(iter(sorted(data.glob("test/benign/*.jpg"))))
    stream = io.BytesIO()
    with Image.open(source) as image:
        image.transpose(Image.Transpose.ROTATE_180).save(stream, "JPEG", quality=70)
    (data / "train/malignant/again.jpg").write_bytes(stream.getvalue())
    settings = small_settings(tmp_path).model_copy(update={"data": data})
    found = dataset.load("folder", data, lambda *_: None)

    document = audit.near_duplicates_of(settings, found, RunLog())

    (pair,) = [pair for pair in document["listed"] if "again.jpg" in " ".join(pair["files"])]
    ours = [name for name in pair["files"] if "again" in name]
    assert {name.split("/")[0] for name in pair["files"]} == {"train", "test"}
    assert pair is document["listed"][0]
    assert ours[0].endswith("/malignant/again.jpg")
    assert f"test/benign/{source.name}" in pair["files"]
    assert pair["labels_contradict"]
    assert document["pairs_across_train_and_test"] >= 1
    assert document["pairs_with_contradicting_labels"] >= 1
    written = json.loads((settings.build / "near_duplicates.json").read_text())
    assert written == document
    assert np.isfinite(pair["correlation"])


@pytest.fixture(scope="module")
def twins(lesions: list[Photograph], tmp_path_factory: pytest.TempPathFactory) -> list[Photograph]:
    """Lesions, and the first five of them saved again at the end."""
    folder = tmp_path_factory.mktemp("twins")
    again = []
    for place in range(5):
        with Image.open(lesions[place].path) as image:
            again.append(photograph(folder / f"{place}.jpg", image.convert("RGB")))
    return [*lesions, *again]


def test_only_pairs_of_the_first_photographs_are_looked_for_where_it_is_asked(
    twins: list[Photograph], network: Backbone, cache: Path, silent: Progress
) -> None:
    found = features.extract(twins, network, cache, silent)
    arrays = found.small, found.plain, lambda places: found.views[places]
    every = near_duplicates.find(*arrays, silent)
    calls: list[tuple[str, int, int]] = []

    some = near_duplicates.find(*arrays, lambda *call: calls.append(call), first=3)

    assert {(pair.first, pair.second) for pair in every} == {(n, 20 + n) for n in range(5)}
    assert {(pair.first, pair.second) for pair in some} == {(n, 20 + n) for n in range(3)}
    assert calls == [("compare", 3, 3)]
    assert near_duplicates.find(*arrays, silent, first=0) == []


def test_pairs_are_the_same_however_many_rows_are_compared_at_once(
    twins: list[Photograph],
    network: Backbone,
    cache: Path,
    silent: Progress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = features.extract(twins, network, cache, silent)
    arrays = found.small, found.plain, lambda places: found.views[places]
    at_once = near_duplicates.find(*arrays, silent)
    monkeypatch.setattr(near_duplicates, "ROWS", 7)

    in_blocks = near_duplicates.find(*arrays, silent)

    places = [{(pair.first, pair.second) for pair in pairs} for pairs in (at_once, in_blocks)]
    assert places[0] == places[1]
    assert len(in_blocks) == 5


def test_views_are_computed_of_doubtful_pairs_only(silent: Progress) -> None:
    random = np.random.default_rng(0)
    plain = random.normal(size=(40, features.WIDTH)).astype(np.float32)
    small = random.normal(size=(40, 16, 16, 3)).astype(np.float32)
    small -= small.mean(axis=(1, 2), keepdims=True)
    for first, second, share in ((0, 1, 0.65), (2, 3, 0.65), (4, 5, 0.2), (6, 7, 0.9)):
        plain[second] = share * plain[first] + (1 - share**2) ** 0.5 * plain[second]
        small[second] = 0.95 * small[first] + 0.31 * small[second]
    asked: list[int] = []

    def views_of(places: np.ndarray) -> np.ndarray:
        """Of the second pair's other photograph, another view is like the first one."""
        asked.extend(places.tolist())
        other = np.where(places[:, None] == 3, plain[2], plain[places])
        return np.stack([plain[places], other], axis=1)

    found = near_duplicates.find(small, plain, views_of, silent)

    assert asked == [1, 3]
    assert {(pair.first, pair.second) for pair in found} == {(2, 3), (6, 7)}
    assert found[0].likeness > 0.99


def test_memory_grows_little_with_the_photographs(silent: Progress) -> None:
    random = np.random.default_rng(0)
    peaks = []
    for count in (near_duplicates.ROWS, 3 * near_duplicates.ROWS):
        plain = random.normal(size=(count, features.WIDTH)).astype(np.float32)
        small = random.normal(size=(count, 16, 16, 3)).astype(np.float32)
        tracemalloc.start()
        near_duplicates.find(small, plain, lambda places: np.ones((len(places), 1, 1)), silent)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    each = (peaks[1] - peaks[0]) / (2 * near_duplicates.ROWS)
    # What the model sees of one photograph is 150 kB, and a tensor of it 600 kB.
    assert each < 75_000

"""Every file is used or listed with a reason, and the order depends only on the content."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import dataset
from training.dataset import Dataset, DatasetError, Progress
from training.evaluation.stress.colour_spaces import profile

FOLDERS = [f"{split}/{name}" for split in ("train", "test") for name in ("benign", "malignant")]


@pytest.fixture
def load(silent: Progress) -> Callable[[Path], Dataset]:
    return lambda folder: dataset.load("folder", folder, silent)


def sides(found: Dataset) -> dict[str, set[tuple[str, int]]]:
    """Content and label of each photograph of each side, whatever its file is called."""
    return {
        name: {(photo.digest, photo.label) for photo in getattr(found, name)}
        for name in dataset.SPLITS
    }


def reasons(found: Dataset) -> dict[str, str]:
    return {path.name: reason for path, reason in found.left_out}


@pytest.mark.parametrize("inside", [".", "melanoma_cancer_dataset", "archive/version 1"])
def test_the_layout_is_found_in_the_folder_and_up_to_two_levels_below(
    tmp_path: Path, inside: str
) -> None:
    for folder in FOLDERS:
        (tmp_path / inside / folder).mkdir(parents=True)

    assert dataset.find_layout(tmp_path) == tmp_path / inside


def test_the_layout_three_levels_below_is_not_looked_for(tmp_path: Path) -> None:
    for folder in FOLDERS:
        (tmp_path / "a" / "b" / "c" / folder).mkdir(parents=True)

    with pytest.raises(DatasetError, match=r"found there: a$"):
        dataset.find_layout(tmp_path)


def test_a_folder_without_the_layout_gets_an_error_with_expected_and_found(
    tmp_path: Path,
) -> None:
    for folder in FOLDERS[:-1]:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "thesis.txt").touch()

    with pytest.raises(DatasetError) as raised:
        dataset.find_layout(tmp_path)
    message = str(raised.value)
    assert message.startswith(str(tmp_path))
    assert dataset.LAYOUT in message
    assert message.endswith("found there: test, thesis.txt, train")


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_a_missing_or_empty_folder_gets_an_error_with_the_layout(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / kind
    if kind == "file":
        folder.touch()
    if kind == "empty":
        folder.mkdir()

    with pytest.raises(DatasetError) as raised:
        dataset.find_layout(folder)
    assert str(folder) in str(raised.value)
    assert dataset.LAYOUT in str(raised.value)
    assert ("found there: nothing" in str(raised.value)) == (kind == "empty")


def test_unusable_files_are_named_with_a_reason_and_the_others_are_used(
    dotted_set: Path, load: Callable[[Path], Dataset]
) -> None:
    before = load(dotted_set)
    train = dotted_set / "train" / "benign"
    whole = next(iter(sorted(train.iterdir()))).read_bytes()
    bad = {
        "cut.jpg": (whole[: len(whole) // 2], "the image is broken or cut off"),
        "letter.jpg": (b"Dear doctor, " * 50, "not a JPEG, PNG or WebP image"),
        "page.png": (b"<html><body>404</body></html>", "it looks like an HTML page"),
        "empty.jpeg": (b"", "the image is empty"),
        "photo.tif": (whole + b" ", "not a photograph: .tif suffix"),
        "photo": (whole + b"  ", "not a photograph: no suffix"),
        "Thumbs.db": (b"x", "not a photograph: .db suffix"),
    }
    for name, (data, _) in bad.items():
        (train / name).write_bytes(data)
    (train / "gone.jpg").symlink_to(train / "nowhere.jpg")
    bad["gone.jpg"] = (b"", "a link to a file that is not there")
    (train / ".ipynb_checkpoints").mkdir()
    (train / ".ipynb_checkpoints" / "copy.jpg").write_bytes(whole + b"   ")
    (train / ".DS_Store").write_bytes(b"hidden")
    (train / "._cut.jpg").write_bytes(b"hidden")
    for name in (".ipynb_checkpoints", ".DS_Store", "._cut.jpg"):
        bad[name] = (b"", "hidden")

    found = load(dotted_set)

    assert sides(found) == sides(before)
    named = reasons(found)
    assert set(named) == set(bad)
    assert len(found.left_out) == len(bad)
    for name, (_, reason) in bad.items():
        assert reason in named[name]


def test_suffixes_in_capitals_and_folders_within_are_read(
    dotted_set: Path, load: Callable[[Path], Dataset]
) -> None:
    before = load(dotted_set)
    train = dotted_set / "train" / "benign"
    (train / "clinic" / "2020").mkdir(parents=True)
    for number, path in enumerate(sorted(train.glob("*.png"))[:4]):
        path.rename(train / "clinic" / "2020" / f"{number}.PNG")

    found = load(dotted_set)

    assert sides(found) == sides(before)
    assert found.left_out == ()


def test_copies_are_left_out_and_a_photograph_of_test_never_trains(
    dotted_set: Path, load: Callable[[Path], Dataset]
) -> None:
    first = sorted((dotted_set / "train" / "benign").iterdir())[0]
    tested = sorted((dotted_set / "test" / "malignant").iterdir())[0]
    copies = {
        "train/benign/zz_again.png": (first, f"the same file as train/benign/{first.name}"),
        "train/malignant/zz_contradicts.png": (
            first,
            f"the same file as train/benign/{first.name}, labelled benign",
        ),
        "train/malignant/00_seen.png": (tested, f"the same file as test/malignant/{tested.name}"),
        "train/benign/00_seen_otherwise.png": (
            tested,
            f"the same file as test/malignant/{tested.name}, labelled malignant",
        ),
        "test/malignant/zz_twice.png": (tested, f"the same file as test/malignant/{tested.name}"),
    }
    before = load(dotted_set)
    for name, (source, _) in copies.items():
        (dotted_set / name).write_bytes(source.read_bytes())

    found = load(dotted_set)

    assert sides(found) == sides(before)
    assert reasons(found) == {Path(name).name: reason for name, (_, reason) in copies.items()}


def test_every_file_is_counted_once(
    dotted_set: Path,
) -> None:
    (dotted_set / "train" / "benign" / "empty.jpg").touch()
    seen: list[tuple[str, int, int]] = []
    found = dataset.load("folder", dotted_set, lambda *call: seen.append(call))

    files = sum(path.is_file() for path in dotted_set.rglob("*"))
    used = sum(sum(per_class.values()) for per_class in found.counts().values())
    assert used + len(found.left_out) == files
    assert seen == [("check", number, files) for number in range(1, files + 1)]


def test_the_order_depends_on_content_alone(
    dotted_set: Path,
    load: Callable[[Path], Dataset],
    picture: Callable[[int], bytes],
) -> None:
    before = load(dotted_set)
    for path in sorted((dotted_set / "train").rglob("*.png"), reverse=True):
        path.rename(path.with_name(f"renamed-{path.stem[::-1]}.jpg"))
    renamed = load(dotted_set)
    for number in range(20):
        (dotted_set / "train" / "benign" / f"0-added-{number}.png").write_bytes(
            picture(90_000 + number)
        )
    more = load(dotted_set)

    for split in dataset.SPLITS:
        digests = [[photo.digest for photo in getattr(part, split)] for part in (before, renamed)]
        assert digests[0] == digests[1] == sorted(digests[0])
    assert sides(before)["train"] < sides(more)["train"]
    assert sides(before)["test"] == sides(more)["test"]


def test_photographs_are_counted_by_split_and_class(
    tmp_path: Path,
    load: Callable[[Path], Dataset],
    write_set: Callable[[Path, int, int], Path],
) -> None:
    folder = write_set(tmp_path / "uneven", 5, 3)
    (folder / "train" / "malignant" / "000.png").unlink()

    found = load(folder)

    assert found.counts() == {
        "train": {"benign": 5, "malignant": 4},
        "test": {"benign": 3, "malignant": 3},
    }
    labels = dataset.labels(found.train)
    assert (labels.dtype, labels.tolist().count(1)) == (np.int64, 4)


def test_the_digest_changes_with_content_label_and_split_but_not_with_names(
    dotted_set: Path, load: Callable[[Path], Dataset]
) -> None:
    digests = [load(dotted_set).digest]
    first = sorted((dotted_set / "train" / "benign").iterdir())[0]
    first = first.rename(first.with_name("another name.png"))
    assert load(dotted_set).digest == digests[0]

    first.write_bytes(first.read_bytes() + b"x")
    digests.append(load(dotted_set).digest)
    moved = first.rename(dotted_set / "train" / "malignant" / first.name)
    digests.append(load(dotted_set).digest)
    moved.rename(dotted_set / "test" / "malignant" / first.name)
    digests.append(load(dotted_set).digest)

    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("folder", FOLDERS)
def test_too_few_of_a_class_are_refused_by_name(
    dotted_set: Path, load: Callable[[Path], Dataset], folder: str
) -> None:
    split, name = folder.split("/")
    for path in sorted((dotted_set / folder).iterdir())[1:]:
        path.write_bytes(b"")

    with pytest.raises(DatasetError) as raised:
        load(dotted_set)
    assert f"usable photographs of class {name} for {split}" in str(raised.value)
    assert "files were left out" in str(raised.value)
    assert dataset.LAYOUT in str(raised.value)


def test_colour_profiles_are_counted_and_why_they_are_ignored(
    dotted_set: Path, load: Callable[[Path], Dataset]
) -> None:
    folder = dotted_set / "train" / "benign"
    own = profile("Display P3")
    for name, found in {"p3": own, "cut": own[:-9], "cmyk": own.replace(b"RGB ", b"CMYK")}.items():
        picture = Image.effect_noise((64, 64), 90).convert("RGB")
        picture.save(folder / f"{name}.png", icc_profile=found)

    assert load(dotted_set).colour_profiles() == {
        "converted": 1,
        "cut off, or longer than it says": 1,
        "not a profile of RGB": 1,
    }

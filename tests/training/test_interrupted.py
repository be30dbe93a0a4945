"""A run that was interrupted, killed or out of space resumes from complete records only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import Counting
from training import features
from training.backbone import Backbone
from training.dataset import Dataset, Photograph, Progress
from training.features import VIEWS, Features

pytestmark = pytest.mark.slow


KILLED = 16
"""Photographs of the run that is killed."""
DONE = 4
"""Photographs after which another is interrupted."""
DEADLINE = 120
"""Seconds until its first record, PyTorch being imported before."""
EXTRACT = f"""
import sys
from pathlib import Path
from training import backbone, dataset, features

photographs, weights, cache = map(Path, sys.argv[1:])
quiet = lambda *_: None
found = dataset.load("folder", photographs, quiet)
network = backbone.load(weights, 0, print)
features.extract(found.train[:{KILLED}], network, cache, quiet, activations=True)
"""


def kept_of(cache: Path, kind: str) -> list[Path]:
    """Every file of features or of activations, whatever its name."""
    return [path for path in (cache / kind).rglob("*") if path.is_file()]


def places_and_views(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each view of so many photographs."""
    return np.repeat(np.arange(count), len(VIEWS)), np.tile(np.arange(len(VIEWS)), count)


def test_an_interrupted_run_keeps_what_was_done(
    few: list[Photograph], network: Backbone, tmp_path: Path, counted: Counting, silent: Progress
) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if done == DONE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.extract(few, network, tmp_path, interrupt)
    kept = kept_of(tmp_path, "features")
    assert {path.suffix for path in kept} == {".npy"}
    assert len(kept) == DONE

    counted.seen = 0
    features.extract(few, network, tmp_path, silent)
    assert counted.seen == len(VIEWS) * (len(few) - DONE)


def test_a_killed_run_leaves_whole_records_and_the_next_goes_on_from_them(
    root: Path,
    small_set: Path,
    weights_file: Path,
    found: Dataset,
    learned: Features,
    network: Backbone,
    tmp_path: Path,
    counted: Counting,
    silent: Progress,
) -> None:
    command = [sys.executable, "-c", EXTRACT, str(small_set), str(weights_file), str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        deadline = time.monotonic() + DEADLINE
        while run.poll() is None and time.monotonic() < deadline:
            if next(tmp_path.glob("features/**/*.npy"), None):
                break
            time.sleep(0.005)
        run.kill()
        said = run.stderr.read()
    assert run.returncode == -signal.SIGKILL, said

    photographs = found.train[:KILLED]
    records = features._records(tmp_path, network, len(VIEWS))
    kept = features.activations_of(photographs, network, tmp_path)
    done = [
        place for place, photo in enumerate(photographs) if records.place(photo.digest).exists()
    ]
    assert 0 < len(done) < KILLED
    for place in done:
        record = records.read(photographs[place].digest)
        assert record is not None
        assert np.array_equal(record[0][:512], learned.views[place, 0])
        kept.read(np.full(len(VIEWS), place), np.arange(len(VIEWS)))
    counted.seen = 0
    resumed = features.extract(photographs, network, tmp_path, silent, activations=True)
    assert counted.seen == len(VIEWS) * (KILLED - len(done))
    assert np.array_equal(resumed.views, learned.views[:KILLED])
    assert np.array_equal(resumed.statistics, learned.statistics[:KILLED])
    kept.read(*places_and_views(KILLED))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of so many bytes in memory; gives a way to make it larger."""
    folder.mkdir()

    def mount(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disk that is to be full")
    mounted = mount(f"size={size}")
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")

    def enlarge(to: str) -> None:
        assert mount("remount", f"size={to}").returncode == 0

    try:
        yield enlarge
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("activations", "size"), [(False, "64k"), (True, "256k")])
def test_a_full_disk_leaves_nothing_that_is_trusted_and_with_space_it_goes_on(
    activations: bool,
    size: str,
    few: list[Photograph],
    learned: Features,
    network: Backbone,
    tmp_path: Path,
    counted: Counting,
    silent: Progress,
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, size) as enlarge:
        with pytest.raises(OSError, match="No space left"):
            features.extract(few, network, disk, silent, activations=activations)

        records = features._records(disk, network, len(VIEWS))
        whole = [photo for photo in few if records.read(photo.digest) is not None]
        # Activations of one photograph do not fit: it may have no features either.
        assert (len(whole) == 0) if activations else (0 < len(whole) < len(few))
        assert sorted(kept_of(disk, "features")) == sorted(
            records.place(photo.digest) for photo in whole
        )
        kept = features.activations_of(few, network, disk)
        halves = [kept.records.read(path.stem) for path in kept_of(disk, "activations")]
        assert all(half is not None for half in halves)
        assert bool(halves) == activations

        enlarge("16m")
        counted.seen = 0
        again = features.extract(few, network, disk, silent, activations=activations)
        assert counted.seen == len(VIEWS) * (len(few) - len(whole))
        assert np.array_equal(again.views, learned.views[: len(few)])
        if activations:
            kept.read(*places_and_views(len(few)))

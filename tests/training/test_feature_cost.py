"""Both sides of the comparison do the same work, and a measurement resumes from its cache."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from training import dataset, feature_cost, features
from training.backbone import Backbone
from training.console import RunLog
from training.dataset import Dataset, Photograph, Progress

pytestmark = pytest.mark.slow


@pytest.fixture
def quiet() -> RunLog:
    return RunLog(Console(file=io.StringIO()))


def test_plain_forward_passes_give_the_features_that_are_extracted(
    few: list[Photograph], network: Backbone, cache: Path, silent: Progress
) -> None:
    extracted = features.extract(few, network, cache, silent)

    plain = feature_cost.plain(few, network)
    assert all(one.is_contiguous() for one in network.network.parameters())  # as it was given
    np.testing.assert_allclose(plain, extracted.views, atol=1e-4, rtol=1e-4)


def test_each_block_gives_a_ratio(few: list[Photograph], network: Backbone) -> None:
    calls: list[tuple[str, int, int]] = []
    timed = feature_cost.times(few[:2], network, 2, lambda *call: calls.append(call))

    assert (timed["photographs"], timed["views"], timed["blocks"]) == (2, 5, 2)
    assert len(timed["ratios"]) == 2
    assert timed["ratio"] == pytest.approx(np.median(timed["ratios"]), abs=2e-3)
    assert min(timed["extract_seconds"], timed["plain_seconds"]) > 0
    assert calls[-1] == ("blocks", 2, 2)


def test_peaks_rise_and_what_came_from_the_cache_is_said(
    found: Dataset, network: Backbone, tmp_path: Path, quiet: RunLog
) -> None:
    some = replace(found, train=found.train[:6])
    features.extract(some.train[:2], network, tmp_path, quiet.progress, views=1)

    first, second = (feature_cost.memory(some, network, tmp_path, 1, quiet) for _ in range(2))

    assert (first["from_cache"], second["from_cache"]) == (2, 6)
    assert (first["photographs"], first["views_extracted"], first["views_compared"]) == (6, 1, 5)
    assert first["groups"] == 6
    peaks = list(first["peak_mb"].values())
    assert peaks == sorted(peaks)
    assert 100 < peaks[0] < 100_000, "megabytes of a process that holds PyTorch"


def test_requested_number_of_pictures_is_drawn(
    tmp_path: Path, quiet: RunLog, silent: Progress
) -> None:
    drawn = feature_cost.draw(tmp_path / "drawn", 6, quiet)

    assert len(dataset.load("synthetic", drawn, silent).train) == 6

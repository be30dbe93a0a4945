"""``python -m training.feature_cost``: cost of feature extraction, as JSON.

``make benchmark NAME=features`` runs it, each measurement in a separate process.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from handlers.imaging import decode, to_tensor
from training import backbone, dataset, features, near_duplicates, synthetic
from training.backbone import Backbone
from training.console import RunLog
from training.dataset import Dataset, Photograph, Progress
from training.features import VIEWS
from training.settings import TrainingSettings

SMALL: Final = 64
"""Pixels of the pictures for the memory test: there are many, and the input is 224 anyway."""
CHUNK: Final = 8
"""Photographs in one forward pass of :func:`plain`, all views of each."""
TESTED: Final = 2
"""Pictures per class in ``test``, which a data set must have."""


def plain(photographs: Sequence[Photograph], network: Backbone) -> np.ndarray:
    """Decode and run one forward pass per view only: features of shape (n, views, 512)."""
    # A copy: the conversion would change the caller's network.
    convolutions = copy.deepcopy(network.convolutions()).to(memory_format=torch.channels_last)
    rows = []
    for start in range(0, len(photographs), CHUNK):
        views = []
        for photo in photographs[start : start + CHUNK]:
            picture = decode(photo.path.read_bytes())
            views += [to_tensor(turn(picture)) for turn in VIEWS.values()]
        inputs = torch.stack(views).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            rows.append(convolutions(inputs).mean(dim=(2, 3)).numpy())
    return np.concatenate(rows).reshape(len(photographs), len(VIEWS), -1)


def times(
    photographs: Sequence[Photograph], network: Backbone, blocks: int, progress: Progress
) -> dict[str, Any]:
    """Compare seconds of an extraction from an empty cache with those of :func:`plain`.

    In turn, so that the machine's drift hits both; each block gives one ratio.
    """
    seconds: dict[str, list[float]] = {"extract": [], "plain": []}
    for block in range(-1, blocks):
        which = list(seconds)[:: 1 if block % 2 else -1]
        some = photographs if block >= 0 else photographs[:CHUNK]  # the first one warms up
        for name in which:
            with tempfile.TemporaryDirectory(prefix="lesionlens-") as cache:
                start = time.perf_counter()
                if name == "extract":
                    features.extract(some, network, Path(cache), _quiet)
                else:
                    plain(some, network)
                taken = time.perf_counter() - start
            if block >= 0:
                seconds[name].append(taken)
        progress("blocks", block + 1, blocks)
    ratios = np.divide(seconds["extract"], seconds["plain"])
    return {
        "photographs": len(photographs),
        "views": len(VIEWS),
        "threads": torch.get_num_threads(),
        "blocks": blocks,
        "extract_seconds": round(float(np.median(seconds["extract"])), 3),
        "plain_seconds": round(float(np.median(seconds["plain"])), 3),
        "ratio": round(float(np.median(ratios)), 3),
        "ratios": [round(float(ratio), 3) for ratio in ratios],
    }


def memory(found: Dataset, network: Backbone, cache: Path, views: int, log: RunLog) -> Any:
    """Peak memory in megabytes after each step of extraction and near-duplicate search.

    Args:
        found: synthetic pictures; those of ``train`` are looked at.
        network: the backbone.
        cache: goes on from what it holds, and says how much that was.
        views: how many are extracted; the search is given as many as a training has, repeated,
            so that its arrays have their size.
        log: shows how far it is.
    """
    peaks = {"before": peak_mb()}
    from_cache: list[int] = []

    def watch(what: str, done: int, total: int) -> None:
        from_cache.append(done)
        log.progress(what, done, total)

    with log.step("features"):
        extracted = features.extract(found.train, network, cache, watch, views=views)
    peaks["after_extraction"] = peak_mb()
    repeated = np.resize(np.arange(views), len(VIEWS))
    with log.step("compare"):
        pairs = near_duplicates.find(
            extracted.small,
            extracted.plain,
            lambda places: extracted.views[places][:, repeated],
            log.progress,
        )
    groups = near_duplicates.groups(len(found.train), pairs)
    peaks["after_search"] = peak_mb()
    return {
        "photographs": len(found.train),
        "from_cache": from_cache[0],
        "views_extracted": views,
        "views_compared": len(VIEWS),
        "groups": len(np.unique(groups)),
        "peak_mb": peaks,
        "seconds": log.seconds,
    }


def peak_mb() -> float:
    """Return the peak memory of this process."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def draw(folder: Path, count: int, log: RunLog) -> Path:
    """Draw so many small pictures for ``train``, half of each class, unless they exist."""
    per_class = {"train": count // 2, "test": TESTED}
    with log.step("draw"):
        return synthetic.draw_set(folder, per_class=per_class, size=SMALL, progress=log.progress)


def _quiet(what: str, done: int, total: int) -> None:
    """Shows nothing."""


def _timed(count: int, blocks: int, settings: TrainingSettings, log: RunLog) -> Any:
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch:
        if settings.data is None:
            source, folder = "synthetic", Path(scratch) / "drawn"
            per_class = {"train": max(2, (count + 1) // 2), "test": TESTED}
            synthetic.draw_set(folder, per_class=per_class, seed=settings.seed)
        else:
            source, folder = "folder", dataset.find_layout(settings.data)
        with log.step("data"):
            train = dataset.load(source, folder, log.progress).train
        network = backbone.load(settings.weights, settings.seed, log.say)
        some = train[:: max(1, len(train) // count)][:count]  # by digest, so of both classes
        with log.step("time"):
            measured = times(some, network, blocks, log.progress)
    return {"source": source, "backbone": network.source, **measured}


def main() -> None:
    """Run the requested measurement and print it as JSON; progress goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("time", "draw", "memory"))
    parser.add_argument("--photographs", type=int, required=True)
    parser.add_argument("--blocks", type=int, default=5, help="time: pairs of runs")
    parser.add_argument("--folder", type=Path, help="draw, memory: where pictures and cache lie")
    parser.add_argument("--views", type=int, default=1, help="memory: how many are extracted")
    given = parser.parse_args()
    settings, log = TrainingSettings(), RunLog()
    if given.what == "time":
        print(json.dumps(_timed(given.photographs, given.blocks, settings, log)))
        return
    if given.folder is None:
        parser.error("--folder is needed")
    drawn = draw(given.folder / "drawn", given.photographs, log)
    if given.what == "memory":
        network = backbone.load(settings.weights, settings.seed, log.say)
        with log.step("data"):
            found = dataset.load("synthetic", drawn, log.progress)
        measured = memory(found, network, given.folder / "cache", given.views, log)
        print(json.dumps({"backbone": network.source, **measured}))


if __name__ == "__main__":
    main()

"""The whole network is fitted by one process, and by two that share the work.

``python -m torch.distributed.run -m tests.training.test_finetune_all FOLDER`` is what the two run.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from handlers.imaging import centre_view, decode, to_tensor
from handlers.network import load_torchscript
from training import backbone, dataset, export, features, finetune_all
from training.backbone import Backbone
from training.cache import Cache
from training.dataset import Dataset, Photograph, Progress
from training.features import VIEWS, Activations
from training.finetune import Layer4Recipe
from training.finetune_all import AllRecipe, FittedAll
from training.folds import held_out
from training.head import Choice, HeadRecipe
from training.optimise import Plan

pytestmark = pytest.mark.slow


COUNT = 12
EVERY = np.arange(COUNT)
PLAN = Plan(epochs=1, rate=3e-6, batch=4, average=0.5)
DEADLINE = 180
"""Seconds."""


def quiet(what: str, done: int, total: int) -> None:
    pass


def recipe(found: Dataset, network: Backbone, cache: Path, progress: Progress) -> AllRecipe:
    extracted = features.extract(found.train, network, cache, progress, views=1)
    start = HeadRecipe(network, extracted, dataset.labels(found.train), Choice(0.01, "none", ()))
    return AllRecipe(start, found.train, EVERY, 0.25, progress, PLAN)


def log_odds(fitted: FittedAll) -> np.ndarray:
    return fitted.head.log_odds(fitted.features(EVERY))


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    write_set: Callable[[Path, int, int], Path],
    weights_file: Path,
) -> Path:
    """Six pictures a class, and weights in the same folder."""
    folder = tmp_path_factory.mktemp("all")
    write_set(folder / "set", COUNT // 2, 2)
    (folder / "weights.pth").write_bytes(weights_file.read_bytes())
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Dataset:
    return dataset.load("folder", folder / "set", quiet)


@pytest.fixture(scope="module")
def alone(found: Dataset, network: Backbone, folder: Path) -> tuple[AllRecipe, FittedAll]:
    """What one process fits."""
    own = recipe(found, network, folder / "cache", quiet)
    return own, own.fit(EVERY, 0)


def test_every_part_of_the_network_is_fitted_and_the_old_one_left_as_it_was(
    alone: tuple[AllRecipe, FittedAll], network: Backbone, weights_file: Path
) -> None:
    fitted = alone[1].backbone
    old, new = network.network.state_dict(), fitted.network.state_dict()

    assert list(old) == list(new)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    named = {name for name, _ in network.network.named_parameters() if not name.startswith("fc.")}
    assert changed == named  # and so no statistic of batch normalisation
    assert fitted.source == network.source
    assert not fitted.network.training
    assert not any(parameter.requires_grad for parameter in fitted.network.parameters())
    assert network.digest == backbone.load(weights_file, 0, pytest.fail).digest


def test_the_exported_model_answers_as_the_fit_did(
    alone: tuple[AllRecipe, FittedAll], found: Dataset, tmp_path: Path
) -> None:
    fitted = alone[1]
    export.export(fitted.backbone, fitted.head, tmp_path, found.train[:2])
    model = load_torchscript(tmp_path)

    views = [to_tensor(centre_view(decode(photo.path.read_bytes()))) for photo in found.train]
    with torch.inference_mode():
        logits = model(torch.stack(views)).numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], log_odds(fitted), atol=1e-3)


def test_the_seed_decides_everything(alone: tuple[AllRecipe, FittedAll]) -> None:
    own, fitted = alone

    assert own.fit(EVERY, 0).backbone.digest == fitted.backbone.digest


def test_views_are_random_and_photographs_as_they_are_without_a_generator(found: Dataset) -> None:
    batch = finetune_all._batches(found.train)
    first, again, other = (batch(EVERY[:3], np.random.default_rng(seed)) for seed in (0, 0, 1))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    plain = [to_tensor(centre_view(decode(p.path.read_bytes()))) for p in found.train[:3]]
    assert torch.equal(batch(EVERY[:3], None), torch.stack(plain))


def test_two_processes_share_a_fit_and_end_well(
    alone: tuple[AllRecipe, FittedAll], folder: Path, root: Path
) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "tests.training.test_finetune_all", str(folder)]
    # Two processes on one GPU are not what NCCL is for.
    without_gpu = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(
        command,
        cwd=root,
        env=without_gpu,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            said, errors = running.communicate(timeout=DEADLINE)
        finally:
            running.terminate()  # which ends the two as well

    assert running.returncode == 0, errors[-2000:]
    shares = [int(line.split()[1]) for line in said.splitlines() if "pictures" in line]
    # Two fits: the three held out before and after an epoch with a half of each step of nine
    # photographs, 2 + 2 + 1. The first process asks for answers on the twelve then.
    each = 3 + 5 + 3
    assert sorted(shares) == [2 * each, 2 * each + 2 * COUNT]
    own, fitted = alone
    begun = np.setdiff1d(EVERY, held_out(own.start.labels, EVERY, 0.25, 0)[1])
    start = own.start.fit(begun, 0)
    before = start.head.log_odds(start.features(EVERY))
    one, two = log_odds(fitted), np.load(folder / "two.npz")["log_odds"]
    # Each picture has another random view, and a few steps of AdamW go as far either way: what the
    # pictures are to each other stays.
    assert np.abs(two - before).mean() > 0.03
    assert np.corrcoef(one, two)[0, 1] > 0.99


def main(folder: Path) -> None:
    """One of two processes: a fit of the whole network, one of ``layer4``, and the first again."""
    read: list[Photograph] = []
    plain = finetune_all._view

    def counted(photo: Photograph, rng: np.random.Generator | None) -> torch.Tensor:
        read.append(photo)
        return plain(photo, rng)

    finetune_all._view = counted
    try:
        if finetune_all.join() > 0:
            finetune_all.serve_fits()
            return
        found = dataset.load("folder", folder / "set", quiet)
        network = backbone.load(folder / "weights.pth", 0, print)
        own = recipe(found, network, folder / "cache", quiet)
        first = log_odds(own.fit(EVERY, 0))
        # A recipe that is not shared asks nothing of the others.
        records = Cache(folder / "activations", (256, 2, 2), np.float16)
        for photo in found.train:
            for view in range(len(VIEWS)):
                records.write(f"{photo.digest}-{view}", np.ones((256, 2, 2)))
        kept = Activations(records, tuple(photo.digest for photo in found.train))
        Layer4Recipe(own.start, kept, quiet, PLAN).fit(EVERY, 0)
        np.testing.assert_array_equal(log_odds(own.fit(EVERY, 0)), first)
        np.savez(folder / "two.npz", log_odds=first)
    finally:
        finetune_all.leave()
        # In one piece: the other process writes to the same pipe.
        sys.stdout.write(f"pictures {len(read)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

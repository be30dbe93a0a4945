"""Gradient descent for the recipes that train more than the final layer.

AdamW (Loshchilov & Hutter 2019) on a one-cycle schedule (Smith & Topin 2019), from the final layer
that is optimal for the original backbone (Kumar et al. 2022: any other start distorts the features
before the layer has adapted). The result is a moving average of the weights (Izmailov et al. 2018):
at the epoch of the best AUROC on held-out photographs, or at the end without any.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.utils.class_weight import compute_class_weight
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.dataset import Progress
from training.folds import Fold
from training.head import Head
from training.parallel import map_ordered, prefetch, workers

AT_ONCE: Final = 16
"""Photographs in one forward pass without gradients."""


@dataclass(frozen=True)
class Plan:
    """Hyperparameters of a fit."""

    epochs: int
    rate: float
    """Largest learning rate of the cycle, no unit."""
    batch: int = 32
    """Photographs per step, over all processes."""
    decay: float = 0.01
    """Weight decay."""
    average: float = 0.9
    """Share that each step keeps of the moving average; more gives the start a larger weight."""
    patience: int = 3
    """Epochs without a better AUROC after which it stops. In the middle of a cycle, where the rate
    is highest, the AUROC is temporarily lower."""
    mixup: float = 0.0
    """Both parameters of the beta distribution that says how far each photograph is blended with
    another of its step (Zhang et al. 2018; of activations: Verma et al. 2019); 0, not at all."""


Batch = Callable[[np.ndarray, np.random.Generator | None], torch.Tensor]
"""Function that returns inputs of the photographs at these indices: a random view of each, or
without a generator the unchanged photographs."""


@dataclass(frozen=True)
class Examples:
    """Photographs of one fit: their inputs, their labels, and which are held out."""

    batch: Batch
    labels: np.ndarray
    """0 or 1, of all photographs that the fold's places point to, shape (n,)."""
    fold: Fold
    """Places to learn from and places held out, of which there may be none."""


Given = tuple[torch.Tensor, ...]
"""Inputs, targets and weights of n photographs, n rows each."""


class Scorer(nn.Module):
    """A part of the network, pooled, and the final layer: (n, ...) to log-odds (n,)."""

    def __init__(self, body: nn.Module, head: Head) -> None:
        """Start from the given part and a head that fits it."""
        super().__init__()
        self.body = copy.deepcopy(body).eval().requires_grad_(True)
        self.last = nn.Linear(len(head.weights), 1)
        with torch.no_grad():
            self.last.weight.copy_(torch.from_numpy(head.weights).float()[None])
            self.last.bias.fill_(head.bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute log-odds of cancer."""
        return self.last(self.pooled(inputs))[:, 0]  # type: ignore[no-any-return]

    def pooled(self, inputs: torch.Tensor) -> torch.Tensor:
        """Features of shape (n, width), 512 wide unless the part returns more."""
        return self.body(inputs).float().mean(dim=(2, 3))  # type: ignore[no-any-return]

    @property
    def head(self) -> Head:
        """Return the current final layer."""
        weights = self.last.weight.detach().cpu().numpy()[0].astype(np.float64)
        return Head(weights, float(self.last.bias.item()))


def optimise(
    start: Scorer,
    examples: Examples,
    plan: Plan,
    seed: int,
    progress: Progress,
    *,
    shared: bool = False,
) -> Scorer:
    """Fit to the first part of a fold; keep the best epoch on the second, or the start.

    Without a second part, every epoch is run and the last is kept.

    Batch normalisation keeps its statistics: batches of this size would only blur them.

    Args:
        start: where to begin; on the device that computes.
        examples: to learn from and to choose the epoch on.
        plan: how long and how fast.
        seed: of order, views and blending.
        progress: called with (what, done, total).
        shared: every process of the group calls this, and takes its share of every step.
    """
    batch, labels, (learn, hold) = examples.batch, examples.labels, examples.fold
    ranks, rank = _processes() if shared else (1, 0)
    device = start.last.weight.device
    rng = np.random.default_rng(seed)
    model: nn.Module = DistributedDataParallel(start) if ranks > 1 else start
    # Not the wrapped model: its parameters are these.
    average = AveragedModel(start, multi_avg_fn=get_ema_multi_avg_fn(plan.average))
    steps = -(-len(learn) // plan.batch)
    optimiser = torch.optim.AdamW(
        start.parameters(), plan.rate, weight_decay=plan.decay, fused=True
    )
    total = plan.epochs * steps
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        plan.rate,
        total_steps=total,
        pct_start=0.2 if total > 5 else 0.0,  # PyTorch divides by a rise of one step minus one
    )
    weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels[learn])

    def scored(scorer: Scorer) -> float:
        if not len(hold):
            return 0.0
        score = float(roc_auc_score(labels[hold], predict(scorer, batch, hold)))
        return _agreed(score, device) if ranks > 1 else score

    def given() -> Iterator[Given]:
        for _ in range(plan.epochs):
            order = rng.permutation(learn)
            for at in range(0, len(order), plan.batch):
                own = order[at : at + plan.batch]
                # Every process needs a photograph in the last, smaller step as
                # well.
                places = np.resize(own, max(ranks, len(own)))[rank::ranks]
                targets = torch.from_numpy(labels[places]).float()
                own_weights = torch.from_numpy(weights[labels[places]]).float()
                rows = (batch(places, rng).to(device), targets.to(device), own_weights.to(device))
                yield _blended(rows, plan.mixup, rng) if plan.mixup else rows

    # A cycle that only makes it worse returns the initial weights.
    best, best_score, best_epoch = copy.deepcopy(start), scored(start), 0
    descent = _descent(model, optimiser, device, alone=ranks == 1)
    with descent as descend, closing(prefetch(given())) as coming:
        for epoch in range(plan.epochs):
            for step in range(steps):
                descend(next(coming))
                cycle.step()
                average.update_parameters(start)
                progress("steps", epoch * steps + step + 1, total)
            averaged = cast(Scorer, average.module)
            score = scored(averaged)
            if score >= best_score:
                best, best_score, best_epoch = copy.deepcopy(averaged), score, epoch
            if len(hold) and epoch - best_epoch >= plan.patience:
                break
    best.requires_grad_(False)
    return best


@contextmanager
def _descent(
    model: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device, *, alone: bool
) -> Iterator[Callable[[Given], None]]:
    """Return a function that takes one step down the loss.

    Args:
        model: gives log-odds.
        optimiser: of its parameters.
        device: of the model.
        alone: no other process takes part: on a processor every core then takes its share.
    """
    half = _half(device)
    scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)

    def loss(given: Given, count: int) -> torch.Tensor:
        inputs, targets, weights = given
        with torch.autocast(device.type, half, enabled=half is not None):
            log_odds = model(inputs)
        losses = nn.functional.binary_cross_entropy_with_logits(
            log_odds.float(), targets, weight=weights, reduction="sum"
        )
        return losses / count

    def together(given: Given) -> None:
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(loss(given, len(given[0]))).backward()
        scaler.step(optimiser)
        scaler.update()

    if device.type != "cpu" or not alone:
        yield together
        return
    parameters = list(model.parameters())
    with workers() as pool:

        def shared(given: Given) -> None:
            count = len(given[0])
            parts = zip(*(rows.chunk(torch.get_num_threads()) for rows in given), strict=True)
            # Not backward(): the threads would add to the same gradients.
            found = pool.map(lambda part: torch.autograd.grad(loss(part, count), parameters), parts)
            for parameter, *gradients in zip(parameters, *found, strict=True):
                parameter.grad = functools.reduce(torch.add, gradients)
            optimiser.step()

        yield shared


def _blended(values: Given, strength: float, rng: np.random.Generator) -> Given:
    """Mix each row of each tensor with the same row of a permutation, in the same proportion.

    Args:
        values: tensors of n rows.
        strength: of both ends of the beta distribution.
        rng: draws shares and permutation.
    """
    count, device = len(values[0]), values[0].device
    shares = torch.from_numpy(rng.beta(strength, strength, count)).float().to(device)
    other = torch.from_numpy(rng.permutation(count)).to(device)

    def blend(value: torch.Tensor) -> torch.Tensor:
        return torch.lerp(value[other], value, shares.view(-1, *[1] * (value.dim() - 1)))

    return tuple(map(blend, values))


def predict(scorer: Scorer, batch: Batch, places: np.ndarray) -> np.ndarray:
    """Compute log-odds of unchanged photographs, shape (m,)."""
    return _run(scorer, scorer, batch, places)


def pooled(scorer: Scorer, batch: Batch, places: np.ndarray) -> np.ndarray:
    """Compute features of unchanged photographs, shape (m, width)."""
    return _run(scorer.pooled, scorer, batch, places)


def _run(
    run: Callable[[torch.Tensor], torch.Tensor], scorer: Scorer, batch: Batch, places: np.ndarray
) -> np.ndarray:
    device = scorer.last.weight.device
    # In float32, as it is served: a GPU would use TF32.
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)

    def part(at: int) -> torch.Tensor:
        with torch.inference_mode():
            return run(batch(places[at : at + AT_ONCE], None).to(device)).float().cpu()

    starts = range(0, len(places), AT_ONCE)
    with exact:
        parts = list(map_ordered(part, starts) if device.type == "cpu" else map(part, starts))
    return np.asarray(torch.cat(parts).numpy())


def _processes() -> tuple[int, int]:
    """Return the number of processes, and the rank of this one."""
    if not distributed.is_initialized():
        return 1, 0
    return distributed.get_world_size(), distributed.get_rank()


def _half(device: torch.device) -> torch.dtype | None:
    """Return the half precision that is fast on a device; None on a processor."""
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _agreed(score: float, device: torch.device) -> float:
    """Broadcast the first process's score, so that all stop together."""
    said = torch.tensor([score], device=device)
    distributed.broadcast(said, 0)
    return float(said.item())

"""Measure the cost of a method, in milliseconds and in predictions."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Final

import numpy as np
import torch

from handlers.explainers.methods import METHODS
from training.dataset import Progress
from training.evaluation.explanations.documents import Cost
from training.evaluation.explanations.subjects import Explained, Subject

PHOTOGRAPHS: Final = 8


def measure(explained: Explained, subjects: Sequence[Subject], progress: Progress) -> Cost:
    """Time each method and a forward pass alternately, so that both see the same load.

    Not cached: yesterday's load of the machine says nothing about today's.

    Args:
        explained: the trained model, as it is served.
        subjects: photographs.
        progress: called with (what, done, total).
    """
    forward: list[float] = []
    plain: list[float] = []
    spent: dict[str, list[float]] = {name: [] for name in METHODS}
    steps: dict[str, list[int]] = {name: [] for name in METHODS}
    _warm_up(explained, subjects[0])
    for done, subject in enumerate(subjects, 1):
        for name, method in METHODS.items():
            start = perf_counter()
            task = explained.task(subject.inputs, subject.target, method)
            answered = perf_counter()
            found = method.explain(task)
            forward.append(answered - start)
            spent[name].append(perf_counter() - answered)
            steps[name].append(found.steps)
        start = perf_counter()
        with torch.inference_mode():
            explained.model(subject.inputs)
        plain.append(perf_counter() - start)
        progress("cost", done, len(subjects))
    served = _milliseconds(forward)
    return {
        "forward_milliseconds": served,
        "plain_forward_milliseconds": _milliseconds(plain),
        "methods": {
            name: {
                "milliseconds": _milliseconds(spent[name]),
                "steps": float(np.median(steps[name])),
                "passes_worth": round(_milliseconds(spent[name]) / served, 2),
            }
            for name in METHODS
        },
    }


def _warm_up(explained: Explained, subject: Subject) -> None:
    """Run what is slow only the first time: TorchScript optimises itself, gradients included."""
    for _ in range(2):
        with torch.inference_mode():
            explained.model(subject.inputs)
        for method in METHODS.values():
            if not method.slow:
                method.explain(explained.task(subject.inputs, subject.target, method))


def _milliseconds(seconds: Sequence[float]) -> float:
    return round(1000 * float(np.median(seconds)), 2)

"""Result of a training: ``summary.json`` and the table on the console."""

from __future__ import annotations

from collections import Counter
from typing import Final

from typing_extensions import TypedDict

from handlers.card import (
    Backends,
    MeasuredBackend,
    MeasuredVariant,
    Parameters,
    Scores,
    Variants,
)
from training.card import TrainedCard
from training.dataset import Dataset
from training.leaks import NearDuplicates
from training.scores import SHOWN

SCORE: Final = "{value:.3f} (95 % interval {low:.3f} to {high:.3f})"
"""Format of an interval on the console."""


class Summary(TypedDict):
    """``summary.json``: the result of a training."""

    model_version: str
    data_digest: str
    finetune: str
    """Name of the recipe."""
    parameters: Parameters
    counts: dict[str, dict[str, int]]
    """Photographs by split and class."""
    left_out: dict[str, int]
    """Files that could not be used, by reason."""
    near_duplicates: dict[str, int]
    """Counts of ``near_duplicates.json``."""
    metrics: Scores
    """Scores on the test folder."""
    scores: dict[str, Scores]
    """By sample: ``test``, ``test_leak_free`` and ``out_of_sample``."""
    threshold: float
    temperature: float
    largest_difference_to_eager: float
    """Of a probability, between TorchScript and eager."""
    variants: Variants
    backends: Backends
    example: str
    """Path of a test photograph of cancer."""
    seconds: dict[str, float]
    """By step."""


def summary(
    card: TrainedCard,
    found: Dataset,
    near_duplicates: NearDuplicates,
    difference: float,
    seconds: dict[str, float],
) -> Summary:
    """Return the document of ``summary.json``.

    Args:
        card: of the model.
        found: the photographs.
        near_duplicates: the document of ``near_duplicates.json``.
        difference: the largest of a probability between TorchScript and eager.
        seconds: of each step.
    """
    return {
        "model_version": card.model_version,
        "data_digest": card.data["digest"],
        "finetune": card.finetune,
        "parameters": card.parameters,
        "counts": card.data["counts"],
        "left_out": dict(Counter(reason for _, reason in found.left_out)),
        "near_duplicates": {k: v for k, v in near_duplicates.items() if isinstance(v, int)},
        "metrics": card.metrics,
        "scores": card.scores,
        "threshold": card.threshold,
        "temperature": card.temperature,
        "largest_difference_to_eager": difference,
        "variants": card.variants,
        "backends": card.backends,
        "example": str(next(photo.path for photo in found.test if photo.label).resolve()),
        "seconds": seconds,
    }


def rows(written: Summary) -> dict[str, str]:
    """Return names and values for the console."""
    scores = written["scores"]
    table = {"model version": written["model_version"]}
    table |= {f"{name} on test": SCORE.format(**scores["test"][name]) for name in SHOWN}
    if "test_leak_free" in scores:
        free = scores["test_leak_free"]
        table["auroc without leaks"] = (
            f"{free['auroc']['value']:.3f} on {free['count']} of {scores['test']['count']}"
        )
    table["auroc, cross-validated"] = f"{scores['out_of_sample']['auroc']['value']:.3f}"
    table["threshold"] = f"{written['threshold']:.3f}, temperature {written['temperature']:.2f}"
    for name, found in written["backends"].measured.items():
        table[f"backend {name}"] = _backend(name, found, written["backends"].order)
    for name, measured in written["variants"].measured.items():
        table[f"variant {name}"] = _variant(name, measured, written["variants"].order)
    for name, reason in written["variants"].lacking.items():
        table[f"variant {name}"] = f"not fitted: {reason}"
    table["TorchScript to eager"] = f"{written['largest_difference_to_eager']:.1e} at most"
    steps = ", ".join(f"{name} {value:.1f}" for name, value in written["seconds"].items())
    table["seconds"] = f"{sum(written['seconds'].values()):.1f} ({steps})"
    return table


def _backend(name: str, found: MeasuredBackend, order: list[str]) -> str:
    if found.lacking:
        return f"not measured: {found.lacking}"
    verdict = "fastest" if order[0] == name else "same" if found.passes else "other answers"
    return (
        f"{found.forward_ms:.1f} ms, probabilities within {found.largest_difference:.0e}: {verdict}"
    )


def _variant(name: str, found: MeasuredVariant, order: list[str]) -> str:
    auroc = found.auroc
    verdict = "default" if order[0] == name else found.why_not or "may be served"
    return (
        f"{found.forward_ms:.1f} ms, AUROC {auroc.value:.3f} ({auroc.low:.3f} to "
        f"{auroc.high:.3f}), specificity {found.specificity.value:.2f}: {verdict}"
    )

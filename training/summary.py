"""Result of a training: ``summary.json`` and the table on the console."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from training.dataset import Dataset

SHOWN: Final = ("auroc", "sensitivity", "specificity", "brier", "ece")


def summary(
    card: Mapping[str, Any],
    found: Dataset,
    near_duplicates: Mapping[str, Any],
    difference: float,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Return the document of ``summary.json``.

    Args:
        card: the document of ``card.json``.
        found: the photographs.
        near_duplicates: the document of ``near_duplicates.json``.
        difference: the largest of a probability between TorchScript and eager.
        seconds: of each step.
    """
    return {
        "model_version": card["model_version"],
        "data_digest": card["data"]["digest"],
        "finetune": card["finetune"],
        "parameters": card["parameters"],
        "counts": card["data"]["counts"],
        "left_out": dict(Counter(reason for _, reason in found.left_out)),
        "near_duplicates": {k: v for k, v in near_duplicates.items() if isinstance(v, int)},
        "metrics": card["metrics"],
        "scores": card["scores"],
        "threshold": card["threshold"],
        "temperature": card["temperature"],
        "largest_difference_to_eager": difference,
        "variants": card["variants"],
        "backends": card["backends"],
        "example": str(next(photo.path for photo in found.test if photo.label).resolve()),
        "seconds": seconds,
    }


def rows(written: Mapping[str, Any]) -> dict[str, str]:
    """Return names and values for the console."""
    scores = written["scores"]
    table = {"model version": written["model_version"]}
    for name in SHOWN:
        score = scores["test"][name]
        interval = f"95 % interval {score['low']:.3f} to {score['high']:.3f}"
        table[f"{name} on test"] = f"{score['value']:.3f} ({interval})"
    if "test_leak_free" in scores:
        free = scores["test_leak_free"]
        table["auroc without leaks"] = (
            f"{free['auroc']['value']:.3f} on {free['count']} of {scores['test']['count']}"
        )
    table["auroc, cross-validated"] = f"{scores['out_of_sample']['auroc']['value']:.3f}"
    table["threshold"] = f"{written['threshold']:.3f}, temperature {written['temperature']:.2f}"
    for name, found in written["backends"]["measured"].items():
        table[f"backend {name}"] = _backend(name, found, written["backends"]["order"])
    for name, found in written["variants"]["measured"].items():
        table[f"variant {name}"] = _variant(name, found, written["variants"]["order"])
    for name, reason in written["variants"]["lacking"].items():
        table[f"variant {name}"] = f"not fitted: {reason}"
    table["TorchScript to eager"] = f"{written['largest_difference_to_eager']:.1e} at most"
    steps = ", ".join(f"{name} {value:.1f}" for name, value in written["seconds"].items())
    table["seconds"] = f"{sum(written['seconds'].values()):.1f} ({steps})"
    return table


def _backend(name: str, found: Mapping[str, Any], order: list[str]) -> str:
    if "lacking" in found:
        return f"not measured: {found['lacking']}"
    verdict = "fastest" if order[0] == name else "same" if found["passes"] else "other answers"
    return (
        f"{found['forward_ms']:.1f} ms, probabilities within {found['largest_difference']:.0e}: "
        f"{verdict}"
    )


def _variant(name: str, found: Mapping[str, Any], order: list[str]) -> str:
    auroc = found["auroc"]
    verdict = "default" if order[0] == name else found.get("why_not") or "may be served"
    return (
        f"{found['forward_ms']:.1f} ms, AUROC {auroc['value']:.3f} ({auroc['low']:.3f} to "
        f"{auroc['high']:.3f}), specificity {found['specificity']['value']:.2f}: {verdict}"
    )

"""A document of measured explanations, and explained drawings. Its numbers are made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from handlers import rendering
from handlers.explainers.pixels import upsampled
from handlers.imaging import SIDE
from tests.training.evaluation.report.conftest import png
from tests.training.evaluation.report.made_up import interval
from training import synthetic
from training.evaluation.explanations.examples import Example, ExampleMap
from training.evaluation.report.explanations import page
from training.evaluation.report.explanations.plots import PLOTS

SHARES: Final = [at / 20 for at in range(21)]
STAGES: Final = ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
MEASURED: Final = {
    # deletion, insertion, correlation at the end, share in the lesion, on the artefact, ms, side
    "grad_cam": (0.412, 0.701, 0.04, 0.51, 0.44, 1.9, 7),
    "integrated_gradients": (0.371, 0.655, 0.11, 0.47, 0.31, 1010.0, 28),
    "saliency": (0.398, 0.611, 0.68, 0.33, 0.12, 61.0, 28),
    "smooth_grad": (0.401, 0.604, 0.35, 0.34, 0.08, 890.0, 28),
    "gradient_shap": (0.389, 0.640, 0.17, 0.42, 0.21, 760.0, 28),
    "occlusion": (0.380, 0.668, -0.05, 0.49, 0.40, 1420.0, 14),
    "lime": (0.440, 0.590, 0.02, 0.36, 0.03, 2960.0, 28),
}
CONTROLS: Final = {
    "random": (0.562, 0.551, 0.231, 0.028),
    "edges": (0.470, 0.571, 0.362, 0.14),
    "centre": (0.421, 0.672, 0.548, 0.02),
}
UNSIGNED: Final = ("saliency", "smooth_grad")
COMPLETE: Final = ("integrated_gradients", "gradient_shap")
WIDTH: Final = 0.02


def located(share: float, pointing: float) -> dict[str, Any]:
    return {"mass": interval(share, 0.02), "pointing": interval(pointing, 0.06)}


def method(name: str) -> dict[str, Any]:
    deletion, insertion, correlation, lesion, artefact, milliseconds, _ = MEASURED[name]
    return {
        "slow": milliseconds > 100,
        "signed": name not in UNSIGNED,
        "complete": name in COMPLETE,
        "deletion": interval(deletion, WIDTH),
        "insertion": interval(insertion, WIDTH),
        "infidelity": interval(0.9 - 0.5 * lesion, 0.06),
        "max_sensitivity": interval(0.05 + correlation**2, 0.01),
        "completeness": {"median": 0.0041, "p95": 0.062} if name in COMPLETE else None,
        "randomisation": {
            "stages": STAGES,
            "correlation": [
                interval(correlation + (1 - correlation) * 0.4 ** (at + 1), 0.04)
                for at in range(len(STAGES))
            ],
            "reacts": correlation < 0.5,
        },
        "lesion": {
            "real": located(lesion, lesion + 0.3),
            "synthetic": located(lesion + 0.09, lesion + 0.35),
        },
        "artefact": located(artefact, 2 * artefact),
        "cost": {
            "milliseconds": milliseconds,
            "steps": milliseconds // 30,
            "passes_worth": milliseconds / 26.4,
        },
    }


def control(name: str) -> dict[str, Any]:
    deletion, insertion, lesion, artefact = CONTROLS[name]
    return {
        "deletion": interval(deletion, WIDTH),
        "insertion": interval(insertion, WIDTH),
        "lesion": {"real": located(lesion, lesion), "synthetic": located(lesion, lesion)},
        "artefact": located(artefact, artefact),
    }


def candidate(name: str) -> dict[str, Any]:
    deletion, insertion, *_ = MEASURED[name]
    return {
        "deletion": interval(deletion, WIDTH),
        "insertion": interval(insertion, WIDTH),
        "steps": 72.0,
        "against": {other: compared(name, other) for other in (*CONTROLS, "grad_cam", "lime")},
    }


def compared(name: str, other: str) -> dict[str, Any]:
    found = {}
    for at, measure in enumerate(("deletion", "insertion")):
        value = MEASURED[name][at] - (CONTROLS | MEASURED)[other][at]
        found[measure] = {"difference": interval(value, 0.015), "apart": abs(value) > 1.8 * WIDTH}
    return found


def curve(deletion: float, insertion: float) -> dict[str, list[float]]:
    steep = [1 / deletion - 1, insertion / (1 - insertion)]
    return {
        "deletion": [0.05 + 0.85 * (1 - share) ** steep[0] for share in SHARES],
        "insertion": [0.05 + 0.85 * share ** (1 / steep[1]) for share in SHARES],
    }


@pytest.fixture
def document() -> dict[str, Any]:
    """A whole document of real photographs with masks, and everything that a run can have."""
    return {
        "made": "2026-11-26",
        "model_version": "folder-weights-1a2b3c4d",
        "data": {
            "source": "folder",
            "digest": "ab" * 32,
            "counts": {"test": {"benign": 60, "malignant": 60}},
        },
        "machine": {"cores": 2, "architecture": "x86_64"},
        "asked": {
            "curves": 100,
            "masked": 82,
            "synthetic": 40,
            "randomised": 24,
            "perturbed": 16,
            "planted": 36,
        },
        "forward_milliseconds": 26.4,
        "methods": {name: method(name) for name in MEASURED},
        "controls": {name: control(name) for name in CONTROLS},
        "candidates": {"lime_49": candidate("occlusion")},
        "area": {"real": 0.231, "synthetic": 0.182, "artefact": 0.027},
        "beats": {name: {other: compared(name, other) for other in CONTROLS} for name in MEASURED},
        "planted": {"accuracy": 0.988, "photographs": 36},
        "baselines": {
            "integrated_gradients": {
                "blurred": baseline(0.371, 0.655, 0.004),
                "black": baseline(0.402, 0.610, 0.062),
                "skin": baseline(0.380, 0.649, 0.009),
            }
        },
        "curves": {"shares": SHARES}
        | {name: curve(*MEASURED[name][:2]) for name in MEASURED}
        | {name: curve(*CONTROLS[name][:2]) for name in CONTROLS},
        "default": {
            "method": "grad_cam",
            "rule": "the cheapest method that reacts to the model and beats most controls",
            "beaten": ["random", "edges"],
            "not_beaten": [["centre", "deletion"], ["centre", "insertion"]],
        },
    }


def baseline(deletion: float, insertion: float, median: float) -> dict[str, Any]:
    return {
        "deletion": interval(deletion, WIDTH),
        "insertion": interval(insertion, WIDTH),
        "completeness": {"median": median, "p95": 30 * median},
    }


@pytest.fixture
def lean(document: dict[str, Any]) -> dict[str, Any]:
    """The same document of a run without masks, artefact and baselines."""
    for one in (*document["methods"].values(), *document["controls"].values()):
        one["lesion"]["real"] = None
        one["artefact"] = None
    document["area"] |= {"real": None, "artefact": None}
    document["asked"] |= {"masked": 0, "planted": 0}
    return document | {"planted": None, "baselines": {}}


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """A synthetic lesion of each kind, with the maps that the methods might make of it."""
    answered = {
        "correct": ("malignant", 0.87, "cancer", [], "cancer"),
        "wrong": ("malignant", 0.08, "no cancer", [], "no cancer"),
        "flagged": ("benign", 0.33, "cancer", ["near_threshold", "low_quality"], "cancer"),
    }
    return [
        Example(
            kind=kind,
            label=label,
            probability=probability,
            threshold=0.31,
            answer=answer,
            reasons=tuple(reasons),
            target=target,
            **explained(seed, int(label == "malignant")),
        )
        for seed, (kind, (label, probability, answer, reasons, target)) in enumerate(
            answered.items()
        )
    ]


def explained(seed: int, label: int) -> dict[str, Any]:
    lesion = synthetic.draw(seed + 3, label, size=SIDE)
    view = Image.fromarray(lesion.image)
    noise = np.random.default_rng(seed)
    maps = {}
    for name, (*_, side) in MEASURED.items():
        inside = np.asarray(Image.fromarray(lesion.mask).resize((side, side)), np.float32)
        values = (inside - 0.3) * noise.random((side, side), np.float32)
        signed = name not in UNSIGNED
        values = values if signed else np.abs(values)
        scale = rendering.scale_of(values)
        laid_over = rendering.overlay(view, upsampled(values, SIDE), scale, signed=signed)
        maps[name] = ExampleMap(laid_over, scale, (side, side), signed)
    return {"original": view, "maps": maps}


@pytest.fixture
def written(document: dict[str, Any], examples: list[Example]) -> Callable[[], str]:
    """Gives the page of the document as the test has left it; its plots stand in for real ones."""
    return lambda: page.html(document, examples, stand_ins(document))


def stand_ins(*_: Any) -> dict[str, bytes]:
    """Pictures in place of plots, for tests that do not look at them."""
    return {name: png("white") for name in PLOTS}

"""A document of evidence to render. Its numbers are made up: no model was measured."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.training.evaluation.report.made_up import clinical, group, interval
from training.evaluation.report.model import page
from training.evaluation.report.pictures import thumbnail

ACROSS = ("train/benign/a.jpg", "test/malignant/b.jpg")
WITHIN = ('train/benign/mole <1> & "2".jpg', "train/benign/c.jpg")


def scores(count: int, cancers: int, auroc: float) -> dict[str, Any]:
    return {
        "count": count,
        "cancers": cancers,
        "auroc": interval(auroc),
        "auprc": interval(auroc - 0.02),
        "sensitivity": interval(0.9),
        "specificity": interval(0.6, 0.1),
        "ppv_at_2_percent": interval(0.044, 0.01),
        "npv_at_2_percent": interval(0.9966, 0.002),
        "brier": interval(0.126, 0.03),
        "ece": interval(0.061, 0.02),
        "ece_if_perfect": 0.5 / count**0.5,
    }


def curves(count: int, sharp: float) -> dict[str, Any]:
    steps = [at / 60 for at in range(61)]
    rates = [step ** (1 / sharp) for step in steps]
    edges = [at / 10 for at in range(10)]
    return {
        "roc": {"false_positive_rate": steps, "sensitivity": rates},
        "precision_recall": {
            "recall": steps,
            "precision": [1 - 0.5 * step**4 for step in steps],
        },
        "reliability": [
            {
                "from": edge,
                "to": edge + 0.1,
                "count": round(count * (0.04 + 0.6 * (edge - 0.45) ** 2)),
                "predicted": edge + 0.05,
                "observed": min(1, max(0, edge + 0.05 + 0.06 * math.sin(9 * edge))),
                "low": max(0, edge - 0.12),
                "high": min(1, edge + 0.2),
            }
            for edge in edges[:-1]
        ]
        + [
            # An empty bin, as in small samples.
            {"from": 0.9, "to": 1, "count": 0}
            | dict.fromkeys(("predicted", "observed", "low", "high"))
        ],
        "risk_coverage": {
            "coverage": steps[1:],
            "risk": [0.25 * step ** (sharp / 3) for step in steps[1:]],
        },
    }


def recipe(shift: float, seconds: float) -> dict[str, Any]:
    seeds = (-0.004, 0.001, 0.0, 0.006, -0.002)
    around = {"auroc": 0.9, "sensitivity": 0.92, "specificity": 0.63, "brier": 0.126, "ece": 0.06}
    return {
        "seeds": len(seeds),
        "test": {name: [value + shift + one for one in seeds] for name, value in around.items()},
        "cross_validation": {"auroc": [0.88 + shift + one for one in seeds]},
        "seconds": seconds,
    }


@pytest.fixture
def evidence() -> dict[str, Any]:
    """A whole document of real photographs, with everything that a run can have."""
    disturbed = ("hair", "ruler", "ink", "dark_corners", "blur", "jpeg_30", "rotated", "warmer")
    caught = ("blurred", "dark", "noise", "no_lesion", "text")
    return {
        "made": "2026-11-25",
        "model_version": "folder-weights-1a2b3c4d",
        "finetune": "head",
        "data": {
            "source": "folder",
            "digest": "ab" * 32,
            "left_out": 3,
            "counts": {
                "train": {"benign": 903, "malignant": 327},
                "validation": {"benign": 234, "malignant": 79},
                "test": {"benign": 60, "malignant": 60},
            },
        },
        "backbone": {"source": "weights", "digest": "cd" * 32},
        "leaks": {
            "photographs": 1663,
            "pairs": 47,
            "groups": 45,
            "in_groups": 92,
            "pairs_across_train_and_test": 1,
            "pairs_with_contradicting_labels": 1,
            "test_photographs_left_out": 2,
            "thresholds": {"correlation": 0.9, "likeness": 0.8, "correlation_alone": 0.98},
            "listed": [
                pair(WITHIN, 0.991, contradict=False),
                pair(ACROSS, 0.942, contradict=True),
            ],
        },
        "scores": {
            "test": scores(120, 60, 0.903),
            "test_leak_free": scores(118, 58, 0.898),
            "out_of_sample": scores(1543, 406, 0.881),
        },
        "decision": {
            "temperature": 1.1,
            "prevalence": 0.5,
            "sensitivity_aimed_at": 0.95,
            "threshold": interval(0.31, 0.04),
            "band": [0.2, 0.7],
            "error_rates": {"cancers_missed": 0.025, "benign_called_cancer": 0.1},
        },
        "curves": {"test": curves(120, 8.7), "out_of_sample": curves(1543, 7.0)},
        "review": {
            "false_flags": {
                "near_threshold": interval(0.38),
                "unlike_training_data": interval(0.02, 0.015),
                "low_quality": interval(0.05, 0.03),
                "unlike_or_low_quality": interval(0.067, 0.03),
            },
            "errors_of_firm_answers": {
                "cancers_missed": interval(0.033, 0.03),
                "benign_called_cancer": interval(0.117, 0.06),
                "firm": interval(0.62, 0.08),
            },
            "caught": {
                kind: {
                    "count": 120,
                    "caught": interval(0.9 - 0.1 * at),
                    "unlike_training_data": 0.4,
                    "low_quality": 0.7,
                }
                for at, kind in enumerate(caught)
            },
            "caught_in_all": interval(0.74, 0.03),
        },
        "stress": {"unchanged": {"auroc": interval(0.903)}}
        | {
            kind: {
                "auroc": interval(0.9 - 0.012 * at),
                "change": interval(-0.003 - 0.012 * at, 0.01),
                "label_flips": interval(0.03 + 0.02 * at, 0.02),
            }
            for at, kind in enumerate(disturbed)
        },
        "clinical": {"prevalence": 0.02, "test": clinical(0.9), "out_of_sample": clinical(0.88)},
        "groups": [
            group("<V>", "test_leak_free", few=True),
            group("<V>", "out_of_sample"),
        ],
        "learning": {
            "sensitivity": 0.95,
            "folds": 5,
            "points": [
                {
                    "share": share,
                    "photographs": round(1234 * share),
                    "auroc": [0.8 + 0.05 * share + shift for shift in (-0.01, 0.0, 0.01)],
                    "specificity": [0.4 + 0.1 * share + shift for shift in (-0.02, 0.0, 0.02)],
                }
                for share in (0.1, 0.25, 0.5, 0.75, 1.0)
            ],
        },
        "covered": {"auroc": interval(0.712), "accepted": [0.35, 0.65], "leaks": True},
        "recipes": {
            "head": recipe(0, 3.2),
            "layer4": recipe(0.011, 412.5),
            "all": recipe(0.008, 1290.0),
        },
        "comparison": {
            "better": "layer4",
            "than": "head",
            "photographs": 1543,
            "seeds": 5,
            "difference": {"value": 0.011, "low": 0.003, "high": 0.019},
        },
        "tried": [
            {"what": "five views instead of three", "gave": "AUROC +0.001 | within the spread"},
            {"what": "weights by class", "gave": "nothing: the order is the same"},
        ],
        "versions": {"python": "3.11.7", "torch": "2.14.1", "scikit-learn": "1.8.0"},
        "machine": {"cores": 2, "architecture": "x86_64", "flags": ["avx2", "avx512f"]},
    }


def pair(files: tuple[str, str], correlation: float, contradict: bool) -> dict[str, Any]:
    return {
        "files": list(files),
        "correlation": correlation,
        "likeness": 0.914,
        "labels_contradict": contradict,
    }


@pytest.fixture
def thumbnails() -> dict[str, bytes]:
    """Small pictures of one colour each, by the names of the pairs."""
    return {
        name: thumbnail(png(colour))
        for name, colour in zip((*ACROSS, *WITHIN), ("peru", "tan", "pink", "brown"), strict=True)
    }


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 150), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def written(evidence: dict[str, Any], thumbnails: dict[str, bytes]) -> Callable[[], str]:
    """Gives the page of the document as the test has left it; its plots stand in for real ones."""
    return lambda: page.html(evidence, thumbnails, stand_ins(evidence))


def stand_ins(evidence: dict[str, Any], *_: Any) -> dict[str, bytes]:
    """Pictures in place of plots, for tests that do not look at them: drawing takes seconds."""
    return {name: png("white") for name in page.plots(evidence)}


@pytest.fixture
def lean(evidence: dict[str, Any]) -> dict[str, Any]:
    """The same document with only what every run has, and with scores that cannot be known."""
    none = interval(None)
    evidence["leaks"] |= {
        "pairs": 0,
        "groups": 0,
        "in_groups": 0,
        "pairs_across_train_and_test": 0,
        "pairs_with_contradicting_labels": 0,
        "test_photographs_left_out": 0,
        "listed": [],
    }
    evidence["recipes"] = {"head": recipe(0, 3.2) | {"seeds": 1}}
    evidence["recipes"]["head"]["test"]["auroc"] = [None]
    evidence["recipes"]["head"]["test"]["brier"] = [0.126]
    for sample in evidence["scores"].values():
        sample |= dict.fromkeys(("auroc", "auprc", "sensitivity", "ppv_at_2_percent"), none)
    evidence["covered"] = {"auroc": none, "accepted": [0.35, 0.65], "leaks": False}
    evidence["stress"] = {"unchanged": {"auroc": none}}
    evidence["review"]["caught"] = {}
    evidence["review"]["errors_of_firm_answers"] = dict.fromkeys(
        ("cancers_missed", "benign_called_cancer", "firm"), none
    )
    neither = {"net_benefit": None, "predictive_values": None}
    evidence["clinical"] |= {"test": neither, "out_of_sample": neither}
    evidence["learning"] = {"why_not": "The recipe layer4 changes the features."}
    evidence |= {"comparison": None, "tried": [], "groups": []}
    return evidence

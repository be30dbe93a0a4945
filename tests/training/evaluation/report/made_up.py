"""Parts of the document of evidence: curves of use, and groups. Their numbers are made up."""

from __future__ import annotations

from typing import Any

from training.evaluation.clinical import PREVALENCES, RISKS


def interval(value: float | None, width: float = 0.05) -> dict[str, float | None]:
    """An interval around a value; around none, none."""
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value - width, "high": value + 0.8 * width}


def clinical(auroc: float) -> dict[str, Any]:
    """Curves of a model that finds this share of the cancers, at any threshold."""

    def benefit(prevalence: float) -> dict[str, Any]:
        model = [1000 * prevalence * (auroc - risk) for risk in RISKS]
        return {
            "prevalence": prevalence,
            "risk": list(RISKS),
            "model": [interval(value, 1.5) for value in model],
            "label": [interval(value - 2, 1.5) for value in model],
            "all": [1000 * (prevalence - (1 - prevalence) * r / (1 - r)) for r in RISKS],
        }

    return {
        "net_benefit": {"stated": benefit(0.02), "own": benefit(0.4)},
        "predictive_values": {
            "prevalence": list(PREVALENCES),
            "ppv": [interval(share, share / 10) for share in PREVALENCES],
            "npv": [interval(1 - share / 10, share / 30) for share in PREVALENCES],
        },
    }


def group(name: str, sample: str, *, few: bool = False) -> dict[str, Any]:
    return {
        "attribute": "skin_type",
        "group": name,
        "sample": sample,
        "count": 40,
        "cancers": 8 if few else 22,
        "auroc": interval(None if few else 0.87),
        "sensitivity": interval(0.9),
        "specificity": interval(0.6, 0.1),
        "few": few,
    }

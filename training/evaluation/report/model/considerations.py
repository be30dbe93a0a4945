"""Uses, limits and risks of the model, for the model card in both of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training.evaluation.report.formats import percent
from training.evaluation.report.model import wording

USERS: Final = (
    "Engineers who build, serve and watch explainable classifiers.",
    "Clinicians who judge such a model.",
)
USE: Final = (
    "Research and teaching about explainable classifiers of dermoscopic photographs: how a score "
    "is measured, calibrated, explained and watched."
)
OUT_OF_SCOPE: Final = (
    "Any decision about a patient: to diagnose, to send home, to rank who is seen first.",
    "Photographs by a phone's own camera, without a dermatoscope; moles on nails, mucosa or scalp; "
    "children.",
    "Skin that the training data does not show. It has no labels of skin tone, so it is unknown "
    "which that is.",
)

Evidence = Mapping[str, Any]


def limits(evidence: Evidence) -> list[str]:
    """List what the model cannot do, a sentence or two each."""
    prevalence = evidence["decision"]["prevalence"]
    return [
        wording.NOT_A_DEVICE,
        labels_of_people(evidence),
        f"Probabilities are stated for a prevalence of {percent(prevalence)}. "
        f"{wording.probability_elsewhere(prevalence, 0.9)}",
        wording.background(evidence["covered"]),
        "Train and test may share clinics, cameras and patients: no file names any. "
        "Near-duplicates are found by picture alone.",
    ]


def labels_of_people(evidence: Evidence) -> str:
    """State by which attributes of people and pictures scores were measured."""
    found = sorted({row["attribute"] for row in evidence.get("groups") or ()})
    if not found:
        return "No labels of skin tone, age or part of the body in the data."
    return f"Scores were measured by {', '.join(found)}, and by no other attribute of people."


def risks(evidence: Evidence) -> list[str]:
    """List the harm that the model, or the report itself, could do."""
    pictures = (
        "No photograph of a patient was used: the lesions are synthetic."
        if wording.drawn(evidence)
        else "Photographs are of patients. The model cards, `metrics.json` and the plots hold "
        "none; `report.html` may, in small, and must not be published where their licence does not "
        "allow it."
    )
    measured = bool(evidence.get("groups"))
    return [
        "A missed melanoma can kill; a false alarm costs a visit, a scar and fear. The threshold "
        "trades one for the other.",
        "Public sets show mostly light skin: expect worse elsewhere."
        if measured
        else "Nothing was measured by skin tone. Public sets show mostly light skin: expect worse "
        "elsewhere.",
        pictures,
    ]

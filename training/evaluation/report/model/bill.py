"""The model card as a machine-learning bill of materials (CycloneDX 1.6, ECMA-424).

CycloneDX took its ``modelCard`` from TensorFlow's Model Card Toolkit, and is kept up, where the
toolkit is archived; the images' bills of materials are in the same format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from training.evaluation.report.formats import words
from training.evaluation.report.model import considerations, wording
from training.evaluation.report.model.tables import METRICS, SAMPLES

SPECIFICATION: Final = "1.6"

Evidence = Mapping[str, Any]


def card(evidence: Evidence) -> str:
    """Render the model card as CycloneDX JSON: no picture, no file name.

    Raises:
        ValueError: a number is not finite.
        KeyError: the document lacks what every run has.
    """
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": "LesionLens",
                "version": evidence["model_version"],
                "description": wording.first_paragraph(evidence),
                "modelCard": _model_card(evidence),
                "properties": _properties(
                    {
                        "made": evidence["made"],
                        "backbone:source": evidence["backbone"]["source"],
                        "backbone:sha256": evidence["backbone"]["digest"],
                        "temperature": evidence["decision"]["temperature"],
                        "threshold": evidence["decision"]["threshold"]["value"],
                        "prevalence": evidence["decision"]["prevalence"],
                    }
                ),
            }
        },
        "components": [
            {
                "type": "application" if name == "python" else "library",
                "bom-ref": f"package:{name}",
                "name": name,
                "version": version,
            }
            for name, version in evidence["versions"].items()
        ],
        "dependencies": [
            {"ref": "model", "dependsOn": [f"package:{name}" for name in evidence["versions"]]}
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _model_card(evidence: Evidence) -> dict[str, Any]:
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": "image classification",
            "architectureFamily": "ResNet",
            "modelArchitecture": f"ResNet-18, fitted: {evidence['finetune']}",
            "datasets": [_dataset(evidence, split) for split in evidence["data"]["counts"]],
            "inputs": [{"format": "dermoscopic photograph"}],
            "outputs": [{"format": "P(cancer), 0 to 1"}, {"format": "cancer or no cancer"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": list(_measured(evidence))},
        "considerations": {
            "users": list(considerations.USERS),
            "useCases": [considerations.USE],
            "technicalLimitations": [
                *(f"Out of scope: {use}" for use in considerations.OUT_OF_SCOPE),
                *considerations.limits(evidence),
            ],
            "ethicalConsiderations": [{"name": risk} for risk in considerations.risks(evidence)],
        },
    }


def _dataset(evidence: Evidence, split: str) -> dict[str, Any]:
    data = evidence["data"]
    described = {
        "source": data["source"],
        "sha256 of all photographs": data["digest"],
        **data["counts"][split],
    }
    return {
        "type": "dataset",
        "name": split,
        "contents": {"properties": _properties(described)},
        "sensitiveData": [] if wording.drawn(evidence) else ["photographs of patients"],
    }


def _measured(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Yield every score with its interval, of each sample and of each group."""
    for sample, scores in evidence["scores"].items():
        for metric, name in METRICS.items():
            yield from _metric(name, scores.get(metric), SAMPLES.get(sample, words(sample)))
    for row in evidence.get("groups") or ():
        part = f"{row['attribute']}: {row['group']}, {SAMPLES[row['sample']]}"
        for metric in ("auroc", "sensitivity", "specificity"):
            yield from _metric(METRICS[metric], row[metric], part)


def _metric(name: str, found: Evidence | None, part: str) -> Iterator[dict[str, Any]]:
    if found is None or found["value"] is None:
        return
    ends = {"lowerBound": str(found["low"]), "upperBound": str(found["high"])}
    # The name is for people; a no-break space in it would keep programs from finding it.
    plain = name.replace("\N{NO-BREAK SPACE}", " ")
    yield {"type": plain, "value": str(found["value"]), "slice": part, "confidenceInterval": ends}


def _properties(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"name": f"lesionlens:{name}", "value": str(value)} for name, value in values.items()]

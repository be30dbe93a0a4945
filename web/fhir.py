"""Write an answer as a FHIR R4 ``DiagnosticReport`` with ``Observation`` resources.

Always ``preliminary``: what a model says is no finding until a person has confirmed it. Nobody is
named, neither the person in the photograph nor the one who sent it; who imports the file adds them.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from html import escape
from typing import Any, Final

from web.service import Prediction

STATUS: Final = "preliminary"
NAME: Final = "lesionlens.fhir.json"
"""Name of the file: of every answer the same, because it names nobody."""
MODEL: Final = "model"
UNIT: Final = {"unit": "1", "system": "http://unitsofmeasure.org", "code": "1"}
"""UCUM's unit of a number without a dimension."""

Resource = dict[str, Any]


def report(
    prediction: Prediction, impression: str, conclusion: str, made: datetime, language: str
) -> Resource:
    """Make the report of one answer.

    Args:
        prediction: of the photograph.
        impression: that the person noted before, one of ``options.IMPRESSIONS``, or empty.
        conclusion: sentences for a person.
        made: when it was answered, with its time zone.
        language: of the conclusion, as a BCP 47 tag.

    Returns:
        The resource as JSON has it; all others are contained in it.
    """
    moment = made.isoformat(timespec="seconds")
    observations = _observations(prediction, impression)
    for one in observations:
        one |= {"resourceType": "Observation", "status": STATUS, "effectiveDateTime": moment}
        one["device"] = {"reference": f"#{MODEL}"}
    return {
        "resourceType": "DiagnosticReport",
        "language": language,
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(conclusion)}</div>',
        },
        "contained": [_model(prediction), *observations],
        "status": STATUS,
        "code": {"text": "Classification of a photograph of a skin lesion by a model"},
        "effectiveDateTime": moment,
        "issued": moment,
        "result": [{"reference": f"#{one['id']}"} for one in observations],
        "conclusion": conclusion,
    }


def link(resource: Resource) -> str:
    """Return a data: URL of a resource, to download."""
    text = json.dumps(resource, ensure_ascii=False, indent=1, allow_nan=False)
    return f"data:application/fhir+json;base64,{base64.b64encode(text.encode()).decode('ascii')}"


def _model(prediction: Prediction) -> Resource:
    return {
        "resourceType": "Device",
        "id": MODEL,
        "deviceName": [{"name": "LesionLens", "type": "model-name"}],
        "version": [{"value": prediction.model_version}],
        "note": [{"text": "Not a medical device: for research and teaching."}],
    }


def _observations(prediction: Prediction, impression: str) -> list[Resource]:
    found: list[Resource] = [
        {
            "id": "label",
            "code": {"text": "Label of the model"},
            "valueCodeableConcept": {"text": prediction.label},
        },
        {
            "id": "probability",
            "code": {"text": "Probability of cancer, where half of the photographs show cancer"},
            "valueQuantity": _number(prediction.probability),
            "component": [
                _component("Probability from which the label is cancer", prediction.threshold)
            ],
        },
        {
            "id": "review",
            "code": {"text": "A person must review the photograph"},
            "valueBoolean": prediction.review,
            "note": [{"text": reason} for reason in prediction.reasons],
        },
    ]
    if not prediction.reasons:
        del found[-1]["note"]
    if prediction.risk is not None and prediction.prevalence is not None:
        found.append(
            {
                "id": "risk",
                "code": {"text": "Probability of cancer at the stated prevalence"},
                "valueQuantity": _number(prediction.risk),
                "component": [_component("Prevalence of cancer", prediction.prevalence)],
            }
        )
    if impression:
        found.append(
            {
                "id": "impression",
                "code": {"text": "Impression of the person before the answer of the model"},
                "valueCodeableConcept": {"text": impression},
            }
        )
    return found


def _component(text: str, value: float) -> Resource:
    return {"code": {"text": text}, "valueQuantity": _number(value)}


def _number(value: float) -> Resource:
    return {"value": value, **UNIT}

"""Turn predictions, explanations and failures into sentences for a visitor."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from web.errors import PageError
from web.options import QUICK, SECONDS
from web.pictures import SIDE
from web.service import Explanation, Prediction
from web.texts import Texts

PEOPLE: Final = 1000
COLUMNS: Final = 50
"""People in a row of the picture of 1,000."""

UNSUITABLE: Final = frozenset({"low_quality", "unlike_training_data"})
"""Reasons for review for which the label is not shown as the heading."""


@dataclass(frozen=True)
class FailureWords:
    """Why there is no answer, and what to do."""

    heading: str
    text: str


@dataclass(frozen=True)
class RiskWords:
    """A risk in natural frequencies, with what the picture of 1,000 people shows."""

    text: str
    rows: int
    """Complete rows of people with cancer, of ``COLUMNS``."""
    rest: int
    """People with cancer in the row after them."""


@dataclass(frozen=True)
class AnswerWords:
    """A prediction in sentences."""

    heading: str
    choice: str | None
    """The label, if the heading does not contain it."""
    frequency: str
    threshold: str
    origin: list[str]
    """Warnings that the model was not trained on photographs of people."""
    review: str
    reasons: list[str]
    advice: list[str]
    """What to do next."""
    version: str
    probability: float
    percent: str
    """The probability, as text."""
    risk: RiskWords | None
    """Risk at a stated prevalence, if the service says it."""
    impression: str | None
    """What the visitor thought before."""
    verdict: str
    """The label, or that the model cannot say, and whether a person must review it: for a table."""


@dataclass(frozen=True)
class ExplanationWords:
    """An explanation in sentences and pictures."""

    signed: bool
    seen: str
    """data: URL of the model's input."""
    seen_caption: str
    overlay: str
    """data: URL."""
    colours: str
    notes: list[str]


@dataclass(frozen=True)
class MethodWords:
    """An explanation method to choose from."""

    value: str
    label: str
    """Its name and its cost."""


def failure_words(failure: PageError, texts: Texts) -> FailureWords:
    """Explain why there is no answer."""
    wait = texts["wait"]["unknown"]
    if failure.retry_after is not None:
        wait = texts["wait"]["some"].format(seconds=failure.retry_after)
    words = texts["failures"][failure.kind]
    return FailureWords(words["heading"], words["text"].format(wait=wait, **failure.values))


def answer_words(prediction: Prediction, texts: Texts, impression: str = "") -> AnswerWords:
    """Describe the prediction, its risk, and whether a person must review it.

    Args:
        prediction: of the photograph.
        texts: of a language.
        impression: that the visitor noted first, or empty.
    """
    words, review = texts["answer"], texts["review"]
    label, version = prediction.label, prediction.model_version
    reasons = prediction.reasons if prediction.review else []
    doubt = "unsuitable" if UNSUITABLE & set(reasons) else "unsure" if prediction.review else None
    return AnswerWords(
        heading=words["doubtful"][doubt] if doubt else words["heading"][label],
        choice=words["choice"][label] if doubt else None,
        frequency=words["frequency"].format(
            count=count(prediction.probability, texts),
            percent=percent(prediction.probability, texts),
        ),
        threshold=words["threshold"].format(threshold=percent(prediction.threshold, texts)),
        origin=[text for name, text in words["origin"].items() if name in version.split("-")],
        review=review["yes"] if prediction.review else review["no"],
        reasons=[
            review["reasons"].get(reason) or review["other"].format(reason=reason)
            for reason in reasons
        ],
        advice=[
            *([review["advice"]["again"]] if doubt == "unsuitable" else []),
            review["advice"]["cancer" if label == "cancer" or doubt else "no cancer"],
        ],
        version=words["version"].format(version=version),
        probability=prediction.probability,
        percent=percent(prediction.probability, texts),
        risk=risk_words(prediction, texts),
        impression=_impression(impression, label, texts) if impression else None,
        verdict=texts["lesions"]["review" if doubt else "labels"][label],
    )


def risk_words(prediction: Prediction, texts: Texts) -> RiskWords | None:
    """State the risk at the service's prevalence as numbers of 1,000 people (Gigerenzer 2007)."""
    if prediction.risk is None or prediction.prevalence is None:
        return None
    people = round(PEOPLE * prediction.risk)
    text = texts["risk"]["text"].format(
        before=_people(prediction.prevalence, texts), after=_people(prediction.risk, texts)
    )
    return RiskWords(text, *divmod(people, COLUMNS))


def _people(share: float, texts: Texts) -> str:
    words = texts["answer"]["count"]
    if 0 < share * PEOPLE < 1:
        return str(words["few"])
    return str(words["some"]).format(count=round(share * PEOPLE))


def _impression(impression: str, label: str, texts: Texts) -> str:
    words = texts["look"]
    noted = str(words["noted"]).format(impression=words["impressions"][impression])
    agrees = impression == {"cancer": "cancer", "no cancer": "harmless"}[label]
    return noted if agrees else f"{noted} {words['differs']}"


def explanation_words(
    explanation: Explanation, version: str, seen: bytes, texts: Texts
) -> ExplanationWords:
    """Describe what the colours mean and what they do not mean.

    Args:
        explanation: of the photograph.
        version: of the model whose answer the person reads, or empty.
        seen: PNG of what the model saw.
        texts: of a language.
    """
    words, target = texts["explanation"], texts["label"][explanation.target]
    colours = words["colours"]["signed" if explanation.signed else "unsigned"]
    notes = [texts["methods"][explanation.method]["reading"]]
    if explanation.lesion_mass is not None:
        share = percent(explanation.lesion_mass, texts)
        mass = words["mass"]["signed" if explanation.signed else "unsigned"]
        notes.append(mass.format(percent=share, target=target))
    notes += [words["meaning"], *other_model(explanation, version, texts)]
    return ExplanationWords(
        signed=explanation.signed,
        seen=picture_url("image/png", seen),
        seen_caption=words["seen"].format(side=SIDE),
        overlay=picture_url("image/png", explanation.overlay),
        colours=colours.format(target=target, scale=decimal(f"{explanation.scale:.2g}", texts)),
        notes=notes,
    )


def other_model(explanation: Prediction, version: str, texts: Texts) -> list[str]:
    """Note that an explanation is of another model than the answer, if it is.

    Args:
        explanation: of the photograph.
        version: of the model whose answer the person reads, or empty.
        texts: of a language.
    """
    own = explanation.model_version
    words = str(texts["explanation"]["other_model"])
    return [words.format(version=own)] if version and own != version else []


def method_words(texts: Texts) -> list[MethodWords]:
    """Name every method with its cost."""
    words = texts["methods"]
    return [
        MethodWords(name, words["choice"].format(name=words[name]["name"], cost=_cost(name, texts)))
        for name in SECONDS
    ]


def _cost(method: str, texts: Texts) -> str:
    seconds, words = SECONDS[method], texts["methods"]["cost"]
    if seconds <= QUICK:
        return str(words["quick"])
    return str(words["some"]).format(seconds=decimal(f"{seconds:.1f}", texts))


def count(probability: float, texts: Texts) -> str:
    """Write a probability as a number out of a hundred."""
    words = texts["answer"]["count"]
    if probability < 0.01:
        return str(words["few"])
    if probability > 0.99:
        return str(words["many"])
    return str(words["some"]).format(count=round(100 * probability))


def percent(share: float, texts: Texts) -> str:
    """Write a share in per cent, to a tenth."""
    words = texts["answer"]["percent"]
    if share < 0.001:
        return str(words["few"])
    if share > 0.999:
        return str(words["many"])
    return str(words["some"]).format(percent=decimal(f"{100 * share:.1f}", texts))


def decimal(number: str, texts: Texts) -> str:
    """Write a number with the decimal sign of the language."""
    return number.replace(".", texts["decimal"])


def picture_url(kind: str, data: bytes) -> str:
    """Make a data: URL of a picture."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"

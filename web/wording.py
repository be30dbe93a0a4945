"""From numbers and names of the service to sentences for a person."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from web.answers import Explanation, Prediction
from web.errors import PageError
from web.pictures import SIDE

Texts = dict[str, Any]


@dataclass(frozen=True)
class FailureWords:
    """Why there is no answer, and what to do."""

    heading: str
    text: str


@dataclass(frozen=True)
class AnswerWords:
    """A prediction in words."""

    heading: str
    frequency: str
    threshold: str
    origin: list[str]
    """That the model was not trained on photographs of people, where it was not."""
    review: str
    reasons: list[str]
    version: str


@dataclass(frozen=True)
class ExplanationWords:
    """An explanation in words and pictures."""

    seen: str
    """data: URL of what the model saw."""
    seen_caption: str
    overlay: str
    """data: URL."""
    colours: str
    notes: list[str]


def failure_words(failure: PageError, texts: Texts) -> FailureWords:
    """Say why there is no answer."""
    wait = texts["wait"]["unknown"]
    if failure.retry_after is not None:
        wait = texts["wait"]["some"].format(seconds=failure.retry_after)
    words = texts["failures"][failure.kind]
    return FailureWords(words["heading"], words["text"].format(wait=wait, **failure.values))


def answer_words(prediction: Prediction, texts: Texts) -> AnswerWords:
    """Say what the model thinks, how sure it is and whether a person must look."""
    words, review = texts["answer"], texts["review"]
    version = prediction.model_version
    known = review["reasons"]
    return AnswerWords(
        heading=words["heading"][prediction.label],
        frequency=words["frequency"].format(
            count=count(prediction.probability, texts),
            percent=percent(prediction.probability, texts),
        ),
        threshold=words["threshold"].format(threshold=percent(prediction.threshold, texts)),
        origin=[text for name, text in words["origin"].items() if name in version.split("-")],
        review=review["yes"] if prediction.review else review["no"],
        reasons=[
            known[reason] if reason in known else review["other"].format(reason=reason)
            for reason in (prediction.reasons if prediction.review else ())
        ],
        version=words["version"].format(version=version),
    )


def explanation_words(
    explanation: Explanation, prediction: Prediction, seen: bytes, texts: Texts
) -> ExplanationWords:
    """Say what the colours mean and what they do not.

    Args:
        explanation: of the same photograph as the prediction.
        prediction: that the person reads.
        seen: JPEG of what the model saw.
        texts: of a language.
    """
    words, target = texts["explanation"], explanation.target
    notes = []
    if explanation.lesion_mass is not None:
        share = percent(explanation.lesion_mass, texts)
        notes.append(words["mass"].format(percent=share, target=target))
    notes.append(words["meaning"])
    if explanation.model_version != prediction.model_version:
        notes.append(words["other_model"].format(version=explanation.model_version))
    return ExplanationWords(
        seen=_url("image/jpeg", seen),
        seen_caption=words["seen"].format(side=SIDE),
        overlay=_url("image/png", explanation.overlay),
        colours=words["colours"].format(target=target, scale=f"{explanation.scale:.2g}"),
        notes=notes,
    )


def count(probability: float, texts: Texts) -> str:
    """A probability as so many of a hundred."""
    words = texts["answer"]["count"]
    if probability < 0.01:
        return str(words["few"])
    if probability > 0.99:
        return str(words["many"])
    return str(words["some"]).format(count=round(100 * probability))


def percent(share: float, texts: Texts) -> str:
    """A share in per cent, to a tenth."""
    words = texts["answer"]["percent"]
    if share < 0.001:
        return str(words["few"])
    if share > 0.999:
        return str(words["many"])
    return str(words["some"]).format(percent=f"{100 * share:.1f}")


def _url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"

"""Document of the explanation report: what ``explanations.json`` holds.

Areas of deletion and insertion curves are in units of P(cancer).
"""

from __future__ import annotations

from typing_extensions import TypedDict

from handlers.card import Interval, TrainingData
from training.evaluation.documents import Machine
from training.intervals import MiddleAndTail


class MethodCost(TypedDict):
    """Cost of one map."""

    milliseconds: float
    """On top of the prediction."""
    steps: float
    passes_worth: float
    """Ratio to the passes of the prediction."""


class Cost(TypedDict):
    """Cost of a prediction, and of each method."""

    forward_milliseconds: float
    """Median of the passes of one prediction."""
    plain_forward_milliseconds: float
    """Median of its float32 network."""
    methods: dict[str, MethodCost]


class Areas(TypedDict):
    """Mean areas below the curves."""

    deletion: Interval
    """Less is better."""
    insertion: Interval
    """More is better."""


class Located(TypedDict):
    """How much of a map is on what it should show."""

    mass: Interval
    pointing: Interval
    """Share of photographs whose maximum is inside."""


class Measured(Areas):
    """Measurements that exist for methods and controls."""

    lesion: dict[str, Located | None]
    """On outlined lesions, ``real`` and ``synthetic``; None without any."""
    artefact: Located | None
    """On an artefact that a model was trained to use."""


class Randomisation(TypedDict):
    """Rank correlation of a map with that of a network with random weights."""

    stages: list[str]
    """Randomised one after the other."""
    correlation: list[Interval]
    reacts: bool
    """Whether the last correlation is low."""


class MethodMeasured(Measured):
    """Measurements of one method."""

    slow: bool
    signed: bool
    complete: bool
    infidelity: Interval
    max_sensitivity: Interval
    completeness: MiddleAndTail | None
    """Relative convergence delta of complete methods."""
    randomisation: Randomisation
    cost: MethodCost


class BaselineMeasured(Areas):
    """Measurements of one baseline of Integrated Gradients."""

    completeness: MiddleAndTail


class Against(TypedDict):
    """A method compared with a control, or with another method, on one curve."""

    difference: Interval
    """Paired by photograph, this one minus the other."""
    apart: bool
    """Whether the method is the better and the intervals do not overlap."""


class Chosen(TypedDict):
    """The method that the evidence selects."""

    method: str
    rule: str
    beaten: list[str]
    """Controls beaten on both curves."""
    not_beaten: list[list[str]]
    """Control and curve."""


class Planted(TypedDict):
    """The model that learned an artefact."""

    accuracy: float
    photographs: int


class CandidateMeasured(Areas):
    """Measurements of a candidate: a method that the service does not offer."""

    steps: float
    """Forward passes of one map, median."""
    against: dict[str, dict[str, Against]]
    """Comparisons by control or method of the service, and curve."""


Beats = dict[str, dict[str, dict[str, Against]]]
"""Comparisons by method, control and curve."""


class ExplanationReport(TypedDict):
    """``reports/VERSION/explanations.json``: the measurements of ``make explain-report``."""

    made: str
    """Date, ISO 8601."""
    model_version: str
    variant: str
    """Serving variant that was explained."""
    data: TrainingData
    machine: Machine
    asked: dict[str, int]
    """Photographs, by measurement."""
    forward_milliseconds: float
    plain_forward_milliseconds: float
    methods: dict[str, MethodMeasured]
    controls: dict[str, Measured]
    candidates: dict[str, CandidateMeasured]
    area: dict[str, float | None]
    """Mean share of the picture that is outlined."""
    beats: Beats
    planted: Planted
    baselines: dict[str, dict[str, BaselineMeasured]]
    """By method and baseline."""
    curves: dict[str, list[float] | dict[str, list[float]]]
    """Mean curves by method and control, over ``shares`` of the pixels."""
    default: Chosen

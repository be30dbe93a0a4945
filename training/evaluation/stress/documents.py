"""Documents of the measurements on spoilt, drawn and perturbed pictures."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from handlers.card import Interval


class FirmErrors(TypedDict):
    """Errors of the answers that are not ``near_threshold``."""

    cancers_missed: Interval
    benign_called_cancer: Interval
    firm: Interval
    """Share of these answers."""


class Caught(TypedDict):
    """Flags on unsuitable pictures of one kind."""

    count: int
    caught: Interval
    """Share with either flag."""
    unlike_training_data: float
    low_quality: float


class FlagsForReview(TypedDict):
    """How often correct answers are flagged for review, and wrong ones are not."""

    false_flags: dict[str, Interval]
    """Share of test photographs with a flag, by reason."""
    errors_of_firm_answers: FirmErrors
    caught: dict[str, Caught]
    """By the kind of picture."""
    caught_in_all: Interval


class Stressed(TypedDict):
    """Scores of photographs that were perturbed in one way."""

    auroc: Interval
    change: NotRequired[Interval]
    """AUROC minus that of the unchanged photographs."""
    label_flips: NotRequired[Interval]
    """Share of labels that change."""


class Covered(TypedDict):
    """Scores of photographs whose lesion is covered."""

    auroc: Interval
    accepted: list[float]
    """Lowest and highest AUROC that counts as chance."""
    leaks: bool
    """Whether the AUROC is outside, so that the background gives the label away."""
    area_auroc: Interval
    """AUROC of the covered area alone."""


class Robustness(TypedDict):
    """Scores under perturbations that do not change the lesion."""

    stress: dict[str, Stressed]
    """By perturbation, and ``unchanged``."""
    covered: Covered

"""``make benchmark NAME=estimation``: estimated performance against the true one, under shifts.

Windows of photographs are drawn from the out-of-fold answers of a training, and from what the model
answers for changed test photographs. Each window's sensitivity, specificity and PPV are estimated
from its probabilities alone, as Prometheus does, and compared with those by its diagnoses.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from training.answers import Answers
from training.console import RunLog
from training.dataset import labels
from training.evaluation.served import Served, probabilities
from training.evaluation.stress.robustness import changed
from training.evaluation.trained import TrainedModel, read_output
from training.perturbations import PERTURBATIONS
from training.settings import TrainingSettings

PREVALENCE: Final = 0.02
"""Share of cancers that is stated."""
WINDOWS: Final = 300
PHOTOGRAPHS: Final = 2000
"""Photographs of a window: 40 of them cancers at the stated prevalence."""
FIGURES: Final = ("sensitivity", "specificity", "ppv")
CHANGES: Final = ("blur", "colour cast", "dark corners")


@dataclass(frozen=True)
class Population:
    """Photographs that a window is drawn from."""

    probability: np.ndarray
    """P(cancer) at equal classes, shape (n,)."""
    diagnosis: np.ndarray
    """0 or 1, shape (n,)."""
    weight: np.ndarray
    """How often a photograph is drawn, within its class, shape (n,)."""
    prevalence: float = PREVALENCE
    """True share of cancers."""

    @classmethod
    def of(cls, probability: np.ndarray, diagnosis: np.ndarray) -> Population:
        """Draw all photographs equally often.

        Args:
            probability: P(cancer) at equal classes, shape (n,).
            diagnosis: 0 or 1, shape (n,).
        """
        return cls(probability, diagnosis, np.ones(len(diagnosis)))

    def where(self, chosen: np.ndarray) -> Population:
        """Keep some of the photographs.

        Args:
            chosen: which, bool of shape (n,).
        """
        return replace(self, weight=self.weight * chosen)

    def window(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw a window.

        Args:
            random: source of the draws.

        Returns:
            Probabilities, shape (PHOTOGRAPHS,), and diagnoses, shape (PHOTOGRAPHS,).
        """
        diagnosis = (random.random(PHOTOGRAPHS) < self.prevalence).astype(int)
        drawn = np.empty(PHOTOGRAPHS)
        for truth in (0, 1):
            weight = self.weight * (self.diagnosis == truth)
            places = random.choice(len(weight), (diagnosis == truth).sum(), p=weight / weight.sum())
            drawn[diagnosis == truth] = self.probability[places]
        return drawn, diagnosis


def at_prevalence(probability: np.ndarray, prevalence: float) -> np.ndarray:
    """Convert probabilities at equal classes, as ``handlers.prediction.risk`` does one.

    Args:
        probability: shape (n,).
        prevalence: share of cancers, above 0 and below 1.

    Returns:
        The probabilities at that prevalence, shape (n,).
    """
    cancer = probability * prevalence
    return np.asarray(cancer / (cancer + (1 - probability) * (1 - prevalence)))


def performance(cancer: np.ndarray, positive: np.ndarray) -> dict[str, float]:
    """Compute the figures of a confusion matrix.

    Args:
        cancer: diagnoses, or probabilities of cancer, shape (n,).
        positive: whether the label is ``cancer``, bool of shape (n,).
    """
    benign = 1 - cancer
    return {
        "sensitivity": float(cancer[positive].sum() / cancer.sum()),
        "specificity": float(benign[~positive].sum() / benign.sum()),
        "ppv": float(cancer[positive].sum() / positive.sum()),
        "prevalence": float(cancer.mean()),
    }


def compared(population: Population, threshold: float, seed: int) -> dict[str, Any]:
    """Estimate the windows of a population, and compare with their diagnoses."""
    random = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, float]]] = {"true": [], "estimated": []}
    for _ in range(WINDOWS):
        probability, diagnosis = population.window(random)
        positive = probability >= threshold
        rows["true"].append(performance(diagnosis, positive))
        risks = at_prevalence(probability, PREVALENCE)
        rows["estimated"].append(performance(risks, positive))
    found: dict[str, Any] = {
        "cancers": int(((population.diagnosis == 1) & (population.weight > 0)).sum()),
        "benign": int(((population.diagnosis == 0) & (population.weight > 0)).sum()),
    }
    for name in (*FIGURES, "prevalence"):
        truth, guess = (np.asarray([row[name] for row in rows[kind]]) for kind in rows)
        found[name] = {
            "true": round(float(truth.mean()), 4),
            "estimated": round(float(guess.mean()), 4),
            "mean_absolute_error": round(float(np.abs(truth - guess).mean()), 4),
        }
    return found


def _of_answers(answers: Answers) -> Iterator[tuple[str, Population]]:
    """Yield mixes of the out-of-fold answers."""
    whole = Population.of(answers.train, answers.train_labels)
    cancer = whole.diagnosis == 1
    suspicious = whole.probability >= np.quantile(whole.probability[~cancer], 0.25)
    faint = whole.probability <= np.quantile(whole.probability[cancer], 0.25)
    yield "none: as in training", whole
    yield "cancers five times as common as stated", replace(whole, prevalence=5 * PREVALENCE)
    yield (
        "the quarter least like the training data",
        whole.where(answers.distance >= np.quantile(answers.distance, 0.75)),
    )
    yield "the benign without their least suspicious quarter", whole.where(cancer | suspicious)
    yield (
        "of the cancers half from the least suspicious quarter",
        replace(whole, weight=np.where(cancer & faint, 3.0, 1.0)),
    )


def _of_pictures(
    trained: TrainedModel, served: Served, log: RunLog
) -> Iterator[tuple[str, Population]]:
    """Yield the test photographs, unchanged and changed."""
    test, seed = trained.found.test, trained.settings.seed
    for name in ("unchanged", *CHANGES):
        pictures = changed(test, PERTURBATIONS.get(name), name, seed)
        log.say(f"test photographs: {name}")
        decided = probabilities(served.decide(pictures))
        yield f"test photographs: {name}", Population.of(decided, labels(test))


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Compare under every shift.

    Raises:
        NothingToReportError: there is no trained model.
    """
    settings, log = TrainingSettings(), RunLog()
    trained = TrainedModel.load(settings, log)
    answers = Answers.read(io.BytesIO(read_output(settings.build / "answers.npz")))
    served = Served(settings.model_folder)
    threshold = served.classifier.threshold
    populations = [*_of_answers(answers), *_of_pictures(trained, served, log)]
    return {
        "model_version": trained.card.model_version,
        "stated_prevalence": PREVALENCE,
        "windows": WINDOWS,
        "photographs": PHOTOGRAPHS,
        "shifts": {name: compared(one, threshold, settings.seed) for name, one in populations},
    }

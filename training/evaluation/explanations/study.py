"""Run every measurement on every method, with a cache of each result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from handlers.explainers.integrated_gradients import integrated_gradients
from handlers.explainers.methods import METHODS
from handlers.explainers.task import Attribution, AttributionTask
from training.cache import Arrays
from training.console import Reporter
from training.dataset import Dataset
from training.evaluation.explanations import (
    cost,
    faithfulness,
    localisation,
    planted,
    randomisation,
)
from training.evaluation.explanations.controls import BASELINES, CONTROLS
from training.evaluation.explanations.curves import Curves, PerturbationCurves, Replacing
from training.evaluation.explanations.localisation import LocalisationScores, Outlined
from training.evaluation.explanations.subjects import Explained, Subject
from training.settings import TrainingSettings

Attribute = Callable[[Subject, str], Attribution]
"""Function from a method's name and a subject to an attribution."""


@dataclass(frozen=True)
class RobustnessScores:
    """Measurements that need many explanations of few photographs, by method."""

    infidelity: dict[str, np.ndarray]
    """Shape (n,)."""
    max_sensitivity: dict[str, np.ndarray]
    """Shape (n,)."""
    randomised: dict[str, np.ndarray]
    """Rank correlation with the map of the trained network, shape (n, number of stages)."""


@dataclass(frozen=True)
class BaselineScores:
    """Integrated Gradients from one baseline, on n photographs."""

    curves: PerturbationCurves
    incompleteness: np.ndarray
    """Shape (n,)."""


@dataclass(frozen=True)
class StudyResult:
    """All measurements."""

    curves: dict[str, PerturbationCurves]
    """Curves of methods and controls."""
    incompleteness: dict[str, np.ndarray]
    """Relative convergence delta of complete methods, shape (n,)."""
    repeated: RobustnessScores
    located: dict[str, LocalisationScores]
    """Localisation on ``real``, ``synthetic`` and ``artefact`` pictures."""
    accuracy: float
    """Accuracy of the model that learned the artefact."""
    held_out: int
    """Number of photographs of that accuracy."""
    baselines: dict[str, BaselineScores]
    cost: dict[str, Any]
    """From :func:`training.evaluation.explanations.cost.measure`."""


class Study:
    """The measurements of one model."""

    def __init__(
        self,
        explained: Explained,
        found: Dataset,
        settings: TrainingSettings,
        reporter: Reporter,
    ) -> None:
        """Start without measurements.

        Args:
            explained: the trained model.
            found: its photographs. The first in the order of their digests are taken, so that a
                larger study goes on from a smaller one.
            settings: how many photographs.
            reporter: shows how far it is.
        """
        self.explained, self.found = explained, found
        self.settings, self.reporter = settings, reporter

    def measure(self, masks: Mapping[str, Path]) -> StudyResult:
        """Run all measurements.

        Args:
            masks: outlines that people drew, by the digest of the photograph; perhaps none.
        """
        step = self.reporter.step
        with step("curves"):
            drawn, incomplete = self._curves()
        with step("outlines"):
            located, accuracy, held_out = self._outlines(masks)
        with step("repeat"):
            repeated = self._repeated()
        with step("baselines"):
            started = self._baselines()
        with step("cost"):
            few = list(self.explained.photographs(self.found.test[: cost.PHOTOGRAPHS]))
            spent = cost.measure(self.explained, few, self.reporter.progress)
        return StudyResult(drawn, incomplete, repeated, located, accuracy, held_out, started, spent)

    def _curves(self) -> tuple[dict[str, PerturbationCurves], dict[str, np.ndarray]]:
        rows: dict[str, list[Curves]] = defaultdict(list)
        missed: dict[str, list[float]] = defaultdict(list)
        for subject in self._subjects(self.settings.explain_photographs, "curves"):
            replacing = Replacing(self.explained, subject)
            for name in METHODS:
                found = self.explained.attribution(subject, name)
                rows[name].append(replacing.curves(name, found.values))
                if found.convergence_delta is not None:
                    missed[name].append(incompleteness(found))
            for name, control in CONTROLS.items():
                rows[name].append(replacing.curves(name, control(subject)))
        return (
            {name: PerturbationCurves.of(found) for name, found in rows.items()},
            {name: np.asarray(found) for name, found in missed.items()},
        )

    def _outlines(
        self, masks: Mapping[str, Path]
    ) -> tuple[dict[str, LocalisationScores], float, int]:
        most, progress = self.settings.explain_outlined, self.reporter.progress
        trained = self.explained.attribution
        real = localisation.masked(self.explained, self.found.train, masks, most)
        drawn = localisation.synthetic(self.explained, most)
        located = {
            "real": self._located(real, trained, "outlined", min(most, len(masks))),
            "synthetic": self._located(drawn, trained, "drawn", most),
        }
        spoilt = planted.train(self.explained, self.found.train, most, progress)

        def attribution(subject: Subject, method: str) -> Attribution:
            name = f"planted/{spoilt.digest}/{subject.name}-{method}"
            return self.explained.attributed(
                name, METHODS[method].explain, lambda: spoilt.task(subject)
            )

        count = len(spoilt.held_out)
        located["artefact"] = self._located(spoilt.outlined(), attribution, "planted", count)
        return located, spoilt.accuracy, count

    def _located(
        self, outlined: Iterable[Outlined], attribution: Attribute, what: str, total: int
    ) -> LocalisationScores:
        mass: dict[str, list[float]] = defaultdict(list)
        pointing: dict[str, list[bool]] = defaultdict(list)
        area: list[float] = []
        for done, one in enumerate(outlined, 1):
            maps = {name: attribution(one.subject, name).values for name in METHODS}
            maps |= {name: control(one.subject) for name, control in CONTROLS.items()}
            for name, values in maps.items():
                inside = localisation.locate(values, one.mask)
                mass[name].append(inside.mass)
                pointing[name].append(inside.pointing)
            area.append(float(one.mask.mean()))
            self.reporter.progress(what, done, total)
        return LocalisationScores(
            {name: np.asarray(found) for name, found in mass.items()},
            {name: np.asarray(found, dtype=bool) for name, found in pointing.items()},
            np.asarray(area),
        )

    def _repeated(self) -> RobustnessScores:
        infidelity: dict[str, list[float]] = defaultdict(list)
        sensitivity: dict[str, list[float]] = defaultdict(list)
        correlation: dict[str, list[list[float]]] = defaultdict(list)
        for subject in self._subjects(self.settings.explain_repeated, "repeat"):
            disturbed = faithfulness.Disturbed(subject, self.explained.logits)
            maps = {name: self.explained.attribution(subject, name).values for name in METHODS}
            for name, values in maps.items():
                infidelity[name].append(disturbed.infidelity(values))
                sensitivity[name].append(self._sensitivity(subject, name, values))
                correlation[name].append([])
            for stage, task in randomisation.cascade(self.explained.model, subject):
                for name, values in maps.items():
                    other = self._randomised(subject, stage, name, task)
                    found = randomisation.rank_correlation(values, other)
                    correlation[name][-1].append(found)
        return RobustnessScores(
            {name: np.asarray(found) for name, found in infidelity.items()},
            {name: np.asarray(found) for name, found in sensitivity.items()},
            {name: np.asarray(found) for name, found in correlation.items()},
        )

    def _randomised(
        self, subject: Subject, stage: str, method: str, task: AttributionTask
    ) -> np.ndarray:
        name = f"randomised/{subject.name}-{stage}-{method}"
        return self.explained.attributed(name, METHODS[method].explain, lambda: task).values

    def _sensitivity(self, subject: Subject, method: str, values: np.ndarray) -> float:
        asked = METHODS[method]

        def explain(inputs: torch.Tensor) -> np.ndarray:
            task = self.explained.task(inputs, subject.target, slow=asked.slow)
            return asked.explain(task).values

        def compute() -> Arrays:
            return (np.asarray(faithfulness.max_sensitivity(subject, values, explain)),)

        return float(self.explained.kept.get(f"sensitivity/{subject.name}-{method}", compute)[0])

    def _baselines(self) -> dict[str, BaselineScores]:
        rows: dict[str, list[Curves]] = defaultdict(list)
        missed: dict[str, list[float]] = defaultdict(list)
        for subject in self._subjects(self.settings.explain_outlined, "baselines"):
            replacing = Replacing(self.explained, subject)
            for name in BASELINES:
                found = self._from(subject, name)
                rows[name].append(replacing.curves(f"integrated_gradients-{name}", found.values))
                missed[name].append(incompleteness(found))
        return {
            name: BaselineScores(PerturbationCurves.of(rows[name]), np.asarray(missed[name]))
            for name in BASELINES
        }

    def _from(self, subject: Subject, baseline: str) -> Attribution:
        """Run Integrated Gradients from one of ``BASELINES``."""

        def explain(task: AttributionTask) -> Attribution:
            return integrated_gradients(task, BASELINES[baseline])

        return self.explained.attributed(
            f"baselines/{subject.name}-{baseline}",
            explain,
            lambda: self.explained.task(subject.inputs, subject.target, slow=True),
        )

    def _subjects(self, count: int, what: str) -> Iterator[Subject]:
        """Yield test photographs, opened one by one, with progress."""
        asked = self.found.test[:count]
        for done, subject in enumerate(self.explained.photographs(asked)):
            self.reporter.progress(what, done, len(asked))
            yield subject
        self.reporter.progress(what, len(asked), len(asked))


def incompleteness(found: Attribution) -> float:
    """Relative convergence delta of a map."""
    delta = found.convergence_delta
    assert delta is not None, "only methods that say how nearly they are complete are asked"
    # The delta is the sum minus the difference, whatever the baseline of a method.
    difference = float(found.values.sum(dtype=np.float64)) - delta
    return abs(delta) / max(abs(difference), 1e-9)

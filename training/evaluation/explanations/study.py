"""Run every measurement on every method, with a cache of each result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from handlers.explainers.integrated_gradients import integrated_gradients
from handlers.explainers.methods import METHODS, Method
from handlers.explainers.task import Attribution, AttributionTask
from training.cache import Arrays
from training.console import RunLog
from training.dataset import Dataset
from training.evaluation.explanations import (
    candidates,
    cost,
    faithfulness,
    localisation,
    planted,
    randomisation,
)
from training.evaluation.explanations.controls import BASELINES, CONTROLS
from training.evaluation.explanations.curves import Curves, Replacing
from training.evaluation.explanations.documents import Cost
from training.evaluation.explanations.localisation import LocalisationScores, Outlined
from training.evaluation.explanations.subjects import Explained, Subject
from training.settings import TrainingSettings

Attribute = Callable[[Subject, str], Attribution]
"""Function from a subject and a method's name to an attribution."""
Columns = dict[str, np.ndarray]
"""A number a photograph, shape (n,), by method or control."""


@dataclass(frozen=True)
class StudyResult:
    """All measurements, by method (some by control too), a number a photograph, shape (n,)."""

    curves: dict[str, Curves]
    """Curves of methods and controls."""
    candidate_curves: dict[str, Curves]
    candidate_steps: Columns
    """Forward passes of each map."""
    incompleteness: dict[str, np.ndarray]
    """Relative convergence delta of complete methods."""
    located: dict[str, LocalisationScores]
    """Localisation on ``real``, ``synthetic`` and ``artefact`` pictures."""
    accuracy: float
    """Accuracy of the model that learned the artefact."""
    held_out: int
    """Number of photographs of that accuracy."""
    infidelity: dict[str, np.ndarray]
    max_sensitivity: dict[str, np.ndarray]
    randomised: dict[str, np.ndarray]
    """Rank correlation with the map of the trained network, shape (n, number of stages)."""
    baseline_curves: dict[str, Curves]
    """Curves of Integrated Gradients, by its baseline."""
    baseline_incompleteness: dict[str, np.ndarray]
    cost: Cost
    """From :func:`training.evaluation.explanations.cost.measure`."""


class Study:
    """The measurements of one model."""

    def __init__(
        self,
        explained: Explained,
        found: Dataset,
        settings: TrainingSettings,
        log: RunLog,
    ) -> None:
        """Start without measurements.

        Args:
            explained: the trained model.
            found: its photographs. The first in the order of their digests are taken, so that a
                larger study goes on from a smaller one.
            settings: how many photographs.
            log: shows how far it is.
        """
        self.explained, self.found = explained, found
        self.settings, self.log = settings, log

    def measure(self, masks: Mapping[str, Path]) -> StudyResult:
        """Run all measurements.

        Args:
            masks: outlines that people drew, by the digest of the photograph; perhaps none.
        """
        step = self.log.step
        with step("curves"):
            drawn, incomplete, candidate_curves, candidate_steps = self._curves()
        with step("outlines"):
            located, accuracy, held_out = self._outlines(masks)
        with step("repeat"):
            infidelity, sensitivity, correlation = self._repeated()
        with step("baselines"):
            started, started_incomplete = self._baselines()
        with step("cost"):
            few = list(self.explained.photographs(self.found.test[: cost.PHOTOGRAPHS]))
            spent = cost.measure(self.explained, few, self.log.progress)
        return StudyResult(
            drawn,
            candidate_curves,
            candidate_steps,
            incomplete,
            located,
            accuracy,
            held_out,
            infidelity,
            sensitivity,
            correlation,
            started,
            started_incomplete,
            spent,
        )

    def _curves(self) -> tuple[dict[str, Curves], Columns, dict[str, Curves], Columns]:
        rows, missed, further, steps = [], [], [], []
        for subject in self._subjects(self.settings.explain_photographs, "curves"):
            replacing = Replacing(self.explained, subject)
            found = {name: self.explained.attribution(subject, name) for name in METHODS}
            maps = {name: one.values for name, one in found.items()} | _controls(subject)
            rows.append({name: replacing.curves(name, values) for name, values in maps.items()})
            complete = [name for name, one in found.items() if one.convergence_delta is not None]
            missed.append({name: incompleteness(found[name]) for name in complete})
            tried = {
                name: candidates.attribution(self.explained, subject, name)
                for name in candidates.CANDIDATES
            }
            further.append(
                {
                    name: replacing.curves(f"{candidates.digest()}-{name}", one.values)
                    for name, one in tried.items()
                }
            )
            steps.append({name: one.steps for name, one in tried.items()})
        return _stacked(rows), _columns(missed), _stacked(further), _columns(steps)

    def _outlines(
        self, masks: Mapping[str, Path]
    ) -> tuple[dict[str, LocalisationScores], float, int]:
        most, progress = self.settings.explain_outlined, self.log.progress
        trained = self.explained.attribution
        real = localisation.masked(self.explained, self.found.train, masks, most)
        drawn = localisation.synthetic(self.explained, most)
        spoilt = planted.train(self.explained, self.found.train, most, progress)

        def attribution(subject: Subject, method: str) -> Attribution:
            name = f"planted/{spoilt.digest}/{subject.name}-{method}"
            explain = METHODS[method].explain
            return self.explained.attributed(name, explain, lambda: spoilt.task(subject))

        count = len(spoilt.held_out)
        located = {
            "real": self._located(real, trained, "outlined", min(most, len(masks))),
            "synthetic": self._located(drawn, trained, "drawn", most),
            "artefact": self._located(spoilt.outlined(), attribution, "planted", count),
        }
        return located, spoilt.accuracy, count

    def _located(
        self, outlined: Iterable[Outlined], attribution: Attribute, what: str, total: int
    ) -> LocalisationScores:
        mass, pointing, area = [], [], []
        for done, one in enumerate(outlined, 1):
            maps = {name: attribution(one.subject, name).values for name in METHODS}
            maps |= _controls(one.subject)
            found = {name: localisation.locate(values, one.mask) for name, values in maps.items()}
            mass.append({name: inside.mass for name, inside in found.items()})
            pointing.append({name: inside.pointing for name, inside in found.items()})
            area.append(float(one.mask.mean()))
            self.log.progress(what, done, total)
        return LocalisationScores(_columns(mass), _columns(pointing), np.asarray(area))

    def _repeated(self) -> tuple[Columns, Columns, Columns]:
        infidelity, sensitivity, correlation = [], [], []
        for subject in self._subjects(self.settings.explain_repeated, "repeat"):
            disturbed = faithfulness.Disturbed(subject, self.explained.logits)
            maps = {name: self.explained.attribution(subject, name).values for name in METHODS}
            infidelity.append({name: disturbed.infidelity(one) for name, one in maps.items()})
            sensitivity.append(
                {name: self._sensitivity(subject, name, one) for name, one in maps.items()}
            )
            stages: dict[str, list[float]] = {name: [] for name in maps}
            for stage, task in randomisation.cascade(self.explained, subject):
                for name, values in maps.items():
                    other = self._randomised(subject, stage, name, task)
                    stages[name].append(randomisation.rank_correlation(values, other))
            correlation.append(stages)
        return _columns(infidelity), _columns(sensitivity), _columns(correlation)

    def _randomised(
        self, subject: Subject, stage: str, method: str, task: AttributionTask
    ) -> np.ndarray:
        name = f"randomised/{subject.name}-{stage}-{method}"
        return self.explained.attributed(name, METHODS[method].explain, lambda: task).values

    def _sensitivity(self, subject: Subject, method: str, values: np.ndarray) -> float:
        asked = METHODS[method]

        def explain(inputs: torch.Tensor) -> np.ndarray:
            task = self.explained.task(inputs, subject.target, asked)
            return asked.explain(task).values

        def compute() -> Arrays:
            return (np.asarray(faithfulness.max_sensitivity(subject, values, explain)),)

        return float(self.explained.kept.get(f"sensitivity/{subject.name}-{method}", compute)[0])

    def _baselines(self) -> tuple[dict[str, Curves], Columns]:
        rows, missed = [], []
        for subject in self._subjects(self.settings.explain_outlined, "baselines"):
            replacing = Replacing(self.explained, subject)
            found = {name: self._from(subject, name) for name in BASELINES}
            rows.append(
                {
                    name: replacing.curves(f"integrated_gradients-{name}", one.values)
                    for name, one in found.items()
                }
            )
            missed.append({name: incompleteness(one) for name, one in found.items()})
        return _stacked(rows), _columns(missed)

    def _from(self, subject: Subject, baseline: str) -> Attribution:
        """Run Integrated Gradients from one of ``BASELINES``."""
        asked = Method(partial(integrated_gradients, baseline=BASELINES[baseline]), slow=True)
        return self.explained.attributed(
            f"baselines/{subject.name}-{baseline}",
            asked.explain,
            lambda: self.explained.task(subject.inputs, subject.target, asked),
        )

    def _subjects(self, count: int, what: str) -> Iterator[Subject]:
        """Yield test photographs, opened one by one, with progress."""
        asked = self.found.test[:count]
        for done, subject in enumerate(self.explained.photographs(asked)):
            self.log.progress(what, done, len(asked))
            yield subject
        self.log.progress(what, len(asked), len(asked))


def _controls(subject: Subject) -> dict[str, np.ndarray]:
    return {name: control(subject) for name, control in CONTROLS.items()}


def _stacked(rows: Sequence[Mapping[str, Curves]]) -> dict[str, Curves]:
    return {name: Curves.stacked([row[name] for row in rows]) for name in rows[0]}


def _columns(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Turn one row per photograph into one array per name; without rows, into none."""
    return {name: np.asarray([row[name] for row in rows]) for row in rows[:1] for name in row}


def incompleteness(found: Attribution) -> float:
    """Relative convergence delta of a map."""
    delta = found.convergence_delta
    assert delta is not None, "only methods that say how nearly they are complete are asked"
    # The delta is the sum minus the difference, whatever the baseline of a method.
    difference = float(found.values.sum(dtype=np.float64)) - delta
    return abs(delta) / max(abs(difference), 1e-9)

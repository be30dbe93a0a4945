"""The document of all measurements, from which the page of the explanations is made."""

from __future__ import annotations

import platform
from datetime import UTC, datetime

import numpy as np

from handlers import threads
from handlers.explainers.methods import METHODS
from training import intervals
from training.card import TrainedCard
from training.evaluation.explanations import randomisation, verdict
from training.evaluation.explanations.candidates import REFERENCES
from training.evaluation.explanations.controls import CONTROLS
from training.evaluation.explanations.curves import MEASURES, SHARES, Curves
from training.evaluation.explanations.documents import (
    Areas,
    CandidateMeasured,
    ExplanationReport,
    Located,
    Measured,
    MethodMeasured,
    Randomisation,
)
from training.evaluation.explanations.localisation import LocalisationScores
from training.evaluation.explanations.study import StudyResult
from training.intervals import share


def document(
    measured: StudyResult, card: TrainedCard, variant: str, seed: int
) -> ExplanationReport:
    """Return means with their intervals, comparisons and the verdict.

    Args:
        measured: a number a photograph of everything.
        card: of the model.
        variant: name of the serving variant that was explained.
        seed: of the resampling.
    """
    methods = {name: _method(name, measured, seed) for name in METHODS}
    beats = verdict.beats(measured.curves, tuple(METHODS), tuple(CONTROLS), seed)
    return {
        "made": datetime.now(UTC).date().isoformat(),
        "model_version": card.model_version,
        "variant": variant,
        "data": card.data,
        "machine": {"cores": threads.cores(), "architecture": platform.machine()},
        "asked": _asked(measured),
        "forward_milliseconds": measured.cost["forward_milliseconds"],
        "plain_forward_milliseconds": measured.cost["plain_forward_milliseconds"],
        "methods": methods,
        "controls": {name: _of_any(name, measured, seed) for name in CONTROLS},
        "candidates": _candidates(measured, seed),
        "area": {place: _area(found) for place, found in measured.located.items()},
        "beats": beats,
        "planted": {"accuracy": round(measured.accuracy, 4), "photographs": measured.held_out},
        "baselines": {
            "integrated_gradients": {
                name: {
                    **_areas(found, seed),
                    "completeness": intervals.middle_and_tail(
                        measured.baseline_incompleteness[name]
                    ),
                }
                for name, found in measured.baseline_curves.items()
            }
        },
        "curves": {
            "shares": _rounded(SHARES),
            **{
                name: {one: _rounded(getattr(found, one).mean(axis=0)) for one in MEASURES}
                for name, found in measured.curves.items()
            },
        },
        "default": verdict.default(methods, beats),
    }


def _method(name: str, measured: StudyResult, seed: int) -> MethodMeasured:
    method = METHODS[name]
    missed = measured.incompleteness.get(name)
    return {
        "slow": method.slow,
        "signed": method.signed,
        "complete": method.complete,
        **_of_any(name, measured, seed),
        "infidelity": intervals.mean(measured.infidelity[name], seed),
        "max_sensitivity": intervals.mean(measured.max_sensitivity[name], seed),
        "completeness": None if missed is None else intervals.middle_and_tail(missed),
        "randomisation": _randomisation(measured.randomised[name], seed),
        "cost": measured.cost["methods"][name],
    }


def _candidates(measured: StudyResult, seed: int) -> dict[str, CandidateMeasured]:
    """Compare each candidate with every control and with methods of the service."""
    drawn = measured.candidate_curves
    others = (*CONTROLS, *(name for name in REFERENCES if name in METHODS))
    against = verdict.beats(drawn | measured.curves, tuple(drawn), others, seed)
    return {
        name: {
            **_areas(found, seed),
            "steps": float(np.median(measured.candidate_steps[name])),
            "against": against[name],
        }
        for name, found in drawn.items()
    }


def _of_any(name: str, measured: StudyResult, seed: int) -> Measured:
    """Return the measurements that exist for controls too."""
    located = measured.located
    return {
        **_areas(measured.curves[name], seed),
        "lesion": {place: _located(located[place], name, seed) for place in ("real", "synthetic")},
        "artefact": _located(located["artefact"], name, seed),
    }


def _areas(drawn: Curves, seed: int) -> Areas:
    return {
        "deletion": intervals.mean(drawn.areas("deletion"), seed),
        "insertion": intervals.mean(drawn.areas("insertion"), seed),
    }


def _located(found: LocalisationScores, name: str, seed: int) -> Located | None:
    if not len(found.area):
        return None
    return {
        "mass": intervals.mean(found.mass[name], seed),
        "pointing": share(found.pointing[name]),
    }


def _randomisation(correlation: np.ndarray, seed: int) -> Randomisation:
    """Rank correlations of shape (n, number of stages)."""
    found = [intervals.mean(stage, seed) for stage in correlation.T]
    return {
        "stages": list(randomisation.STAGES),
        "correlation": found,
        "reacts": bool(correlation[:, -1].mean() <= randomisation.MOST),
    }


def _area(found: LocalisationScores) -> float | None:
    return round(float(found.area.mean()), 4) if len(found.area) else None


def _asked(measured: StudyResult) -> dict[str, int]:
    first = next(iter(METHODS))
    return {
        "curves": len(measured.curves[first].deletion),
        "masked": len(measured.located["real"].area),
        "synthetic": len(measured.located["synthetic"].area),
        "randomised": len(measured.randomised[first]),
        "perturbed": len(measured.infidelity[first]),
        "planted": len(measured.located["artefact"].area),
        "baselines": len(next(iter(measured.baseline_incompleteness.values()))),
    }


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(one), 4) for one in values]

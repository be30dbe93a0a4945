"""Content of the report: sections with their verdicts, for the page and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from handlers.drift import FEATURES, Baseline
from monitoring.drift_report import comparison
from monitoring.drift_report.comparison import FeatureChange
from monitoring.drift_report.domain import Domain, domain_classifier
from monitoring.drift_report.photographs import Sample
from monitoring.drift_report.plots import of_bins, of_values
from monitoring.drift_report.windows import Traffic
from training.evaluation.report.pictures import data_uri, thumbnail
from training.evaluation.report.style import draw

SHOWN: Final = 12
"""Number of top contributors that are shown."""
SMALL: Final = 100
"""Minimum number of photographs, below which the alerts do not judge either."""
TAILS: Final = (0.01, 0.99)
HINTS: Final = {
    "brightness": "exposure or lighting",
    "contrast": "exposure, glare or another camera",
    "sharpness": "focus, compression or scaling",
    "probability": "other patients, or pictures that the model misreads",
    "distance": "a kind of picture that the training did not hold",
}
"""What to check first when a feature has changed."""


@dataclass(frozen=True)
class TopContributor:
    """A photograph that contributes strongly to the difference."""

    name: str
    score: float
    """Log-odds of belonging to the current folder."""
    why: tuple[str, ...]
    thumbnail: str


@dataclass(frozen=True)
class Section:
    """One comparison: two folders, or two windows of one model version."""

    model_version: str
    counts: tuple[int, int]
    """Number of photographs of reference and current."""
    changes: tuple[FeatureChange, ...]
    figures: dict[str, str]
    """One plot per feature."""
    domain: Domain | None = None
    odd: tuple[TopContributor, ...] = ()
    shares: dict[str, tuple[float, float]] | None = None
    """Shares of `cancer` and `review`, of reference and current."""
    unreadable: dict[str, str] | None = None

    @property
    def verdict(self) -> list[str]:
        """Verdicts in plain words, the most important first."""
        moved = [change for change in self.changes if change.changed]
        said = []
        if moved:
            names = ", ".join(change.feature for change in moved)
            said.append(f"Changed: {names}.")
            said += [f"{change.feature}: look at {HINTS[change.feature]}." for change in moved]
        else:
            said.append("No drift feature has changed by more than chance and custom allow.")
        if self.domain is not None:
            said.append(
                f"By what the model sees, the two {self.domain.words} (AUROC "
                f"{self.domain.auroc:.2f}, 95 % interval {self.domain.low:.2f} to "
                f"{self.domain.high:.2f}; 0.5 is not at all, 1 always)."
            )
            if self.domain.differs and not moved:
                said.append("What differs is in none of the five features: look at the pictures.")
        if min(self.counts) < SMALL:
            said.append(
                f"One side holds {min(self.counts)} photographs: below {SMALL} a change has to be "
                "large to be seen, and none that is seen should be trusted without more."
            )
        return said

    def document(self) -> dict[str, object]:
        """Return every number, without the pictures."""
        return {
            "model_version": self.model_version,
            "photographs": {"reference": self.counts[0], "current": self.counts[1]},
            "verdict": self.verdict,
            "features": {
                change.feature: {
                    "changed": change.changed,
                    "index_reference": round(change.index_reference, 6),
                    "index_current": round(change.index_current, 6),
                    "index_between": round(change.index_between, 6),
                    "test": change.test,
                    "p_corrected": float(f"{change.p:.4g}"),
                    "medians": change.medians,
                    "bins_training": [round(float(share), 6) for share in change.shares],
                    "bins_reference": change.reference.tolist(),
                    "bins_current": change.current.tolist(),
                }
                for change in self.changes
            },
            "domain_classifier": None
            if self.domain is None
            else {
                "auroc": round(self.domain.auroc, 4),
                "low": round(self.domain.low, 4),
                "high": round(self.domain.high, 4),
                "photographs_in_both": self.domain.shared,
            },
            "contribute_most": [
                {"name": odd.name, "score": round(odd.score, 3), "why": odd.why} for odd in self.odd
            ],
            "shares": self.shares,
            "unreadable": self.unreadable,
        }


def of_folders(reference: Sample, current: Sample, baseline: Baseline, version: str) -> Section:
    """Compare two folders or outputs of `make score`, using single photographs."""
    known = reference.features is not None and current.features is not None
    domain = domain_classifier(reference, current) if known else None
    changes = tuple(comparison.of_photographs(reference, current, baseline))
    return Section(
        model_version=version,
        counts=(len(reference), len(current)),
        changes=changes,
        figures=_drawn(of_values, (reference, current), FEATURES),
        domain=domain,
        odd=() if domain is None else _odd(reference, current, domain),
        shares={
            "cancer": (float(reference.cancer.mean()), float(current.cancer.mean())),
            "review": (float(reference.review.mean()), float(current.review.mean())),
        },
        unreadable={
            f"{sample.folder.name}/{name}": why
            for sample in (reference, current)
            for name, why in sample.unreadable.items()
        },
    )


def of_windows(reference: Traffic, current: Traffic, baseline: Traffic) -> list[Section]:
    """Compare two windows: one section per model version that answered in both."""
    versions = sorted(reference.counts.keys() & current.counts.keys() & baseline.counts.keys())
    sections = []
    for version in versions:
        changes = comparison.of_bins(
            reference.counts[version], current.counts[version], baseline.counts[version]
        )
        counts = (int(changes[0].reference.sum()), int(changes[0].current.sum()))
        if min(counts) > 0:
            of_feature = {change.feature: change for change in changes}
            figures = _drawn(of_bins, of_feature, tuple(of_feature))
            sections.append(Section(version, counts, tuple(changes), figures))
    return sections


def _drawn(plot: Callable[..., Figure], samples: Any, features: Sequence[str]) -> dict[str, str]:
    """Draw a plot of each feature, as data URIs."""
    drawn = draw(samples, {name: partial(plot, feature=name) for name in features})
    return {name: data_uri(data) for name, data in drawn.items()}


def _odd(reference: Sample, current: Sample, domain: Domain) -> tuple[TopContributor, ...]:
    limits = {name: np.quantile(reference.values[name], TAILS) for name in FEATURES}
    return tuple(
        TopContributor(
            name=str(current.paths[place].relative_to(current.folder)),
            score=float(domain.scores[place]),
            why=_why({name: float(current.values[name][place]) for name in FEATURES}, limits),
            thumbnail=_thumbnail(current.paths[place]),
        )
        for place in np.argsort(-domain.scores, kind="stable")[:SHOWN]
    )


def _thumbnail(path: Path) -> str:
    """Return a small copy as a data URI; empty where only the scores of the photograph are here."""
    return data_uri(thumbnail(path.read_bytes())) if path.is_file() else ""


def _why(values: dict[str, float], limits: dict[str, np.ndarray]) -> tuple[str, ...]:
    said: Sequence[str] = [
        f"{name} {'lower' if value < limits[name][0] else 'higher'} than 99 % of the reference"
        for name, value in values.items()
        if not limits[name][0] <= value <= limits[name][1]
    ]
    return tuple(said) or ("none of the five features is out of the ordinary",)

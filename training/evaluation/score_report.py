"""``make report SCORES=... LABELS=...``: evaluate scores with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from training.console import RunLog
from training.evaluation import clinical, groups
from training.evaluation.curves import curves
from training.evaluation.documents import ScoreReport
from training.files import write_json
from training.score import results, tables
from training.score.errors import ScoreError
from training.scores import evaluate
from training.settings import TrainingSettings
from training.summary import SCORE

NAME: Final = "scored.json"
"""File in the report's folder of the model version."""
CLASSES: Final = {
    **dict.fromkeys(("0", "benign", "no cancer"), 0),
    **dict.fromkeys(("1", "malignant", "cancer"), 1),
}
"""Labels as a table may name them."""


def report(scores: Path, labels: Path, settings: TrainingSettings, log: RunLog) -> Path:
    """Compare scores with labels and write ``reports/<version>/scored.json``.

    Args:
        scores: output of `make score` in Parquet, or a folder of its parts.
        labels: table with the columns ``label``, and ``path`` or ``id``; scores are given by the
            groups of every other column.
        settings: name the folder of the reports.
        log: shows the scores.

    Returns:
        The path of the report.

    Raises:
        ScoreError: one of the two cannot be read, or they do not fit together.
    """
    found = results.read(scores, ["id", "probability", "threshold", "review"])
    stated = clinical.stated_prevalence()
    column, truth, attributes = _labels(labels, log)
    names = found.texts(column)
    labelled = np.asarray([name in truth for name in names], dtype=bool)
    classes = np.asarray([truth[name] for name in names if name in truth], dtype=np.int64)
    if len(np.unique(classes)) < 2:
        raise ScoreError(
            f"{labels} labels {len(classes)} of the {len(names)} scored photographs by their "
            f"{column}, and not both classes among them: no score can be computed"
        )
    probabilities = found.column("probability")[labelled]
    threshold = float(found.column("threshold")[0])
    review = found.column("review").astype(bool)[labelled]
    own = {
        attribute: [stated_by_name[name] for name in names if name in truth]
        for attribute, stated_by_name in attributes.items()
    }
    wrong = (probabilities >= threshold).astype(int) != classes
    document: ScoreReport = {
        "model_version": found.identity["model_version"],
        "variant": found.identity["variant"],
        "photographs": {
            "labelled": len(classes),
            "without_label": int((~labelled).sum()),
            "unreadable": len(found.unreadable),
        },
        "scores": evaluate(probabilities, classes, threshold, settings.seed),
        "curves": curves(probabilities, classes, threshold, settings.seed),
        "clinical": {
            "prevalence": stated,
            **clinical.measure(probabilities, classes, threshold, stated, settings.seed),
        },
        "groups": groups.score(own, probabilities, classes, threshold, settings.seed),
        "review": {
            "share": round(float(review.mean()), 4),
            "wrong": int(wrong.sum()),
            "wrong_and_flagged": int((wrong & review).sum()),
        },
    }
    written = settings.reports / document["model_version"] / NAME
    write_json(written, document)
    log.table("Scored", _shown(document))
    log.say(f"report: {written}")
    return written


def _labels(path: Path, log: RunLog) -> tuple[str, dict[str, int], dict[str, dict[str, str]]]:
    """Return the column that names photographs, their classes, and their groups by attribute."""
    found: dict[str, int] = {}
    attributes: dict[str, dict[str, str]] = {}
    column = ""
    for batch in tables.batches(str(path)):
        columns = batch.schema.names
        column = next((name for name in ("path", "id") if name in columns), "")
        if not column or "label" not in columns:
            raise ScoreError(f"{path} needs the columns 'label', and 'path' or 'id'")
        for name, label in zip(batch[column].to_pylist(), batch["label"].to_pylist(), strict=True):
            text = str(label).strip().lower()
            if text not in CLASSES:
                raise ScoreError(
                    f"{path}: the label of {name} is {label!r}; expected one of "
                    f"{', '.join(CLASSES)}"
                )
            found[str(name)] = CLASSES[text]
        for attribute in set(columns) - {"path", "id", "label"}:
            stated = zip(batch[column].to_pylist(), batch[attribute].to_pylist(), strict=True)
            own = attributes.setdefault(attribute, {})
            own.update((str(name), groups.text(value)) for name, value in stated)
    for attribute in sorted(attributes):
        if why := groups.unusable(attribute, attributes[attribute].values()):
            log.say(f"no scores by {attribute!r}: {why}")
            del attributes[attribute]
    return column, found, dict(sorted(attributes.items()))


def _shown(document: ScoreReport) -> dict[str, str]:
    scores, review = document["scores"], document["review"]
    return {
        "model version": f"{document['model_version']} ({document['variant']})",
        "photographs": ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in document["photographs"].items()
        ),
        **{
            name: SCORE.format(**scores[name])
            for name in ("auroc", "sensitivity", "specificity", "ece")
        },
        "for review": f"{review['share']:.1%}, with {review['wrong_and_flagged']} of "
        f"{review['wrong']} wrong labels",
    }

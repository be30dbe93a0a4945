"""The trained model for the reports, and the photographs it was trained on."""

from __future__ import annotations

import json
from typing import Any

from training import pipeline
from training.console import Reporter
from training.dataset import Dataset
from training.settings import TrainingSettings


class NothingToReportError(RuntimeError):
    """There is no trained model, or it was trained on other photographs."""


def load_trained_model(
    settings: TrainingSettings, reporter: Reporter
) -> tuple[dict[str, Any], Dataset]:
    """Return the document of ``card.json``, and the photographs.

    Raises:
        NothingToReportError: train first.
    """
    path = settings.model_folder / "card.json"
    try:
        card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NothingToReportError(f"{path} is missing: run `make train` first") from error
    found = pipeline.find_data(settings, reporter)
    if found.digest != card["data"]["digest"]:
        raise NothingToReportError(
            f"the model in {settings.model_folder} was trained on other photographs: "
            "run `make train` first"
        )
    return card, found

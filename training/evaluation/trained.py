"""The trained model that a report is made of, and the photographs it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.documents import DocumentError, parse
from training import dataset, tracking
from training.card import TrainedCard
from training.console import RunLog
from training.dataset import Dataset
from training.errors import TrainingError
from training.settings import TrainingSettings


class NothingToReportError(TrainingError):
    """There is no trained model, or it was trained on other photographs."""


@dataclass(frozen=True)
class TrainedModel:
    """The output of a training, for a report on it."""

    settings: TrainingSettings
    card: TrainedCard
    found: Dataset

    @classmethod
    def load(cls, settings: TrainingSettings, log: RunLog) -> TrainedModel:
        """Read the model's card, and find its photographs.

        Raises:
            NothingToReportError: train first.
        """
        path = settings.model_folder / "card.json"
        try:
            card = parse(json.loads(read_output(path)), TrainedCard, path.name)
        except DocumentError as error:
            raise NothingToReportError(f"{path}: {error}: run `make train` first") from error
        found = dataset.find(settings, log)
        if found.digest != card.data["digest"]:
            raise NothingToReportError(
                f"the model in {settings.model_folder} was trained on other photographs: "
                "run `make train` first"
            )
        return cls(settings, card, found)

    @property
    def reports(self) -> Path:
        """Folder of the reports on this model version."""
        return self.settings.reports / self.card.model_version

    def record(
        self, name: str, numbers: Mapping[str, Any], files: Sequence[str], log: RunLog
    ) -> None:
        """Record that a report was made.

        Args:
            name: of the run.
            numbers: what came out, nested.
            files: in the reports' folder.
            log: told why it was not recorded.
        """
        run = tracking.Run(
            name,
            {**self.settings.asked(), **self.card.parameters},
            numbers,
            {"model_version": self.card.model_version, "data_digest": self.found.digest},
            [self.reports / file for file in files],
        )
        with log.step("record"):
            tracking.keep(self.settings.store, run, log.say)


def read_output(path: Path) -> bytes:
    """Read a file that a training writes.

    Raises:
        NothingToReportError: there is none: train first.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NothingToReportError(f"{path} is missing: run `make train` first") from error

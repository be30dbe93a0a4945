"""Settings of the training, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from handlers.backends import NAMES
from training.calibration import Aims

RECIPES: Final = ("head", "layer4", "all")


class TrainingSettings(BaseSettings):
    """Where things come from, where they go, and how much of the embedded set is drawn."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    data: Path | None = None
    """Folder in the Kaggle layout; unset: the Kaggle set, else the embedded synthetic set."""

    weights: Path | None = None
    """ResNet-18 state dict; unset: torchvision's ImageNet weights, else an untrained backbone."""

    build: Path = Path("build")
    """What can be made again: the trained model and its summary."""

    cache: Path = Path("build/cache")
    """Features by content, and the drawn set."""

    archive: Path = Path("model_store/model-store")
    """Folder that ``melanoma.mar`` is written to."""

    finetune: Literal["head", "layer4", "all"] = "head"
    """What is fitted: the final layer, the last stage with it, or everything (for a GPU)."""

    validation_share: float = Field(default=0.15, gt=0, le=0.5, allow_inf_nan=False)
    """Share of the photographs that a fine-tuning holds out for choosing its best epoch."""

    sensitivity: float = Field(default=0.95, gt=0, le=1, allow_inf_nan=False)
    """Share of the cancers that the threshold must catch."""

    firm_misses: float = Field(default=0.025, ge=0, lt=1, allow_inf_nan=False)
    """Share of the cancers that may be called "no cancer" without ``near_threshold``."""

    firm_false_alarms: float = Field(default=0.1, ge=0, lt=1, allow_inf_nan=False)
    """Share of the benign lesions that may be called "cancer" without ``near_threshold``."""

    reports: Path = Path("reports")
    """Folder that ``make report`` writes to, a folder a model version."""

    report_seeds: int = Field(default=5, ge=1)
    """How often the report repeats each recipe, with another seed each time."""

    report_recipes: Annotated[tuple[str, ...], NoDecode] = ("head", "layer4")
    """Recipes that the report compares, separated by commas; ``all`` wants a GPU."""

    explain_photographs: int = Field(default=40, ge=1)
    """Test photographs whose deletion and insertion curves the report on explanations draws."""

    explain_outlined: int = Field(default=12, ge=1)
    """Pictures of each kind in which it knows where a map should point: photographs with masks,
    drawn lesions, photographs with a planted artefact; and those that it compares baselines on."""

    explain_repeated: int = Field(default=4, ge=1)
    """Test photographs that it explains again and again: disturbed, and by randomised models."""

    tracking: str | None = None
    """Where MLflow records each run: a folder or a server's address; unset: ``mlflow`` in
    ``LESIONLENS_BUILD``; empty: nowhere."""

    synthetic_train: int = Field(default=240, ge=2)
    """Drawn lesions a class for training, where no photographs can be had."""

    synthetic_test: int = Field(default=80, ge=2)
    """Drawn lesions a class for the test."""

    backends: Annotated[tuple[str, ...], NoDecode] = NAMES
    """Ways to run the model that are tried, separated by commas; plain TorchScript always is."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Of everything random: drawing, the untrained backbone, folds, resampling."""

    @field_validator("data", "weights", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("backends", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",")) if value.strip() else NAMES

    @field_validator("backends")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in NAMES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no backend; there are: {', '.join(NAMES)}")
        return value

    @field_validator("report_recipes", mode="before")
    @classmethod
    def _recipes_separated_by_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip()) or ("head",)

    @field_validator("report_recipes")
    @classmethod
    def _known_recipes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in RECIPES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no recipe; there are: {', '.join(RECIPES)}")
        # In the order of what they change: the last is held against the first.
        return tuple(name for name in RECIPES if name in value)

    @property
    def store(self) -> str:
        """Where MLflow records; empty: nowhere."""
        return str(self.build / "mlflow") if self.tracking is None else self.tracking

    def asked(self) -> dict[str, Any]:
        """What decides a training, for the record: no folders."""
        folders = {"data", "weights", "build", "cache", "archive", "reports", "tracking"}
        return self.model_dump(mode="json", exclude=folders)

    @property
    def aims(self) -> Aims:
        """What is asked of the decision."""
        return Aims(self.sensitivity, self.firm_misses, self.firm_false_alarms)

    @property
    def model_folder(self) -> Path:
        """Where the trained model waits to be archived."""
        return self.build / "model"

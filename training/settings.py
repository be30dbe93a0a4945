"""Settings of the training, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from handlers.variants import EXPORTED, NUMERICS, PORTABLE, Variant
from serving.paths import PathSettings

RECIPES: Final = ("head", "layer4", "all")
NAMES: Final = NUMERICS["float32"]
BACKENDS: Final = tuple(name for name in NAMES if name != EXPORTED)
"""Backends that are tried by default: ``exported`` computes as eager PyTorch does, and loads
slowly."""
VIEWS: Final = 5
"""Number of ``training.features.VIEWS``."""
VARIANTS: Final = (
    "int8-224px-2stages-1orientation",
    "int8-224px-2stages-2orientations",
    "int8-224px-2stages-4orientations",
)
"""Variants that are fitted by default, where OpenVINO and NNCF are installed."""
VARIANTS_OF_ALL: Final = tuple(name.replace("2stages", "1stage") for name in VARIANTS)
"""The same for the recipe ``all``, which fits a final layer to the last stage only."""


@dataclass(frozen=True)
class Aims:
    """Requirements on sensitivity and error rates."""

    sensitivity: float
    """Share of the cancers that the threshold must detect."""
    alpha_malignant: float
    """Conformal error rate of cancers: share that may get "no cancer" without
    ``near_threshold``."""
    alpha_benign: float
    """Conformal error rate of benign lesions: share that may get "cancer" without
    ``near_threshold``."""


class TrainingSettings(PathSettings):
    """Inputs and outputs of the training, and the size of the synthetic data set."""

    finetune: Literal["head", "layer4", "all"] = "head"
    """What is fitted: the final layer, the last stage too, or all layers (for a GPU)."""

    validation_share: float = Field(default=0.15, gt=0, le=0.5, allow_inf_nan=False)
    """Share of the photographs that fine-tuning of all layers holds out to choose its best
    epoch."""

    sensitivity: float = Field(default=0.95, gt=0, le=1, allow_inf_nan=False)
    """Share of the cancers that the threshold must detect."""

    alpha_malignant: float = Field(default=0.025, ge=0, lt=1, allow_inf_nan=False)
    """Conformal error rate of cancers: share that may be called "no cancer" without
    ``near_threshold``."""

    alpha_benign: float = Field(default=0.1, ge=0, lt=1, allow_inf_nan=False)
    """Conformal error rate of benign lesions: share that may be called "cancer" without
    ``near_threshold``."""

    report_seeds: int = Field(default=5, ge=1)
    """Number of seeds with which the report repeats each recipe."""

    report_recipes: Annotated[tuple[str, ...], NoDecode] = ("head", "layer4")
    """Recipes that the report compares, separated by commas; ``all`` needs a GPU."""

    explain_photographs: int = Field(default=40, ge=1)
    """Test photographs for the deletion and insertion curves of the report on explanations."""

    explain_outlined: int = Field(default=12, ge=1)
    """Pictures of each kind with a known outline: photographs with masks, synthetic lesions,
    photographs with a planted artefact; also the number for the comparison of baselines."""

    explain_repeated: int = Field(default=4, ge=1)
    """Test photographs for measurements that need many explanations: perturbed, and with randomised
    models."""

    tracking: str | None = None
    """Where MLflow records each run: a folder or a server's address; unset: ``mlflow`` in
    ``LESIONLENS_BUILD``; empty: no record."""

    synthetic_train: int = Field(default=240, ge=2)
    """Synthetic lesions per class for training, if there are no photographs."""

    synthetic_test: int = Field(default=80, ge=2)
    """Synthetic lesions per class for the test split."""

    views: int = Field(default=3, ge=1, le=VIEWS)
    """Views of each photograph that plain TorchScript's final layer is fitted on, where other
    serving variants are fitted too. Each takes as long as the first; all five are used where there
    is no other variant."""

    variants: Annotated[tuple[str, ...], NoDecode] = VARIANTS
    """Serving variants that are fitted, separated by commas; plain TorchScript always is. By
    default the recipe ``all`` fits those with one stage, because its final layer has only that."""

    perturbed: int = Field(default=400, ge=0)
    """Photographs of the train folder whose features are computed again after each perturbation,
    so that the serving variants' final layer can be fitted to react less to it; 0: none."""

    auroc_margin: float = Field(default=0.005, gt=0, lt=1, allow_inf_nan=False)
    """AUROC that a serving variant may lose against the best one: the lower end of the paired 95 %
    interval must be above minus this."""

    forward_budget: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Cost that the forward passes of one prediction may have, in passes of plain TorchScript."""

    backends: Annotated[tuple[str, ...], NoDecode] = BACKENDS
    """Float32 backends that are tried, separated by commas; plain TorchScript always is, and
    ``exported`` only if it is named."""

    cases: Literal["labels", "thumbnails"] = "labels"
    """What answers by ``similar_cases`` show of the nearest training photographs: their labels and
    distances, or ``thumbnails`` too. Thumbnails put small copies of up to two thousand training
    photographs into the archive, and into the answers to all clients: where they show people,
    only with their consent and a licence to redistribute them."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of all random numbers: drawing, the untrained backbone, folds, resampling."""

    @field_validator("backends", "report_recipes", "variants", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        # Empty is unset, as for every other setting.
        return names or cls.model_fields[str(info.field_name)].default

    @field_validator("backends", "report_recipes", "variants")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.field_name == "variants":
            return tuple(Variant.named(name).name for name in value)
        kind, known = ("backend", NAMES) if info.field_name == "backends" else ("recipe", RECIPES)
        for name in value:
            if name not in known:
                raise ValueError(f"{name!r} is not a {kind}; there are: {', '.join(known)}")
        # Recipes in the order of how much they change: the last is compared with the first.
        return value if kind == "backend" else tuple(name for name in known if name in value)

    @property
    def store(self) -> str:
        """Address for MLflow's records; empty: no record."""
        return str(self.build / "mlflow") if self.tracking is None else self.tracking

    def asked(self) -> dict[str, object]:
        """Return the parameters of a training for the record, without folders."""
        return self.model_dump(mode="json", exclude={*PathSettings.model_fields, "tracking"})

    @property
    def aims(self) -> Aims:
        """Return the requirements on sensitivity and error rates."""
        return Aims(self.sensitivity, self.alpha_malignant, self.alpha_benign)

    @property
    def variants_fitted(self) -> tuple[str, ...]:
        """Serving variants that are fitted besides plain TorchScript."""
        default = self.finetune == "all" and self.variants == VARIANTS
        names = VARIANTS_OF_ALL if default else self.variants
        return tuple(name for name in names if name != PORTABLE.name)

    @property
    def views_computed(self) -> int:
        """Views of each photograph that are computed for all of the train folder."""
        return self.views if self.finetune == "head" and self.variants_fitted else VIEWS

    @property
    def model_folder(self) -> Path:
        """Folder of the trained model before it is archived."""
        return self.build / "model"

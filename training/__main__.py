"""``python -m training [data|audit|train|report|explain-report|archive|all] [--finetune ...]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from handlers.classifier import ArchiveError
from training import audit, finetune_all, pipeline
from training.archive import NothingToArchiveError
from training.backbone import WeightsError
from training.console import RunLog
from training.dataset import DatasetError
from training.evaluation import explanation_report, model_report, score_report
from training.evaluation.trained import NothingToReportError
from training.export import ParityError
from training.score.errors import ScoreError
from training.settings import TrainingSettings

EXPECTED = (
    DatasetError,
    WeightsError,
    ParityError,
    NothingToArchiveError,
    NothingToReportError,
    ArchiveError,
    ScoreError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run the requested steps; returns 0 on success, 2 for an error with an explanation."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="From photographs to melanoma.mar. Settings: the variables LESIONLENS_*.",
    )
    parser.add_argument(
        "step",
        nargs="?",
        default="all",
        choices=("data", "audit", "train", "report", "explain-report", "archive", "all"),
        help="data: find and check the photographs; audit: find near-duplicates among them; train: "
        "fit and export; report: measure what was trained; explain-report: measure what its "
        "explanations are worth; archive: pack it; all: train and archive (default)",
    )
    parser.add_argument(
        "--finetune",
        choices=("head", "layer4", "all"),
        help="what is fitted: the final layer, the last stage with it, or everything, for a GPU "
        "(several with torchrun); else LESIONLENS_FINETUNE, else head",
    )
    parser.add_argument(
        "--scores",
        type=Path,
        help="report: on an output of `make score` instead, with --labels",
    )
    parser.add_argument(
        "--labels", type=Path, help="table with the columns label, and path or id, for --scores"
    )
    given = parser.parse_args(arguments)
    if (given.scores is None) != (given.labels is None):
        parser.error("--scores and --labels belong together")
    log = RunLog()
    try:
        chosen = {} if given.finetune is None else {"finetune": given.finetune}
        settings = TrainingSettings(**chosen)
        if given.scores is not None:
            score_report.report(given.scores, given.labels, settings, log)
            return 0
        return _run(given.step, settings, log)
    except EXPECTED as error:
        log.say(f"error: {error}")
        return 2
    except OSError as error:  # a full disk, a read-only folder
        log.say(f"error: {error}")
        return 2
    except ValidationError as error:
        for problem in error.errors():
            name = "LESIONLENS_" + "_".join(str(part) for part in problem["loc"]).upper()
            log.say(f"error: {name}: {problem['msg']}")
        return 2
    except KeyboardInterrupt:
        log.say("interrupted; what was computed is kept, run it again to go on")
        return 130


def _run(step: str, settings: TrainingSettings, log: RunLog) -> int:
    try:
        if finetune_all.join() > 0:  # torchrun's other processes only take part in fits
            finetune_all.serve_fits()
            return 0
        if step == "data":
            pipeline.find_data(settings, log)
        if step == "audit":
            audit.near_duplicates_of(settings, pipeline.find_data(settings, log), log)
        if step in ("train", "all"):
            pipeline.train(settings, log)
        if step == "report":
            model_report.report(settings, log)
        if step == "explain-report":
            explanation_report.report(settings, log)
        if step in ("archive", "all"):
            pipeline.pack(settings, log)
    finally:
        finetune_all.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())

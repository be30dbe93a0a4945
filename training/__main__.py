"""``python -m training [data|audit|train|report|explain-report|archive|all] [--finetune ...]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from handlers.card import ArchiveError
from training.console import RunLog
from training.errors import TrainingError
from training.settings import TrainingSettings


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
    parser.add_argument(
        "--groups",
        type=Path,
        help="report: table with the column path or file, and one for each attribute (skin_type, "
        "site) that scores are given by; else groups.csv next to the photographs' folders",
    )
    given = parser.parse_args(arguments)
    if given.scores is not None and given.groups is not None:
        parser.error("with --scores, attributes are further columns of --labels")
    if (given.scores is None) != (given.labels is None):
        parser.error("--scores and --labels belong together")
    log = RunLog()
    try:
        chosen = {} if given.finetune is None else {"finetune": given.finetune}
        settings = TrainingSettings(**chosen)
        if given.scores is not None:
            from training.evaluation import score_report

            score_report.report(given.scores, given.labels, settings, log)
            return 0
        return _run(given, settings, log)
    except (TrainingError, ArchiveError, OSError) as error:  # OSError: a full disk, say
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


def _run(given: argparse.Namespace, settings: TrainingSettings, log: RunLog) -> int:
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        _take(given, settings, log)
        return 0
    from training import finetune_all

    try:
        # torchrun's other processes only take part in fits.
        if finetune_all.join() > 0:
            finetune_all.serve_fits()
        else:
            _take(given, settings, log)
    finally:
        finetune_all.leave()
    return 0


def _take(given: argparse.Namespace, settings: TrainingSettings, log: RunLog) -> None:
    """Take one step, and import what it needs only: PyTorch and the plots take seconds."""
    step = given.step
    if step == "data":
        from training import dataset

        dataset.find(settings, log)
    if step == "audit":
        from training import audit, dataset

        audit.near_duplicates_of(settings, dataset.find(settings, log), log)
    if step in ("train", "all"):
        from training import pipeline

        pipeline.train(settings, log)
    if step == "report":
        from training.evaluation import model_report

        model_report.report(settings, log, given.groups)
    if step == "explain-report":
        from training.evaluation import explanation_report

        explanation_report.report(settings, log)
    if step in ("archive", "all"):
        from training import archive

        archive.pack(settings, log)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m training [data|audit|train|archive|all]``."""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from training import audit, pipeline
from training.archive import NothingToArchiveError
from training.backbone import WeightsError
from training.console import Reporter
from training.dataset import DatasetError
from training.export import ParityError
from training.settings import TrainingSettings

EXPECTED = (DatasetError, WeightsError, ParityError, NothingToArchiveError)


def main(arguments: list[str] | None = None) -> int:
    """Run the steps asked for; 0 when they ended well, 2 for a fault that is explained."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="From photographs to melanoma.mar. Settings: the variables LESIONLENS_*.",
    )
    parser.add_argument(
        "step",
        nargs="?",
        default="all",
        choices=("data", "audit", "train", "archive", "all"),
        help="data: find and check the photographs; audit: find near-duplicates among them; train: "
        "fit and export; archive: pack what was trained; all: train and archive (default)",
    )
    step = parser.parse_args(arguments).step
    report = Reporter()
    try:
        settings = TrainingSettings()
        if step == "data":
            pipeline.find_data(settings, report)
        if step == "audit":
            audit.near_duplicates_of(settings, pipeline.find_data(settings, report), report)
        if step in ("train", "all"):
            pipeline.train(settings, report)
        if step in ("archive", "all"):
            pipeline.pack(settings, report)
    except EXPECTED as error:
        report.say(f"error: {error}")
        return 2
    except OSError as error:  # a disk that is full, a folder that may not be written
        report.say(f"error: {error}")
        return 2
    except ValidationError as error:
        for problem in error.errors():
            name = "LESIONLENS_" + "_".join(str(part) for part in problem["loc"]).upper()
            report.say(f"error: {name}: {problem['msg']}")
        return 2
    except KeyboardInterrupt:
        report.say("interrupted; what was computed is kept, run it again to go on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m training.score INPUT OUTPUT``: score every photograph of an input."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from handlers.explainers.methods import METHODS
from handlers.settings import HandlerSettings
from handlers.similar_cases import SIMILAR_CASES
from serving.paths import PathSettings
from training.console import RunLog
from training.score import sources
from training.score.errors import ScoreError
from training.score.run import NAMED, Job, Summary, run
from training.score.scorer import Options


def main(arguments: list[str] | None = None) -> int:
    """Score an input.

    Returns:
        0 when every photograph has an answer, 1 when some could not be read (the output names
        them), 2 for an error with an explanation, 130 when it was interrupted.
    """
    asked = parser().parse_args(arguments)
    log = RunLog()
    try:
        summary = run(_job(asked), log)
    except (ScoreError, ValueError, OSError) as error:
        log.say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        log.say("interrupted; what was scored is kept, run it again to go on")
        return 130
    for line in report(summary):
        log.say(line)
    print(asked.output)
    return 1 if summary.unreadable and not asked.allow_unreadable else 0


def report(summary: Summary) -> list[str]:
    """Return what came of a run, in lines for the console."""
    known = summary.known
    lines = [
        f"{summary.photographs:,} photographs: {summary.photographs - summary.unreadable:,} have "
        f"an answer ({known:,} known before), {summary.unreadable:,} have none"
    ]
    lines += [f"  {path}: {reason}" for path, reason in summary.named]
    if summary.unreadable > len(summary.named):
        lines.append("  ... all are in the column 'error'")
    left_out = summary.left_out.most_common(NAMED)
    lines += [f"left out: {count:,} {reason}" for reason, count in left_out]
    return lines


def _job(asked: argparse.Namespace) -> Job:
    archive = PathSettings().archive / "melanoma.mar"
    output: Path = asked.output
    pictures = output.with_name(f"{output.stem}-heatmaps") if asked.explain else None
    options = Options(
        HandlerSettings.from_environment(), asked.features, asked.explain or "", pictures
    )
    ray = asked.ray_address if asked.engine == "ray" else None
    return Job(asked.input, output, archive, options, asked.workers, ray, asked.shard)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    arguments = argparse.ArgumentParser(
        prog="python -m training.score",
        description="Score photographs with the archive, as the service would. Settings: "
        "LESIONLENS_ARCHIVE, and those of the service's photographs, variant and backend.",
    )
    arguments.add_argument("input", help=sources.EXPECTED)
    arguments.add_argument("output", type=Path, help="a .parquet or .csv file")
    arguments.add_argument("--features", action="store_true", help="keep the features, in Parquet")
    arguments.add_argument(
        "--explain",
        choices=tuple(METHODS),
        type=_method,
        metavar="METHOD",
        help=f"explain each, one of {', '.join(METHODS)}; pictures go next to the output",
    )
    arguments.add_argument(
        "--workers", type=_count, default=0, help="processes; default: the cores"
    )
    arguments.add_argument(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="ray: Ray Data, after `make setup RAY=yes`",
    )
    arguments.add_argument(
        "--ray-address",
        default="",
        help="of a Ray cluster, or auto; default: a new one on this machine",
    )
    arguments.add_argument(
        "--shard",
        type=_shard,
        help="PART/PARTS, as in 0/100: only this part, for several machines",
    )
    arguments.add_argument(
        "--allow-unreadable",
        action="store_true",
        help="exit with 0 although some could not be read, for schedulers that would try again",
    )
    return arguments


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes")
    return int(text)


def _method(text: str) -> str:
    if text == SIMILAR_CASES:
        raise argparse.ArgumentTypeError(
            f"{text} draws no map, and only the service answers it: --features keeps the features, "
            "from which the nearest photographs can be found"
        )
    return text


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not PART/PARTS, as in 0/100")
    return int(found[1]), int(found[2])


if __name__ == "__main__":
    sys.exit(main())

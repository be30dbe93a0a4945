"""``python -m monitoring.drift_report REFERENCE CURRENT``: two folders, scores or windows."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from monitoring.drift_report import page, report
from monitoring.drift_report.errors import ReportError
from monitoring.drift_report.photographs import SCORES, model_of, read_scores, score_folder
from monitoring.drift_report.windows import FORM, baseline_at, traffic_in, window_of
from monitoring.settings import ReportSettings


def main(arguments: list[str] | None = None) -> int:
    """Write the report; returns 2 for an error that the user can fix."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.drift_report", description=__doc__)
    for name in ("reference", "current"):
        parser.add_argument(
            name, help=f"a folder of photographs, an output of `make score`, or a window: {FORM}"
        )
    # A window may begin with "-24h", which is not an option.
    asked = parser.parse_args(["--", *(sys.argv[1:] if arguments is None else arguments)])
    try:
        settings = ReportSettings()
        scored = asked.reference.endswith(SCORES)
        compare = _scores if scored else _folders if Path(asked.reference).is_dir() else _windows
        written, verdict = compare(asked.reference, asked.current, settings)
    except (ReportError, ValidationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for line in verdict:
        print(line)
    print(written)
    return 0


def _folders(reference: str, current: str, settings: ReportSettings) -> tuple[Path, list[str]]:
    if not Path(current).is_dir():
        raise ReportError(
            f"{reference} is a folder and {current} is none: compare two folders or two windows"
        )
    classifier = model_of(settings.archive / "melanoma.mar")
    section = report.of_folders(
        score_folder(Path(reference), classifier),
        score_folder(Path(current), classifier),
        classifier.baseline,
        classifier.version,
    )
    written = page.write(settings.reports / "drift", reference, current, [section])
    return written, section.verdict


def _scores(reference: str, current: str, settings: ReportSettings) -> tuple[Path, list[str]]:
    (before, *model), (after, *other) = (read_scores(Path(name)) for name in (reference, current))
    classifier = model_of(settings.archive / "melanoma.mar", model[1])
    if not model == other == [classifier.version, classifier.variant.name]:
        raise ReportError(
            f"{reference} has answers of {' '.join(model)}, {current} of {' '.join(other)}, and "
            f"the archive is {classifier.version} {classifier.variant.name}: score both with it"
        )
    section = report.of_folders(before, after, classifier.baseline, classifier.version)
    written = page.write(settings.reports / "drift", reference, current, [section])
    return written, section.verdict


def _windows(reference: str, current: str, settings: ReportSettings) -> tuple[Path, list[str]]:
    if "/" not in reference or Path(current).is_dir():
        raise ReportError(
            f"{reference!r} is neither a folder nor, with {current!r}, a window: name two "
            f"folders of photographs, or two windows, {FORM}"
        )
    now = datetime.now(UTC)
    before, after = window_of(reference, now), window_of(current, now)
    sections = report.of_windows(
        traffic_in(before, settings),
        traffic_in(after, settings),
        baseline_at(after.end, settings),
    )
    if not sections:
        raise ReportError(
            "no model version with a baseline answered in both windows: choose windows on one "
            "side of a rollout"
        )
    written = page.write(settings.reports / "drift", str(before), str(after), sections)
    return written, [f"{part.model_version}: {line}" for part in sections for line in part.verdict]


if __name__ == "__main__":
    sys.exit(main())

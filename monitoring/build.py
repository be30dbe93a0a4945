"""``python -m monitoring.build``: write the committed dashboards, rules or thresholds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from monitoring.prometheus import files
from monitoring.settings import MonitoringSettings


def _dashboards() -> None:
    """Write Grafana's dashboards."""
    from monitoring.dashboards import files as dashboards  # Grafana's SDK, only needed here

    for path in dashboards.write():
        print(path)


def _rules() -> None:
    """Write recording and alert rules, as files and for the operator."""
    for path in files.write(MonitoringSettings()):
        print(path)


def _thresholds() -> None:
    """Calibrate the drift thresholds by resampling (a minute), then run `rules`."""
    from monitoring.thresholds import main as calibrate  # scipy, only needed here

    calibrate()


COMMANDS: Final[dict[str, Callable[[], None]]] = {
    "dashboards": _dashboards,
    "rules": _rules,
    "thresholds": _thresholds,
}


def main(arguments: list[str] | None = None) -> int:
    """Write the requested files; returns 2 for an invalid setting or objective."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.build")
    choices = parser.add_subparsers(dest="what", required=True)
    for name, command in COMMANDS.items():
        choices.add_parser(name, help=(command.__doc__ or "").strip())
    what = parser.parse_args(arguments).what
    try:
        COMMANDS[what]()
    except ValidationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

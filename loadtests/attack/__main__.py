"""``make attack``: run every attack on a server and a page; returns 1 if one succeeds."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtests import results
from loadtests.attack.attacks import ATTACKS
from loadtests.attack.targets import WORKERS, Attack, Outcome, Target, target
from serving.local import LocalServer, ServerError
from serving.process import exit_when_terminated
from serving.settings import ServingSettings, free_ports

EXPLAIN_SECONDS: Final = "60"
"""Timeout of an explanation, which has the lowest scheduling priority on a machine."""


def main() -> int:
    """Attack and print the outcomes; returns 2 if the server cannot start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="write the outcomes as JSON, too")
    parser.add_argument("--only", default="", help="attacks whose function's name contains this")
    arguments = parser.parse_args()
    attacks = [attack for attack in ATTACKS if arguments.only in attack.__name__]
    console = Console()
    start = time.monotonic()
    os.environ.setdefault("LESIONLENS_EXPLAIN_SECONDS", EXPLAIN_SECONDS)
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        scratch = Path(folder)
        tempfile.tempdir = folder  # variables of the server as well
        settings = ServingSettings(logs=scratch / "logs", workers=WORKERS)
        server = LocalServer(settings.model_copy(update=free_ports()))
        try:
            with target(server, scratch) as attacked:
                console.print(f"times allowed: those of an idle machine x {attacked.tolerance:.1f}")
                outcomes = [_outcome(attack, attacked, console) for attack in attacks]
        except (ServerError, RuntimeError) as error:
            console.print(f"error: {error}", markup=False, highlight=False)
            return 2
        finally:
            tempfile.tempdir = None
    seconds = time.monotonic() - start
    console.print(_table(outcomes))
    failed = sum(not outcome.passed for outcome in outcomes)
    console.print(f"{len(outcomes) - failed} of {len(outcomes)} passed in {seconds:.0f} s")
    if arguments.output is not None:
        document = {"seconds": round(seconds, 1), "attacks": [asdict(one) for one in outcomes]}
        results.write(arguments.output, document)
    return 1 if failed else 0


def _outcome(attack: Attack, attacked: Target, console: Console) -> Outcome:
    start = time.monotonic()
    with console.status(f"{attack.__name__.replace('_', ' ')} ..."):
        try:
            outcome = attack(attacked)
        except (OSError, ValueError, KeyError) as error:
            outcome = Outcome(attack.__name__, "", False, f"broke off: {type(error).__name__}")
    word = "passed" if outcome.passed else "FAILED"
    console.print(
        f"{word}  {outcome.name} ({time.monotonic() - start:.0f} s)", highlight=False, markup=False
    )
    return outcome


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="Attacks", show_lines=True)
    for column in ("attack", "what was sent", "outcome", ""):
        table.add_column(column, overflow="fold")
    for outcome in outcomes:
        word = "[green]passed[/]" if outcome.passed else "[bold red]FAILED[/]"
        table.add_row(outcome.name, outcome.sent, escape(outcome.detail), word)
    return table


if __name__ == "__main__":
    exit_when_terminated()
    sys.exit(main())

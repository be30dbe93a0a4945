"""A release with a forbidden configuration."""

from __future__ import annotations

import shutil
from typing import Final

from loadtests.attack.outcomes import Outcome
from loadtests.attack.targets import Target
from serving.local import LocalServer
from serving.settings import free_ports

OPTION: Final = "OnOutOfMemoryError"


def java_option_that_runs_a_command(target: Target) -> Outcome:
    """Configure a Java option that runs a command: the server must refuse to start."""
    folder = target.scratch / "configuration"
    evidence = target.scratch / "command-ran"
    shutil.copytree(target.server.settings.config, folder, dirs_exist_ok=True)
    properties = folder / "config.properties"
    lines = properties.read_text(encoding="utf-8").splitlines()
    changed = [
        f'{line} -XX:{OPTION}="touch {evidence}"' if line.startswith("vmargs=") else line
        for line in lines
    ]
    properties.write_text("\n".join(changed) + "\n", encoding="utf-8")
    settings = target.server.settings.model_copy(
        update={**free_ports(), "config": folder, "logs": target.scratch / "configured"}
    )
    server = LocalServer(settings)
    server.start()
    try:
        status = server.wait()
    finally:
        server.stop()
    printed = server.console.read_text(errors="replace")
    return Outcome(
        "release: Java option",
        f"-XX:{OPTION} in config.properties",
        status == 2 and OPTION in printed and not evidence.exists() and changed != lines,
        f"exit status {status}; the option is {'' if OPTION in printed else 'not '}named; "
        f"the command {'ran' if evidence.exists() else 'did not run'}",
    )

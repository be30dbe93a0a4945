"""Where pip takes packages from on this machine, for the pip of a build: mirrors, certificates."""

from __future__ import annotations

import configparser
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

PASSED: Final = ("index-url", "extra-index-url", "find-links", "default-timeout", "retries")
"""Not ``constraint``: the versions are given, and the file is not there."""


def read() -> dict[str, str]:
    """What pip is configured with, by option; a variable goes before a file, as for pip."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = {}
    lines = [line.partition("=") for line in done.stdout.splitlines() if "=" in line]
    for name, _, value in sorted(lines, key=lambda line: line[0].startswith(":env:")):
        section, _, option = name.rpartition(".")
        if section in ("global", "install", ":env:") and option in PASSED:
            found[option] = " ".join(shlex.split(value)[0].split())
    return found


def text(options: dict[str, str]) -> str:
    """The file that pip reads."""
    parser = configparser.RawConfigParser()
    parser["global"] = {name: value.replace(" ", "\n") for name, value in options.items()}
    file = io.StringIO()
    parser.write(file)
    return file.getvalue()


def folders(options: dict[str, str]) -> list[Path]:
    """Folders of this machine that pip takes packages from; a build must see them."""
    links, indexes = (
        [Path(place.removeprefix("file://")) for place in options.get(name, "").split()]
        for name in ("find-links", "extra-index-url")
    )
    # The pages of an index lead to files beside it.
    paths = {*links, *(path.parent for path in indexes)}
    return sorted(path for path in paths if path.is_absolute() and path.is_dir())


def certificates() -> Path | None:
    """Certificates that pip is told to trust, such as a proxy's."""
    given = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ""
    return Path(given) if given and Path(given).is_file() else None

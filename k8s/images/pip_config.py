"""Pass this machine's pip configuration (mirrors, certificates) to a build."""

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
"""Options that are passed on. Not ``constraint``: versions are fixed, and the file does not exist
in the build."""


def read() -> dict[str, str]:
    """Read pip's configuration by option; variables take precedence over files, as in pip."""
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
    """Return the configuration file for the build's pip."""
    parser = configparser.RawConfigParser()
    parser["global"] = {name: value.replace(" ", "\n") for name, value in options.items()}
    file = io.StringIO()
    parser.write(file)
    return file.getvalue()


def folders(options: dict[str, str]) -> list[Path]:
    """Return local folders of packages, which a build must be able to read."""
    links, indexes = (
        [Path(place.removeprefix("file://")) for place in options.get(name, "").split()]
        for name in ("find-links", "extra-index-url")
    )
    # The pages of an index link to files in the same folder.
    paths = {*links, *(path.parent for path in indexes)}
    return sorted(path for path in paths if path.is_absolute() and path.is_dir())


def certificates() -> Path | None:
    """Return certificate files that pip trusts, such as a proxy's."""
    given = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or ""
    return Path(given) if given and Path(given).is_file() else None

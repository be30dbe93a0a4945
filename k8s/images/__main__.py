"""``python -m k8s.images [--sbom] [serving|training ...]``: build images, or list their packages.

All images, or the named ones; ``serving-kserve`` is ``serving`` without Java.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from k8s.images import sbom
from k8s.images.build import NAMES, ROOT, VARIANTS, ImageError, build, tag_of
from k8s.images.settings import ImageSettings

LISTS: Final = Path("build/sbom")


def main(arguments: list[str] | None = None) -> int:
    """Build; returns 2 for an invalid setting or a failed build."""
    parser = argparse.ArgumentParser(prog="python -m k8s.images")
    parser.add_argument("names", nargs="*", metavar="image", help=", ".join((*NAMES, *VARIANTS)))
    parser.add_argument("--sbom", action="store_true", help="list what is in images once built")
    given = parser.parse_args(arguments)
    names = given.names or NAMES
    known = (*NAMES, *VARIANTS)
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no image {', '.join(unknown)}; there are {', '.join(known)}")
    try:
        settings = ImageSettings()
        for name in names:
            if given.sbom:
                path = LISTS / f"{name}.cdx.json"
                sbom.write(tag_of(name, version(), settings), path, settings)
                print(path)
            else:
                print(build(name, version(), settings))
    except (ImageError, ValidationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def version() -> str:
    """Version of the project, used as the images' tag."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


if __name__ == "__main__":
    sys.exit(main())

"""Variables that Kubernetes gives every container for every Service of its namespace.

A Service ``lesionlens-page`` makes ``LESIONLENS_PAGE_PORT=tcp://10.96.138.45:80``: the name of a
setting of ours, with a value that is never meant. Our manifests switch these variables
off (``enableServiceLinks: false``); others may not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_LINK: Final = re.compile(r"(tcp|udp|sctp)://[^\s/]+:[0-9]+")


def is_service_link(text: str) -> bool:
    """Whether a value is the address of a Service, as Kubernetes and Docker's links write it."""
    return _LINK.fullmatch(text.strip()) is not None


def without_service_links(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are not Service links.

    Args:
        environment: of a container.
    """
    return {
        name: text
        for name, text in environment.items()
        if not (name.endswith("_PORT") and is_service_link(text))
    }

"""What all workers of a server have counted, added up, for Prometheus.

Apart from :mod:`serving.kserve.exporter`: the server imports neither torch nor the handlers.
"""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


def exported(folder: Path) -> bytes:
    """The workers' metrics in Prometheus' text format.

    Args:
        folder: that they write to.

    Raises:
        OSError: it is not there yet.
    """
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry, path=str(folder))
    except ValueError:
        raise OSError("no worker has started yet") from None
    return generate_latest(registry)

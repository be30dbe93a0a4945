"""Real Prometheus that scrapes real servers under traffic of known photographs."""

from __future__ import annotations

import io
import math
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image, ImageFilter

from handlers.telemetry import DRIFT_OBSERVATIONS
from monitoring.local.prometheus import Prometheus
from monitoring.prometheus.drift_rules import WINDOWS
from monitoring.query import ask
from serving.local import LocalServer
from tests.e2e.requests_of import PREDICT, instances

INSTANCES: Final = 8
"""Photographs in a request."""
SECONDS: Final = 60.0
"""Deadline for whatever is waited for."""
OF_GROUPS: Final = ("lesionlens:group_", "Groups, ")
"""Beginnings of the names of rules and panels of groups: they need declared groups."""
OF_OUTCOMES: Final = (
    *(
        "lesionlens:outcome",
        "lesionlens:measured_",
        "lesionlens:verified_",
        "lesionlens:corrected_",
    ),
    *("lesionlens:calibration", "Measured ", "Calibration by", "Cancers diagnosed"),
    *("Diagnoses behind", "Share that is diagnosed"),
)
"""Beginnings of the names of rules and panels that need outcomes."""


@dataclass(frozen=True)
class Figures:
    """Observation of one service."""

    index: dict[tuple[str, str], float]
    """Population stability index by feature and window."""
    limit: dict[tuple[str, str], float]
    """What is drift, by feature and window."""
    bins: dict[tuple[str, str], int]
    """Photographs by feature and bin, replicas added up, as the counters have it."""
    firing: set[tuple[str, str]]
    """Name and feature of the alerts."""


@dataclass(frozen=True)
class Watched:
    """Services of one or more replicas, and their Prometheus."""

    prometheus: Prometheus
    services: dict[str, Sequence[LocalServer]]

    def send(self, service: str, photographs: Sequence[bytes]) -> None:
        """Send photographs to the replicas in turn."""
        servers = self.services[service]
        batches = [
            photographs[start : start + INSTANCES]
            for start in range(0, len(photographs), INSTANCES)
        ]

        def serve(place: int) -> None:
            with httpx.Client(base_url=servers[place].inference, timeout=120) as client:
                for batch in batches[place :: len(servers)]:
                    answer = client.post(PREDICT, json=instances(*batch))
                    assert answer.status_code == 200, answer.text

        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(serve, range(len(servers))))

    def settle(self) -> None:
        """Wait until all requests so far are scraped and every rule was evaluated on them."""
        self._after("targets", "activeTargets", "lastScrape")
        # Twice: alerts read what the recording rules of other groups have written.
        for _ in range(2):
            self._after("rules", "groups", "lastEvaluation")

    def _after(self, what: str, items: str, when: str) -> None:
        now = datetime.now(UTC)

        def done() -> bool:
            found = ask(self.prometheus.url, what)[items]  # empty until Prometheus has looked round
            return bool(found) and all(datetime.fromisoformat(item[when]) > now for item in found)

        until(done, f"{what}: {when} stands still")

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their health."""
        groups = ask(self.prometheus.url, "rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def figures(self, service: str) -> Figures:
        """Current metrics and alerts of a service."""
        own = f'{{service="{service}"}}'
        places = {
            figure: {
                (series.labels["feature"], window): series.value
                for window in WINDOWS
                for series in self.prometheus.query(f"lesionlens:{figure}:{window}{own}")
            }
            for figure in ("drift_psi", "drift_psi_threshold")
        }
        bins = f"sum by (feature, bin) ({DRIFT_OBSERVATIONS.name}{own})"
        firing = self.prometheus.query(f'ALERTS{{alertstate="firing", service="{service}"}}')
        return Figures(
            index=places["drift_psi"],
            limit=places["drift_psi_threshold"],
            bins={
                (series.labels["feature"], series.labels["bin"]): int(series.value)
                for series in self.prometheus.query(bins)
            },
            firing={
                (series.labels["alertname"], series.labels.get("feature", "")) for series in firing
            },
        )


def until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait for a condition; fail with a message after a deadline."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def changed(photograph: bytes) -> bytes:
    """Imitate another camera: a colour cast and blur."""
    picture = Image.open(io.BytesIO(photograph)).convert("RGB")
    red, green, blue = picture.split()
    cast = Image.merge(
        "RGB",
        (red, green.point(lambda v: v * 0.6), blue.point(lambda v: v * 0.4)),
    )
    blurred = cast.filter(ImageFilter.GaussianBlur(max(picture.size) / 100))
    out = io.BytesIO()
    blurred.save(out, "JPEG", quality=90)
    return out.getvalue()


def photographs_of(folder: Path, split: str) -> list[bytes]:
    """All photographs of a split, classes mixed."""
    paths = sorted((folder / split).glob("*/*.jpg"), key=lambda path: (path.stem, path.parent.name))
    return [path.read_bytes() for path in paths]


def has_values(watched: Watched, name: str, expression: str) -> bool:
    """Whether an expression, without its comparison, gives a number.

    A comparison drops what it does not hold for; with ``bool`` it says 0.
    """
    if name.startswith("LesionLens"):
        watched.prometheus.query(expression)
        expression = re.sub(r"(?<=\s)(==|>=|<=|>|<)(?=\s)", r"\1 bool", expression)
    values = [series.value for series in watched.prometheus.query(expression)]
    return any(math.isfinite(value) for value in values)

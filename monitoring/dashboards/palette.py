"""What each colour and each dash means, once for all panels.

Blue, orange and grey tell apart for every kind of colour vision and stand out on white as on
Grafana's dark grey; red is kept for what is wrong. Features measured on the photograph are warm
or grey, those of the model's answer blue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

BLUE: Final = "#3A7EBF"
SKY: Final = "#6BAED6"
ORANGE: Final = "#E08E0B"
BROWN: Final = "#A6611A"
GREY: Final = "#8C8C8C"
RED: Final = "#D0432B"

COLOURS: Final = {
    "predict": BLUE,
    "explain": ORANGE,
    "ok": BLUE,
    "refused": GREY,
    "failed": RED,
    "2xx": BLUE,
    "4xx": GREY,
    "5xx": RED,
    "p50": SKY,
    "p95": BLUE,
    "p99": ORANGE,
    "none": SKY,
    "grad_cam": BLUE,
    "integrated_gradients": ORANGE,
    "several": BROWN,
    "unknown": GREY,
    "decode": GREY,
    "forward": BLUE,
    "render": SKY,
    "mean": BLUE,
    "last": GREY,
    "brightness": ORANGE,
    "contrast": BROWN,
    "sharpness": GREY,
    "probability": BLUE,
    "distance": SKY,
    "limit": RED,
    "observed": BLUE,
    "training": GREY,
    "near_threshold": BLUE,
    "unlike_training_data": ORANGE,
    "low_quality": GREY,
    "1 h": SKY,
    "1 d": BLUE,
}
"""Colour of a series by a word of its name."""

DASHED: Final = {"limit"}
"""Words whose series are limits, not measurements."""

Override = tuple[str, list[DynamicConfigValue]]
"""A pattern of series names and what holds for them."""


CANARY: Final[Override] = (
    "/-canary$/",
    [DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [2, 6]})],
)
"""A canary's series are dotted, in the colours of the service's."""


def overrides(words: Sequence[str]) -> list[Override]:
    """Colours, and dashes where due, of the series whose names have one of the words."""
    return [(_pattern(word), _look(word)) for word in words]


def _look(word: str) -> list[DynamicConfigValue]:
    look = [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS[word]})]
    if word in DASHED:
        look.append(DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
        look.append(DynamicConfigValue("custom.fillOpacity", 0))
    return look


def _pattern(word: str) -> str:
    # Names begin with what is coloured; a model version after it may hold any word.
    return f"/^{re.escape(word)}( |$)/"

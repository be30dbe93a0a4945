"""Meaning of colours and dashes in all panels.

Blue, orange and grey can be told apart with every kind of colour vision and on white as on
Grafana's dark grey; red is reserved for problems. Features measured on the photograph are warm or
grey, those of the prediction blue.
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

_WORDS: Final = {
    BLUE: (
        *("predict", "ok", "2xx", "p95", "grad_cam", "forward", "mean", "probability"),
        *("observed", "near_threshold", "1 d", "measured", "benign"),
    ),
    ORANGE: (
        *("explain", "p99", "integrated_gradients", "brightness", "unlike_training_data"),
        *("estimated", "cancer"),
    ),
    GREY: ("refused", "4xx", "unknown", "decode", "last", "sharpness", "training", "low_quality"),
    RED: ("failed", "5xx", "limit"),
    SKY: ("p50", "none", "render", "distance", "1 h", "unstable", "lower", "upper"),
    BROWN: ("several", "contrast", "7 d", "corrected"),
}
COLOURS: Final = {word: colour for colour, words in _WORDS.items() for word in words}
"""Colour of a series by a word in its name."""

DASHED: Final = {"limit", "lower", "upper"}
"""Words whose series are limits, or bounds of an interval, not measurements."""

Override = tuple[str, list[DynamicConfigValue]]
"""A pattern of series names and the properties that it sets."""


CANARY: Final[Override] = (
    "/-canary$/",
    [DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [2, 6]})],
)
"""Series of a canary are dotted, in the colours of the service's."""


def overrides(words: Sequence[str]) -> list[Override]:
    """Return colours, and dashes if due, of the series whose names have one of the words."""
    return [(_pattern(word), _look(word)) for word in words]


def _look(word: str) -> list[DynamicConfigValue]:
    look = [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS[word]})]
    if word in DASHED:
        look.append(DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
        look.append(DynamicConfigValue("custom.fillOpacity", 0))
    return look


def _pattern(word: str) -> str:
    # Names begin with the coloured word; the model version after it may contain any word.
    return f"/^{re.escape(word)}( |$)/"

"""Labels of an answer, and reasons for its review: names that are used without PyTorch too."""

from __future__ import annotations

from typing import Final

LABELS: Final = ("no cancer", "cancer")
CANCER: Final = 1
"""Index of the label ``cancer``."""
REASONS: Final = ("near_threshold", "unlike_training_data", "low_quality", "unstable")
"""Reasons for review: why a person must check the photograph."""

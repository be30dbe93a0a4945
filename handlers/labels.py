"""Labels and reasons for review, the words of an answer; importing them needs no PyTorch."""

from typing import Final

LABELS: Final = ("no cancer", "cancer")
CANCER: Final = 1
REASONS: Final = ("near_threshold", "unlike_training_data", "low_quality", "unstable")
"""Reasons for review: why a person must check the photograph."""

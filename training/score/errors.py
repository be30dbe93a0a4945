"""Errors of scoring that a user can fix."""

from training.errors import TrainingError


class ScoreError(TrainingError):
    """Nothing can be scored; the message says what is wrong and how to fix it."""


class UnreadableError(ValueError):
    """One photograph cannot be read; the message goes to its row."""

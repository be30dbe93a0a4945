"""Base class of the errors that a user of the training can fix."""


class TrainingError(RuntimeError):
    """A step of the training cannot be done; the message says what to fix."""

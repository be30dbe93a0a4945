"""Base class of the errors that a user of the training can mend."""


class TrainingError(RuntimeError):
    """A step of the training cannot be done; the message says what to mend."""

"""Errors of the drift report that a user can fix."""


class ReportError(RuntimeError):
    """The report cannot be made; the message says what is wrong and how to fix it."""

"""What a person can mend."""


class ReportError(RuntimeError):
    """The report cannot be made; the message says what is wrong and how to mend it."""

"""Errors of a rollout."""


class RolloutError(RuntimeError):
    """Nothing was rolled out, or only a part; the message says why and what to do."""


class ForbiddenError(RolloutError):
    """The user's rights on the cluster do not include the requested action."""

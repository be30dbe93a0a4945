"""What can go wrong with a rollout."""


class RolloutError(RuntimeError):
    """Nothing was rolled out, or not all of it; the message says why and what to do."""


class ForbiddenError(RolloutError):
    """The user's rights on the cluster do not include what was asked for."""

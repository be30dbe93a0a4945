"""What can go wrong with a rollout."""


class RolloutError(RuntimeError):
    """Nothing was rolled out, or not all of it; the message says why and what to do."""

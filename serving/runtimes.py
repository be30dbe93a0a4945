"""Either runtime of a server, by the name in its settings."""

from __future__ import annotations

from typing import Final

from serving.front.hosting import Server, ServerPlan

NAMES: Final = {"torchserve": "TorchServe", "kserve": "KServe's model server"}


def create_server(plan: ServerPlan) -> Server:
    """Create the server of the plan's runtime.

    Args:
        plan: what is served and how.

    Raises:
        ValueError: a file that the plan's ``access`` names cannot be used.
        StartError: the archive cannot be unpacked.
    """
    # Imported late: an image has one of the two, and KServe's takes seconds.
    if plan.settings.runtime == "kserve":
        from serving.kserve.server import Server as KServe

        return KServe(plan)
    from serving.torchserve.server import Server as TorchServe

    return TorchServe(plan)

"""What stands behind the front: something that answers checked requests."""

from __future__ import annotations

from typing import Protocol

from serving.front.messages import FrontRequest, FrontResponse


class Backend(Protocol):
    """Answers requests. One instance a process; called from one event loop."""

    async def answer(self, request: FrontRequest) -> FrontResponse:
        """Answer a request; never raises for what a client sent, and survives being cancelled."""
        ...

    @property
    def ready(self) -> bool:
        """Whether predictions are answered at this moment."""
        ...

    @property
    def why_not_ready(self) -> str:
        """The reason where it is not; empty where it is."""
        ...

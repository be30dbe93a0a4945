"""Interface of the server behind the front."""

from __future__ import annotations

from typing import Protocol

from serving.front.messages import FrontRequest, FrontResponse


class Backend(Protocol):
    """Answers checked requests. One instance per process; called from one event loop."""

    async def answer(self, request: FrontRequest) -> FrontResponse:
        """Answer a request; never raises for client input, and may be cancelled."""
        ...

    @property
    def ready(self) -> bool:
        """Whether predictions are answered at this moment."""
        ...

    @property
    def why_not_ready(self) -> str:
        """Return why the backend is not ready; empty if it is."""
        ...

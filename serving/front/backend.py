"""Interface of the server behind the front, and the photograph of its health probes."""

from __future__ import annotations

import base64
from typing import Final, Protocol

from serving.front.messages import FrontRequest, FrontResponse

PROBE_PHOTOGRAPH: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAWUlEQVR42u3PBw0AIAwAMNjxr3gJOkZaB70RcTarzNwd"
    "6O7dgaoSEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEPg9cGdmdeABqJkG4FoszEUAAAAASUVO"
    "RK5CYII="
)
"""A grey PNG of 64 x 64 pixels, sent to check that predictions are answered."""


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

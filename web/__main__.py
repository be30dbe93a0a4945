"""``python -m web``: serve the upload page until SIGTERM or Ctrl-C."""

from __future__ import annotations

import sys
import warnings
from typing import Final

import uvicorn
from pydantic import ValidationError

from web.app import create_app
from web.settings import PageSettings

END_SECONDS: Final = 25
"""For requests under way when a signal comes; Kubernetes kills after 30."""


def main() -> int:
    """Serve; 2 for a setting that is wrong."""
    try:
        settings = PageSettings()
    except ValidationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # Pillow warns of damage in a photograph's metadata, and nothing of a photograph is logged.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    print(f"page  http://{settings.page_host}:{settings.page_port}", flush=True)
    uvicorn.run(
        create_app(settings),
        host=settings.page_host,
        port=settings.page_port,
        # The same everywhere: others are used where they happen to be installed.
        http="h11",
        loop="asyncio",
        ws="none",
        # Who asked when is nobody's business; failures are logged by name.
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=END_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

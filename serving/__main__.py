"""``python -m serving``: the local server in the foreground, until SIGINT or SIGTERM."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from serving.settings import ServingSettings
from serving.torchserve import MODEL, ServerError, TorchServe


class Ended(BaseException):
    """A signal asked the server to end."""


def main() -> int:
    """Serve; 0 when a signal ended it, 1 when it ended by itself, 2 when it did not start."""

    def end(number: int, frame: FrameType | None) -> None:
        # Once is enough: a second Ctrl-C must not break off the stopping.
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        raise Ended

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    server = TorchServe(ServingSettings())
    try:
        print("starting TorchServe ...", flush=True)
        with server:
            print(
                f"ready\n"
                f"  predict  POST {server.inference}/v1/models/{MODEL}:predict\n"
                f"  explain  POST {server.inference}/v1/models/{MODEL}:explain\n"
                f"  metrics  GET  {server.metrics}/metrics\n"
                f"  logs     {server.settings.logs}\n"
                f"Ctrl-C ends it.",
                flush=True,
            )
            status = server.wait()
            print(f"TorchServe ended by itself (status {status}); log: {server.log}", flush=True)
            return 1
    except Ended:
        print("stopped", flush=True)
        return 0
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())

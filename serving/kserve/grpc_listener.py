"""gRPC server: limits, address and certificate; its methods are in :mod:`serving.kserve.calls`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio

from serving.front.access.settings import AccessSettings
from serving.front.settings import FrontSettings
from serving.front.sockets import host_port
from serving.kserve.calls import Calls

METADATA_BYTES: Final = 16_384
"""Maximum bytes of one call's metadata, the same as of an HTTP request's headers."""
IDLE_MS: Final = 300_000
"""Milliseconds after which a connection without a call is closed."""


def max_calls(settings: FrontSettings) -> int:
    """Return the maximum number of calls at once, whose messages gRPC holds in memory.

    Args:
        settings: of the front; they limit the bytes of all bodies at once, and of one.
    """
    most = settings.buffer_bytes // settings.max_body_bytes
    return max(1, min(settings.max_in_flight, most))


class GrpcListener:
    """Listener for gRPC.

    Args:
        calls: methods of the service.
        settings: of the front.
        access: names the certificate; without one the connection is not encrypted.
        host: to listen on, ``::`` for every address.
        port: to listen on.
    """

    def __init__(
        self, calls: Calls, settings: FrontSettings, access: AccessSettings, host: str, port: int
    ) -> None:
        self._calls, self._settings, self._access = calls, settings, access
        self._address = host_port(host, port)
        self._server: Any = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be bound.
        """
        settings = self._settings
        # Here and not before: it belongs to the event loop in which it is made.
        self._server = aio.server(
            options=[
                ("grpc.max_receive_message_length", settings.max_body_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", METADATA_BYTES),
                ("grpc.max_connection_idle_ms", IDLE_MS),
                ("grpc.so_reuseport", 0),  # a taken port must be an error
            ],
            maximum_concurrent_rpcs=max_calls(settings),
        )
        self._server.add_generic_rpc_handlers((self._calls.handler(),))
        certificate, key = self._access.tls_certificate, self._access.tls_key
        try:
            if certificate:
                pair = _Pair(Path(certificate), Path(key))
                credentials = grpc.dynamic_ssl_server_credentials(pair.read(), pair.changed)
                self._server.add_secure_port(self._address, credentials)
            else:
                self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._address} for gRPC") from error
        await self._server.start()

    async def stop(self, seconds: float) -> None:
        """Reject new calls; calls in flight have so many seconds."""
        await self._server.stop(seconds)


@dataclass
class _Pair:
    """Certificate and key, reloaded when they change."""

    certificate: Path
    key: Path
    state: tuple[int, int] = (0, 0)

    def read(self) -> Any:
        self.state = self._states()
        pair = [(self.key.read_bytes(), self.certificate.read_bytes())]
        return grpc.ssl_server_certificate_configuration(pair)

    def changed(self) -> Any:
        """Return the new pair if it has changed, else None; called at each handshake."""
        try:
            return None if self._states() == self.state else self.read()
        except OSError:
            return None

    def _states(self) -> tuple[int, int]:
        return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns

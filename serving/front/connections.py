"""stub"""

from dataclasses import dataclass
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True)
class ConnectionLimits:
    max_connections: int = 1000
    header_seconds: float = 10


def guarded_protocol(limits):
    return H11Protocol

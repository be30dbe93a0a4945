"""Warn if a server without protection can be reached from other machines."""

from __future__ import annotations

import ipaddress


def exposed(host: str, tls: bool, locked: bool, lock: str) -> str:
    """Describe the missing protection in one line; empty if there is none.

    Args:
        host: that a server listens on.
        tls: whether it speaks TLS.
        locked: whether it asks who is there.
        lock: name of the setting that makes it ask.
    """
    if is_loopback(host) or (tls and locked):
        return ""
    missing = [
        *([] if tls else ["photographs travel in clear text (set LESIONLENS_TLS_CERTIFICATE)"]),
        *([] if locked else [f"anyone who reaches it may use it (set {lock})"]),
    ]
    return (
        f"WARNING: others can reach {host}, and {' and '.join(missing)}: see docs/how-to/access.md"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

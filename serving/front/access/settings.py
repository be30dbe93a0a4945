"""Settings of access control, from ``LESIONLENS_*`` variables; off by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serving.front.environment import read
from serving.front.tls import TlsSettings

ASYMMETRIC: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures that a server can check and cannot make."""
_MAY_BE_ZERO: Final = ("rate_requests", "rate_photographs", "redirect_port", "token_leeway_seconds")


@dataclass(frozen=True)
class AccessSettings(TlsSettings):
    """Settings of access control. Each field is ``LESIONLENS_<FIELD>``.

    Files are read again when they change.
    """

    api_keys: str = ""
    """File of API keys, written by ``make key``: names and SHA-256, never a key. If set,
    predictions and explanations require a key or token."""

    token_jwks: str = ""
    """Public keys of a token issuer (JWKS): a file, or an address with https. If set, predictions
    and explanations require a token (JWT) or key."""

    token_issuer: str = ""
    """Issuer (``iss``) that a token must name."""

    token_audience: str = ""
    """Audience (``aud``) that a token must name."""

    token_algorithms: tuple[str, ...] = ("RS256", "ES256")
    """Accepted signature algorithms, separated by commas: of RSA, elliptic curves and EdDSA
    only."""

    token_name_claim: str = "sub"  # noqa: S105  a claim's name
    """Claim that names the caller in logs, metrics and rates."""

    token_leeway_seconds: float = 30.0
    """Seconds that the clocks of issuer and server may differ."""

    token_refresh_seconds: float = 300.0
    """Seconds after which the keys at the issuer's address are fetched again; for an unknown key at
    once."""

    token_stale_seconds: float = 3_600.0
    """Seconds that known keys stay valid while the issuer cannot be reached; then tokens are
    answered with 503."""

    rates: str = ""
    """File of rates (TOML), by name; see ``docs/how-to/access.md``."""

    rate_requests: float = 0.0
    """Requests a minute of each name without an entry in the file; 0 for no limit."""

    rate_photographs: float = 0.0
    """Photographs a minute of each name without an entry in the file; 0 for no limit."""

    rate_burst_seconds: float = 60.0
    """Seconds of the rate that may be used in one burst, after an equal pause."""

    failed_attempts: float = 60.0
    """Requests a minute from one address that are answered with 401; more get 429, without a log
    line."""

    redirect_port: int = 0
    """Port whose plain HTTP requests are redirected to TLS; 0 for none. Requests to it are in clear
    text."""

    @property
    def locked(self) -> bool:
        """Whether a request needs a key or token."""
        return bool(self.api_keys or self.token_jwks)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> AccessSettings:
        """Read the settings.

        Args:
            environment: variables of the process.

        Raises:
            ValueError: one that will not do, by name, with what it expects.
        """
        settings = read(cls, environment, _MAY_BE_ZERO)
        settings._check()
        return settings

    def _check(self) -> None:
        if wrong := set(self.token_algorithms) - set(ASYMMETRIC):
            raise ValueError(
                f"LESIONLENS_TOKEN_ALGORITHMS has {', '.join(sorted(wrong))}; there are: "
                f"{', '.join(ASYMMETRIC)}"
            )
        of_tokens = (self.token_jwks, self.token_issuer, self.token_audience)
        if any(of_tokens) and not all(of_tokens):
            raise ValueError(
                "LESIONLENS_TOKEN_JWKS, LESIONLENS_TOKEN_ISSUER and LESIONLENS_TOKEN_AUDIENCE are "
                "set together or not at all: otherwise a token for another service would be "
                "accepted"
            )
        self.check_together()
        if self.redirect_port and not self.tls_certificate:
            raise ValueError("LESIONLENS_REDIRECT_PORT needs LESIONLENS_TLS_CERTIFICATE")

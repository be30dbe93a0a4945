"""Where the page listens and whom it asks, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.front.service_links import is_service_link
from serving.front.tls import check_together

ADDRESS: Final = r"^https?://[^\s/]+"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[^\s/:,\[\]]+)"


class PageSettings(BaseSettings):
    """Of one upload page."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    predictor_url: Annotated[str, Field(pattern=ADDRESS)] = "http://127.0.0.1:8080"
    """Answers ``:predict``; the part before ``/v1``."""

    explainer_url: Annotated[str, Field(pattern=rf"{ADDRESS}|^$")] = ""
    """Answers ``:explain``; empty, the predictor does."""

    page_key_file: Path | None = None
    """File of the key that the page sends to both; ``make key`` makes it."""

    page_ca: Path | None = None
    """Certificate, or its CA's (PEM), that their TLS is checked by; unset, the system's CAs."""

    page_user_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Header in which a proxy says who is there; set, nobody comes in without it."""

    page_proxies: str = ""
    """Addresses and networks of that proxy, separated by commas; from others nobody comes in."""

    tls_certificate: str = ""
    """The page's own certificate with its chain (PEM); unset, it speaks plain HTTP."""

    tls_key: str = ""
    """The certificate's private key (PEM, without a passphrase)."""

    page_host: str = "127.0.0.1"
    """Address of the page itself; ``::`` is every address, of IPv4 and IPv6."""

    page_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Port of the page itself."""

    page_hosts: Annotated[str, Field(pattern=rf"^{HOST}(,{HOST})*$")] = "*"
    """Names under which the page is visited, separated by commas, without ports; ``*`` is any and
    ``*.example.org`` any below that. Set it where the page can be reached from outside."""

    page_connections: Annotated[int, Field(ge=1)] = 512
    """Open at a time; beyond them, those that wait longest for a request are closed."""

    page_upload_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Until an upload must have arrived whole, in seconds."""

    page_min_bytes_per_second: Annotated[int, Field(ge=1)] = 8_000
    """That an upload must have on average, after 5 seconds, with pauses of 10 seconds at most."""

    page_buffer_bytes: Annotated[int, Field(gt=0)] = 900_000_000
    """Of all uploads that arrive or are answered at a time, in the temporary folder; others are
    rejected with 503."""

    page_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Until the service must have answered, in seconds."""

    page_patience: Annotated[float, Field(ge=0)] = 8.0
    """Of these seconds, how many a busy service is waited for before the person is asked to come
    again."""

    page_max_bytes: Annotated[int, Field(gt=0)] = 15_000_000
    """Of a file."""

    page_max_pixels: Annotated[int, Field(gt=0)] = 25_000_000
    """Width times height of a photograph; the service's own limit."""

    page_uploads: Annotated[int, Field(ge=1)] = 64
    """Photographs at a time that have arrived and are answered; others are rejected with 503. With
    15 MB each they fit the page's ``/tmp`` on Kubernetes."""

    page_decode_seconds: Annotated[float, Field(gt=0)] = 20.0
    """For a photograph to be decoded, waiting for others included."""

    page_decodes_waiting: Annotated[int, Field(ge=1)] = 16
    """Photographs that wait to be decoded, one at a time; others are rejected with 503."""

    page_at_once: Annotated[int, Field(ge=1)] = 4
    """Photographs at a time that the service is asked about, and as many explanations; others
    wait."""

    @property
    def proxies(self) -> tuple[Network, ...]:
        """Networks that visitors come from where a proxy says who they are."""
        parts = (part.strip() for part in self.page_proxies.split(","))
        return tuple(ipaddress.ip_network(part) for part in parts if part)

    @field_validator("page_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            try:
                ipaddress.ip_network(part)
            except ValueError as error:
                raise ValueError(f"not an address or network: {error}") from None
        return value

    @model_validator(mode="after")
    def _go_together(self) -> PageSettings:
        if bool(self.page_user_header) != bool(self.page_proxies):
            raise ValueError(
                "LESIONLENS_PAGE_USER_HEADER and LESIONLENS_PAGE_PROXIES are set together or not "
                "at all: from other addresses, anybody could write the header"
            )
        check_together(self.tls_certificate, self.tls_key)
        return self

    @field_validator("page_port", mode="before")
    @classmethod
    def _without_service_link(cls, value: object) -> object:
        """Kubernetes sets this variable for the page's own Service, unless it is told not to."""
        if isinstance(value, str) and is_service_link(value):
            return cls.model_fields["page_port"].default
        return value

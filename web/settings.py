"""Settings of the upload page, from ``LESIONLENS_*`` variables."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.front.environment import is_service_link
from serving.front.tls import TlsSettings

ADDRESS: Final = r"^https?://[^\s/]+"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[^\s/:,\[\]]+)"


class PageSettings(BaseSettings, TlsSettings):  # type: ignore[misc]  # both are frozen
    """Settings of one upload page."""

    model_config = SettingsConfigDict(env_prefix="LESIONLENS_", extra="ignore", frozen=True)

    predictor_url: Annotated[str, Field(pattern=ADDRESS)] = "http://127.0.0.1:8080"
    """Address of the service that answers ``:predict``; the part before ``/v1``."""

    explainer_url: Annotated[str, Field(pattern=rf"{ADDRESS}|^$")] = ""
    """Address of the service that answers ``:explain``; empty, the predictor does."""

    page_key_file: Path | None = None
    """File of the API key that the page sends to both; ``make key`` makes it."""

    page_ca: Path | None = None
    """Certificate, or CA certificate (PEM), to verify both with; unset, the system's CAs."""

    page_user_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Header in which a proxy names the signed-in user; if set, requests without it are refused."""

    page_proxies: str = ""
    """Addresses and networks of that proxy, separated by commas; requests from others are
    refused."""

    page_host: str = "127.0.0.1"
    """Address on which the page listens; ``::`` is every address, IPv4 and IPv6."""

    page_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Port on which the page listens."""

    page_hosts: Annotated[str, Field(pattern=rf"^{HOST}(,{HOST})*$")] = "*"
    """Host names of the page, separated by commas, without ports; ``*`` is any and
    ``*.example.org`` any subdomain. Set it if the page can be reached from outside."""

    page_connections: Annotated[int, Field(ge=1)] = 512
    """Maximum open connections; beyond them, those that wait longest for a request are closed."""

    page_upload_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Until an upload must have arrived whole, in seconds."""

    page_min_bytes_per_second: Annotated[int, Field(ge=1)] = 8_000
    """Minimum average rate of an upload, in bytes a second, after 5 seconds, with pauses of 10
    seconds at most."""

    page_buffer_bytes: Annotated[int, Field(gt=0)] = 900_000_000
    """Bytes of all uploads that arrive or are answered at a time, in the temporary folder; more are
    rejected with 503."""

    page_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds until the service must have answered, retries included."""

    page_retry_budget_seconds: Annotated[float, Field(ge=0)] = 8.0
    """Of these seconds, how many are spent on retries while the service is busy; then the visitor
    is asked to try again."""

    page_max_bytes: Annotated[int, Field(gt=0)] = 15_000_000
    """Maximum bytes of a file."""

    page_max_pixels: Annotated[int, Field(gt=0)] = 25_000_000
    """Maximum width times height of a photograph; the service has the same limit."""

    page_uploads: Annotated[int, Field(ge=1)] = 64
    """Maximum photographs that are processed at a time; more are rejected with 503. With 15 MB each
    they fit the page's ``/tmp`` on Kubernetes."""

    page_decode_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Seconds for decoding a photograph, waiting time included."""

    page_decodes_waiting: Annotated[int, Field(ge=1)] = 16
    """Maximum photographs in the queue for decoding; more are rejected with 503."""

    page_clinicians: bool = False
    """Whether "look first" is switched on at first: clinicians note their own impression before
    they see an answer."""

    page_max_concurrency: Annotated[int, Field(ge=1)] = 4
    """Maximum concurrent predictions requested from the service, and as many explanations; more
    wait."""

    @property
    def proxies(self) -> tuple[Network, ...]:
        """Networks of the proxy that names the signed-in user."""
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
                "at all: otherwise any client could set the header"
            )
        self.check_together()
        return self

    @field_validator("page_port", mode="before")
    @classmethod
    def _without_service_link(cls, value: object) -> object:
        """Ignore the variable of this name that Kubernetes sets for the page's own Service."""
        if isinstance(value, str) and is_service_link(value):
            return cls.model_fields["page_port"].default
        return value

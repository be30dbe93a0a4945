"""Query a Prometheus over HTTP."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx

from serving.front.sockets import is_loopback


class QueryError(RuntimeError):
    """Prometheus rejects a query; the message is its own."""


class Series(NamedTuple):
    """A series, with its value at the time of the query."""

    labels: dict[str, str]
    value: float


def ask(prometheus: str, what: str, **parameters: object) -> Any:
    """Return the data of ``/api/v1/{what}``.

    Args:
        prometheus: base URL.
        what: resource of the API.
        **parameters: of the request.

    Raises:
        QueryError: Prometheus rejects the request.
        httpx.HTTPError: it does not answer.
        ValueError: the answer is not JSON.
    """
    answer = httpx.request(
        # POST: an expression may be longer than a URL may be.
        "POST" if parameters else "GET",
        f"{prometheus}/api/v1/{what}",
        data=parameters or None,
        timeout=60,
        # A remote one may be behind a proxy; one of this machine never is.
        trust_env=not is_loopback(httpx.URL(prometheus).host),
    ).json()
    if answer["status"] != "success":
        raise QueryError(f"Prometheus rejects {parameters}: {answer['error']}")
    return answer["data"]


def query(prometheus: str, expression: str, **parameters: object) -> list[Series]:
    """Evaluate PromQL, by default now; errors are those of :func:`ask`."""
    found = ask(prometheus, "query", query=expression, **parameters)["result"]
    return [Series(series["metric"], float(series["value"][1])) for series in found]

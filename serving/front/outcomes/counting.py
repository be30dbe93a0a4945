"""Answer ``:outcome``: verify a receipt, and count its diagnosis once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

from serving.front.messages import FrontRequest, FrontResponse, RejectedError
from serving.front.outcomes.receipts import (
    BINS,
    LABELS,
    Receipt,
    ReceiptVerifier,
    parse_keys,
)
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.outcomes.store import FullError, OutcomeStore, RepeatedError, Series
from serving.front.telemetry import FrontMetrics
from serving.front.watched_file import WatchedFile

MAX_BYTES: Final = 16_000
"""Maximum bytes of a body; a receipt has some 500."""
RETRY_SECONDS: Final = 60
"""Seconds after which a store that could not be written may have been repaired."""
EXPECTED: Final = '{"receipt": "<of the answer>", "diagnosis": "cancer"}'
SWITCHED_OFF: Final = (
    "outcomes are not counted here: the operator switches them on with LESIONLENS_RECEIPT_KEY and "
    "LESIONLENS_OUTCOME_STORE"
)


class Outcomes:
    """Counts outcomes of one server; close it after use.

    Args:
        settings: with a store and a file of keys.
        version: of the model that is served; its counts exist from the start.
        metrics: that outcomes are counted in.
        report: called with a line for an operator.

    Raises:
        ValueError: the store or the file of keys cannot be used.
    """

    def __init__(
        self,
        settings: OutcomeSettings,
        version: str,
        metrics: FrontMetrics,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        keys = WatchedFile(Path(settings.receipt_key), parse_keys, "LESIONLENS_RECEIPT_KEY", report)
        self._verifier = ReceiptVerifier(keys.content)
        self._groups = settings.every_group
        self._families = {
            "outcomes": metrics.outcomes,
            "group_outcomes": metrics.group_outcomes,
            "outcome_probabilities": metrics.outcome_probabilities,
        }
        self._store = OutcomeStore(Path(settings.outcome_store), settings.outcome_ids)
        self._store.forget_versions(version)
        if version:
            self._store.begin(self._series_of_version(version))
        self._versions: set[str] = set()
        for series, count in self._store.counts():
            self._add(series, count)
            self._versions.add(series[1][-1])

    async def answer(self, request: FrontRequest) -> FrontResponse:
        """Count the outcome that a request is about.

        Args:
            request: whose body is JSON.

        Raises:
            RejectedError: 400, 403, 409, 410, or 503 where the store cannot be written.
        """
        text, diagnosis = _parse(request.body)
        receipt = self._verifier.verify(text)
        # In a thread: it waits for the disk. Once begun it ends, even if the client has gone.
        await asyncio.to_thread(self._count, receipt, diagnosis)
        document = {
            "label": receipt.label,
            "diagnosis": diagnosis,
            "model_version": receipt.version,
        }
        return FrontResponse(200, json.dumps(document).encode())

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _count(self, receipt: Receipt, diagnosis: str) -> None:
        series = _series_of(receipt, diagnosis)
        try:
            if receipt.version not in self._versions:
                self._begin(receipt.version)
            self._store.count(receipt.id, receipt.expires, series)
        except RepeatedError as error:
            raise RejectedError(409, str(error)) from None
        except (FullError, sqlite3.Error) as error:
            why = str(error) if isinstance(error, FullError) else "the store cannot be written"
            raise RejectedError(
                503,
                f"the outcome was not counted, {why}: send it again in {RETRY_SECONDS} s",
                RETRY_SECONDS,
            ) from None
        for one in series:
            self._add(one, 1)

    def _begin(self, version: str) -> None:
        """Show the series of another version, such as the one served before, from now on."""
        series = list(self._series_of_version(version))
        self._store.begin(series)
        for one in series:
            self._add(one, 0)
        self._versions.add(version)

    def _add(self, series: Series, count: int) -> None:
        family, labels = series
        self._families[family].labels(*labels).inc(count)

    def _series_of_version(self, version: str) -> Iterator[Series]:
        """Yield every series of a version: PromQL sees no increase of one that begins at one."""
        for pair in product(LABELS, LABELS):
            yield "outcomes", (*pair, version)
            for group in self._groups:
                yield "group_outcomes", (*group, *pair, version)
        for place, diagnosis in product(range(BINS), LABELS):
            yield "outcome_probabilities", (str(place), diagnosis, version)


def open_outcomes(
    settings: OutcomeSettings,
    verbs: Sequence[str],
    version: str,
    metrics: FrontMetrics,
    report: Callable[[str], None],
) -> Outcomes | None:
    """Return what counts outcomes; None if the settings switch it off.

    Args:
        settings: of outcomes.
        verbs: that the server answers.
        version: of the model that is served.
        metrics: that outcomes are counted in.
        report: called with a line for an operator.

    Raises:
        ValueError: the store or the file of keys cannot be used.
    """
    if not settings.outcome_store or "outcome" not in verbs:
        return None
    return Outcomes(settings, version, metrics, report)


def _series_of(receipt: Receipt, diagnosis: str) -> list[Series]:
    label, version = receipt.label, receipt.version
    return [
        ("outcomes", (label, diagnosis, version)),
        ("outcome_probabilities", (str(receipt.bin), diagnosis, version)),
        *(("group_outcomes", (*group, label, diagnosis, version)) for group in receipt.groups),
    ]


def _parse(body: bytes) -> tuple[str, str]:
    """Return receipt and diagnosis; raises RejectedError with 400."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise RejectedError(400, f"the body is not valid JSON: expected {EXPECTED}") from None
    if not isinstance(document, dict) or document.keys() != {"receipt", "diagnosis"}:
        raise RejectedError(
            400, f"the body is not an object of receipt and diagnosis: expected {EXPECTED}"
        )
    receipt, diagnosis = document["receipt"], document["diagnosis"]
    if not isinstance(receipt, str) or not receipt:
        raise RejectedError(400, f'"receipt" is not a text: expected {EXPECTED}')
    if diagnosis not in LABELS:
        raise RejectedError(400, f'"diagnosis" is not one of: {", ".join(LABELS)}')
    return receipt, diagnosis

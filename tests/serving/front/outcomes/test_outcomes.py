"""Test that each receipt is counted once, and that nothing else is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from handlers.receipt import DAY
from serving.front.access.control import AccessControl
from serving.front.access.keys import KeyEntry, digest, new_key, written
from serving.front.access.settings import AccessSettings
from serving.front.messages import FrontRequest, RejectedError
from serving.front.outcomes.counting import Outcomes
from serving.front.outcomes.settings import OutcomeSettings
from serving.front.telemetry import FrontMetrics
from tests.serving.front import fronts
from tests.serving.front.outcomes.conftest import (
    OLD_KEY,
    OUTCOME,
    VERSION,
    body,
    counts,
    receipt,
    serving,
)


def test_outcome_is_counted_once_and_a_restart_changes_nothing(settings: OutcomeSettings) -> None:
    first, second = receipt(), receipt(OLD_KEY, label="no cancer", probability=1.0)
    pair = {"label": "cancer", "diagnosis": "no cancer", "model_version": VERSION}
    with serving(settings) as (client, registry):
        before = counts(registry)
        assert len(before) == 4 + 20 + 2 * 4
        assert set(before.values()) == {0}
        reply = client.post(OUTCOME, json=body(first, "no cancer"))
        assert (reply.status_code, reply.json()) == (200, pair)
        assert client.post(OUTCOME, json=body(first, "no cancer")).status_code == 409
        seen = counts(registry)
        assert {series for series, count in seen.items() if count} == {
            ("lesionlens_outcomes_total", "cancer", "no cancer", VERSION),
            (
                *("lesionlens_group_outcomes_total", "site", "north"),
                *("cancer", "no cancer", VERSION),
            ),
            ("lesionlens_outcome_probabilities_total", "8", "no cancer", VERSION),
        }
    with serving(settings) as (client, registry):
        assert counts(registry) == seen
        reply = client.post(OUTCOME, json=body(first))
        assert reply.status_code == 409
        assert "counted before" in reply.json()["error"]
        assert client.post(OUTCOME, json=body(second)).status_code == 200
        top = "lesionlens_outcome_probabilities_total", "9", "cancer", VERSION
        assert counts(registry)[top] == 1


def test_full_or_unwritable_store_is_503_and_counts_nothing(settings: OutcomeSettings) -> None:
    registry = CollectorRegistry()
    bounded = OutcomeSettings(settings.outcome_store, 1, settings.receipt_key)
    outcomes = Outcomes(bounded, VERSION, FrontMetrics(registry))

    def send(text: str) -> Any:
        content = json.dumps(body(text)).encode()
        return asyncio.run(outcomes.answer(FrontRequest("outcome", OUTCOME, content, True)))

    try:
        outcomes._store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(RejectedError, match="the store cannot be written") as unwritable:
            send(receipt())
        assert set(counts(registry).values()) == {0}
        outcomes._store._connection.execute("PRAGMA query_only = OFF")
        assert send(receipt()).status == 200
        with pytest.raises(RejectedError, match="no further outcome can be kept") as full:
            send(receipt())
    finally:
        outcomes.close()
    for error in (unwritable.value, full.value):
        assert (error.status, error.retry_after) == (503, 60)
    assert sum(counts(registry).values()) == 1 + 1 + 1


def test_receipt_of_another_version_shows_all_its_series(settings: OutcomeSettings) -> None:
    with serving(settings) as (client, registry):
        text = receipt(model_version="folder-weights-00000000")
        assert client.post(OUTCOME, json=body(text)).json()["model_version"].endswith("-00000000")
        other = {series: n for series, n in counts(registry).items() if series[-1] != VERSION}
        assert len(other) == 4 + 20 + 2 * 4
        assert sum(other.values()) == 3


def test_two_servers_cannot_share_a_store(settings: OutcomeSettings) -> None:
    with serving(settings):
        with pytest.raises(ValueError, match="another server uses it: each needs its own"):
            Outcomes(settings, VERSION, FrontMetrics(CollectorRegistry()))


def test_without_a_store_the_answer_says_how_to_switch_it_on() -> None:
    with serving(None) as (client, _):
        reply = client.post(OUTCOME, json=body("x"))
        assert reply.status_code == 404
        assert "LESIONLENS_OUTCOME_STORE" in reply.json()["error"]
        reply = client.get(OUTCOME)
        assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


def test_an_outcome_is_json(settings: OutcomeSettings) -> None:
    with serving(settings) as (client, _):
        for content_type in ("image/jpeg", "multipart/form-data; boundary=x"):
            reply = client.post(OUTCOME, content=b"x", headers={"Content-Type": content_type})
            assert (reply.status_code, "application/json" in reply.text) == (415, True)


def test_key_needs_the_verb_and_an_outcome_is_no_photograph(
    settings: OutcomeSettings, tmp_path: Path
) -> None:
    clerk, reader = new_key(), new_key()
    entries = (
        KeyEntry("clerk", digest(clerk), ("outcome",)),
        KeyEntry("reader", digest(reader), ("predict", "explain")),
    )
    (tmp_path / "keys.json").write_text(written(entries))
    keys = AccessSettings(api_keys=str(tmp_path / "keys.json"), rate_photographs=1)
    with serving(settings, AccessControl(keys)) as (client, _):

        def status(key: str, path: str = OUTCOME) -> int:
            sent = client.post(path, json=body(receipt()), headers={"X-API-Key": key})
            return sent.status_code

        assert [status(clerk), status(clerk), status(reader)] == [200, 200, 403]
        assert status(clerk, fronts.PREDICT) == 403
        assert [status(reader, fronts.PREDICT) for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OUTCOME_STORE": "/a"}, "LESIONLENS_OUTCOME_STORE needs LESIONLENS_RECEIPT_KEY"),
        ({"OUTCOME_STORE": "a", "RECEIPT_KEY": "/b"}, "OUTCOME_STORE='a' is not an absolute path"),
        ({"RECEIPT_KEY": "b"}, "LESIONLENS_RECEIPT_KEY='b' is not an absolute path"),
        ({"OUTCOME_IDS": "0"}, "LESIONLENS_OUTCOME_IDS='0' must be above zero"),
    ],
)
def test_error_names_the_setting(variables: dict[str, str], said: str) -> None:
    given = {f"LESIONLENS_{name}": text for name, text in variables.items()}
    with pytest.raises(ValueError, match=said):
        OutcomeSettings.from_environment(given)


def test_unusable_file_prevents_the_start(settings: OutcomeSettings, tmp_path: Path) -> None:
    short, text = tmp_path / "short", tmp_path / "text"
    short.write_text("secret-but-short\n")
    text.write_text("not a database " * 100)
    for changed, said in (
        ({"receipt_key": str(short)}, "32 characters or more"),
        ({"receipt_key": str(tmp_path / "none")}, "cannot be read"),
        ({"outcome_store": str(tmp_path / "none" / "store")}, "No such file or directory"),
        ({"outcome_store": str(text)}, "file is not a database"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            Outcomes(
                OutcomeSettings(**(vars(settings) | changed)),
                VERSION,
                FrontMetrics(CollectorRegistry()),
            )
        assert "LESIONLENS_" in str(caught.value)
        assert "secret" not in str(caught.value)


def test_store_holds_ids_and_counts_only(settings: OutcomeSettings) -> None:
    with serving(settings) as (client, _):
        assert client.post(OUTCOME, json=body(receipt())).status_code == 200
    assert Path(settings.outcome_store).stat().st_mode & 0o077 == 0
    with sqlite3.connect(settings.outcome_store) as opened:
        [(columns,)] = opened.execute("SELECT sql FROM sqlite_master WHERE name = 'used'")
        [(known, expires)] = opened.execute("SELECT id, expires FROM used").fetchall()
    opened.close()
    assert "id TEXT PRIMARY KEY, expires INTEGER" in columns
    assert (len(known), expires % DAY) == (22, 0)

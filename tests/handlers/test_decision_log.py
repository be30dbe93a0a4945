"""Test the decision log: a line per photograph answered, and only if it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.telemetry import Recorder


@pytest.mark.parametrize("on", [True, False])
def test_each_answered_photograph_is_a_line_without_pixels(
    on: bool,
    service_with: Callable[..., MelanomaService],
    photograph: Callable[[int, int], bytes],
    v1: Callable[..., bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = service_with(decision_log=on, groups="site=north,south")
    image = photograph(1, 0)

    answers = service.answer(
        [
            RawRequest(v1(image, photograph(2, 1), groups={"site": "south"}), "predict"),
            RawRequest(image, "explain"),
            RawRequest(b"no image", "predict"),
            RawRequest(image, "predict", probe=True),
        ],
        Recorder("v1"),
    )

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["verb"] for line in lines] == (["predict", "predict", "explain"] if on else [])
    predictions = json.loads(answers[0].body)["predictions"]
    for line, answered in zip(lines, predictions, strict=False):
        written = datetime.fromisoformat(line.pop("decided"))
        assert abs((datetime.now(UTC) - written).total_seconds()) < 60
        assert 0 < line.pop("seconds") < 60
        assert line == answered | {"verb": "predict", "groups": {"site": "south"}}
    added = {"verb", "seconds", "decided", "groups"}
    assert not on or lines[2].keys() == predictions[0].keys() | added

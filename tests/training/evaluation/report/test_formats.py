"""Numbers as text."""

from __future__ import annotations

import pytest

from training.evaluation.report import formats

DASH = "\N{EN DASH}"
KNOWN = {"value": 0.90312, "low": 0.8414, "high": 0.9567}
HALF = {"value": 0.9, "low": None, "high": None}
NONE = {"value": None, "low": None, "high": None}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (formats.number(0.90349), "0.903"),
        (formats.number(-0.0001), "0.000"),
        (formats.number(1290.04, 1), "1,290.0"),
        (formats.number(None), DASH),
        (formats.signed(0.0112), "+0.011"),
        (formats.signed(-0.0112), "\N{MINUS SIGN}0.011"),
        (formats.signed(-0.0001), "0.000"),
        (formats.signed(None), DASH),
        (formats.count(1663), "1,663"),
        (formats.count(None), DASH),
        (formats.percent(0.05), "5\N{NO-BREAK SPACE}%"),
        (formats.percent(0), "0\N{NO-BREAK SPACE}%"),
        (formats.percent(None), DASH),
        (formats.interval(KNOWN), "0.903 (0.841 to 0.957)"),
        (formats.interval(HALF), "0.900"),
        (formats.interval(NONE), DASH),
        (formats.interval(None), DASH),
        (formats.signed_interval({"value": 0.01, "low": -0.002, "high": 0.02}),
         "+0.010 (\N{MINUS SIGN}0.002 to +0.020)"),
        (formats.percent_interval(KNOWN), "90.3\N{NO-BREAK SPACE}% (84.1 to 95.7)"),
        (formats.percent_interval(NONE), DASH),
        (formats.words("label_flips"), "label flips"),
        (formats.plain(["avx2", None, {"a_b": 2}]), f"avx2, {DASH}, a b 2"),
    ],
)  # fmt: skip
def test_written(written: str, text: str) -> None:
    assert written == text

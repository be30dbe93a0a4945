"""Which controls a method beats, and which method the rule selects."""

from typing import Any

import numpy as np

from training.evaluation.explanations.curves import Curves
from training.evaluation.explanations.verdict import RULE, beats, default

RNG = np.random.default_rng(0)
CONTROLS = ("random", "centre")


def drawn(deletion: float, insertion: float, spread: float = 0.01) -> Curves:
    levels = RNG.normal(0, spread, (2, 30))
    return Curves(
        np.repeat((deletion + levels[0])[:, None], 17, axis=1),
        np.repeat((insertion + levels[1])[:, None], 17, axis=1),
    )


def method(slow: bool = False, reacts: bool = True, gain: float = 0.2) -> dict[str, Any]:
    return {
        "slow": slow,
        "randomisation": {"reacts": reacts},
        "deletion": {"value": 0.5 - gain / 2},
        "insertion": {"value": 0.5 + gain / 2},
    }


def beaten(*controls: str, only: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        control: {
            "deletion": {"apart": control in controls or control in only},
            "insertion": {"apart": control in controls},
        }
        for control in CONTROLS
    }


def test_less_is_better_for_deletion_and_more_for_insertion() -> None:
    curves = {"ours": drawn(0.3, 0.7), "random": drawn(0.5, 0.5), "centre": drawn(0.2, 0.8)}
    found = beats(curves, ["ours"], CONTROLS, 0)["ours"]

    assert found["random"]["deletion"]["apart"]
    assert found["random"]["insertion"]["apart"]
    assert not found["centre"]["deletion"]["apart"]
    assert not found["centre"]["insertion"]["apart"]
    assert abs(found["random"]["deletion"]["difference"]["value"] + 0.2) < 0.02
    assert abs(found["centre"]["insertion"]["difference"]["value"] + 0.1) < 0.02


def test_better_within_what_chance_does_is_not_apart() -> None:
    curves = {"ours": drawn(0.45, 0.55, 0.3), "random": drawn(0.5, 0.5, 0.3)}
    found = beats(curves, ["ours"], ["random"], 0)["ours"]["random"]

    assert not found["deletion"]["apart"]
    assert not found["insertion"]["apart"]


def test_the_most_controls_beaten_decide() -> None:
    methods = {"one": method(gain=0.9), "two": method(gain=0.1)}
    found = default(methods, {"one": beaten(only=("random",)), "two": beaten("random")})

    assert found == {
        "method": "two",
        "rule": RULE,
        "beaten": ["random"],
        "not_beaten": [["centre", "deletion"], ["centre", "insertion"]],
    }


def test_of_equals_the_larger_gain_decides() -> None:
    methods = {"one": method(gain=0.1), "two": method(gain=0.3)}

    assert default(methods, dict.fromkeys(methods, beaten("random")))["method"] == "two"


def test_a_slow_method_and_one_that_does_not_react_are_passed_over() -> None:
    methods = {"slow": method(slow=True), "deaf": method(reacts=False), "fit": method(gain=0)}
    won = {"slow": beaten(*CONTROLS), "deaf": beaten(*CONTROLS), "fit": beaten(only=("centre",))}
    found = default(methods, won)

    assert found["method"] == "fit"
    assert found["beaten"] == []
    assert ["centre", "deletion"] not in found["not_beaten"]
    assert ["centre", "insertion"] in found["not_beaten"]


def test_where_none_is_fit_the_best_of_all_is_named() -> None:
    methods = {"slow": method(slow=True), "deaf": method(reacts=False)}

    found = default(methods, {"slow": beaten("random"), "deaf": beaten(*CONTROLS)})
    assert (found["method"], found["not_beaten"]) == ("deaf", [])

"""Sentences that depend on the results."""

from __future__ import annotations

from typing import Any

import pytest

from training.evaluation.report.formats import MISSING as DASH
from training.evaluation.report.formats import PERCENT
from training.evaluation.report.model import wording


def difference(low: float | None, value: float | None, high: float | None) -> dict[str, Any]:
    return {
        "better": "layer4",
        "than": "head",
        "photographs": 1543,
        "seeds": 5,
        "difference": {"value": value, "low": low, "high": high},
    }


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.003, 0.011, 0.019), "excludes zero: layer4 is better by more than chance"),
        ((-0.003, 0.011, 0.019), "includes zero: these photographs do not show"),
        ((0.0, 0.011, 0.019), "includes zero"),
        ((-0.019, -0.011, 0.0), "includes zero"),
        ((-0.019, -0.011, -0.003), "excludes zero: layer4 is worse by more than chance"),
        ((None, None, None), "could not be measured"),
    ],
)
def test_a_comparison_states_whether_it_exceeds_chance(
    ends: tuple[float | None, float | None, float | None], said: str
) -> None:
    assert said in wording.comparison(difference(*ends))


def test_without_a_second_recipe_nothing_is_compared() -> None:
    assert "nothing was compared" in wording.comparison(None)


def benefit(low: list[float], everybody: list[float]) -> dict[str, Any]:
    model = [{"value": one + 1, "low": one, "high": one + 2} for one in low]
    stated = {"risk": [0.02, 0.05, 0.1, 0.2, 0.4], "model": model, "all": everybody}
    return {"net_benefit": {"stated": stated}}


def test_the_model_is_of_use_where_its_interval_is_above_both_alternatives() -> None:
    everybody = [0.6, -30, -90, -200, -300]
    said = wording.net_benefit(
        {
            "prevalence": 0.025,
            # Below everybody treated, above both twice, below nobody treated, above both.
            "test": benefit([0.5, 0.4, 0.1, -0.1, 0.1], everybody),
            "out_of_sample": benefit([0.6, 0, -1, -2, -3], everybody),
        }
    )

    assert said.startswith(f"At 2.5{PERCENT} prevalence, ")
    assert f"on the test, 5{PERCENT} to 10{PERCENT} and 40{PERCENT} to 40{PERCENT}; out of" in said
    assert said.endswith("out of sample, none.")


def test_the_learning_curve_states_what_twice_the_photographs_brought(
    evidence: dict[str, Any],
) -> None:
    evidence["learning"]["points"][-1]["auroc"] = [0.835, 0.855, 0.865]

    said = wording.learning(evidence["learning"])
    # Repeats are paired: gains of 0.020, 0.030 and 0.030.
    assert "From 617 to 1,234 photographs the AUROC changes by +0.027 ± 0.006" in said
    assert "It rises in each" in said
    evidence["learning"]["points"][-1]["auroc"][0] = 0.8
    assert "It does not rise in each" in wording.learning(evidence["learning"])


def test_natural_frequencies_add_up() -> None:
    scores = {"sensitivity": {"value": 0.9}, "specificity": {"value": 0.6}}

    # 20 with melanoma: 18 found, 2 missed; 980 without: 392 false alarms.
    assert wording.frequencies(scores) == (
        "Of 1,000 people, 20 with melanoma: 410 are called cancer, 18 of them have it; "
        "590 are called no cancer, 2 of them have it all the same."
    )


def test_natural_frequencies_of_what_is_not_known() -> None:
    scores = {"sensitivity": {"value": None}, "specificity": {"value": 0.6}}

    assert "could not be measured" in wording.frequencies(scores)


@pytest.mark.parametrize(
    ("prevalence", "stated", "elsewhere"),
    # By Bayes: 0.9 at even odds is 9 to 1; times 2 to 98 is 18 to 98.
    [(0.5, 0.9, "0.16"), (0.5, 0.5, "0.02"), (0.02, 0.9, "0.90"), (0.25, 0.5, "0.06")],
)
def test_a_probability_where_melanoma_is_rare(
    prevalence: float, stated: float, elsewhere: str
) -> None:
    said = wording.probability_elsewhere(prevalence, stated)

    assert said == f"A stated {stated:.2f} is {elsewhere} where 2{PERCENT} have melanoma."


@pytest.mark.parametrize(
    ("value", "low", "verdict"),
    [
        (0.05, 0.01, ", as stated."),
        (0.06, 0.01, "more than stated, though chance may explain it"),
        (0.12, 0.06, "more than stated, and chance alone does not explain it"),
        (0.12, None, "though chance may explain it"),
        (None, None, "could not be observed"),
    ],
)
def test_a_stated_error_rate_is_held_against_the_test(
    value: float | None, low: float | None, verdict: str
) -> None:
    assert verdict in wording.kept("Cancers missed", 0.05, {"value": value, "low": low})


def test_warning_names_synthetic_lesions_and_untrained_backbone(evidence: dict[str, Any]) -> None:
    evidence["data"]["source"] = "synthetic"
    evidence["backbone"]["source"] = "untrained"

    assert wording.warning(evidence) == (
        "These results are not valid for people: "
        "the lesions are synthetic and the backbone is untrained."
    )


def test_no_warning_for_real_photographs(evidence: dict[str, Any]) -> None:
    assert wording.warning(evidence) == ""
    assert wording.first_paragraph(evidence).startswith("LesionLens classifies")


def test_the_accepted_range_is_the_documents(evidence: dict[str, Any]) -> None:
    covered = evidence["covered"] | {"leaks": False, "accepted": [0.4, 0.6]}

    assert "within 0.5 ± 0.10" in wording.background(covered)


@pytest.mark.parametrize(("many", "said"), [(1, "1 pair lies across"), (2, "2 pairs lie across")])
def test_number_of_near_duplicate_pairs_has_singular_and_plural(
    evidence: dict[str, Any], many: int, said: str
) -> None:
    assert said in wording.leaks(evidence["leaks"] | {"pairs_across_train_and_test": many})


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (0, "No pair has contradicting labels"),
        (1, "1 pair has contradicting labels"),
        (3, "3 pairs have contradicting labels"),
    ],
)
def test_contradicting_labels_are_counted(evidence: dict[str, Any], many: int, said: str) -> None:
    assert said in wording.leaks(evidence["leaks"] | {"pairs_with_contradicting_labels": many})


@pytest.mark.parametrize(
    ("counts", "share"),
    [({"benign": 903, "malignant": 327}, f"26.6{PERCENT}"), ({"benign": 0, "malignant": 0}, DASH)],
)
def test_the_share_of_cancers(counts: dict[str, int], share: str) -> None:
    assert wording.cancers(counts) == share

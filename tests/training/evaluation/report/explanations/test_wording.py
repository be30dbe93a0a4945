"""Sentences that depend on the results."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.evaluation.report.made_up import interval
from training.evaluation.report.explanations import wording
from training.evaluation.report.formats import PERCENT


def decide(document: dict[str, Any], measure: str, beaten: tuple[str, ...]) -> None:
    """Grad-CAM beats these controls on a measure, and no other."""
    sign = -1 if measure == "deletion" else 1
    ours = document["methods"]["grad_cam"][measure]["value"]
    for name, control in document["controls"].items():
        control[measure] = interval(ours - 0.1 * sign)
        document["beats"]["grad_cam"][name][measure]["apart"] = name in beaten


def test_beaten_controls_are_stated_once_where_both_measures_agree(
    document: dict[str, Any],
) -> None:
    for measure in ("deletion", "insertion"):
        decide(document, measure, ("edges",))

    assert wording.against_controls(document, "grad_cam") == (
        "On deletion (what it marks is taken away first) and on insertion (what it marks is shown "
        "first) it beats an edge detector, with intervals that do not overlap, but not a random "
        "map or a centred Gaussian."
    )


def test_measures_that_disagree_are_stated_separately(document: dict[str, Any]) -> None:
    decide(document, "deletion", ())
    decide(document, "insertion", ("random", "edges", "centre"))
    said = wording.against_controls(document, "grad_cam")

    assert "first) it beats no control: not a random map, an edge detector or a centred" in said
    assert said.endswith(
        "it beats a random map, an edge detector and a centred Gaussian, with intervals that do "
        "not overlap."
    )


def test_which_methods_beat_every_control(document: dict[str, Any]) -> None:
    assert wording.all_controls(document, "deletion") == (
        "On deletion Integrated Gradients and Occlusion beat every control."
    )
    assert wording.all_controls(document, "insertion").startswith("On insertion no method beats")
    for control in document["beats"]["lime"].values():
        control["deletion"]["apart"] = False

    assert wording.all_controls(document, "deletion").endswith("; LIME beats none.")


@pytest.mark.parametrize(
    ("unmoved", "said"),
    [
        ((), "Every map changes when the model is made random"),
        (("lime",), "LIME fails the randomisation check: its map stays"),
        (("lime", "saliency"), "Saliency and LIME fail the randomisation check: their maps stay"),
    ],
)
def test_methods_that_do_not_react_are_named(
    document: dict[str, Any], unmoved: tuple[str, ...], said: str
) -> None:
    for name, method in document["methods"].items():
        method["randomisation"]["reacts"] = name not in unmoved

    assert wording.randomised(document).startswith(said)


def test_the_share_in_the_lesion_is_held_against_what_the_lesion_covers(
    document: dict[str, Any],
) -> None:
    assert wording.in_the_lesion(document, "grad_cam", "real") == (
        f"In 82 photographs with masks, 51.0{PERCENT} (49.0 to 52.6) of what Grad-CAM marks lies "
        f"in the lesion, which covers 23.1{PERCENT} of the picture; a centred Gaussian has no "
        f"less there (54.8{PERCENT})."
    )
    document["area"]["real"] = 0.5

    assert "of the picture, which chance may explain; " in wording.in_the_lesion(
        document, "grad_cam", "real"
    )


def test_a_control_with_less_in_the_lesion_is_not_mentioned(document: dict[str, Any]) -> None:
    said = wording.in_the_lesion(document, "grad_cam", "synthetic")

    assert said.startswith("In 40 synthetic lesions, 60.0")
    assert said.endswith(f"which covers 18.2{PERCENT} of the picture.")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("grad_cam", "Grad-CAM shows it, with 44.0"),
        ("saliency", "Saliency shows it in part, with 12.0"),
        ("lime", "LIME does not show it, with 3.0"),
    ],
)
def test_whether_the_planted_artefact_is_shown(
    document: dict[str, Any], method: str, said: str
) -> None:
    whole = wording.planted(document, method)

    assert said in whole
    assert f"(98.8{PERCENT} right)" in whole
    assert f"the artefact, which covers 2.7{PERCENT} of the picture" in whole
    assert whole.endswith("of 36 pictures.")


def test_each_method_has_a_verdict_on_the_artefact(document: dict[str, Any]) -> None:
    assert wording.artefact_by_method(document) == (
        "Shown by Grad-CAM, Integrated Gradients and Occlusion. Shown in part by Saliency, "
        "SmoothGrad and Gradient SHAP. Not shown by LIME."
    )


def test_the_first_paragraph_is_about_the_default(document: dict[str, Any]) -> None:
    document["default"]["method"] = "occlusion"
    first = wording.first_paragraph(document)

    assert first.startswith(
        "Of 7 methods the evidence picks Occlusion to explain an answer where no other is asked "
        "for. On deletion"
    )
    assert "Grad-CAM" not in first
    assert first.endswith("Not a medical device: a tool for research and teaching.")


def test_the_rule_is_a_sentence_with_one_full_stop(document: dict[str, Any]) -> None:
    document["default"]["rule"] = "the best on deletion."

    assert wording.rule(document) == "The rule that picks Grad-CAM: the best on deletion."


def test_an_untrained_backbone_is_stated_first(document: dict[str, Any]) -> None:
    document["backbone"] = {"source": "untrained"}

    assert wording.first_paragraph(document).startswith(
        "These results are not valid for people: the backbone is untrained."
    )


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((7, 7), "7 x 7 cells, interpolated smoothly"),
        ((224, 224), "224 x 224 cells, one per pixel"),
    ],
)
def test_how_fine_a_map_is(shape: tuple[int, int], said: str) -> None:
    assert wording.resolution(shape) == said

"""Test groups: only declared ones are taken, and figures are kept apart by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from handlers.groups import MOST, DeclaredGroups
from handlers.performance import EXPECTED_DIAGNOSES, GROUP_EXPECTED_DIAGNOSES
from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.telemetry import Metric, Recorder

DECLARED = "site=north,south; skin_type=I,II"


def test_reads_what_the_operator_declares() -> None:
    declared = DeclaredGroups.parse(DECLARED)

    assert declared.every == (
        *(("site", "north"), ("site", "south")),
        *(("skin_type", "I"), ("skin_type", "II")),
    )
    assert declared.read({"skin_type": "II"}) == (("skin_type", "II"),)
    assert DeclaredGroups.parse("").every == declared.read(None) == declared.read({}) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("site", "'' in 'site' is no name"),
        ("site=a,{}", "'{}' in 'site=a,{}' is no name"),
        ("site=a;site=b", "'site=b' names something twice"),
        ("site=a,a", "'site=a,a' names something twice"),
        (f"site={','.join(map(str, range(MOST + 1)))}", f"{MOST + 1} groups; at most {MOST}"),
    ],
)
def test_error_says_what_is_wrong_with_a_declaration(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DeclaredGroups.parse(text)


def total(recorder: Recorder, metric: Metric, *labels: str) -> float:
    return sum(
        entry.value
        for entry in recorder.observations()
        if entry.metric == metric and entry.labels[: len(labels)] == labels
    )


def test_each_photograph_is_counted_in_its_groups(
    service_with: Callable[..., MelanomaService],
    photograph: Callable[[int, int], bytes],
    v1: Callable[..., Any],
) -> None:
    service, recorder = service_with(groups=DECLARED), Recorder("v1")
    image = photograph(1, 0)
    north: Any = {"groups": {"site": "north", "skin_type": "I"}}

    answers = service.answer(
        [
            RawRequest(v1(image, photograph(2, 1), **north), "predict"),
            RawRequest(v1(image, groups={"site": "south"}), "explain"),
            RawRequest(v1(image), "predict"),
        ],
        recorder,
    )

    assert [answer.status for answer in answers] == [200] * 3
    assert total(recorder, EXPECTED_DIAGNOSES) == pytest.approx(4)
    for group, count in {("site", "north"): 2, ("site", "south"): 1, ("skin_type", "I"): 2}.items():
        assert total(recorder, GROUP_EXPECTED_DIAGNOSES, *group) == pytest.approx(count)
    assert total(recorder, GROUP_EXPECTED_DIAGNOSES) == pytest.approx(5)


def test_groups_of_a_header_are_those_of_instances_without_their_own(
    service_with: Callable[..., MelanomaService],
    photograph: Callable[[int, int], bytes],
    v1: Callable[..., Any],
) -> None:
    service, recorder = service_with(groups=DECLARED), Recorder("v1")
    image, header = photograph(1, 0), " site = north ; skin_type=II; "

    answers = service.answer(
        [
            RawRequest(image, "predict", groups=header),
            RawRequest(v1(image), "predict", groups=header),
            RawRequest(v1(image, groups={"site": "south"}), "predict", groups=header),
        ],
        recorder,
    )

    assert [answer.status for answer in answers] == [200] * 3
    for group, count in {
        ("site", "north"): 2,
        ("site", "south"): 1,
        ("skin_type", "II"): 2,
    }.items():
        assert total(recorder, GROUP_EXPECTED_DIAGNOSES, *group) == pytest.approx(count)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Ada", "x-groups: the groups are not written as in site=north;skin_type=II"),
        ("site=north=Ada", "x-groups: the groups are not written as"),
        (";", "x-groups: the groups are not written as"),
        ("site=north;site=south", "x-groups: the groups have an attribute twice"),
        ("name=Ada", '"groups" has an attribute that this service does not take'),
    ],
)
def test_error_says_what_is_wrong_with_the_header(
    header: str,
    said: str,
    service_with: Callable[..., MelanomaService],
    photograph: Callable[[int, int], bytes],
) -> None:
    (answer,) = service_with(groups=DECLARED).answer(
        [RawRequest(photograph(1, 0), "predict", groups=header)], Recorder("v1")
    )

    error = json.loads(answer.body)["error"]
    assert (answer.status, error.startswith(said)) == (400, True)
    assert "Ada" not in error


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"name": "Ada"}, "an attribute that this service does not take; there are: site, skin"),
        ({"site": "Ada"}, "a site that this service does not know; there are: north, south"),
        ({"site": ["north"]}, "a site that this service does not know"),
        ("north", 'is not an object such as {"site": "north"}'),
    ],
)
def test_anything_else_is_refused_and_not_repeated(
    groups: Any,
    said: str,
    service_with: Callable[..., MelanomaService],
    photograph: Callable[[int, int], bytes],
    v1: Callable[..., Any],
) -> None:
    (answer,) = service_with(groups=DECLARED).answer(
        [RawRequest(v1(photograph(1, 0), groups=groups), "predict")], Recorder("v1")
    )

    error = json.loads(answer.body)["error"]
    assert (answer.status, error.startswith("instance 0: ")) == (400, True)
    assert said in error
    assert "Ada" not in error

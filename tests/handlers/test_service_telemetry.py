"""Test the service's metrics: requests, photographs and bounded labels."""

import json
from collections.abc import Callable

import pytest

from handlers.drift import FEATURES
from handlers.metric import VERSION, Metric
from handlers.performance import EXPECTED_DIAGNOSES
from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.telemetry import (
    BATCH_SIZE,
    DRIFT_OBSERVATIONS,
    PREDICTIONS,
    PROBABILITY,
    REQUEST_SECONDS,
    REQUESTS,
    REVIEW_REASONS,
    STAGE_SECONDS,
    Observation,
    Recorder,
)

Photograph = Callable[[int, int], bytes]
Body = Callable[..., bytes]


@pytest.fixture(scope="module")
def seen(service: MelanomaService, photograph: Photograph, v1: Body) -> list[Observation]:
    """Mixed batch: five photographs answered, two requests rejected."""
    one, two = photograph(1, 0), photograph(2, 1)
    recorder = Recorder("v1")
    answers = service.answer(
        [
            RawRequest(one, "predict"),
            RawRequest(v1(one, two), "predict"),
            RawRequest(b"no image", "predict"),
            RawRequest(one, "explain"),
            RawRequest(v1(two, method="my method"), "explain"),
            RawRequest(v1(two, method="grad_cam"), "explain"),
        ],
        recorder,
    )
    assert [answer.status for answer in answers] == [200, 200, 400, 200, 400, 200]
    return recorder.observations()


def of(observations: list[Observation], metric: Metric) -> dict[tuple[str, ...], list[float]]:
    values: dict[tuple[str, ...], list[float]] = {}
    for entry in observations:
        assert len(entry.labels) == len(entry.metric.labels)
        if entry.metric == metric:
            # Every metric of the service says which model it is about.
            *labels, version = (
                entry.labels if metric.labels[-1] == VERSION else (*entry.labels, "v1")
            )
            assert version == "v1"
            values.setdefault(tuple(labels), []).append(entry.value)
    return values


def test_counts_requests_by_outcome(seen: list[Observation]) -> None:
    assert of(seen, REQUESTS) == {
        ("predict", "ok"): [2],
        ("predict", "refused"): [1],
        ("explain", "ok"): [2],
        ("explain", "refused"): [1],
    }


def test_counts_internal_errors_as_failed(
    service_with: Callable[..., MelanomaService], photograph: Photograph
) -> None:
    recorder = Recorder("v1")

    service_with(explain_seconds=1e-9).answer([RawRequest(photograph(1, 0), "explain")], recorder)

    assert of(recorder.observations(), REQUESTS) == {("explain", "failed"): [1]}


def test_records_batch_size_by_verb(seen: list[Observation]) -> None:
    assert of(seen, BATCH_SIZE) == {("predict",): [3], ("explain",): [3]}


def test_absent_verb_has_no_batch_size(service: MelanomaService, photograph: Photograph) -> None:
    recorder = Recorder("v1")

    service.answer([RawRequest(photograph(1, 0), "predict")], recorder)

    assert of(recorder.observations(), BATCH_SIZE) == {("predict",): [1]}


def test_times_requests_under_a_fixed_set_of_methods(seen: list[Observation]) -> None:
    timed = of(seen, REQUEST_SECONDS)

    assert {labels: len(values) for labels, values in timed.items()} == {
        ("predict", "none"): 3,
        ("explain", "grad_cam"): 2,
        ("explain", "unknown"): 1,
    }
    assert min(min(values) for values in timed.values()) > 0


@pytest.mark.parametrize(
    ("methods", "label"),
    [
        (("grad_cam", "grad_cam"), "grad_cam"),
        (("integrated_gradients",), "integrated_gradients"),
        (("grad_cam", "integrated_gradients"), "several"),
        (("x", "y"), "several"),
        (("lesionlens" * 1000,), "unknown"),
        ((), "none"),
    ],
)
def test_several_methods_of_a_request_share_one_label(
    methods: tuple[str, ...], label: str, service: MelanomaService, v1: Body
) -> None:
    # Refused before anything is explained: what is timed is what was asked for.
    rows = b", ".join(v1(b"x", method=name)[15:-2] for name in methods)
    recorder = Recorder("v1")

    service.answer([RawRequest(b'{"instances": [' + rows + b"]}", "explain")], recorder)

    assert list(of(recorder.observations(), REQUEST_SECONDS)) == [("explain", label)]


def test_counts_photographs_by_label_and_review(seen: list[Observation]) -> None:
    counted = of(seen, PREDICTIONS)

    assert sum(sum(values) for values in counted.values()) == 5
    assert {label for label, _ in counted} <= {"cancer", "no cancer"}
    assert {review for _, review in counted} <= {"true", "false"}


def test_expected_diagnoses_are_sums_of_the_risks_answered(
    service_with: Callable[..., MelanomaService], photograph: Photograph, v1: Body
) -> None:
    service, recorder = service_with(prevalence=0.1), Recorder("v1")
    images = [photograph(seed, seed % 2) for seed in range(6)]

    (answer,) = service.answer([RawRequest(v1(*images), "predict")], recorder)

    predictions = json.loads(answer.body)["predictions"]
    risks: dict[str, list[float]] = {}
    for one in predictions:
        risks.setdefault(one["label"], []).append(one["risk"])
    assert set(risks) == {"cancer", "no cancer"}
    expected = of(recorder.observations(), EXPECTED_DIAGNOSES)
    for label, of_it in risks.items():
        assert expected[label, "cancer"] == [pytest.approx(sum(of_it))]
        assert expected[label, "no cancer"] == [pytest.approx(len(of_it) - sum(of_it))]


@pytest.mark.parametrize("feature", FEATURES)
def test_bin_counts_of_a_feature_sum_to_the_photographs(
    feature: str, seen: list[Observation], service: MelanomaService
) -> None:
    counted = of(seen, DRIFT_OBSERVATIONS)
    of_it = {place: sum(values) for (name, place), values in counted.items() if name == feature}
    bins = len(service.classifier.baseline.drift[feature].shares)

    assert {name for name, _ in counted} == set(FEATURES)
    assert sum(of_it.values()) == 5
    assert set(of_it) <= {str(place) for place in range(bins)}


def test_photograph_is_counted_in_the_bins_of_its_values(
    service: MelanomaService, photograph: Photograph
) -> None:
    recorder = Recorder("v1")

    (answer,) = service.answer([RawRequest(photograph(1, 0), "predict")], recorder)

    probability = float(answer.body.partition('"probability": ')[2].partition(",")[0])
    place = service.classifier.baseline.bin_of("probability", probability)
    assert of(recorder.observations(), DRIFT_OBSERVATIONS)["probability", place] == [1]


def test_records_probabilities_and_reasons(
    service_with: Callable[..., MelanomaService], photograph: Photograph, v1: Body
) -> None:
    recorder = Recorder("v1")
    service = service_with(card={"review": {"near_threshold": [0, 1]}})

    service.answer([RawRequest(v1(photograph(1, 0), photograph(2, 1)), "predict")], recorder)

    seen = recorder.observations()
    assert len(of(seen, PROBABILITY)[()]) == 2
    assert of(seen, REVIEW_REASONS)["near_threshold",] == [2]


def test_probes_are_not_counted(service: MelanomaService, photograph: Photograph) -> None:
    recorder = Recorder("v1")

    probed, asked = service.answer(
        [
            RawRequest(photograph(1, 0), "predict", probe=True),
            RawRequest(photograph(1, 0), "predict"),
        ],
        recorder,
    )

    seen = recorder.observations()
    assert probed == asked
    assert of(seen, REQUESTS) == {("predict", "ok"): [1]}
    assert of(seen, BATCH_SIZE) == {("predict",): [1]}
    assert len(of(seen, REQUEST_SECONDS)["predict", "none"]) == 1
    assert sum(sum(values) for values in of(seen, PREDICTIONS).values()) == 1
    assert len(of(seen, PROBABILITY)[()]) == 1
    assert sum(sum(values) for values in of(seen, EXPECTED_DIAGNOSES).values()) == 1
    assert sum(sum(values) for values in of(seen, DRIFT_OBSERVATIONS).values()) == len(FEATURES)


def test_stages_are_timed(seen: list[Observation]) -> None:
    timed = of(seen, STAGE_SECONDS)

    assert {labels: len(values) for labels, values in timed.items()} == {
        ("decode",): 1,
        ("forward",): 1,
        ("explain",): 2,
        ("render",): 2,
    }

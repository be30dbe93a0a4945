"""Test reading and judging of objectives."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from loadtests import run
from loadtests.objectives import FILE, Measured, Plan, Shape, judge

QUICK = {
    "stages": [{"seconds": 5, "users": 2}, {"seconds": 10, "users": 1}],
    "objectives": {"predict": {"p50": 10, "p95": 20, "p99": 30, "error_rate": 0}},
}


def test_objectives_cover_the_load_shapes() -> None:
    plan = Plan.read()

    assert {"steady", "spike", "soak"} <= set(plan.shapes)
    assert plan.shapes["steady"].seconds == 120
    for shape in plan.shapes.values():
        assert set(shape.objectives) == set(plan.mix) == {"predict", "explain"}


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("shapes", "steady", "stages"), [], "stages"),
        (("shapes", "steady", "stages", 0, "users"), 0, "users"),
        (("shapes", "steady", "objectives", "predict", "p90"), 1, "p90"),
        (("shapes", "steady", "objectives", "predict", "error_rate"), 2, "error_rate"),
        (("shapes", "steady", "objectives", "delete"), {}, "delete"),
        (("mix", "predict"), 0, "mix.predict"),
    ],
)
def test_names_error_in_objectives_file(
    path: tuple[str | int, ...], value: object, named: str, tmp_path: Path
) -> None:
    document = yaml.safe_load(FILE.read_text("utf-8"))
    inside = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    file = tmp_path / "objectives.yaml"
    file.write_text(yaml.safe_dump(document))

    with pytest.raises(ValidationError, match=named.replace(".", r"\.")):
        Plan.read(file)


def test_objectives_are_judged_separately() -> None:
    shape = Shape.model_validate(QUICK)
    measured = {"predict": Measured(requests=9, error_rate=0, p50=10, p95=20.5, p99=29)}

    verdicts = {verdict.name: verdict.met for verdict in judge(shape, measured)}

    assert verdicts == {"p50": True, "p95": False, "p99": True, "error_rate": True}


def test_too_many_errors_miss_all_objectives() -> None:
    shape = Shape.model_validate(QUICK)
    measured = {"predict": Measured(requests=999, error_rate=0.001, p50=1, p95=1, p99=1)}

    assert not any(verdict.met for verdict in judge(shape, measured))


def test_rejections_count_as_errors_and_not_as_fast_answers() -> None:
    read = run.LocustRow.model_validate
    answered = read({"name": "a", "num_requests": 3, "response_times": {"100": 2, "200": 1}})
    failed = read({"name": "b", "num_requests": 1, "response_times": {"1": 1}})

    found = run._measured(answered, failed)

    assert found == Measured(requests=4, error_rate=0.25, p50=100, p95=200, p99=200)
    assert run._measured(None, failed) == Measured(requests=1, error_rate=1)


def test_missing_measurement_misses_the_objective() -> None:
    assert [verdict.met for verdict in judge(Shape.model_validate(QUICK), {})] == [False] * 4

"""The controls depend on the picture or on nothing, never on the model."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from handlers.imaging import to_tensor
from training.evaluation.explanations.controls import CONTROLS, centre, edges, random
from training.evaluation.explanations.subjects import Subject

Draw = Callable[..., Subject]


def test_there_are_the_three_of_the_report(subject: Draw) -> None:
    assert list(CONTROLS) == ["random", "edges", "centre"]
    for control in CONTROLS.values():
        found = control(subject(0))
        assert found.shape == (28, 28)
        assert found.dtype == np.float32
        assert found.min() >= 0


def test_a_random_map_is_the_photographs_own(subject: Draw) -> None:
    assert np.array_equal(random(subject(0)), random(subject(0)))
    assert abs(np.corrcoef(random(subject(0)).ravel(), random(subject(1)).ravel())[0, 1]) < 0.1


def test_the_edge_detector_finds_the_edge() -> None:
    pixels = np.zeros((224, 224, 3), dtype=np.uint8)
    pixels[:, 100:] = 255
    view = Image.fromarray(pixels)
    found = edges(Subject("step", view, to_tensor(view)[None], 1))

    assert (found[:, 12] > 0).all()  # places 8 pixels wide: the edge is in the thirteenth
    assert not np.delete(found, 12, axis=1).any()


def test_the_centre_is_highest_in_the_middle_and_the_same_all_round(subject: Draw) -> None:
    found = centre(subject(0))

    assert np.array_equal(found, centre(subject(1)))
    assert np.allclose(found, np.rot90(found))
    assert np.unravel_index(found.argmax(), found.shape) in {
        (y, x) for y in (13, 14) for x in (13, 14)
    }
    assert found[0, 0] < 0.03 * found.max()

"""A serving variant predicts and explains with its own fit, and gives way where it cannot run."""

import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handlers.card import ArchiveError, OperatingPoint
from handlers.classifier import Classifier
from handlers.documents import to_json
from handlers.drift import Baseline
from handlers.imaging import to_tensor
from handlers.network import stages_of
from handlers.protocol import RawRequest
from handlers.reference import Reference
from handlers.service import MelanomaService
from handlers.settings import HandlerSettings
from handlers.telemetry import Recorder
from handlers.variants import PLAIN, PORTABLE, FittedVariant, Variant, path_of
from training.export import SplitResNet

FOUR = Variant("float32", 224, 2, 4)
INT8 = Variant("int8", 224, 2, 2)
WIDTH = 768


@pytest.fixture(scope="module")
def archive(
    model_folder: Path, baseline: Baseline, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An archive with a float32 variant of two stages and four orientations, fitted to noise."""
    folder = shutil.copytree(model_folder, tmp_path_factory.mktemp("variants") / "archive")
    generator = np.random.default_rng(3)
    reference = Reference.fit(generator.random((40, WIDTH)).astype(np.float32))
    document = FittedVariant(
        [float(weight) for weight in generator.normal(0, 0.05, WIDTH)],
        0.25,
        OperatingPoint(2.0, 0.5, (0.4, 0.6)),
        Baseline(baseline.photographs, baseline.drift, {}, reference.encoded()),
    )
    path = path_of(folder, FOUR)
    path.parent.mkdir()
    path.write_text(json.dumps(to_json(document)))
    card = json.loads((folder / "card.json").read_text())
    card["variants"] = {"order": [INT8.name, FOUR.name, PORTABLE.name]}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def four(archive: Path) -> Classifier:
    return Classifier.load(archive, PLAIN, 1, FOUR.name)


def probability(classifier: Classifier, picture: Image.Image) -> float:
    (found,) = classifier.classify([classifier.preprocess(picture)])
    return found.decision.probability


@pytest.mark.parametrize(
    "name",
    [
        "float32-224px-1stage-upright",
        "int8-224px-2stages-4orientations",
        "bf16-320px-2stages-1orientation",
    ],
)
def test_name_and_variant_are_each_other(name: str) -> None:
    assert Variant.named(name).name == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "int8", "int4-224px-2stages-4orientations", "int8-225px-2stages-4orientations"),
        *("int8-224px-3stages-4orientations", "int8-224px-2stages-3orientations"),
        *("int8-224px-2stage-4orientations", "int8-0px-2stages-4orientations"),
    ],
)
def test_other_names_are_rejected_with_the_form(name: str) -> None:
    with pytest.raises(ValueError, match="is not a serving variant; an example is int8-224px"):
        Variant.named(name)


def test_two_stages_are_side_by_side_with_equal_means(
    eager: SplitResNet, classifier: Classifier
) -> None:
    layers = list(eager.features.children())
    inputs = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        before = torch.nn.Sequential(*layers[:-1])(inputs)
        last = layers[-1](before)
        found = stages_of(classifier.model, 2)(inputs)

    assert found.shape == (2, WIDTH, 14, 14)
    wanted = torch.cat([last.mean(dim=(2, 3)), before.mean(dim=(2, 3))], dim=1)
    torch.testing.assert_close(found.mean(dim=(2, 3)), wanted, atol=1e-4, rtol=1e-4)


def test_variant_predicts_with_its_own_fit(
    four: Classifier, archive: Path, drawn: Callable[[int, int], Image.Image]
) -> None:
    image = four.preprocess(drawn(3, 1))
    (found,) = four.classify([image])
    document = json.loads(path_of(archive, FOUR).read_text())

    features = found.forward.features[0]
    log_odds = features.astype(np.float64) @ np.asarray(document["weights"]) + 0.25
    assert found.decision.probability == pytest.approx(1 / (1 + np.exp(-log_odds / 2)), abs=1e-4)
    assert (four.threshold, four.temperature) == (0.5, 2.0)
    assert found.forward.activations.shape == (1, WIDTH, 14, 14)


def test_answer_does_not_depend_on_the_cameras_orientation(
    four: Classifier, drawn: Callable[[int, int], Image.Image]
) -> None:
    picture = drawn(3, 1)

    found = [probability(four, picture.transpose(one)) for one in Image.Transpose]

    # The picture is resized first: by another order of the axes, by one grey level at most.
    np.testing.assert_allclose(found, probability(four, picture), atol=2e-3)


def test_activations_are_mapped_back_to_the_photograph(four: Classifier) -> None:
    """A bright corner stays where it is, whatever the canonical orientation."""
    for rows in (slice(0, 60), slice(160, 224)):
        for columns in (slice(0, 60), slice(160, 224)):
            inputs = torch.zeros(1, 3, 224, 224)
            inputs[:, :, rows, columns] = 2.0
            flat = four.forward(torch.zeros(1, 3, 224, 224)).activations[0]
            changed = (four.forward(inputs).activations[0] - flat).abs().sum(dim=0)
            row, column = divmod(int(changed.argmax()), 14)
            assert (row >= 7) == (rows.start > 0)
            assert (column >= 7) == (columns.start > 0)


def test_orientations_that_disagree_are_a_reason_for_review(
    four: Classifier, drawn: Callable[[int, int], Image.Image]
) -> None:
    image = four.preprocess(drawn(3, 1))
    forward = four.forward(image.inputs[None])
    assert forward.each is not None
    each = np.sort(four.probabilities(forward.each[0]))
    between = float(each[:2].mean())

    def reasons(threshold: float) -> tuple[str, ...]:
        own = Classifier(
            four.model,
            four.card,
            four.baseline,
            four.backend,
            FOUR,
            OperatingPoint(2.0, threshold, (0.0, 0.0)),
        )
        (decision,) = own.decide(forward, [image.statistics])
        return decision.reasons

    assert each[0] < each[-1]
    assert "unstable" in reasons(between)
    assert "unstable" not in reasons(float(each[0]))


def test_served_network_is_the_prediction_in_its_first_orientation(
    four: Classifier, drawn: Callable[[int, int], Image.Image]
) -> None:
    inputs = to_tensor(four.preprocess(drawn(4, 0)).view)[None]
    forward = four.forward(inputs)
    assert forward.each is not None

    found = four.served(forward.orientations[0])(torch.cat([inputs, inputs]))

    torch.testing.assert_close(found[0], forward.each[0, 0], atol=1e-4, rtol=1e-4)
    assert torch.equal(found[0], found[1])


@pytest.mark.parametrize("method", ["grad_cam", "saliency", "occlusion"])
def test_variant_explains(
    four: Classifier,
    photograph: Callable[[int, int], bytes],
    v1: Callable[..., bytes],
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Other tests run at the same time, and a slow explanation has the lowest priority.
    monkeypatch.setattr("handlers.background.NICENESS", 0)
    service = MelanomaService(four, HandlerSettings(explain_seconds=60.0))
    body = v1(photograph(3, 1), method=method)

    (answer,) = service.answer([RawRequest(body, "explain")], Recorder(four.version))

    assert answer.status == 200, answer.body
    (found,) = json.loads(answer.body)["explanations"]
    assert found["variant"] == FOUR.name
    assert np.abs(found["attribution"]["values"]).max() > 0
    if method == "grad_cam":
        assert found["attribution"]["shape"] == [14, 14]


def test_first_variant_that_runs_natively_is_the_default(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The int8 variant comes first, but the archive lacks its document."""
    shutil.copy(path_of(archive, FOUR), path_of(archive, INT8))
    try:
        with caplog.at_level(logging.WARNING):
            classifier = Classifier.load(archive, "", 1)
    finally:
        path_of(archive, INT8).unlink()

    assert classifier.variant == FOUR
    assert re.search(f"variant {INT8.name}.*(no int8|cannot run here)", caplog.text)


def test_variant_that_cannot_run_is_replaced_by_plain_torchscript(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(path_of(archive, FOUR), path_of(archive, INT8))
    try:
        with caplog.at_level(logging.WARNING):
            classifier = Classifier.load(archive, "", 1, INT8.name)
    finally:
        path_of(archive, INT8).unlink()

    assert classifier.variant == PORTABLE
    assert f"variant {INT8.name} cannot run here" in caplog.text


def test_variant_that_the_archive_lacks_is_an_error_that_names_those_it_has(archive: Path) -> None:
    with pytest.raises(ArchiveError, match=f"no serving variant {INT8.name}; it has: {FOUR.name}"):
        Classifier.load(archive, "", 1, INT8.name)


def test_named_variant_that_the_named_backend_does_not_run_is_replaced_with_a_warning(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(archive, PLAIN, 1, INT8.name)

    assert classifier.variant == PORTABLE
    assert f"variant {INT8.name} does not run on the backend {PLAIN}" in caplog.text


def test_archive_that_could_not_fall_back_to_plain_torchscript_is_refused(
    archive: Path, tmp_path: Path
) -> None:
    lacking = shutil.copytree(archive, tmp_path / "lacking")
    (lacking / "baseline.json").unlink()

    with pytest.raises(ArchiveError, match=r"baseline\.json"):
        Classifier.load(lacking, "", 1, FOUR.name)


def test_plain_torchscript_can_be_asked_for(archive: Path) -> None:
    classifier = Classifier.load(archive, "", 1, PORTABLE.name)

    assert classifier.variant == PORTABLE
    assert classifier.threshold == 0.48

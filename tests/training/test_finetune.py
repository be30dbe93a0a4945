"""A new ``layer4`` is fitted on cached activations, and served as fitted."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from handlers.imaging import centre_view, decode, to_tensor
from handlers.network import load_torchscript
from handlers.prediction import Forward
from training import dataset, export, features
from training.backbone import Backbone
from training.cache import Cache
from training.dataset import Dataset, DatasetError, Progress
from training.features import VIEWS, Activations, Features
from training.finetune import FittedLayer4, Layer4Recipe
from training.folds import held_out
from training.head import Choice, HeadRecipe
from training.optimise import Plan

pytestmark = pytest.mark.slow


COUNT = 48
LEARN, NEW = np.arange(36), np.arange(36, COUNT)
PLAN = Plan(epochs=8, rate=1e-3, batch=12, average=0.6)
CHOICE = Choice(0.01, "flips", ())


@pytest.fixture(scope="module")
def planted(
    tmp_path_factory: pytest.TempPathFactory, network: Backbone, silent: Progress
) -> Layer4Recipe:
    """Small activations whose first channels tell the class, and a layer4 that is blind to them."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(COUNT) % 2)
    own = Backbone(copy.deepcopy(network.network), network.source)
    layer4 = own.network.layer4
    for name, weight in layer4.named_parameters():
        if name in ("0.conv1.weight", "0.downsample.0.weight"):
            weight[:, :16] = 0
    records = Cache(tmp_path_factory.mktemp("activations"), (256, 2, 2), np.float16)
    views = np.empty((COUNT, len(VIEWS), 512), dtype=np.float32)
    for place, label in enumerate(labels):
        one = np.abs(rng.normal(size=(256, 2, 2)))
        one[:16] += 2 * label
        turned = [one, one[:, :, ::-1], one[:, ::-1]]
        turned += [np.rot90(one, quarter, (1, 2)) for quarter in (1, 3)]
        for view, activation in enumerate(turned):
            records.write(f"{place:02d}-{view}", activation)
        with torch.inference_mode():
            views[place] = layer4(torch.from_numpy(np.stack(turned)).float()).mean(dim=(2, 3))
    start = HeadRecipe(
        own, Features(views, np.empty((COUNT, 4)), np.empty((COUNT, 0))), labels, CHOICE
    )
    activations = Activations(records, tuple(f"{place:02d}" for place in range(COUNT)))
    return Layer4Recipe(start, activations, silent, PLAN)


@pytest.fixture(scope="module")
def fitted(planted: Layer4Recipe) -> FittedLayer4:
    return planted.fit(LEARN, 0)


def test_fine_tuned_stage_classifies_new_photographs_better_than_the_final_layer_alone(
    planted: Layer4Recipe, fitted: FittedLayer4
) -> None:
    start = planted.start.fit(LEARN, 0)
    before, after = (
        roc_auc_score(planted.start.labels[NEW], model.head.log_odds(model.features(NEW)))
        for model in (start, fitted)
    )

    assert before < 0.7
    assert after > 0.9


def test_fine_tuning_keeps_the_original_stages_and_batch_statistics(
    planted: Layer4Recipe, fitted: FittedLayer4
) -> None:
    before, after = planted.start.backbone, fitted.backbone
    old, new = before.network.state_dict(), after.network.state_dict()

    own = {name: value for name, value in new.items() if not name.startswith("layer4.fitted.")}
    assert [name.replace("layer4.", "layer4.first.") for name in old] == list(own)
    assert all(map(torch.equal, old.values(), own.values()))
    layer4 = before.network.layer4.state_dict()
    changed = {
        name for name in layer4 if not torch.equal(layer4[name], new[f"layer4.fitted.{name}"])
    }
    assert changed == {name for name, _ in before.network.layer4.named_parameters()}
    assert after.source == before.source
    assert after.digest != before.digest
    assert not after.network.training
    assert not any(parameter.requires_grad for parameter in after.network.parameters())


def test_the_answer_is_the_mean_of_both_stages(planted: Layer4Recipe, fitted: FittedLayer4) -> None:
    first = planted.start.fit(LEARN, 0)
    alone = first.head.log_odds(first.features(NEW))
    both = fitted.head.log_odds(fitted.features(NEW))
    half = fitted.head.weights[512:]
    tuned = 2 * (fitted.features(NEW)[:, 512:] @ half + fitted.head.bias) - first.head.bias

    np.testing.assert_allclose(both, (alone + tuned) / 2, rtol=1e-3, atol=1e-3)


def test_the_backbone_that_it_begins_with_is_left_as_it_was(planted: Layer4Recipe) -> None:
    start = planted.start.backbone
    before = start.digest
    replace(planted, plan=Plan(1, 1e-3)).fit(LEARN, 3)

    assert start.digest == before
    assert not any(parameter.requires_grad for parameter in start.network.parameters())


def test_the_seed_decides_everything(planted: Layer4Recipe, fitted: FittedLayer4) -> None:
    again, other = (planted.fit(LEARN, seed) for seed in (0, 1))

    assert again.backbone.digest == fitted.backbone.digest
    np.testing.assert_array_equal(again.head.weights, fitted.head.weights)
    assert other.backbone.digest != fitted.backbone.digest


def test_held_out_photographs_are_not_read(planted: Layer4Recipe, tmp_path: Path) -> None:
    # Of the photographs left out there is not even a record.
    records = Cache(tmp_path, (256, 2, 2), np.float16)
    learn = np.arange(0, COUNT, 2)
    for place in learn:
        for view in range(len(VIEWS)):
            name = f"{place:02d}-{view}"
            array = planted.activations.records.read(name)
            assert array is not None
            records.write(name, *array)
    own = replace(
        planted,
        activations=replace(planted.activations, records=records),
        plan=Plan(1, 1e-4, batch=16),
    )
    features_of = own.fit(learn, 0).features

    assert features_of(learn).shape == (len(learn), 1024)
    with pytest.raises(OSError, match="run it again"):
        features_of(np.array([1]))


def test_near_duplicates_are_not_held_out_from_each_other(planted: Layer4Recipe) -> None:
    labels = planted.start.labels
    groups = np.random.default_rng(0).integers(0, 20, COUNT)
    for seed in range(10):
        learn, hold = held_out(labels, groups, 0.2, seed)
        assert not set(groups[learn]) & set(groups[hold])
        assert set(labels[hold]) == set(labels[learn]) == {0, 1}
        assert 0.05 < len(hold) / COUNT < 0.4


def test_where_no_part_has_both_classes_nothing_can_be_chosen_on_it() -> None:
    # Few lesions, and photographs of one that are of both classes.
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, 12)
        try:
            _, hold = held_out(labels, rng.integers(0, 4, 12), 0.2, seed)
        except DatasetError:
            continue
        found.append(set(labels[hold]))

    assert len(found) > 100
    assert all(classes == {0, 1} for classes in found)


@pytest.fixture
def photographs(
    tmp_path: Path, write_set: Callable[[Path, int, int], Path], silent: Progress
) -> Dataset:
    """A few real files: six a class."""
    return dataset.load("folder", write_set(tmp_path / "set", 6, 2), silent)


def test_the_exported_model_answers_as_the_fit_did(
    photographs: Dataset, network: Backbone, tmp_path: Path, silent: Progress
) -> None:
    train, labels = photographs.train, dataset.labels(photographs.train)
    extracted = features.extract(train, network, tmp_path, silent, activations=True)
    activations = features.activations_of(train, network, tmp_path)
    start = HeadRecipe(network, extracted, labels, CHOICE)
    plan = Plan(epochs=2, rate=1e-3, batch=4, average=0.5)
    recipe = Layer4Recipe(start, activations, silent, plan)
    fitted = recipe.fit(np.arange(12), 0)

    export.export(fitted.backbone, fitted.head, tmp_path, train[:2])
    model = load_torchscript(tmp_path)
    views = [to_tensor(centre_view(decode(photo.path.read_bytes()))) for photo in train]
    with torch.inference_mode():
        before = model.features(torch.stack(views))
        served = Forward(before, model.head(before))
    own = fitted.features(np.arange(12))
    expected = fitted.head.log_odds(own)
    log_odds = (served.logits[:, 1] - served.logits[:, 0]).numpy()

    # An explanation's gradient, and then predictions: TorchScript optimises for the first it sees.
    asked = views[0][None].requires_grad_(True)
    torch.autograd.grad(model(asked)[0, 1], asked)
    with torch.inference_mode():
        for _ in range(3):
            torch.testing.assert_close(model(torch.stack(views)), served.logits)

    # What goes into layer4 was kept in half precision: about three digits.
    np.testing.assert_allclose(served.features, own, rtol=0.02, atol=0.02 * own.std())
    np.testing.assert_allclose(log_odds, expected, atol=0.02 * max(1, np.abs(expected).max()))
    first = start.fit(np.arange(12), 0)
    moved = np.abs(log_odds - first.head.log_odds(first.features(np.arange(12))))
    assert moved.max() > 0.2  # or the old layer4 would have done
    # ... and of photographs that were no part of the fit.
    plain = features.extract(photographs.test, network, tmp_path, silent, activations=True).plain
    kept = features.activations_of(photographs.test, network, tmp_path)
    new = [to_tensor(centre_view(decode(photo.path.read_bytes()))) for photo in photographs.test]
    with torch.inference_mode():
        served = model.features(torch.stack(new)).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(
        fitted.features_of(plain, kept), served, rtol=0.02, atol=0.02 * served.std()
    )

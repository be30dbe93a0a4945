"""Weights are loaded unchanged or rejected with a reason; an untrained backbone is labelled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torchvision.models import resnet18

from training import backbone
from training.backbone import Backbone, WeightsError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def state(weights_file: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(weights_file, weights_only=True)
    return loaded


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)


def test_the_tensors_of_the_file_are_loaded_frozen_and_in_eval_mode(
    state: dict[str, torch.Tensor], network: Backbone
) -> None:
    loaded = network.network.state_dict()

    assert all(torch.equal(loaded[name], state[name]) for name in state if name[:3] != "fc.")
    assert network.source == "weights"
    assert not any(module.training for module in network.network.modules())
    assert not any(parameter.requires_grad for parameter in network.network.parameters())


def test_a_state_dict_of_another_number_of_classes_gives_the_same_backbone(
    tmp_path: Path, state: dict[str, torch.Tensor], network: Backbone
) -> None:
    two = {**state, "fc.weight": torch.zeros(2, 512), "fc.bias": torch.zeros(2)}
    torch.save(two, tmp_path / "two.pth")
    headless = {name: tensor for name, tensor in state.items() if name[:3] != "fc."}
    torch.save(headless, tmp_path / "headless.pth")

    for name in ("two.pth", "headless.pth"):
        assert backbone.load(tmp_path / name, 0, pytest.fail).digest == network.digest


def test_convolutions_give_the_activations_before_pooling(network: Backbone) -> None:
    inputs = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        activations = network.convolutions()(inputs)
        logits = network.network.fc(activations.mean(dim=(2, 3)))
        assert activations.shape == (2, 512, 7, 7)
        torch.testing.assert_close(logits, network.network(inputs))


def missing(state: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor for name, tensor in state.items() if name != "layer3.0.conv1.weight"}


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a tensor is missing": (missing, "1 tensors .* the first is layer3.0.conv1.weight"),
    "a tensor has another shape": (
        lambda state: {**state, "conv1.weight": torch.zeros(64, 1, 7, 7)},
        "1 tensors .* the first is conv1.weight",
    ),
    "a tensor is a number": (lambda state: {**state, "bn1.bias": 3.0}, "the first is bn1.bias"),
    "names of another framework": (
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        "is not a ResNet-18 state dict with torchvision's names",
    ),
    "not a number": (
        lambda state: {**state, "bn1.bias": torch.full((64,), torch.nan)},
        "not finite or not real: bn1.bias",
    ),
    "a list": (lambda state: list(state.values()), "is not a ResNet-18 state dict"),
    "nothing": (lambda state: {}, "is not a ResNet-18 state dict"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_weights_of_another_network_are_refused_with_their_name(
    tmp_path: Path, state: dict[str, torch.Tensor], name: str
) -> None:
    change, message = BROKEN[name]
    path = tmp_path / "theirs.pth"
    torch.save(change(state), path)

    with pytest.raises(WeightsError, match=message) as raised:
        backbone.load(path, 0, pytest.fail)
    assert f"LESIONLENS_WEIGHTS={path}" in str(raised.value)


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"<!doctype html><title>404</title>",
        b"\x80\x02cposix\nsystem\n",
        b"these are my weights\n",
    ],
    ids=["missing", "empty", "git-lfs", "html", "evil", "text"],
)
def test_a_file_that_is_missing_or_something_else_is_refused_by_name(
    tmp_path: Path, data: bytes | None
) -> None:
    path = tmp_path / "theirs.pth"
    if data is not None:
        path.write_bytes(data)

    with pytest.raises(WeightsError) as raised:
        backbone.load(path, 0, pytest.fail)
    assert f"LESIONLENS_WEIGHTS={path} cannot be read" in str(raised.value)


def test_a_file_cut_off_and_a_whole_model_are_refused(tmp_path: Path, weights_file: Path) -> None:
    whole = weights_file.read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    torch.save(resnet18(weights=None), tmp_path / "pickled.pth")

    for name in ("cut.pth", "pickled.pth"):
        with pytest.raises(WeightsError, match="cannot be read as a state dict"):
            backbone.load(tmp_path / name, 0, pytest.fail)


def test_the_digest_ignores_the_final_layer_and_sees_every_other_tensor(
    weights_file: Path,
) -> None:
    own = backbone.load(weights_file, 0, pytest.fail)
    before = own.digest
    tensors = own.network.state_dict()
    with torch.no_grad():
        own.network.fc.weight.add_(1)
        assert own.digest == before
        for name in ("conv1.weight", "bn1.running_var", "layer4.1.bn2.bias"):
            kept = tensors[name].clone()
            tensors[name].view(-1)[-1] += 1e-3
            assert own.digest != before, name
            tensors[name].copy_(kept)
    assert own.digest == before


def test_the_digest_does_not_depend_on_how_a_tensor_lies_in_memory(weights_file: Path) -> None:
    own = backbone.load(weights_file, 0, pytest.fail)
    before = own.digest
    own.network.to(memory_format=torch.channels_last)

    assert own.digest == before


@pytest.mark.usefixtures("offline")
def test_without_a_network_the_backbone_stays_untrained_and_says_so() -> None:
    said: list[str] = []
    loaded = backbone.load(None, 0, said.append)

    assert loaded.source == "untrained"
    assert len(said) == 1
    assert "URLError" in said[0]
    assert "UNTRAINED" in said[0]
    assert "LESIONLENS_WEIGHTS" in said[0]
    assert not loaded.network.training


@pytest.mark.usefixtures("offline")
def test_an_untrained_backbone_is_decided_by_its_seed() -> None:
    digests = []
    for seed in (0, 0, 1):
        torch.rand(3)  # whatever was drawn before
        digests.append(backbone.load(None, seed, lambda message: None).digest)

    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_weights_of_torchvision_are_named_as_imagenet(
    monkeypatch: pytest.MonkeyPatch, state: dict[str, torch.Tensor], network: Backbone
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def give(url: str, **options: Any) -> dict[str, torch.Tensor]:
        asked.append((url, options))
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", give)
    loaded = backbone.load(None, 0, pytest.fail)

    assert (loaded.source, loaded.digest) == ("imagenet", network.digest)
    assert asked[0][0].endswith("resnet18-f37072fd.pth")
    assert asked[0][1]["check_hash"] is True


def test_extracted_features_equal_the_convolutions_output(weights_file: Path) -> None:
    own = backbone.load(weights_file, 0, pytest.fail)
    before = own.digest
    inputs = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    forward = own.extractor()
    with torch.inference_mode():
        whole = own.convolutions()(inputs)
        between, pooled = forward(inputs)
        alone = [forward(one[None])[1][0] for one in inputs]

    assert between.shape == (2, 256, 14, 14)
    torch.testing.assert_close(own.network.layer4(between), whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(pooled, whole.mean(dim=(2, 3)), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.stack(alone), pooled, atol=1e-5, rtol=1e-5)
    assert own.digest == before

"""The archive runs in TorchServe's own loader where nothing of this repository can be imported."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handlers.classifier import Classifier
from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.settings import HandlerSettings
from handlers.telemetry import Recorder

pytestmark = pytest.mark.slow


# What a serving environment need not have, and what would give the repository away.
ABSENT = (
    "torchvision",
    "sklearn",
    "scipy",
    "pandas",
    "pydantic",
    "pydantic_settings",
    "kserve",
    "rich",
    "threadpoolctl",
    "kagglehub",
    "training",
    "serving",
)

SERVER = '''
"""What TorchServe's worker does, less the socket."""
import json, sys

folder, metrics, photograph, *absent = sys.argv[1:]


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ImportError(f"{name} is not installed here")


sys.meta_path.insert(0, Absent())
sys.path.insert(0, folder)

from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.model_loader import TsModelLoader

cache = MetricsCacheYamlImpl(config_file_path=metrics)
cache.initialize_cache()
service = TsModelLoader().load(
    "melanoma", folder, "melanoma_handler.py", None, 8, None, False, metrics_cache=cache
)
body = open(photograph, "rb").read()
requests = [
    {
        "requestId": str(number).encode(),
        "parameters": [{"name": "body", "value": body, "contentType": "image/jpeg"}],
        "headers": [{"name": name.encode(), "value": value.encode()} for name, value in headers],
    }
    for number, headers in enumerate(([], [("explain", "True")]))
]
processors, rows, names = service.retrieve_data_for_inference(requests)
service.context.request_ids = cache.request_ids = names
service.context.request_processor = processors
answers = service._entry_point(rows, service.context)
import handlers

imported = sorted(
    module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)
)
with open("answers.json", "w") as stream:
    json.dump({"answers": answers, "imported": imported}, stream)
'''


@pytest.fixture(scope="module")
def photograph(small_set: Path) -> Path:
    return small_set / "test" / "malignant" / "synthetic_0000.jpg"


@pytest.fixture(scope="module")
def alone(
    unpacked: Path, photograph: Path, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Answers of the archive in a separate process, and the files it has imported."""
    workplace = tmp_path_factory.mktemp("alone")
    (workplace / "server.py").write_text(SERVER)
    metrics = root / "model_store" / "config" / "metrics.yaml"
    # -I: neither the current folder nor PYTHONPATH; an environment without any of ours.
    command = [sys.executable, "-I", "server.py", unpacked, metrics, photograph, *ABSENT]
    ran = subprocess.run(
        command, cwd=workplace, env={"HOME": str(workplace)}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    loaded: dict[str, Any] = json.loads((workplace / "answers.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def here(unpacked: Path, photograph: Path) -> list[dict[str, Any]]:
    """Answers of the same archive in this process."""
    classifier = Classifier.load(unpacked, backend="")
    service = MelanomaService(classifier, HandlerSettings())
    body = photograph.read_bytes()
    rows = [RawRequest(body, "predict", "image/jpeg"), RawRequest(body, "explain", "image/jpeg")]
    answers = service.answer(rows, Recorder(classifier.version))
    assert [answer.status for answer in answers] == [200, 200]
    return [json.loads(answer.body) for answer in answers]


def test_only_the_archive_and_installed_packages_are_imported(
    alone: dict[str, Any], unpacked: Path, root: Path
) -> None:
    ours = [name for name in alone["imported"] if Path(name).parent.name == "handlers"]
    assert ours
    assert all(Path(name).is_relative_to(unpacked) for name in ours)
    packages = ("training", "handlers", "serving", "tests")
    assert not [
        name
        for name in alone["imported"]
        if any(Path(name).is_relative_to(root / package) for package in packages)
    ]
    assert str(unpacked / "melanoma_handler.py") in alone["imported"]


def test_its_prediction_is_the_one_given_in_process(
    alone: dict[str, Any], here: list[dict[str, Any]]
) -> None:
    prediction = json.loads(alone["answers"][0])

    # The last of six digits may fall on either side on another number of threads.
    assert prediction["probability"] == pytest.approx(here[0]["probability"], abs=2e-6)
    rest = {name: value for name, value in here[0].items() if name != "probability"}
    assert {name: prediction[name] for name in rest} == rest
    assert set(prediction) == set(here[0])
    assert 0 < prediction["probability"] < 1


def test_its_explanation_is_the_one_given_in_process(
    alone: dict[str, Any], here: list[dict[str, Any]]
) -> None:
    explanation = json.loads(alone["answers"][1])
    expected = here[1]

    assert set(explanation) == set(expected)
    values = np.array(explanation["attribution"]["values"])
    assert values.shape == (7, 7)
    np.testing.assert_allclose(
        values, expected["attribution"]["values"], atol=1e-4 * expected["scale"]
    )
    assert np.abs(values).max() > 0
    for name in ("heatmap", "overlay"):
        assert base64.b64decode(explanation[name]).startswith(b"\x89PNG")
    for name in ("method", "target", "label", "model_version"):
        assert explanation[name] == expected[name]

"""Test the settings and arguments of a pod."""

from pathlib import Path

import pytest

from serving.pod.errors import ExitCode, PodError
from serving.pod.settings import PodSettings

DIGEST = "sha256:" + "0a" * 32
DANGEROUSLY = "LESIONLENS_DANGEROUSLY_RUN_UNVERIFIED_MODEL"


def test_reads_variables_and_defaults() -> None:
    settings = PodSettings.read(
        {
            "LESIONLENS_MODELS": "/elsewhere",
            "LESIONLENS_DIGEST": DIGEST,
            "LESIONLENS_DRAIN_SECONDS": "2.5",
            "LESIONLENS_HEALTH_PORT": "",
            "HOME": "/tmp",
        },
        [],
    )

    assert settings == PodSettings(models=Path("/elsewhere"), digest=DIGEST, drain_seconds=2.5)


def test_accepts_kserve_arguments_and_uses_the_port() -> None:
    settings = PodSettings.read(
        {"LESIONLENS_INFERENCE_PORT": "9000"},
        ["--model_name", "m", "--predictor_host", "p.ns", "--http_port", "8081", "--workers", "2"],
    )

    assert settings == PodSettings(inference_port=8081)


def test_unknown_argument_is_reported_and_ignored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert PodSettings.read({}, ["--new", "x"]) == PodSettings()
    assert capsys.readouterr().out == "pod: ignored arguments: --new x\n"


@pytest.mark.parametrize(
    ("variables", "arguments", "words"),
    [
        ({"LESIONLENS_DIGEST": "sha256:0a"}, [], "LESIONLENS_DIGEST='sha256:0a' is not sha256:"),
        ({"LESIONLENS_DIGEST": DIGEST.upper()}, [], "is not sha256:"),
        ({"LESIONLENS_HEALTH_PORT": "8o90"}, [], "LESIONLENS_HEALTH_PORT='8o90' is not a number"),
        ({"LESIONLENS_FINISH_SECONDS": "-1"}, [], "must be zero or more and finite"),
        ({"LESIONLENS_FINISH_SECONDS": "nan"}, [], "must be zero or more and finite"),
        ({DANGEROUSLY: "1"}, [], f"{DANGEROUSLY}='1' is neither true nor false"),
        ({DANGEROUSLY: "True"}, [], "is neither true nor false"),
        ({}, ["--http_port", "http"], "--http_port='http' is not a number"),
        ({}, ["--http_port"], "arguments of the container: argument --http_port: expected one"),
    ],
)
def test_names_invalid_values(variables: dict[str, str], arguments: list[str], words: str) -> None:
    with pytest.raises(PodError, match=words) as caught:
        PodSettings.read(variables, arguments)

    assert caught.value.code == ExitCode.SETTING


def test_messages_are_one_line() -> None:
    assert str(PodError(ExitCode.WORKER, "first\n  second")) == "first second"

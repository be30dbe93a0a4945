"""Test the mounted release: waiting, verification and the private copy."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import signing

from serving import release
from serving.pod import model_volume
from serving.pod.errors import ExitCode, PodError
from serving.pod.settings import PodSettings
from serving.torchserve import process
from serving.torchserve.process import Plan
from tests.serving.pod.releases import add_property, write_release


def test_waits_for_a_model_that_arrives_later(tmp_path: Path) -> None:
    car = tmp_path / "car"
    settings = PodSettings(models=tmp_path / "models", model_seconds=60)

    def arrive() -> None:
        write_release(car)
        settings.models.symlink_to(car)  # as KServe's model car does it

    with_it = threading.Timer(0.3, arrive)
    with_it.start()
    model_volume.wait(settings, asynchronous=True, ended=threading.Event())
    with_it.join()

    assert (settings.models / release.ARCHIVE).is_file()


@pytest.mark.parametrize(("asynchronous", "ended"), [(False, False), (True, True)])
def test_gives_up_waiting_at_the_deadline(asynchronous: bool, ended: bool, tmp_path: Path) -> None:
    event = threading.Event()
    if ended:
        event.set()

    # An hour: the test would not end.
    settings = PodSettings(models=tmp_path / "models", model_seconds=3600)
    model_volume.wait(settings, asynchronous, event)

    with pytest.raises(PodError, match="no model volume at") as caught:
        model_volume.load(settings)
    assert caught.value.code == ExitCode.VOLUME


@pytest.fixture
def settings(tmp_path: Path) -> PodSettings:
    """Settings of a pod with a mounted release and its digest."""
    (tmp_path / "scratch").mkdir()
    models = write_release(tmp_path / "models")
    return PodSettings(
        models=models, scratch=tmp_path / "scratch", digest=release.digest_of(models)
    )


def refusal(settings: PodSettings, **changes: Any) -> PodError:
    with pytest.raises(PodError) as caught:
        model_volume.load(dataclasses.replace(settings, **changes))
    return caught.value


def test_runs_a_private_copy(settings: PodSettings) -> None:
    loaded = model_volume.load(settings)

    assert loaded == model_volume.LoadedRelease(
        settings.scratch / "release", settings.digest, signed=False
    )
    assert loaded.folder.stat().st_mode & 0o777 == 0o700
    # Loaded again when the container starts again in the same pod.
    assert model_volume.load(settings) == loaded


def test_command_uses_no_path_of_the_mounted_folder(settings: PodSettings) -> None:
    loaded = model_volume.load(settings)
    add_property(settings.models, "plugins_path=/tmp")
    plan = Plan(loaded.folder, settings.scratch, (), 8081)

    command = process.command(plan)
    environment = process.environment(plan, {})

    assert str(settings.models) not in " ".join([*command, *environment.values()])
    assert f"{loaded.folder}/model-store" in command
    assert f"{loaded.folder}/config/config.properties" in command


def test_rejects_configuration_of_another_release(settings: PodSettings) -> None:
    """Check a configuration whose option would run a program, with a valid archive."""
    config = settings.models / "config/config.properties"
    config.write_text(config.read_text().replace("-Xmx2g", "-XX:OnOutOfMemoryError=/bin/true"))

    error = refusal(settings)

    assert error.code == ExitCode.DIGEST
    assert settings.digest in str(error)
    assert release.digest_of(settings.models) in str(error)
    assert not (settings.scratch / "release").exists()


def test_rejects_disallowed_configuration_with_valid_digest(
    settings: PodSettings,
) -> None:
    config = settings.models / "config/config.properties"
    config.write_text(config.read_text().replace("-Xmx2g", "-XX:OnOutOfMemoryError=/bin/true"))

    error = refusal(settings, digest=release.digest_of(settings.models))

    assert error.code == ExitCode.CONFIGURATION
    assert "'-XX:OnOutOfMemoryError=/bin/true', which a release may not ask for" in str(error)


def test_missing_digest_prevents_start(settings: PodSettings) -> None:
    error = refusal(settings, digest="")

    assert error.code == ExitCode.DIGEST
    assert "name the release's digest in release.yaml, as `make publish` writes it" in str(error)
    assert "DANGEROUSLY" not in str(error)  # who copies it from a log would keep it


def test_unverified_model_needs_an_explicit_setting(settings: PodSettings) -> None:
    named = {"LESIONLENS_DANGEROUSLY_RUN_UNVERIFIED_MODEL": "true"}
    given = {"LESIONLENS_MODELS": str(settings.models), "LESIONLENS_SCRATCH": str(settings.scratch)}

    loaded = model_volume.load(PodSettings.read(given | named, []))

    assert loaded.digest == settings.digest
    # It unlocks the digest alone, and not where one is named.
    unlocked = dataclasses.replace(settings, dangerously_run_unverified_model=True)
    assert refusal(unlocked, digest="sha256:" + "0" * 64).code == ExitCode.DIGEST
    add_property(settings.models, "enable_model_api=true")
    assert refusal(unlocked, digest="").code == ExitCode.CONFIGURATION


def test_rejects_file_that_is_not_an_archive(settings: PodSettings) -> None:
    (settings.models / release.ARCHIVE).write_text("x")

    error = refusal(settings, digest=release.digest_of(settings.models))

    assert error.code == ExitCode.VOLUME
    assert "is not a model archive" in str(error)


def test_rejects_volume_with_missing_file(settings: PodSettings) -> None:
    (settings.models / "config/metrics.yaml").unlink()

    error = refusal(settings)

    assert error.code == ExitCode.VOLUME
    assert "lacks config/metrics.yaml" in str(error)


def test_rejects_copy_that_does_not_fit(settings: PodSettings) -> None:
    error = refusal(settings, scratch=Path("/proc/nowhere"))

    assert error.code == ExitCode.VOLUME
    assert "the emptyDir's sizeLimit" in str(error)


@pytest.mark.slow
def test_verifies_the_signature_on_the_copy(settings: PodSettings, tmp_path: Path) -> None:
    private, public = tmp_path / "signing.key", tmp_path / "signing.pub"
    key = ec.generate_private_key(ec.SECP256R1())
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    signer = signing.Config().use_elliptic_key_signer(private_key=private)
    signer.sign(settings.models, settings.models / release.SIGNATURE)
    (settings.models / "lost+found").mkdir()
    (settings.models / "lost+found/x").write_text("not copied, and so no concern of a signature")

    asked = dataclasses.replace(settings, signing_key=str(public))
    assert model_volume.load(asked).signed

    # Another archive in its place: the digest is right, the signature is not.
    write_release(settings.models, "unsigned")
    error = refusal(asked, digest=release.digest_of(settings.models))
    assert error.code == ExitCode.SIGNATURE
    assert "model-store/melanoma.mar" in str(error)

    (settings.models / release.SIGNATURE).unlink()
    error = refusal(asked, digest=release.digest_of(settings.models))
    assert error.code == ExitCode.SIGNATURE
    assert "model.sig is missing" in str(error)

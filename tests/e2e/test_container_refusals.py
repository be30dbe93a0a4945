"""A pod that must not run says why in one line, and each reason has a separate exit code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from k8s.rollout import bundle
from k8s.rollout.settings import RolloutSettings
from serving.pod.errors import ExitCode
from serving.release import digest_of
from tests.e2e.conftest import Trained
from tests.e2e.containers import Container
from tests.e2e.environment import ROOT

Start = Callable[..., Container]
# Either runtime is refused by the same code, before it is started.
pytestmark = pytest.mark.parametrize("runtime", ["torchserve"], indirect=True, scope="session")


def key_pair(folder: Path) -> tuple[Path, Path]:
    """Private and public key of a signer, as PEM files."""
    private = ec.generate_private_key(ec.SECP256R1())
    files = folder / "signing.key", folder / "signing.pub"
    files[0].write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    files[1].write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return files


@pytest.fixture
def signed(trained: Trained, tmp_path: Path) -> Path:
    """A signed release, its public key inside: the one folder that a container sees."""
    private, public = key_pair(tmp_path)
    settings = RolloutSettings(
        archive=trained.store, config=ROOT / "model_store/config", signing_private_key=private
    )
    folder = tmp_path / "models"
    bundle.make(settings, folder)
    public.rename(folder / "signing.pub")
    for path in [*tmp_path.parents[:2], tmp_path, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o055)
    return folder


def test_another_release_than_the_one_that_is_named(
    refused: Callable[..., tuple[int, str]], release: Path
) -> None:
    digest = digest_of(release)
    other = "sha256:" + "0" * 64

    status, message = refused(variables={"LESIONLENS_DIGEST": other})

    assert status == ExitCode.DIGEST
    assert digest in message
    assert other in message


def test_no_digest(refused: Callable[..., tuple[int, str]]) -> None:
    status, message = refused(variables={"LESIONLENS_DIGEST": ""})

    assert status == ExitCode.DIGEST
    assert message.startswith("error: LESIONLENS_DIGEST is empty, so any model would run")


def test_a_configuration_that_starts_a_program_does_not(
    refused: Callable[..., tuple[int, str]], release: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(release, folder)
    config = folder / "config/config.properties"
    config.write_text(config.read_text().replace("-Xmx2g", "-XX:OnOutOfMemoryError=/bin/true"))
    for path in [*tmp_path.parents[:2], tmp_path, folder]:
        path.chmod(path.stat().st_mode | 0o055)

    status, message = refused(models=folder, variables={"LESIONLENS_DIGEST": digest_of(release)})
    assert status == ExitCode.DIGEST
    assert digest_of(folder) in message

    # Not even a release of that name.
    status, message = refused(models=folder)
    assert status == ExitCode.CONFIGURATION
    assert "'-XX:OnOutOfMemoryError=/bin/true'" in message


def test_no_volume(refused: Callable[..., tuple[int, str]]) -> None:
    status, message = refused(models=None)

    assert status == ExitCode.VOLUME
    assert message.startswith("error: no model volume at /mnt/models")


def test_a_volume_without_a_release(
    refused: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)

    status, message = refused(models=tmp_path)

    assert status == ExitCode.VOLUME
    assert "/mnt/models lacks config/config.properties, config/log4j2.xml" in message


def test_a_volume_that_is_somebody_elses(
    refused: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)

    status, message = refused(models=tmp_path)

    assert status == ExitCode.VOLUME
    assert "/mnt/models cannot be read (Permission denied): the pod runs as user" in message


def test_too_little_memory_to_begin_with(refused: Callable[..., tuple[int, str]]) -> None:
    status, message = refused(memory=512 * 2**20)

    assert status == ExitCode.MEMORY
    assert message.startswith("error: the memory limit is 537 MB and 1000 MB are the least")


def test_no_folder_to_write_to(refused: Callable[..., tuple[int, str]]) -> None:
    status, message = refused(variables={"LESIONLENS_SCRATCH": "/opt/lesionlens"})

    assert status == ExitCode.SCRATCH
    assert "cannot write to /opt/lesionlens (Read-only file system)" in message


def test_a_setting_that_cannot_be_read(refused: Callable[..., tuple[int, str]]) -> None:
    status, message = refused(variables={"LESIONLENS_DRAIN_SECONDS": "soon"})

    assert status == ExitCode.SETTING
    assert message == "error: LESIONLENS_DRAIN_SECONDS='soon' is not a number (float)"


def test_a_signature_that_holds_and_one_that_does_not(
    start_container: Start, refused: Callable[..., tuple[int, str]], signed: Path
) -> None:
    asked = {"LESIONLENS_SIGNING_KEY": "/mnt/models/signing.pub"}
    with start_container("predictor", models=signed, variables=asked) as pod:
        assert "signature verified" in pod.wait_ready().said()

    config = signed / "config/config.properties"
    config.write_text(config.read_text().replace("enable_model_api=false", "enable_model_api=true"))
    status, message = refused(models=signed, variables=asked)

    assert status == ExitCode.SIGNATURE
    assert "config/config.properties" in message


def test_a_release_signed_by_somebody_else(
    refused: Callable[..., tuple[int, str]], signed: Path, tmp_path: Path
) -> None:
    _, stranger = key_pair(tmp_path)
    stranger.rename(signed / "signing.pub")

    status, message = refused(
        models=signed, variables={"LESIONLENS_SIGNING_KEY": "/mnt/models/signing.pub"}
    )

    assert status == ExitCode.SIGNATURE
    assert message.startswith("error: /mnt/models/model.sig does not match /mnt/models")


def test_no_signature_where_one_is_demanded(refused: Callable[..., tuple[int, str]]) -> None:
    status, message = refused(variables={"LESIONLENS_SIGNING_KEY": "/mnt/models/signing.pub"})

    assert status == ExitCode.SIGNATURE
    assert "is not signed (model.sig is missing)" in message

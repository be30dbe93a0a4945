"""Test publishing of releases to folders, buckets and registries."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from k8s.rollout import stores
from k8s.rollout.errors import RolloutError
from k8s.rollout.settings import RolloutSettings
from serving import release
from tests.k8s.rollout.conftest import write_archive

pytestmark = pytest.mark.slow

FILES = [
    "config/config.properties",
    "config/log4j2.xml",
    "config/metrics.yaml",
    "model-store/melanoma.mar",
]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Bucket of an S3 server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", f"http://{host}:{port}")
    fsspec.config.set_conf_env(fsspec.config.conf)
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir("releases")
    yield "s3://releases/melanoma"
    server.stop()
    fsspec.config.conf.pop("s3", None)
    fsspec.filesystem("s3").clear_instance_cache()


def test_folder_stores_release_under_its_digest(settings: RolloutSettings, store: Path) -> None:
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.parent.name}/{path.name}\n"
        for path in [*sorted(settings.config.iterdir()), store / "melanoma.mar"]
    )
    lines = lines.replace("store/melanoma.mar", "model-store/melanoma.mar")
    digest = hashlib.sha256(lines.encode()).hexdigest()

    published, new = stores.publish(settings)

    folder = Path(settings.releases) / f"sha256-{digest}"
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert new
    assert found == FILES
    assert published.digest == f"sha256:{digest}"
    assert published.storage_uri == f"pvc://lesionlens-models/melanoma/sha256-{digest}"
    assert os.listdir(settings.releases) == [f"sha256-{digest}"]


def test_republishing_changes_nothing_and_another_release_is_added(
    settings: RolloutSettings, store: Path
) -> None:
    first, _ = stores.publish(settings)
    archive = next(Path(settings.releases).glob("*/model-store/melanoma.mar"))
    before = archive.stat().st_mtime_ns

    assert stores.publish(settings) == (first, False)
    assert archive.stat().st_mtime_ns == before

    write_archive(store, "second")
    second, new = stores.publish(settings)
    assert new
    assert second.digest != first.digest
    assert len(os.listdir(settings.releases)) == 2


def test_interrupted_publication_is_completed(settings: RolloutSettings) -> None:
    published, _ = stores.publish(settings)
    folder = next(Path(settings.releases).iterdir())
    (folder / "model-store/melanoma.mar").write_bytes(b"half")
    (folder / "config/metrics.yaml").unlink()

    assert stores.publish(settings) == (published, True)
    assert release.digest_of(folder) == published.digest
    assert (folder / "config/metrics.yaml").is_file()


def test_changed_configuration_is_a_new_release(settings: RolloutSettings, tmp_path: Path) -> None:
    first, _ = stores.publish(settings)
    config = tmp_path / "config"
    shutil.copytree(settings.config, config)
    with (config / "config.properties").open("a") as file:
        file.write("# with a comment\n")

    second, new = stores.publish(settings.model_copy(update={"config": config}))
    assert new
    assert second.digest != first.digest

    with (config / "config.properties").open("a") as file:
        file.write("plugins_path=/tmp\n")
    with pytest.raises(RolloutError, match=r"has plugins_path.*; no pod would run it"):
        stores.publish(settings.model_copy(update={"config": config}))


def test_bucket_stores_release_like_a_folder(
    settings: RolloutSettings, bucket: str, tmp_path: Path
) -> None:
    there = settings.model_copy(update={"releases": bucket})

    published, new = stores.publish(there)
    again = stores.publish(there)

    files = fsspec.filesystem("s3")
    root = published.storage_uri.removeprefix("s3://")
    assert new
    assert again == (published, False)
    assert published.storage_uri == f"{bucket}/{published.digest.replace(':', '-')}"
    assert sorted(path.removeprefix(f"{root}/") for path in files.find(root)) == FILES
    files.get(root, str(tmp_path / "copy"), recursive=True)
    assert published.digest == release.digest_of(tmp_path / "copy")

    # Whole is a release whose every file is right, not its archive alone.
    files.pipe_file(f"{root}/config/metrics.yaml", b"dimensions: []")
    assert stores.publish(there) == (published, True)
    assert stores.publish(there) == (published, False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"releases": "nothing://x"}, "nothing://x/sha256-.*Protocol not known"),
        ({"releases": "/proc/nowhere"}, "cannot write to /proc/nowhere"),
        ({"config": Path("/nowhere")}, "/nowhere/config.properties is missing"),
        ({"archive": Path("/nowhere")}, "/nowhere/melanoma.mar is not a model archive"),
        ({"signing_private_key": Path("/nowhere.key")}, "SIGNING_PRIVATE_KEY=/nowhere.key"),
    ],
)
def test_names_what_is_wrong(
    changes: dict[str, object], words: str, settings: RolloutSettings
) -> None:
    with pytest.raises(RolloutError, match=words):
        stores.publish(settings.model_copy(update=changes))


def test_names_invalid_signing_key(settings: RolloutSettings, tmp_path: Path) -> None:
    key = tmp_path / "signing.key"
    key.write_text("no key")

    with pytest.raises(RolloutError, match=r"signing\.key cannot sign"):
        stores.publish(settings.model_copy(update={"signing_private_key": key}))

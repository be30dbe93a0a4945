"""Build an image from its Dockerfile, with any available builder; make its base if asked to."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from k8s.images import pip_config, torch_choice
from k8s.images.settings import ImageSettings

ROOT: Final = Path(__file__).resolve().parents[2]
NAMES: Final = tuple(
    sorted(path.parent.name for path in (ROOT / "k8s/images").glob("*/Dockerfile"))
)
"""Names of the images that have a Dockerfile."""
VARIANTS: Final = {"serving-kserve": ("serving", {"RUNTIME": "kserve"})}
"""Images built from another image's Dockerfile: its name and the build arguments."""
AUTO: Final = "auto"
"""Value of the torch setting for automatic choice: see :mod:`k8s.images.torch_choice`."""
BUILDERS: Final = ("docker", "podman", "buildah")
"""Builders in the order in which they are tried."""

BASE: Final = "localhost/lesionlens-base:bookworm"
BASE_RELEASE: Final = "bookworm"
BASE_PACKAGES: Final = ("python3", "python3-venv", "ca-certificates")
UNREAD: Final = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
"""Files of the base that are not needed in a container."""
_CONTAINER: Final = "lesionlens-base"
"""Name of buildah's working container during the import."""


class ImageError(RuntimeError):
    """An image was not built or a container not started; the message says why."""


def build(name: str, version: str, settings: ImageSettings) -> str:
    """Build one of the project's images; returns its full name.

    Packages come from where this machine's pip takes them. The configuration is passed to the build
    as secrets, so that no mirror or certificate stays in the image.

    Raises:
        ImageError: no builder, or the build failed; its output was shown.
    """
    tag = tag_of(name, version, settings)
    builder = builder_of(settings)
    options = pip_config.read()
    with _alone(settings), tempfile.TemporaryDirectory(prefix="lesionlens-image-") as scratch:
        config = Path(scratch) / "pip.conf"
        config.write_text(pip_config.text(options), encoding="utf-8")
        extra = ["--secret", f"id=pip.conf,src={config}"]
        if certificates := pip_config.certificates():
            extra += ["--secret", f"id=ca.crt,src={certificates}"]
        if builder != "docker":  # Docker's builds cannot read a folder of the machine
            for folder in pip_config.folders(options):
                extra += ["--volume", f"{folder}:{folder}:ro"]
        arguments = {"BASE": base_of(settings), "REVISION": _revision()}
        arguments["HEIF"] = "yes" if settings.heif else ""
        folder_name, chosen = VARIANTS.get(name, (name, {}))
        arguments |= chosen
        if folder_name != "page":
            arguments["DICOM"] = "yes" if settings.dicom else ""
        if folder_name == "training":
            arguments["RAY"] = "yes" if settings.ray else ""
        if folder_name == "serving":
            arguments["TORCH"] = torch_choice.choose() if settings.torch == AUTO else settings.torch
        dockerfile = ROOT / "k8s/images" / folder_name / "Dockerfile"
        run_build(dockerfile, ROOT, tag, arguments, settings, extra)
    return tag


@contextmanager
def _alone(settings: ImageSettings) -> Iterator[None]:
    """Lock the storage, so that only one build runs and the next one can use its result."""
    if settings.storage is None:
        yield
        return
    settings.storage.mkdir(parents=True, exist_ok=True)
    with (settings.storage / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tag_of(name: str, version: str, settings: ImageSettings) -> str:
    """Return the full name of one of the project's images."""
    return f"{settings.prefix}/lesionlens-{name}:{version}".lstrip("/")


def run_build(
    dockerfile: Path,
    context: Path,
    tag: str,
    arguments: Mapping[str, str],
    settings: ImageSettings,
    extra: Sequence[str] = (),
) -> None:
    """Build any Dockerfile; raises ImageError after its output was printed.

    Args:
        dockerfile: to build.
        context: the folder that it copies from.
        tag: the image's full name.
        arguments: of the build; an empty one leaves the Dockerfile's default.
        settings: which builder, and where it keeps images.
        extra: more options of the builder.
    """
    builder = builder_of(settings)
    command = [*settings.program(builder), *_verb(builder), "--file", str(dockerfile)]
    command += ["--tag", tag, *extra]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"] if value else []
    done = subprocess.run([*command, str(context)], check=False)
    if done.returncode != 0:
        raise ImageError(f"{builder} could not build {tag} (status {done.returncode}); see above")


def _verb(builder: str) -> list[str]:
    if builder == "docker":
        return ["build"]
    # chroot: no container within a container is needed. The format keeps Docker's features.
    # Without --force-rm a failed build leaves its container of several gigabytes.
    return ["build", "--isolation", "chroot", "--layers", "--force-rm", "--format", "docker"]


def builder_of(settings: ImageSettings) -> str:
    """Return the configured builder, or the first that works: a docker client may have no engine.

    Raises:
        ImageError: none of them works here.
    """
    if settings.builder:
        return settings.builder
    for name in BUILDERS:
        if (
            shutil.which(name)
            and not subprocess.run([name, "info"], capture_output=True, check=False).returncode
        ):
            return name
    raise ImageError(f"none of {', '.join(BUILDERS)} works here: install one")


def base_of(settings: ImageSettings) -> str:
    """Return the name of the base image; "" for the Dockerfile's default.

    The one called ``debian`` is made of Debian packages with mmdebstrap if it does not exist, which
    needs no image registry.

    Raises:
        ImageError: a program is missing, or fails.
    """
    if settings.base != "debian":
        return settings.base
    builder = builder_of(settings)
    if missing := [name for name in ("mmdebstrap", builder) if shutil.which(name) is None]:
        raise ImageError(f"{', '.join(missing)} missing: apt-get install {' '.join(missing)}")
    program = settings.program(builder)
    kind = () if builder == "docker" else ("--type", "image")
    inspect = [*program, *(("image",) if builder == "docker" else ()), "inspect", *kind, BASE]
    if subprocess.run(inspect, capture_output=True, check=False).returncode == 0:
        return BASE
    with tempfile.TemporaryDirectory(prefix="lesionlens-base-") as scratch:
        archive = Path(scratch) / "base.tar"
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(BASE_PACKAGES)}",
        ]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in UNREAD]
        _run([*command, BASE_RELEASE, str(archive)])
        if builder == "buildah":
            _import_with_buildah(program, archive)
        else:
            _run([*program, "import", str(archive), BASE])
    return BASE


def _import_with_buildah(program: list[str], archive: Path) -> None:
    """Import with buildah, which has no ``import``: unpack into an empty container."""
    _run([*program, "from", "--name", _CONTAINER, "scratch"])
    try:
        _run([*program, "add", "--quiet", _CONTAINER, str(archive), "/"])
        _run([*program, "commit", "--quiet", "--format", "docker", _CONTAINER, BASE])
    finally:
        subprocess.run([*program, "rm", _CONTAINER], capture_output=True, check=False)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")


def _revision() -> str:
    """Return the commit that is built, for the image's label."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

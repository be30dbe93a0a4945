"""A model car's files appear while the pod runs; any other volume is there, or never will be."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from k8s.pod import model_volume
from k8s.pod.errors import ExitCode, PodError
from k8s.pod.settings import PodSettings


def lay(folder: Path) -> None:
    for name in model_volume.FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_a_model_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    car = tmp_path / "car"
    settings = PodSettings(models=tmp_path / "models", model_seconds=60)

    def arrive() -> None:
        lay(car)
        settings.models.symlink_to(car)  # as KServe's model car does it

    with_it = threading.Timer(0.3, arrive)
    with_it.start()
    model_volume.wait(settings, asynchronous=True, ended=threading.Event())
    with_it.join()

    assert (settings.models / model_volume.ARCHIVE).is_file()


@pytest.mark.parametrize(("asynchronous", "ended"), [(False, False), (True, True)])
def test_nothing_is_waited_for_in_vain(asynchronous: bool, ended: bool, tmp_path: Path) -> None:
    event = threading.Event()
    if ended:
        event.set()

    # An hour: the test would not end.
    settings = PodSettings(models=tmp_path / "models", model_seconds=3600)
    model_volume.wait(settings, asynchronous, event)

    with pytest.raises(PodError, match="no model volume at") as caught:
        model_volume.check(settings)
    assert caught.value.code == ExitCode.VOLUME


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    lay(tmp_path)

    with pytest.raises(PodError, match="is not a model archive") as caught:
        model_volume.check(PodSettings(models=tmp_path))
    assert caught.value.code == ExitCode.VOLUME

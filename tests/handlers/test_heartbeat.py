"""Test the adapter's heartbeat and the mark of its own errors."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ts.context import Context
from ts.service import Service

from handlers.card import ArchiveError
from handlers.melanoma_handler import MelanomaHandler
from tests.handlers.test_melanoma_handler import wire

Photograph = Callable[[int, int], bytes]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(scope="module")
def context(model_folder: Path, context_for: Callable[[Path], Context]) -> Context:
    return context_for(model_folder)


@pytest.fixture(scope="module")
def handler(context: Context, scratch: Path) -> MelanomaHandler:
    loaded = MelanomaHandler()
    loaded.initialize(context)
    return loaded


def handle(handler: MelanomaHandler, context: Context, *requests: dict[str, Any]) -> None:
    processors, data, _ = Service.retrieve_data_for_inference(requests)
    context.request_processor = processors
    handler.handle(data, context)


def test_errors_of_the_handler_are_marked_by_a_header(
    handler: MelanomaHandler, context: Context, photograph: Photograph
) -> None:
    handle(handler, context, wire(photograph(1, 0)), wire(b"text"))

    assert "X-LesionLens-Handler" not in context.get_response_headers(0)
    assert context.get_response_headers(1)["X-LesionLens-Handler"] == "1"


def test_worker_records_progress_deadline_while_answering(
    handler: MelanomaHandler,
    context: Context,
    scratch: Path,
    photograph: Photograph,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = scratch / f"lesionlens-worker-{os.getpid()}"
    promises: list[float] = []
    assert handler.service is not None
    answer = handler.service.answer

    def watched(*arguments: Any, **options: Any) -> Any:
        promises.append(float(path.read_text().split()[1]))
        return answer(*arguments, **options)

    monkeypatch.setattr(handler.service, "answer", watched)
    handle(handler, context, wire(photograph(1, 0)))

    assert promises[0] > 0
    assert float(path.read_text().split()[1]) == 0


def test_load_failure_is_reported_as_final(
    context_for: Callable[[Path], Context], scratch: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError):
        MelanomaHandler().initialize(context_for(tmp_path))

    text = (scratch / "lesionlens-worker-error").read_text()
    assert text.startswith("final ArchiveError: ")

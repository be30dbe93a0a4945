"""Large packages are imported only where they are used: each costs seconds and memory."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_finding_photographs_and_packing_do_not_import_torch() -> None:
    modules = _imported_by("training.__main__, training.dataset, training.archive")

    assert "model_archiver" in modules
    assert not {"torch", "sklearn", "matplotlib"} & modules, "they take seconds"


def test_rules_and_dashboards_are_written_without_torch() -> None:
    modules = _imported_by("monitoring.build")

    assert "monitoring.prometheus.files" in modules
    assert not {"torch", "sklearn"} & modules


def _imported_by(names: str) -> set[str]:
    """Modules that a new process has after importing these."""
    code = f"import sys, {names}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_page_imports_neither_numpy_nor_torch() -> None:
    modules = _imported_by("web.__main__")

    assert "PIL.Image" in modules
    assert not {"numpy", "torch", "pillow_heif"} & modules
    loaded = {name for name in modules if name.split(".")[0] == "handlers"}
    assert {name for name in loaded if not name.startswith("handlers.structure")} == {
        "handlers",
        "handlers.colours",
        "handlers.decoding",
    }, "the page's image holds nothing else of handlers (k8s/images/page/Dockerfile)"

"""The tutorial's notebook, run from top to bottom with nothing but the repository around it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

pytestmark = pytest.mark.slow


PATH = Path("docs") / "tutorial" / "training-and-explanation.ipynb"
SECONDS = 900
"""For one cell, on a machine that is busy with other tests; all of it takes one minute alone."""
PICTURES = 11

RESULTS = """
print(
    json.dumps(
        {
            "source": found.source,
            "backbone": network.source,
            "left_out": len(found.left_out),
            "copies": [path.name for path in group],
            "both_sides": [len(set(groups[learn]) & set(groups[hold])) for learn, hold in split],
            "caught": float(caught),
            "auroc": scores["auroc"],
            "difference": float(difference),
            "status": answer.status,
            "reasons": [one.reasons for one in served.decide(tried.values())],
            "missed": missed,
            "inside": inside,
        }
    )
)
"""
"""Run after the last cell: what the cells before have found."""

WATCH = """
import os
import sys


def note(kind, what):
    with open({log!r}, "a") as log:
        log.write(f"{{kind}} {{what}}\\n")


def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        address = arguments[1] if event == "socket.connect" else arguments
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost", None):
            note("called", address[0])
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or event in ("os.mkdir", "os.rename"):
        name = arguments[1 if event == "os.rename" else 0]
        path = "" if isinstance(name, int) else os.path.abspath(os.fsdecode(name))
        if path.startswith({root!r} + os.sep) and "__pycache__" not in path:
            note("written", path)


sys.addaudithook(watch)
"""
"""Imported by the kernel before anything else: notes who is called but the machine itself, and what
is written into the repository but what Python compiles."""


@pytest.fixture(scope="module")
def committed(root: Path) -> NotebookNode:
    return nbformat.read(root / PATH, as_version=nbformat.NO_CONVERT)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the kernel, and its folder for temporary files."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def executed(root: Path, place: Path) -> NotebookNode:
    """The notebook with its outputs, and with the output of ``RESULTS`` in the last cell."""
    (place / "sitecustomize.py").write_text(WATCH.format(log=str(place / "notes"), root=str(root)))
    (place / "temporary").mkdir()
    own = {
        "HOME": place,
        "TMPDIR": place / "temporary",
        "PYTHONPATH": place,
        "IPYTHONDIR": place / "ipython",
        "MPLCONFIGDIR": place / "matplotlib",
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_CONFIG_DIR": place / "jupyter",
        "JUPYTER_DATA_DIR": place / "jupyter",
        "JUPYTER_RUNTIME_DIR": place / "jupyter",
    }
    rest = {name: text for name, text in os.environ.items() if not name.startswith("LESIONLENS_")}
    environment = rest | {name: str(value) for name, value in own.items()}
    notebook = nbformat.read(root / PATH, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(RESULTS))
    before = sorted((root / PATH.parent).iterdir())
    with pytest.MonkeyPatch.context() as patch:
        for name in own:
            if name.startswith("JUPYTER"):  # the connection file is written by this process
                patch.setenv(name, environment[name])
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(root / PATH.parent)}},
        )
        client.execute(env=environment)
    # Where it runs: what is written by others than Python would lie there.
    assert sorted((root / PATH.parent).iterdir()) == before
    return notebook


@pytest.fixture(scope="module")
def results(executed: NotebookNode) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(executed.cells[-1].outputs[0].text)
    return found


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_notebook_is_committed_without_outputs(committed: NotebookNode) -> None:
    nbformat.validate(committed)

    assert (committed.nbformat, committed.nbformat_minor) == (4, 5)
    assert committed.metadata.kernelspec.name == "python3"
    for cell in committed.cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
        assert not cell.get("attachments"), cell.id
        assert not re.search(r"data:image|;base64|<img|!\[", cell.source), cell.id
        assert max(map(len, cell.source.splitlines())) <= 100, cell.id


def test_every_step_is_explained(committed: NotebookNode) -> None:
    """Text before code, but for the first two cells, which only make ready."""
    kinds = [cell.cell_type for cell in committed.cells]
    sections = [cell for cell in committed.cells if cell.source.startswith("## ")]

    assert kinds[0] == "markdown"
    assert len(sections) == 10
    assert kinds.count("markdown") >= kinds.count("code") - 4


def test_notebook_runs_without_an_error_or_a_warning(executed: NotebookNode) -> None:
    assert [one for one in outputs(executed) if one.output_type == "error"] == []
    assert [one.text for one in outputs(executed) if one.get("name") == "stderr"] == []


def test_notebook_shows_pictures(executed: NotebookNode) -> None:
    shown = [
        one.data["image/png"] for one in outputs(executed) if "image/png" in one.get("data", ())
    ]

    assert len(shown) == PICTURES
    assert min(map(len, shown)) > 10_000, "an empty figure"


def test_every_picture_has_a_text_in_its_place(executed: NotebookNode) -> None:
    shown = [one for one in outputs(executed) if "image/png" in one.get("data", ())]

    for one in shown:
        assert len(one.metadata["image/png"]["alt"]) > 20


def test_notebook_needs_no_network_and_does_not_change_the_repository(
    executed: NotebookNode, place: Path
) -> None:
    del executed
    assert not (place / "notes").exists(), (place / "notes").read_text()


def test_notebook_leaves_no_temporary_files(executed: NotebookNode, place: Path) -> None:
    del executed
    assert list((place / "temporary").glob("lesionlens-*")) == []


def test_notebook_trains_on_synthetic_lesions_only(results: dict[str, Any]) -> None:
    assert results["source"] == "synthetic"
    assert results["backbone"] == "untrained"
    assert results["left_out"] == 3


def test_notebook_finds_near_duplicates_and_keeps_them_in_one_fold(results: dict[str, Any]) -> None:
    assert {"turned.jpg", "cropped.jpg", "saved-again.jpg", "synthetic_0000.jpg"} <= set(
        results["copies"]
    )
    assert results["both_sides"] == [0] * 5


def test_the_model_learns_something(results: dict[str, Any]) -> None:
    assert results["auroc"]["value"] > 0.75
    assert results["auroc"]["low"] > 0.6
    assert results["caught"] >= 0.95


def test_the_shipped_classifier_gives_the_same_answers(results: dict[str, Any]) -> None:
    assert results["difference"] < 1e-4
    assert results["status"] == 200


def test_notebook_shows_every_reason_for_review(results: dict[str, Any]) -> None:
    shown = {reason for reasons in results["reasons"] for reason in reasons}

    assert shown == {"near_threshold", "unlike_training_data", "low_quality"}
    assert [] in results["reasons"], "and an answer without one"


def test_promised_sums_are_kept(results: dict[str, Any]) -> None:
    assert len(results["missed"]) == 4
    assert max(results["missed"]) < 0.011


def test_the_warning_is_borne_out(results: dict[str, Any]) -> None:
    """The text says that of all maps the Gaussian has the largest share inside the lesion."""
    means = {name: sum(shares) / len(shares) for name, shares in results["inside"].items()}

    assert max(means, key=lambda name: means[name]) == "centre (control)"

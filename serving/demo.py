"""``python -m serving.demo``: train, serve, predict and explain once, and time the steps."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kserve import InferenceRESTClient, RESTConfig
from PIL import Image, ImageOps
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from serving.front.client_key import authorization
from serving.local import MODEL, LocalServer, ServerError
from serving.picture import side_by_side
from serving.process import exit_when_terminated
from serving.runtimes import NAMES
from serving.settings import ServingSettings, free_ports


class Auroc(BaseModel):
    """A score on the test folder, with its 95 % interval."""

    value: float
    low: float
    high: float


class Metrics(BaseModel):
    """Scores that are shown."""

    auroc: Auroc


class Summary(BaseModel):
    """Entries of ``build/summary.json`` that are shown."""

    model_version: str
    metrics: Metrics
    example: Path
    """Photograph of the test folder."""
    seconds: dict[str, float]
    """By step."""


class DemoError(RuntimeError):
    """A step of the demo failed; the step has printed the reason."""


STEPS: Final = {
    "data": "photographs found and checked",
    "backbone": "ResNet-18 loaded",
    "features": "512 features of each photograph and its augmented views",
    "compare": "near-duplicates grouped",
    "choose": "regularisation and augmentation, by cross-validation",
    "folds": "answers on photographs not learned from: calibration, threshold, drift baseline",
    "fit": "final layer fitted to all",
    "export": "TorchScript written and compared with eager",
    "backends": "ways to run it compared",
    "variants": "serving variants fitted and compared",
    "evaluation": "scores on test photographs",
    "record": "parameters and scores recorded with MLflow",
    "archive": f"{MODEL}.mar packed",
}
"""Steps of ``build/summary.json`` and their descriptions."""


class Diary:
    """Results and durations of the steps."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, str]] = []

    @contextmanager
    def step(self, name: str, result: str) -> Iterator[None]:
        """Time a step that has one result."""
        start = time.perf_counter()
        yield
        self.rows.append((name, time.perf_counter() - start, result))

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table("step", "seconds", "what happened", title="What happened")
        for name, seconds, result in self.rows:
            table.add_row(name, f"{seconds:.1f}", result)
        console.print(table)


def main() -> int:
    """Run all steps; returns 0 if all succeeded."""
    console = Console()
    settings = ServingSettings()
    diary = Diary()
    try:
        summary = _train(settings, diary)
        photograph, labelled = _example(summary)
        with diary.step("serve", f"{NAMES[settings.runtime]} started, a worker is ready"):
            server = LocalServer(settings.model_copy(update=free_ports()), keyed=True)
            server.__enter__()
        try:
            answer, explanation = asyncio.run(_ask(server.inference, photograph, diary))
        finally:
            with diary.step("stop", "no process left behind"):
                server.stop()
    except (DemoError, ServerError, ValueError) as error:
        console.print(f"error: {error}", markup=False, style="red")
        return 2
    folder = settings.reports / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    picture = _picture(photograph, explanation)
    picture.save(folder / "explanation.png")
    diary.show(console)
    _say(console, summary, answer, explanation, labelled, folder / "explanation.png")
    return 0


def _train(settings: ServingSettings, diary: Diary) -> Summary:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "training"], check=False)
    if done.returncode != 0:
        raise DemoError(f"training ended with status {done.returncode}")
    seconds = time.perf_counter() - start
    summary = Summary.model_validate_json((settings.build / "summary.json").read_text())
    for name, result in STEPS.items():
        diary.rows.append((name, summary.seconds[name], result))
    rest = seconds - sum(summary.seconds.values())
    diary.rows.append(("imports", rest, "Python and its packages loaded"))
    return summary


def _example(summary: Summary) -> tuple[bytes, str]:
    """Choose a photograph of the test split; returns it and its folder."""
    return summary.example.read_bytes(), summary.example.parent.name


async def _ask(url: str, photograph: bytes, diary: Diary) -> tuple[dict[str, Any], dict[str, Any]]:
    """Send one predict and one explain request with KServe's own client."""
    client = InferenceRESTClient(RESTConfig(protocol="v1", timeout=60))
    key = authorization(os.environ)
    body = {"instances": [{"data": base64.b64encode(photograph).decode("ascii")}]}
    try:
        # The first requests to a TorchScript model are slow, because it is optimised while
        # it runs.
        with diary.step("first", "first answer of the worker"):
            await client.infer(url, body, model_name=MODEL, headers=key)
        with diary.step("predict", "POST /v1/models/melanoma:predict"):
            answer = await client.infer(url, body, model_name=MODEL, headers=key)
        with diary.step("explain", "POST /v1/models/melanoma:explain, Grad-CAM"):
            explained = await client.explain(url, MODEL, body, headers=key)
    finally:
        await client.close()
    return answer["predictions"][0], explained["explanations"][0]


def _picture(photograph: bytes, explanation: dict[str, Any]) -> Image.Image:
    overlay = Image.open(io.BytesIO(base64.b64decode(explanation["overlay"])))
    with Image.open(io.BytesIO(photograph)) as opened:
        original = ImageOps.fit(ImageOps.exif_transpose(opened).convert("RGB"), overlay.size)
    return side_by_side(original, overlay, explanation)


def _say(
    console: Console,
    summary: Summary,
    answer: dict[str, Any],
    explanation: dict[str, Any],
    labelled: str,
    picture: Path,
) -> None:
    auroc = summary.metrics.auroc
    lines = [
        f"Answer: {answer['label']}, probability {answer['probability']:.3f}, threshold "
        f"{answer['threshold']:.3f} (the data labels this photograph {labelled}).",
    ]
    if answer["review"]:
        lines.append(f"A person must look: {', '.join(answer['reasons'])}.")
    if (answer["label"] == "cancer") != (labelled == "malignant"):
        lines.append("Here the model is WRONG. The example is not picked for being right.")
    lines += [
        f"Explanation: {explanation['method']}, photograph and overlay in {picture}",
        f"Model {summary.model_version}: AUROC {auroc.value:.3f} on test, 95 % interval "
        f"{auroc.low:.3f} to {auroc.high:.3f}.",
    ]
    if "synthetic" in summary.model_version:
        lines.append(
            "These lesions are DRAWN: neither Kaggle nor LESIONLENS_DATA was there. The numbers "
            "say that the parts work, nothing about people."
        )
    if "untrained" in summary.model_version:
        lines.append("The backbone is UNTRAINED: no ImageNet weights could be had.")
    lines.append("Not a medical device. Next: `make serve`, then the curl lines of the README.")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    exit_when_terminated()
    sys.exit(main())

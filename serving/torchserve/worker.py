"""Run TorchServe's worker, and record why it ends if it ends before it is ready.

Run by path (``worker.sh``), not imported: of this project only the archive's modules are on a
worker's path. The file ``lesionlens-start-<pid>`` in the folder for temporary files is empty while
a worker starts. Then it holds why the worker ended, in a line: an exception (the last one that was
logged, if the worker was killed), or what `faulthandler` writes at a fatal signal. At SIGUSR1 it
gets the current traceback of the worker.

Nothing is written once the worker answers requests: an exception may then quote one.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
import runpy
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

MAX_CHARACTERS: Final = 400
_LOAD_FAILED: Final = re.compile(r"\d{3} - ")
"""How TorchServe's worker ends after the model failed to load: a status, without the cause."""


class ErrorFile:
    """Error file of this worker.

    Args:
        folder: for the file.
    """

    def __init__(self, folder: Path) -> None:
        self._heartbeat = folder / f"lesionlens-worker-{os.getpid()}"
        self._file = (folder / f"lesionlens-start-{os.getpid()}").open("w", encoding="utf-8")
        self._logged = ""
        faulthandler.enable(self._file, all_threads=False)
        faulthandler.register(signal.SIGUSR1, self._file, all_threads=False)

    def watch_log(self) -> None:
        """Keep the last exception that is logged: TorchServe's worker logs it, then exits."""
        make = logging.getLogRecordFactory()

        def record(*arguments: Any, **options: Any) -> logging.LogRecord:
            made = make(*arguments, **options)
            if made.exc_info and made.exc_info[1] is not None:
                self._keep(made.exc_info[1])
            return made

        logging.setLogRecordFactory(record)

    def write(self, error: BaseException) -> None:
        """Write why the worker ends.

        Args:
            error: that ends it; what was logged before an exit says more.
        """
        if self._answers_requests():
            return
        self._record(
            self._logged if isinstance(error, SystemExit) and self._logged else words(error)
        )

    def _keep(self, error: BaseException) -> None:
        if self._answers_requests():
            self._logged = ""
        elif not (self._logged and _LOAD_FAILED.match(str(error))):
            self._logged = words(error)
            # At once: TorchServe kills a worker that answers that its model failed to load, often
            # before it ends by itself.
            self._record(self._logged)

    def _record(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()

    def _answers_requests(self) -> bool:
        return self._heartbeat.exists()


def words(error: BaseException) -> str:
    """Format an exception in a line, with its first cause if it has a chain.

    Args:
        error: the last of the chain.
    """
    first = error
    while (earlier := first.__cause__ or _context(first)) is not None:
        first = earlier
    said = [f"{type(one).__name__}: {' '.join(str(one).split())}" for one in (error, first)]
    joined = said[0] if first is error else f"{said[0]} (first: {said[1]})"
    return joined[:MAX_CHARACTERS]


def _context(error: BaseException) -> BaseException | None:
    return None if error.__suppress_context__ else error.__context__


def main() -> None:
    """Run the script that the first argument names, as Python would."""
    last = ErrorFile(Path(tempfile.gettempdir()))
    last.watch_log()
    sys.argv = sys.argv[1:]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except BaseException as error:
        last.write(error)
        raise


if __name__ == "__main__":
    main()

"""Console output of a training: progress bars, messages, tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table


class RunLog:
    """Log of one run on the console: progress, messages, and the duration of each step."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to a console, standard error by default."""
        self.console = console or Console(stderr=True)
        self.seconds: dict[str, float] = {}
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def say(self, message: str) -> None:
        """Print one message."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, with progress bars for its parts."""
        start = time.perf_counter()
        columns = (
            TextColumn("  {task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as self._progress:
            yield
        self._progress, self._tasks = None, {}
        self.seconds[name] = round(time.perf_counter() - start, 2)

    def progress(self, what: str, done: int, total: int) -> None:
        """Update the progress of a part; starts its bar when it is new."""
        if self._progress is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        """Print names and values."""
        table = Table(title=title, title_justify="left", show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(name, value)
        self.console.print(table, highlight=False, markup=False)

"""The report of the explanations: one page, plots and the numbers behind them.

It lies beside the model's report. All of it is rendered from one document of what was measured and
a few explained photographs; nothing is measured here.
"""

from __future__ import annotations

from training.report.explanations.files import write

__all__ = ["write"]

"""The report of the explanations: one page, plots and the underlying numbers.

It is written to the folder of the model's report. All of it is rendered from one document of
measurements and a few explained photographs; nothing is measured here.
"""

from __future__ import annotations

from training.report.explanations.files import write

__all__ = ["write"]

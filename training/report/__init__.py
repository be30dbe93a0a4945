"""The report of a trained model: one page, plots, a model card and the underlying numbers.

All of it is rendered from one document of evidence; nothing is measured here.
"""

from __future__ import annotations

from training.report.files import write
from training.report.pictures import thumbnail

__all__ = ["thumbnail", "write"]

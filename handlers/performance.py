"""Metrics of performance: the confusion matrix that the probabilities imply, and receipts.

Confidence-based performance estimation (CBPE; Bialek et al., Estimating model performance under
covariate shift without labels, 2024). Prometheus sums it over replicas and divides.
"""

from __future__ import annotations

from typing import Final

from handlers.metric import VERSION, Metric

EXPECTED_DIAGNOSES: Final = Metric(
    "lesionlens_expected_diagnoses_total",
    "counter",
    "count",
    ("label", "diagnosis", VERSION),
    "Photographs of a label expected to have a diagnosis: the sum of their risks, or of 1 - risk.",
)
STATED_PREVALENCE: Final = Metric(
    "lesionlens_stated_prevalence_ratio",
    "gauge",
    "ratio",
    (VERSION,),
    "Share of cancers that the operator states, which every risk assumes.",
)
GROUP_EXPECTED_DIAGNOSES: Final = Metric(
    "lesionlens_group_expected_diagnoses_total",
    "counter",
    "count",
    ("attribute", "group", "label", "diagnosis", VERSION),
    "The same for the photographs of a declared group; one may be in a group of each attribute.",
)
RECEIPTS: Final = Metric(
    "lesionlens_receipts_total",
    "counter",
    "count",
    ("label", VERSION),
    "Receipts given with answers, by label; an outcome may be sent for each.",
)
METRICS: Final = (EXPECTED_DIAGNOSES, GROUP_EXPECTED_DIAGNOSES, STATED_PREVALENCE, RECEIPTS)

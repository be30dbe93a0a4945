"""Dashboard *Performance*, second half: figures measured by diagnoses, next to estimated ones."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from handlers.metric import VERSION
from handlers.performance import RECEIPTS
from monitoring.dashboards.frame import Row
from monitoring.dashboards.palette import GREY, RED
from monitoring.dashboards.panels import (
    PanelSpec,
    Query,
    stat_panel,
    text_panel,
    timeseries_panel,
)
from monitoring.dashboards.promql import SERVICE, by_service, increase, recorded, series
from monitoring.dashboards.tables import compared
from monitoring.prometheus.measured_rules import CORRECTED, WINDOW
from monitoring.prometheus.objectives import PerformanceLimits
from monitoring.prometheus.performance_rules import STATED

DAYS: Final = "28 d"
BINS: Final = 10
"""Equal parts of the probability, counted from 0, by which the front counts outcomes."""
VERSION_NAME: Final = f"{{{{{VERSION}}}}}"
"""Placeholder that Grafana replaces by the label's value."""
LIMITS_OF_IT: Final = """\
These figures compare answers with the **diagnoses that were reported** for them. What they need:

- **Few cancers say little.** Read the interval (95 %) and the number behind it, not only the value.
- **Verification bias:** mostly lesions that look suspicious are biopsied, and missed cancers stay
  unseen: the *measured* sensitivity is too high, the specificity too low. *Corrected* (Begg and
  Greenes) holds if, among lesions with the same answer, the diagnosed ones are like the others.
- **Diagnoses are late.** The window holds those that arrived in it; their photographs are older.

More: `docs/explanation/measured-performance.md`."""
FIGURES: Final = (
    (
        "sensitivity",
        "sensitivity",
        "Share of the diagnosed cancers that had been labelled cancer. Too high where mostly "
        "suspicious lesions are diagnosed; the corrected one allows for that.",
    ),
    (
        "specificity",
        "specificity",
        "Share of the lesions diagnosed as benign that had been labelled no cancer. Too low where "
        "mostly suspicious lesions are diagnosed; the corrected one allows for that.",
    ),
    (
        "ppv",
        "PPV",
        "Share of the diagnosed labels cancer that were right. Not distorted by which lesions are "
        "diagnosed after an answer, and not dependent on the stated prevalence.",
    ),
)
"""Name in the rules, title, and how to read it."""


def rows(limits: PerformanceLimits) -> tuple[Row, ...]:
    """Build the rows: now, by version with the estimate next to it, by group, and calibration."""
    return (
        Row("What measurement needs", [text_panel("Verification bias", LIMITS_OF_IT, 24, 8)]),
        Row(f"Measured, {DAYS}", [*(_now(*one) for one in FIGURES), _behind_now(limits)]),
        Row(
            "Measured and estimated, by version",
            [
                _over_time(*FIGURES[0], limits=((limits.sensitivity, RED),)),
                *(_over_time(*one) for one in FIGURES[1:]),
            ],
        ),
        Row("What the measurement rests on", [_behind(limits), _verified(), _receipts()]),
        Row("Measured, by group", [_groups(*one, limits) for one in FIGURES]),
        Row("Calibration", [_calibration()]),
    )


def _now(name: str, title: str, text: str) -> Builder[Panel]:
    return stat_panel(
        PanelSpec(f"Measured {title}, {DAYS}", text, "percentunit", 6, height=4),
        by_service("min", recorded(f"lesionlens:measured_{name}:{WINDOW}")),
        "no diagnoses",
    )


def _behind_now(limits: PerformanceLimits) -> Builder[Panel]:
    return stat_panel(
        PanelSpec(
            f"Cancers diagnosed, {DAYS}",
            "Cancers among the diagnoses that arrived in four weeks; sensitivity rests on them "
            f"alone. Below {limits.fewest_outcomes} no alert reads it.",
            "short",
            6,
            height=4,
        ),
        by_service("sum", recorded(f"lesionlens:measured_sensitivity_outcomes:{WINDOW}")),
        "no diagnoses",
    )


def _over_time(
    name: str, title: str, text: str, limits: tuple[tuple[float, str], ...] = ()
) -> Builder[Panel]:
    """Panel of a measured figure, its interval, the corrected and the estimated one."""
    corrected = name in CORRECTED
    lines = {
        "measured": f"measured_{name}",
        "lower": f"measured_{name}_lower",
        "upper": f"measured_{name}_upper",
        **({"corrected": f"corrected_{name}"} if corrected else {}),
        "estimated": f"estimated_{name}",
    }
    return timeseries_panel(
        PanelSpec(
            f"Measured and estimated {title}",
            f"{text} Dashes: its 95 % interval. An estimate above the interval is refuted.",
            "percentunit",
            8,
            limits=limits,
        ),
        *(
            Query(recorded(f"lesionlens:{figure}:{WINDOW}"), f"{word} {VERSION_NAME}")
            for word, figure in lines.items()
        ),
        words=tuple(lines),
        highest=1,
    )


def _behind(limits: PerformanceLimits) -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(
            "Diagnoses behind it",
            "Cancers (for sensitivity) and benign lesions (for specificity) diagnosed in four "
            f"weeks. Below {limits.fewest_outcomes} (line) no alert reads the figure.",
            "short",
            8,
            limits=((limits.fewest_outcomes, GREY),),
        ),
        *(
            Query(
                recorded(f"lesionlens:measured_{name}_outcomes:{WINDOW}"), f"{kind} {VERSION_NAME}"
            )
            for name, kind in (("sensitivity", "cancer"), ("specificity", "benign"))
        ),
        words=("cancer", "benign"),
    )


def _verified() -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(
            "Share that is diagnosed, by label",
            "Diagnoses as a share of the answers with the same label. The further the two labels "
            "are apart, the more the measured sensitivity and specificity are distorted; near 0 "
            "for one of them, the corrected ones rest on very few lesions.",
            "percentunit",
            8,
        ),
        Query(recorded(f"lesionlens:verified_ratio:{WINDOW}"), f"{{{{label}}}} {VERSION_NAME}"),
    )


def _receipts() -> Builder[Panel]:
    return timeseries_panel(
        PanelSpec(
            "Receipts, 1 d",
            "Answers with a receipt, by label: for these a diagnosis can be reported. None: "
            "receipts are switched off, and nothing can be measured.",
            "short",
            8,
        ),
        Query(
            increase(f"{VERSION}, label", series(RECEIPTS), "1d"), f"{{{{label}}}} {VERSION_NAME}"
        ),
    )


def _groups(name: str, title: str, text: str, limits: PerformanceLimits) -> Builder[Panel]:
    """Table of one figure, with a line for each declared group."""
    keys = (SERVICE, VERSION, "attribute", "group")
    columns = {
        "diagnoses": f"measured_{name}_outcomes",
        "measured": f"measured_{name}",
        "lower": f"measured_{name}_lower",
        "upper": f"measured_{name}_upper",
        **({"corrected": f"corrected_{name}"} if name in CORRECTED else {}),
        "estimated": f"estimated_{name}",
    }
    return compared(
        PanelSpec(
            f"Measured {title} of groups, {DAYS}",
            f"{text} Groups whose intervals overlap may differ by chance; below "
            f"{limits.fewest_outcomes} diagnoses a figure says next to nothing.",
            "short",
            24,
            height=7,
        ),
        keys,
        [
            (
                Query(
                    by_service(
                        "max",
                        recorded(f"lesionlens:group_{figure}:{WINDOW}"),
                        ", ".join(keys[1:]),
                    ),
                    column,
                ),
                "short" if column == "diagnoses" else "percentunit",
            )
            for column, figure in columns.items()
        ],
    )


def _calibration() -> Builder[Panel]:
    keys = (SERVICE, VERSION, "bin")
    columns = {
        "diagnoses": "_outcomes",
        "measured": "",
        "lower": "_lower",
        "upper": "_upper",
    }
    measured = {
        column: recorded(f"lesionlens:calibration{ending}:{WINDOW}")
        for column, ending in columns.items()
    }
    queries = [
        (by_service("max", expression, ", ".join(keys[1:])), column)
        for column, expression in measured.items()
    ]
    queries += [(_risks(0), "expected, least"), (_risks(1), "expected, most")]
    return compared(
        PanelSpec(
            f"Calibration by tenth of the probability, {DAYS}",
            "Share of cancer among the diagnosed lesions of each tenth of the probability (0: 0 to "
            "0.1), and the risks at the tenth's ends at the stated prevalence. Calibrated "
            "probabilities with that prevalence put the share between the two; all shares too "
            "high or all too low mean another prevalence.",
            "short",
            24,
            height=9,
        ),
        keys,
        [
            (Query(expression, column), "short" if column == "diagnoses" else "percentunit")
            for expression, column in queries
        ],
    )


def _risks(end: int) -> str:
    """Return the risk at an end of each tenth, 0 the lower and 1 the upper one.

    Probabilities are stated for as many cancers as benign lesions, and are converted to the stated
    prevalence as :func:`handlers.prediction.risk` does.
    """
    prevalence, risks = by_service("max", recorded(STATED), VERSION), []
    for place in range(BINS):
        probability = (place + end) / BINS
        risk = f"0 * {prevalence}"
        if probability:
            odds = (1 - probability) / probability
            risk = f"1 / (1 + {odds:.6g} * (1 / {prevalence} - 1))"
        risks.append(f'label_replace({risk}, "bin", "{place}", "", "")')
    return "\n  or\n".join(risks)

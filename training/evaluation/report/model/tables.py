"""Tables of the report: cells as text, used by the page and by the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any, Final

from training.evaluation.report.formats import (
    MISSING,
    count,
    interval,
    number,
    percent,
    percent_interval,
    short_percent,
    signed,
    signed_interval,
    words,
)
from training.evaluation.report.model.wording import PREVALENCE, cancers
from training.evaluation.report.style import NAMES
from training.evaluation.report.tables import Table, described

METRICS: Final = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv_at_2_percent": f"PPV at {percent(PREVALENCE)} prevalence",
    "npv_at_2_percent": f"NPV at {percent(PREVALENCE)} prevalence",
    "brier": "Brier score",
    "ece": "ECE",
}
SAMPLES: Final = {
    "test": "test as it comes",
    "test_leak_free": "test, leak-free",
    "out_of_sample": "out of sample",
}
POLICIES: Final = {"model": "by risk", "label": "by label"}
"""Who is treated: those above the threshold probability, or those called cancer."""
CLASSES: Final = {"benign": "benign", "malignant": "malignant"}
REASONS: Final = {
    "near_threshold": "near the threshold",
    "unlike_training_data": "unlike the training data",
    "low_quality": "low quality",
    "unlike_or_low_quality": "unlike, or low quality",
}
ASKED: Final = (0.02, 0.05, 0.1, 0.2)
"""Threshold probabilities in the table of net benefit."""
SHOWN: Final = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Prevalences in the table of predictive values."""
Evidence = Mapping[str, Any]


def of(evidence: Evidence) -> dict[str, Table]:
    """Build every table of the document by its name; some may be empty."""
    return {
        "scores": _scores(evidence["scores"]),
        "net_benefit": _net_benefit(evidence["clinical"]),
        "predictive_values": _predictive_values(evidence["clinical"]),
        "groups": _groups(evidence.get("groups") or ()),
        "learning": _learning(evidence["learning"]),
        "errors": _errors(evidence["review"], evidence["decision"]["error_rates"]),
        "flags": _flags(evidence["review"]["false_flags"]),
        "caught": _caught(evidence["review"]),
        "stress": _stress(evidence["stress"]),
        "recipes": _recipes(evidence["recipes"]),
        "tried": _tried(evidence.get("tried") or ()),
        "counts": _counts(evidence["data"]["counts"]),
        "versions": described("Versions", "package", evidence["versions"]),
        "machine": described("Machine", "part", evidence["machine"]),
    }


def _scores(scores: Evidence) -> Table:
    there = {key: name for key, name in SAMPLES.items() if scores.get(key) is not None}
    rows = [
        ("photographs", *(count(scores[key]["count"]) for key in there)),
        ("cancers among them", *(count(scores[key]["cancers"]) for key in there)),
    ]
    for metric, name in METRICS.items():
        rows.append((name, *(interval(scores[key].get(metric)) for key in there)))
    perfect = (number(scores[key].get("ece_if_perfect"), 3) for key in there)
    rows.append(("ECE if every probability were right", *perfect))
    caption = "Scores with 95 % bootstrap intervals"
    return Table(caption, ("score", *there.values()), tuple(rows))


def _net_benefit(clinical: Evidence) -> Table:
    there = {key: name for key, name in NAMES.items() if clinical[key]["net_benefit"]}
    found = [clinical[key]["net_benefit"]["stated"] for key in there]
    rows = []
    for asked in ASKED if found else ():
        place = found[0]["risk"].index(asked)
        rows.append(
            (
                short_percent(asked),
                signed(found[0]["all"][place], 1),
                *(signed_interval(one[policy][place], 1) for policy in POLICIES for one in found),
            )
        )
    policies = (f"{says}, {name}" for says in POLICIES.values() for name in there.values())
    head = ("threshold probability", "everybody", *policies)
    prevalence = short_percent(clinical["prevalence"])
    caption = (
        f"Net benefit at {prevalence} prevalence, cancers per 1,000 people (nobody treated: 0)"
    )
    return Table(caption, head, tuple(rows))


def _predictive_values(clinical: Evidence) -> Table:
    there = {key: name for key, name in NAMES.items() if clinical[key]["predictive_values"]}
    found = [clinical[key]["predictive_values"] for key in there]
    rows = [
        (
            short_percent(prevalence),
            *(
                percent_interval(one[kind][one["prevalence"].index(prevalence)], digits)
                for kind, digits in (("ppv", 1), ("npv", 2))
                for one in found
            ),
        )
        for prevalence in (SHOWN if found else ())
    ]
    values = (f"{kind}, {name}" for kind in ("PPV", "NPV") for name in there.values())
    caption = "PPV and NPV at the threshold, by prevalence"
    return Table(caption, ("prevalence", *values), tuple(rows))


def _groups(groups: Sequence[Evidence]) -> Table:
    metrics = ("auroc", "sensitivity", "specificity")
    rows = tuple(
        (
            f"{one['attribute']}: {one['group']}",
            SAMPLES[one["sample"]],
            count(one["count"]),
            count(one["cancers"]),
            "few" if one["few"] else "",
            *(interval(one[metric], 2) for metric in metrics),
        )
        for one in groups
    )
    names = (METRICS[metric] for metric in metrics)
    head = ("group", "sample", "photographs", "cancers", "note", *names)
    return Table("Scores by group with 95 % intervals", head, rows)


def _learning(learning: Evidence) -> Table:
    rows = tuple(
        (
            percent(one["share"]),
            count(one["photographs"]),
            mean_and_spread(one["auroc"]),
            mean_and_spread(one["specificity"]),
        )
        for one in learning.get("points") or ()
    )
    aimed = f"specificity at {percent(learning.get('sensitivity'))} sensitivity"
    head = ("part of the lesions", "photographs", "AUROC", aimed)
    return Table("Learning curve: mean over repeats ± standard deviation", head, rows)


def _errors(review: Evidence, stated: Evidence) -> Table:
    found = review["errors_of_firm_answers"]
    kinds = {
        "cancers_missed": "cancers answered “no cancer”",
        "benign_called_cancer": "benign answered “cancer”",
    }
    rows = (
        *((kinds[name], percent(stated[name], 1), percent_interval(found[name])) for name in kinds),
        ("photographs with a firm answer", MISSING, percent_interval(found["firm"])),
    )
    caption = "Firm answers on the test photographs"
    return Table(caption, ("share", "stated, at most", "observed"), rows)


def _flags(flags: Evidence) -> Table:
    rows = tuple(
        (REASONS.get(name, words(name)), percent_interval(found)) for name, found in flags.items()
    )
    caption = "False flags: test photographs as they are"
    return Table(caption, ("reason", "flagged"), rows)


def _caught(review: Evidence) -> Table:
    kinds = review["caught"]
    head = ("kind", "pictures", "caught", REASONS["unlike_training_data"], REASONS["low_quality"])
    rows = [
        (
            words(kind),
            count(one["count"]),
            percent_interval(one["caught"]),
            percent(one.get("unlike_training_data")),
            percent(one.get("low_quality")),
        )
        for kind, one in kinds.items()
    ]
    if kinds:
        total = sum(one["count"] for one in kinds.values())
        in_all = percent_interval(review.get("caught_in_all"))
        rows.append(("in all", count(total), in_all, MISSING, MISSING))
    return Table("Pictures that should be flagged, and are", head, tuple(rows))


def _stress(stress: Evidence) -> Table:
    rows = tuple(
        (
            words(kind),
            interval(found["auroc"]),
            signed_interval(found.get("change")),
            percent_interval(found.get("label_flips")),
        )
        for kind, found in stress.items()
    )
    head = ("photograph", "AUROC", "change, paired", "labels that flip")
    return Table("The same photographs, disturbed", head, rows)


def _recipes(recipes: Evidence) -> Table:
    rows: list[tuple[str, ...]] = [("seeds", *(count(one["seeds"]) for one in recipes.values()))]
    for metric, name in METRICS.items():
        if any(one["test"].get(metric) for one in recipes.values()):
            spread = (mean_and_spread(one["test"].get(metric)) for one in recipes.values())
            rows.append((f"{name}, test", *spread))
    across = (mean_and_spread(one["cross_validation"]["auroc"]) for one in recipes.values())
    rows.append(("AUROC, cross-validation", *across))
    rows.append(("seconds", *(number(one["seconds"], 1) for one in recipes.values())))
    caption = "Mean over seeds ± standard deviation"
    return Table(caption, ("score", *recipes), tuple(rows))


def mean_and_spread(values: Sequence[float | None] | None) -> str:
    """Format as ``0.903 ± 0.004`` over seeds; without a deviation for one seed."""
    there = [value for value in values or () if value is not None]
    if not there:
        return MISSING
    return f"{number(mean(there))} ± {number(stdev(there) if len(there) > 1 else None)}"


def _tried(tried: Sequence[Evidence]) -> Table:
    rows = tuple((one["what"], one["gave"]) for one in tried)
    return Table("What was tried, and what it gave", ("tried", "gave"), rows, prose=True)


def _counts(counts: Evidence) -> Table:
    rows = tuple(
        (split, *(count(found[name]) for name in CLASSES), cancers(found))
        for split, found in counts.items()
    )
    head = ("split", *CLASSES.values(), "share of cancers")
    return Table("Photographs by split and label", head, rows)

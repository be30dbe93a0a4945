"""Markdown tables of the model's results; see :mod:`loadtests.tables`."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any, Final

SCORES: Final = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "sensitivity": "sensitivity at the threshold",
    "specificity": "specificity at the threshold",
    "ppv_at_2_percent": "PPV at 2 % prevalence",
    "npv_at_2_percent": "NPV at 2 % prevalence",
    "brier": "Brier score",
    "ece": "calibration error (ECE, 10 bins)",
}
HEADLINES: Final = ("auroc", "sensitivity", "specificity", "ece")


def headline_table(document: dict[str, Any]) -> str:
    """Table of the scores that the README shows."""
    scores = document["from_nothing"]["scores"]
    test, unseen = scores["test"], scores["out_of_sample"]
    rows = [f"| {SCORES[name]} | {_interval(test[name])} |" for name in HEADLINES]
    rows.append(
        f"| ECE, cross-validated on {unseen['count']} training photographs "
        f"| {_interval(unseen['ece'])}; {unseen['ece_if_perfect']:.3f} if perfectly calibrated |"
    )
    return _table("measured |", rows)


def training_time_table(document: dict[str, Any]) -> str:
    """Table of the time from photographs to an archive."""
    machine = document["machine"]
    photographs = sum(sum(split.values()) for split in document["from_nothing"]["counts"].values())
    cores = f"{machine['cores']} cores, {machine['architecture']}"
    rows = [
        f"| {what} | {_clocks(document[name], machine['cores'])} |"
        for name, what in (
            ("from_nothing", f"{photographs} photographs to archive, from nothing ({cores})"),
            ("with_cache", "the same with the cache"),
            ("layer4", "the same with `FINETUNE=layer4`, from nothing"),
        )
    ]
    return _table("measured |", rows)


def scores_table(document: dict[str, Any]) -> str:
    """Table of every score on test, without leaks, and cross-validated."""
    parts = document["scores"]
    names = [name for name in ("test", "test_leak_free", "out_of_sample") if name in parts]
    heads = {
        "test": "test as it comes",
        "test_leak_free": "without leaks",
        "out_of_sample": "cross-validated",
    }
    rows = [f"| photographs | {' | '.join(str(parts[name]['count']) for name in names)} |"]
    rows += [
        f"| {text} | {' | '.join(_interval(parts[name][score]) for name in names)} |"
        for score, text in SCORES.items()
    ]
    perfect = " | ".join(f"{parts[name]['ece_if_perfect']:.3f}" for name in names)
    rows.append(f"| ECE if every probability were right | {perfect} |")
    return _table("score | " + " | ".join(heads[name] for name in names), rows)


def recipes_table(document: dict[str, Any]) -> str:
    """Table of the recipes, mean and standard deviation over the seeds."""
    rows = [
        f"| {name} | {_spread(found['test']['auroc'])} | {_spread(found['test']['sensitivity'])} "
        f"| {_spread(found['test']['specificity'])} | {_spread(found['test']['ece'])} "
        f"| {_spread(found['cross_validation']['auroc'])} | {found['seconds']:.0f} s |"
        for name, found in document["recipes"].items()
    ]
    compared = document["comparison"]
    if compared:
        rows.append(
            f"| {compared['better']} - {compared['than']} | | | | "
            f"| {_interval(compared['difference'], signed=True)} | |"
        )
    head = "recipe | AUROC, test | sensitivity | specificity | ECE | AUROC, cross-validated | time"
    return _table(head, rows)


def features_table(document: dict[str, Any]) -> str:
    """Table of time and memory of feature extraction."""
    time, memory = document["time"], document["memory"]
    rows = [
        f"| {time['photographs']} photographs, times decoding and one forward pass a view alone "
        f"| {time['ratio']:.2f} |",
        *(
            f"| {found['photographs']} synthetic pictures, most memory of extraction and search "
            f"| {found['peak_mb']['after_search']:.0f} MB |"
            for found in (memory["few"], memory["many"])
        ),
    ]
    return _table("measured |", rows)


def flags_table(document: dict[str, Any]) -> str:
    """Table of unnecessary flags, and of detected unsuitable pictures."""
    review = document["review"]
    rows = [
        f"| test, `{name}` | {_interval(found)} |"
        for name, found in review["false_flags"].items()
        if name != "unlike_or_low_quality"
    ]
    both = _interval(review["false_flags"]["unlike_or_low_quality"])
    rows.append(f"| test, `unlike_training_data` or `low_quality` | {both} |")
    rows += [
        f"| {name}, {found['count']} pictures | {_interval(found['caught'])} |"
        for name, found in review["caught"].items()
    ]
    rows.append(f"| all that should be flagged | {_interval(review['caught_in_all'])} |")
    return _table("pictures | flagged", rows)


def stress_table(document: dict[str, Any]) -> str:
    """Table of AUROC and label flips under perturbations."""
    rows = []
    for name, found in document["stress"].items():
        change = _interval(found["change"], signed=True) if "change" in found else ""
        flips = f"{found['label_flips']['value']:.1%}" if "label_flips" in found else ""
        rows.append(f"| {name} | {_interval(found['auroc'])} | {change} | {flips} |")
    covered = document["covered"]
    rows.append(f"| **the lesion covered** | {_interval(covered['auroc'])} | | |")
    rows.append(f"| the area of the cover alone | {_interval(covered['area_auroc'])} | | |")
    return _table("photographs | AUROC | change | labels that flip", rows)


def gpu_table(document: dict[str, Any]) -> str:
    """Table of `FINETUNE=all` with a GPU and without it, on the same machine."""
    machine, auroc = document["machine"], document["auroc"]
    seconds, fp16 = document["fitting_seconds"], document["backends"]["measured"]["cuda-fp16"]
    pictures = sum(document["counts"]["train"].values())
    rows = [
        f"| four fits to {pictures} synthetic lesions or two thirds of them "
        f"| {seconds['with']:.0f} s "
        f"| {seconds['without']:.0f} s |",
        *(
            f"| AUROC, {name} | {_interval(auroc['with'][part])} "
            f"| {_interval(auroc['without'][part])} |"
            for part, name in (("test", "test"), ("out_of_sample", "cross-validated"))
        ),
        f"| correlation of the answers on test | {document['answers_correlation']:.3f} | |",
        "| `cuda-fp16`: labels changed, largest difference of a probability "
        f"| {fp16['labels_changed']} of {fp16['photographs']}, "
        f"{fp16['largest_difference']:.4f} | |",
    ]
    return _table(f"| {', '.join(machine['gpus'])} | {machine['cores']} cores, no GPU", rows)


def _clocks(run: dict[str, Any], cores: int) -> str:
    alone = run["cpu_seconds"] / cores
    return f"{run['wall_seconds']:.0f} s; {alone:.0f} s of each core's work"


def _table(head: str, rows: list[str]) -> str:
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |".replace("| |", "| |"), "| --- " * columns + "|", *rows])


def _interval(found: dict[str, Any], signed: bool = False) -> str:
    if found["value"] is None:
        return "none"
    digits = "+.3f" if signed else ".3f"
    low, high = (format(found[name], digits) for name in ("low", "high"))
    return f"{format(found['value'], digits)} (95 % interval {low} to {high})"


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{mean(values):.3f} ± {stdev(values):.3f}"

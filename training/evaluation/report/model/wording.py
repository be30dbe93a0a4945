"""Sentences that depend on the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from statistics import mean, stdev
from typing import Any, Final

from handlers.card import Interval
from training.evaluation.report.formats import (
    count,
    interval,
    number,
    percent,
    short_percent,
    signed,
    signed_interval,
)

PEOPLE: Final = 1000
PREVALENCE: Final = 0.02
"""Share of melanomas among the moles that people show a doctor, for ``ppv_at_2_percent``."""
NOT_A_DEVICE: Final = "Not a medical device: a tool for research and teaching."

Evidence = Mapping[str, Any]


def first_paragraph(evidence: Evidence) -> str:
    """State what the model is, its scores, and how much of them the background explains."""
    scores, leaks = evidence["scores"]["test_leak_free"], evidence["leaks"]
    left_out = leaks["test_photographs_left_out"]
    without = f" ({count(left_out)} that training photographs repeat are left out)"
    sentences = [
        warning(evidence),
        "LesionLens classifies a photograph of a mole or skin lesion as cancer (melanoma) or no "
        "cancer, with a probability.",
        f"On {count(scores['count'])} test photographs{without if left_out else ''} its AUROC is "
        f"{interval(scores['auroc'])}, the brackets here and below being 95 % intervals.",
        f"At its threshold the sensitivity is {_of_100(scores['sensitivity'], 'cancers found')}, "
        f"and the specificity {_of_100(scores['specificity'], 'benign lesions recognised')}.",
        background(evidence["covered"]),
        NOT_A_DEVICE,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def warning(evidence: Evidence) -> str:
    """Warn of results that are not valid for people: synthetic lesions, an untrained backbone."""
    why = []
    if drawn(evidence):
        why.append("the lesions are synthetic")
    if evidence["backbone"]["source"] == "untrained":
        why.append("the backbone is untrained")
    return f"These results are not valid for people: {' and '.join(why)}." if why else ""


def drawn(evidence: Evidence) -> bool:
    """Whether the photographs are synthetic: no patient, no licence."""
    return bool(evidence["data"]["source"] == "synthetic")


def background(covered: Evidence) -> str:
    """State whether the label can be predicted with the lesion covered."""
    low, high = covered["accepted"]
    accepted = f"{number((low + high) / 2, 1)} ± {number((high - low) / 2, 2)}"
    measured = interval(covered["auroc"])
    if covered["leaks"]:
        return (
            f"The background reveals the label: with the lesion covered the AUROC is {measured}"
            ", and a model that looks only at lesions would have 0.5; part of the score comes from "
            "the picture around the lesion."
        )
    if covered["auroc"]["value"] is None:
        return "What is left of it with the lesion covered could not be measured."
    return (
        f"With the lesion covered the AUROC falls to {measured}, within {accepted}: the "
        "picture around the lesion has little information about the label."
    )


def frequencies(scores: Evidence) -> str:
    """State what a label means at a prevalence of 2 %, in natural frequencies (Gigerenzer 2007)."""
    sensitivity, specificity = scores["sensitivity"]["value"], scores["specificity"]["value"]
    if sensitivity is None or specificity is None:
        return "What a label means at a prevalence of 2 % could not be measured."
    ill = round(PEOPLE * PREVALENCE)
    found = round(ill * sensitivity)
    alarms = round((PEOPLE - ill) * (1 - specificity))
    called, missed = found + alarms, ill - found
    return (
        f"Of {count(PEOPLE)} people, {ill} with melanoma: {count(called)} are called cancer, "
        f"{found} of them have it; {count(PEOPLE - called)} are called no cancer, {missed} of them "
        "have it all the same."
    )


def probability_elsewhere(prevalence: float, stated: float) -> str:
    """Convert a stated probability to the prevalence of melanoma among people's moles."""
    odds = stated / (1 - stated) * _odds(PREVALENCE) / _odds(prevalence)
    return (
        f"A stated {number(stated, 2)} is {number(odds / (1 + odds), 2)} where "
        f"{percent(PREVALENCE)} have melanoma."
    )


def leaks(found: Evidence) -> str:
    """State how many photographs are near-duplicates, and the effect on the split."""
    if not found["pairs"]:
        return f"No near-duplicates among {count(found['photographs'])} photographs."
    across = found["pairs_across_train_and_test"]
    sentences = [
        f"{_many(found['pairs'], 'pair')} of near-duplicates among "
        f"{count(found['photographs'])} photographs, in {_many(found['groups'], 'group')} of "
        f"{count(found['in_groups'])} photographs.",
        f"{_many(across, 'pair')} {'lies' if across == 1 else 'lie'} across train and test; "
        f"{_many(found['test_photographs_left_out'], 'test photograph')} "
        f"{'is' if found['test_photographs_left_out'] == 1 else 'are'} left out of the "
        "leak-free scores.",
        contradictions(found),
    ]
    return " ".join(sentences)


def contradictions(found: Evidence) -> str:
    """State how often one lesion has both labels."""
    many = found["pairs_with_contradicting_labels"]
    if not many:
        return "No pair has contradicting labels."
    verb = "has" if many == 1 else "have"
    return (
        f"{_many(many, 'pair')} {verb} contradicting labels: "
        "one lesion is filed as benign and as malignant."
    )


def kept(name: str, stated: float, observed: Interval) -> str:
    """State whether a promised error rate was observed on the test split."""
    value, low = observed.get("value"), observed.get("low")
    if value is None:
        return f"{name}: could not be observed."
    if value <= stated:
        verdict = "as stated"
    elif low is not None and low > stated:
        verdict = "more than stated, and chance alone does not explain it"
    else:
        verdict = "more than stated, though chance may explain it"
    return f"{name}: {percent(value, 1)}, {verdict}."


def comparison(found: Evidence | None) -> str:
    """State whether one recipe is better than another, and whether significantly."""
    if found is None:
        return "There is only one recipe: nothing was compared."
    difference, better, than = found["difference"], found["better"], found["than"]
    low, high = difference.get("low"), difference.get("high")
    of = (
        f"On {count(found['photographs'])} photographs and {_many(found['seeds'], 'seed')}, "
        f"the AUROC of {better} minus that of {than}"
    )
    if low is None or high is None:
        return f"{of} could not be measured."
    measured = f"{of} is {signed_interval(difference)}. The interval"
    if low > 0:
        return f"{measured} excludes zero: {better} is better by more than chance."
    if high < 0:
        return f"{measured} excludes zero: {better} is worse by more than chance."
    return f"{measured} includes zero: these photographs do not show that either is better."


def licence(evidence: Evidence) -> str:
    """State the licence conditions for sharing the page's pictures."""
    if drawn(evidence):
        return "These pictures are synthetic: they show no person."
    return (
        "These are photographs of patients. This page must not be published where their licence "
        "does not allow it; the plots, the model card and metrics.json hold none of them."
    )


def cancers(counts: Mapping[str, int]) -> str:
    """State the prevalence of cancer in a split."""
    total = sum(counts.values())
    return percent(counts["malignant"] / total if total else None, 1)


def net_benefit(clinical: Evidence) -> str:
    """State for which threshold probabilities the model is better than treating all or nobody."""
    found = {
        name: clinical[sample]["net_benefit"]["stated"]
        for sample, name in {"test": "on the test", "out_of_sample": "out of sample"}.items()
        if clinical[sample]["net_benefit"]
    }
    if not found:
        return "Net benefit could not be measured: the photographs are all of one class."
    where = "; ".join(f"{name}, {_better(curve)}" for name, curve in found.items())
    return (
        f"At {short_percent(clinical['prevalence'])} prevalence, going by the model's risk is "
        "better than treating everybody and than treating nobody, the whole interval of it, for "
        f"these threshold probabilities: {where}."
    )


def _better(curve: Evidence) -> str:
    """List the ranges in which the interval lies above both alternatives."""
    steps = zip(curve["risk"], curve["model"], curve["all"], strict=True)
    above = [(risk, model["low"] > max(everybody, 0)) for risk, model, everybody in steps]
    ranges = [
        [risk for risk, _ in run] for better, run in groupby(above, key=itemgetter(1)) if better
    ]
    listed = (f"{short_percent(run[0])} to {short_percent(run[-1])}" for run in ranges)
    return " and ".join(listed) or "none"


def learning(found: Evidence) -> str:
    """State what twice the photographs brought, or why there is no learning curve."""
    if "why_not" in found:
        return str(found["why_not"])
    half, whole = (next(p for p in found["points"] if p["share"] == share) for share in (0.5, 1))
    gains = [after - before for before, after in zip(half["auroc"], whole["auroc"], strict=True)]
    gained = f"{signed(mean(gains))} ± {number(stdev(gains) if len(gains) > 1 else None)}"
    verdict = (
        "It rises in each: more photographs of the same kind would probably improve the model."
        if min(gains) > 0
        else "It does not rise in each: more photographs of the same kind may change little."
    )
    return (
        f"From {count(half['photographs'])} to {count(whole['photographs'])} photographs the AUROC "
        f"changes by {gained} (mean and standard deviation over {_many(len(gains), 'repeat')}). "
        f"{verdict}"
    )


def _of_100(measured: Interval, what: str) -> str:
    value = measured["value"]
    if value is None:
        return interval(measured)
    return f"{interval(measured)}, {number(100 * value, 0)} of 100 {what}"


def _odds(share: float) -> float:
    return share / (1 - share)


def _many(how_many: int, what: str) -> str:
    return f"{count(how_many)} {what}{'' if how_many == 1 else 's'}"

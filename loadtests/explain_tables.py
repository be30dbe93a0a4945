"""Markdown tables of cost and evidence of explanations; see :mod:`loadtests.tables`."""

from __future__ import annotations

import json
from typing import Any


def served_table(document: dict[str, Any]) -> str:
    """Table of a served explanation's cost compared with a prediction."""
    path, concurrent = document["integrated_gradients"], document["concurrent"]
    rows = []
    for name, found in (("one client", document["alone"]), ("8 clients", document["together"])):
        predict, explain = found["predict"]["p50_ms"], found["explain"]["p50_ms"]
        rows.append(
            f"| `grad_cam`, {name}: explain, predict, p50 "
            f"| {explain:.1f} ms, {predict:.1f} ms: {found['ratio']:.2f} times |"
        )
    delta = path["relative_delta"]
    rows += [
        f"| `integrated_gradients`, {path['photographs']} photographs, p50 and p95 "
        f"| {path['p50_ms'] / 1000:.2f} s, {path['p95_ms'] / 1000:.2f} s |",
        f"| its convergence delta of the difference of the logits, median, p95, largest "
        f"| {delta['median']:.1%}, {delta['p95']:.1%}, {delta['largest']:.1%} |",
        f"| its steps, median and most | {path['steps']['median']}, {path['steps']['largest']} |",
        f"| predict, p95, alone and while `{concurrent['method']}` explains on end "
        f"| {concurrent['alone']['p95_ms']:.1f} ms, {concurrent['concurrent']['p95_ms']:.1f} ms: "
        f"{concurrent['p95_ratio']:.2f} times |",
    ]
    rows += [
        f"| `{name}`, p50, {found['steps']} steps | {found['p50_ms']:.0f} ms |"
        for name, found in document["methods"].items()
    ]
    return "\n".join(["| measured | |", "| --- | --- |", *rows])


def page_costs(document: dict[str, Any]) -> str:
    """Return ``web/methods.json``: seconds of each method, for the page's menu."""
    seconds = {
        name: float(f"{found['p50_ms'] / 1000:.2g}") for name, found in document["methods"].items()
    }
    return json.dumps(seconds, indent=1) + "\n"


def evidence_table(document: dict[str, Any]) -> str:
    """Table of the evidence for each method and control."""
    head = (
        "| method | deletion AUC | insertion AUC | in the lesion | pointing game "
        "| artefact | randomised | infidelity | max-sensitivity | completeness |"
    )
    rows = []
    for name, found in {**document["methods"], **document["controls"]}.items():
        real = found["lesion"]["real"] or {"mass": {"value": None}, "pointing": {"value": None}}
        cells = [
            f"`{name}`" if name in document["methods"] else f"*{name}*",
            _interval(found["deletion"]),
            _interval(found["insertion"]),
            _value(real["mass"]),
            _value(real["pointing"]),
            _value(found["artefact"]["mass"]),
            *_of_a_method(found),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    area = document["area"]
    mean = f"{area['real']:.2f}" if area["real"] is not None else ""
    rows.append(f"| *area* | | | {mean} | {mean} | {area['artefact']:.2f} | | | | |")
    return "\n".join([head, "| --- " * (head.count("|") - 1) + "|", *rows])


def baselines_table(document: dict[str, Any]) -> str:
    """Table of Integrated Gradients from several baselines."""
    rows = [
        f"| {name} | {_interval(found['deletion'])} | {_interval(found['insertion'])} "
        f"| {found['completeness']['median']:.1%} | {found['completeness']['p95']:.1%} |"
        for name, found in document["baselines"]["integrated_gradients"].items()
    ]
    head = "| baseline | deletion AUC | insertion AUC | delta, median | delta, p95 |"
    return "\n".join([head, "| --- " * 5 + "|", *rows])


def _of_a_method(found: dict[str, Any]) -> list[str]:
    if "randomisation" not in found:
        return [""] * 4
    last = found["randomisation"]["correlation"][-1]["value"]
    missed = found["completeness"]
    return [
        f"{last:.2f}, {'reacts' if found['randomisation']['reacts'] else '**fails**'}",
        f"{found['infidelity']['value']:.2g}",
        f"{found['max_sensitivity']['value']:.2g}",
        f"{missed['median']:.1%}, p95 {missed['p95']:.1%}" if missed else "",
    ]


def _interval(found: dict[str, Any]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _value(found: dict[str, Any]) -> str:
    return "" if found["value"] is None else f"{found['value']:.2f}"

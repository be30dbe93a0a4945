"""The committed dashboards match the code, use existing metrics, and are valid."""

import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from handlers.metric import VERSION
from handlers.telemetry import METRICS
from monitoring import threshold_file
from monitoring.dashboards import files, palette

ROOT = Path(__file__).resolve().parent.parent.parent
BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in files.texts().items()}
PANELS = [
    panel
    for board in BOARDS.values()
    for panel in board["panels"]
    if panel["type"] not in ("row", "text")
]
RAW = [target["expr"] for panel in PANELS for target in panel["targets"]]
TARGET = {"namespace", "service", "instance"}
"""Labels that the scrape configuration gives every series."""

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*(?::[a-zA-Z0-9_]+)*"
SELECTOR = re.compile(rf"({NAME})\{{([^}}]*)\}}")


def labels_of_recorded(name: str) -> set[str]:
    """Labels of a recorded series: those that its rule sums by."""
    kept = {"namespace", "service"}
    if name.startswith("lesionlens:requests_"):
        return kept | {"verb"}
    kept.add(VERSION)
    if name.startswith("lesionlens:group_"):
        kept |= {"attribute", "group"}
    if name.startswith("lesionlens:drift_"):
        kept.add("feature")
    if re.match("lesionlens:drift_(observations|observed|smoothed|baseline)", name):
        kept.add("bin")
    if name.startswith("lesionlens:calibration"):
        kept.add("bin")
    if "verified" in name:
        kept.add("label")
    return kept


def known() -> dict[str, set[str]]:
    """All possible series with their labels."""
    series: dict[str, set[str]] = {}
    for metric in METRICS:
        labels = {*metric.labels, *TARGET}
        if metric.kind == "histogram":
            series |= {metric.name + "_sum": labels, metric.name + "_count": labels}
            series[metric.name + "_bucket"] = labels | {"le"}
        else:
            series[metric.name] = labels
    series["lesionlens_http_responses_total"] = {"route", "status", *TARGET}
    series["lesionlens_http_requests_by_name_total"] = {"name", "outcome", *TARGET}
    served = yaml.safe_load((ROOT / "model_store/config/metrics.yaml").read_text("utf-8"))
    for metric in itertools.chain.from_iterable(served["ts_metrics"].values()):
        series[metric["name"]] = {*metric["dimensions"], *TARGET}
    rules = yaml.safe_load((ROOT / "monitoring/rules/recording.yaml").read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            series[rule["record"]] = labels_of_recorded(rule["record"])
    return series


KNOWN = known()


def matchers(inside: str) -> set[str]:
    return set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', inside))


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_committed_dashboards_equal_the_generated_ones(name: str) -> None:
    assert (files.FOLDER / name).read_text("utf-8") == files.texts()[name], (
        "run `python -m monitoring.build dashboards`"
    )


def test_no_other_dashboard_is_committed() -> None:
    assert {path.name for path in files.FOLDER.iterdir()} == set(BOARDS)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_sdk_types_round_trip(name: str) -> None:
    register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(BOARDS[name]), cls=JSONEncoder))
    for panel in read["panels"]:
        # Reading, the SDK adds the defaults of a table's and a heatmap's fields.
        if panel["type"] in {"heatmap", "table"}:
            del panel["fieldConfig"]["defaults"]["custom"]
    assert read == BOARDS[name]


def test_identifiers_and_variables() -> None:
    uids = [board["uid"] for board in BOARDS.values()]
    assert uids == ["lesionlens-service", "lesionlens-drift", "lesionlens-performance"]
    for name, board in BOARDS.items():
        numbers = [panel["id"] for panel in board["panels"]]
        assert numbers == list(range(1, len(numbers) + 1))
        assert "id" not in board, "a database's number would make an import overwrite another's"
        names = [variable["name"] for variable in board["templating"]["list"]]
        common = ["datasource", "namespace", "service", "version"]
        assert names == common + (["feature"] if name == "drift.json" else [])


def test_version_variable_allows_several_or_all() -> None:
    for board in BOARDS.values():
        (version,) = (v for v in board["templating"]["list"] if v["name"] == "version")
        assert (version["multi"], version["includeAll"], version["allValue"]) == (True, True, ".+")


def test_every_panel_has_a_description() -> None:
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert len(panel["description"]) > 40
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        assert all(
            element["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            for element in [panel, *panel["targets"]]
        )
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


def test_estimates_state_what_they_assume() -> None:
    first = BOARDS["performance.json"]["panels"][1]

    assert first["type"] == "text"
    for assumed in ("calibrated", "no concept drift", "stated prevalence"):
        assert assumed in first["options"]["content"]


def test_colours_are_from_the_palette() -> None:
    for panel in PANELS:
        ours = {
            value
            for key, value in vars(palette).items()
            if key.isupper() and key != "COLOURS" and isinstance(value, str)
        }
        used = re.findall(r"#[0-9A-Fa-f]{6}", json.dumps(panel))
        assert used, "Grafana's own thresholds would be green, and red at 80"
        assert set(used) <= ours


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_panels_do_not_overlap_and_fill_their_rows(name: str) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for cell in itertools.product(
            range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        ):
            assert cell not in taken, f"{panel['title']} lies on {taken.get(cell)}"
            taken[cell] = panel["title"]
    depth = 1 + max(y for _, y in taken)
    assert len(taken) == 24 * depth, "a hole in the grid"


def test_every_row_heading_has_panels() -> None:
    for board in BOARDS.values():
        kinds = [panel["type"] == "row" for panel in board["panels"]]
        assert kinds[0]
        assert not kinds[-1]
        assert (True, True) not in itertools.pairwise(kinds)
        assert all(not p["collapsed"] for p in board["panels"] if p["type"] == "row")


def test_series_and_labels_exist_and_follow_the_variables() -> None:
    for expr in RAW:
        found = SELECTOR.findall(expr)
        assert found
        for name, inside in found:
            assert name in KNOWN
            assert matchers(inside) <= KNOWN[name]
            assert 'namespace="$namespace", service=~"$service"' in inside
            ours = name.startswith("lesionlens") and VERSION in KNOWN[name]
            # TorchServe's label of that name is of its registry, and no variable speaks of it.
            assert (f'{VERSION}=~"$version"' in inside) == ours
        for clause in re.finditer(r"\bby \(([^)]*)\)", expr):
            grouped = {label.strip() for label in clause[1].split(",")}
            after = SELECTOR.search(expr, clause.end())
            assert after is not None
            assert grouped <= KNOWN[after[1]]


def test_every_series_has_a_selector() -> None:
    for expr in RAW:
        text = r"\[[^]]*\]|\"[^\"]*\"|\bor\b|\b(?:by|on|group_left) \([^)]*\)"
        left = re.sub(text, " ", SELECTOR.sub(" ", expr))
        assert re.findall(rf"\b{NAME}\b(?!\s*\()", left) == []


def test_legend_names_that_select_colours_exist() -> None:
    """Check legend patterns, because one that matches no name is never used."""
    values = {
        *("predict", "explain", "ok", "refused", "failed", "none", "grad_cam", "several"),
        *("integrated_gradients", "unknown", "decode", "forward", "render", "brightness"),
        *("contrast", "sharpness", "probability", "distance", "near_threshold"),
        *("unlike_training_data", "low_quality", "unstable"),
    }
    for panel in PANELS:
        legends = [
            target.get("legendFormat", "").replace("{{service}}", "melanoma-canary")
            for target in panel["targets"]
        ]
        dynamic = any(legend.startswith("{{") for legend in legends)
        for override in panel["fieldConfig"]["overrides"]:
            if override["matcher"]["id"] != "byRegexp":
                continue
            pattern = override["matcher"]["options"].strip("/")
            fixed = any(re.search(pattern, legend) for legend in legends)
            assert fixed or (dynamic and any(re.search(pattern, value) for value in values))


def test_drift_limits_equal_the_calibrated_ones() -> None:
    marks = [
        panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"]
        for panel in PANELS
        if panel["title"].startswith("Stability index")
    ]
    assert marks == [limit.conventional for limit in threshold_file.load().windows.values()]


def test_expressions_for_a_server_have_no_variables() -> None:
    asked = files.expressions()
    assert [expr for _, expr in asked if "$" in expr] == []
    assert len(asked) == len(RAW)


def test_promtool_accepts_every_expression(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        assert not os.environ.get("CI"), "continuous integration installs Prometheus"
        pytest.skip("promtool is missing: it comes with Debian's package prometheus")
    rules = [
        {"record": f"panel:{number}", "expr": expr, "labels": {"panel": name}}
        for number, (name, expr) in enumerate(files.expressions())
    ]
    wrapped = tmp_path / "panels.yaml"
    wrapped.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    checked = subprocess.run(
        [promtool, "check", "rules", str(wrapped)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules)} rules found" in checked.stdout


def test_grafana_is_provisioned_with_the_dashboards() -> None:
    folder = ROOT / "monitoring/grafana/provisioning"
    sources = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text("utf-8"))
    providers = yaml.safe_load((folder / "dashboards/lesionlens.yaml").read_text("utf-8"))
    (source,), (provider,) = sources["datasources"], providers["providers"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    assert provider["options"]["path"] == "${LESIONLENS_DASHBOARDS}"


def test_each_dashboard_has_a_config_map_with_the_sidecar_label() -> None:
    text = (ROOT / "monitoring/dashboards/kustomization.yaml").read_text("utf-8")
    kustomization = yaml.safe_load(text)
    listed = [generated["files"] for generated in kustomization["configMapGenerator"]]
    assert listed == [[f"json/{name}"] for name in sorted(BOARDS)]
    assert kustomization["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
    # `kubectl apply` writes the object into an annotation, and those hold 256 KiB.
    assert max(len(json.dumps(text)) for text in files.texts().values()) < 2**18 - 2**12

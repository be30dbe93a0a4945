"""Test that rules and thresholds use the same index.

The promtool test is written here, not committed, because Python's formula gives its numbers.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from handlers.telemetry import BASELINE_PHOTOGRAPHS, DRIFT_BASELINE, DRIFT_OBSERVATIONS
from monitoring import threshold_file
from monitoring.prometheus import files
from monitoring.resampling import drift_index

BASELINE = np.array([0.1005, 0.0995, 0.11, 0.09, 0.1, 0.1, 0.1, 0.1, 0.15, 0.05])
SAMPLES = {
    "usual": np.array([21, 19, 25, 17, 20, 22, 18, 20, 30, 10]),
    "empty bins": np.array([0, 0, 0, 40, 60, 60, 40, 0, 0, 0]),
    "one photograph": np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
    "many": np.array([900, 1100, 1000, 1000, 1200, 800, 1000, 1000, 1500, 500]),
}


def series(metric: str, name: str, place: int, values: str) -> dict[str, str]:
    labels = f'service="{name}", model_version="a", feature="distance", bin="{place}"'
    return {"series": f"{metric}{{{labels}}}", "values": values}


def case(name: str, counts: np.ndarray, behind: int) -> dict[str, object]:
    photographs = int(counts.sum())
    index = float(drift_index(counts, BASELINE))
    expected = {"drift_samples": photographs, "drift_psi": index}
    limit = threshold_file.load().windows["1h"]
    if photographs >= limit.min_samples:
        expected["drift_psi_threshold"] = limit.index(photographs, behind)
    return {
        "interval": "1m",
        "input_series": [
            *(
                series(DRIFT_OBSERVATIONS.name, name, place, f"0x4 {count}x20")
                for place, count in enumerate(counts)
            ),
            *(
                series(DRIFT_BASELINE.name, name, place, f"{share}x25")
                for place, share in enumerate(BASELINE)
            ),
            {
                "series": f'{BASELINE_PHOTOGRAPHS.name}{{service="{name}", model_version="a"}}',
                "values": f"{behind}x25",
            },
        ],
        "promql_expr_test": [
            {
                "expr": f"abs(lesionlens:{figure}:1h - {value!r}) < bool 1e-9",
                "eval_time": "20m",
                "exp_samples": [
                    {
                        "labels": f'{{service="{name}", model_version="a", feature="distance"}}',
                        "value": 1,
                    }
                ],
            }
            for figure, value in expected.items()
        ],
    }


def test_promql_index_equals_python_index(promtool: str, tmp_path: Path) -> None:
    path = tmp_path / "agree.yaml"
    document = {
        "rule_files": [str(files.FOLDER / "recording.yaml")],
        "evaluation_interval": "1m",
        "tests": [
            case(name, counts, behind)
            for name, counts in SAMPLES.items()
            for behind in (60, 480, 1500)
        ],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    command = [promtool, "test", "rules", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("counts", SAMPLES.values(), ids=SAMPLES)
def test_fast_formula_equals_plain_formula(counts: np.ndarray) -> None:
    observed = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    plain = ((observed - BASELINE) * np.log(observed / BASELINE)).sum()

    assert drift_index(counts, BASELINE) == pytest.approx(plain)

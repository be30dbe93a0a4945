"""Each runtime's image as a pod runs it: read-only, without privileges, within its limits."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.asking import Ask, over_grpc, over_rest
from tests.e2e.containers import Container
from tests.e2e.requests_of import EXPLAIN, PREDICT, instances

KSERVE_ARGUMENTS = (
    *("--model_name", "melanoma", "--predictor_host", "melanoma-predictor.lesionlens"),
    *("--http_port", "{http}"),
)
"""What KServe appends to an explainer's."""
CLIENTS = 8
SLOW = "integrated_gradients"
"""A method that takes seconds within the limits."""
Start = Callable[..., Container]


@pytest.fixture(scope="module")
def predictor(start_container: Start) -> Iterator[Container]:
    with start_container("predictor") as running:
        yield running.wait_ready()


@pytest.fixture(scope="module")
def explainer(start_container: Start) -> Iterator[Container]:
    with start_container("explainer", KSERVE_ARGUMENTS) as running:
        yield running.wait_ready()


def test_predictor_and_explainer_answer(
    predictor: Container, explainer: Container, photographs: list[bytes]
) -> None:
    explanation = instances(photographs[0])
    predicted = httpx.post(predictor.url + PREDICT, json=instances(*photographs[:2]), timeout=60)
    refused = httpx.post(predictor.url + EXPLAIN, json=explanation, timeout=60)
    explained = httpx.post(explainer.url + EXPLAIN, json=explanation, timeout=60)

    assert (predicted.status_code, refused.status_code, explained.status_code) == (200, 404, 200)
    assert "does not answer :explain" in refused.json()["error"]
    first, second = predicted.json()["predictions"]
    (explanation,) = explained.json()["explanations"]
    assert first["probability"] == explanation["probability"] != second["probability"]
    assert {"heatmap", "overlay", "attribution"} <= set(explanation)


def test_answers_equal_those_of_the_checkout(
    predictor: Container, client: httpx.Client, photographs: list[bytes]
) -> None:
    # Another torch and no Captum dependencies: the image must not answer differently for it.
    for photograph in photographs[:5]:
        here = client.post(PREDICT, json=instances(photograph)).json()["predictions"][0]
        there = httpx.post(predictor.url + PREDICT, json=instances(photograph), timeout=60).json()
        assert there["predictions"][0]["probability"] == pytest.approx(
            here["probability"], abs=1e-3
        )


def test_probes_distinguish_started_ready_and_alive_with_a_synthetic_photograph(
    start_container: Start,
) -> None:
    seen = set()
    with start_container("predictor") as young:
        deadline = time.monotonic() + 120
        while not young.probe("readiness"):
            assert time.monotonic() < deadline, young.said()
            seen.add((young.probe("startup"), young.probe("liveness")))
        text = httpx.get(young.metrics, timeout=10).text

    samples: Counter[tuple[str, str | None]] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples[sample.name, sample.labels.get("verb")] += sample.value
    assert (False, True) in seen  # alive, and neither started nor ready
    assert samples["lesionlens_requests_total", "predict"] == 0
    assert samples["lesionlens_predictions_total", None] == 0
    assert samples["lesionlens_drift_observations_total", None] == 0


def test_runs_without_privileges(predictor: Container) -> None:
    status = predictor.run("cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    written = predictor.run("touch", "/opt/lesionlens/x")

    assert fields["Uid"].split() == ["1000"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert "Read-only file system" in written.stderr
    assert written.returncode != 0


def repeated(pod: Container) -> float:
    """How many requests were sent again because the worker that had them died."""
    families = text_string_to_metric_families(httpx.get(pod.metrics, timeout=10).text)
    samples = [sample for family in families for sample in family.samples]
    return sum(one.value for one in samples if one.name == "lesionlens_http_repeated_total")


def test_sigkill_of_the_worker_fails_no_request(
    explainer: Container, photographs: list[bytes]
) -> None:
    before = repeated(explainer)
    (victim,) = explainer.wait_workers(lambda found: list(found.values()) == [False])

    def send(number: int) -> int:
        path, options = (PREDICT, {}) if number else (EXPLAIN, {"method": SLOW})
        body = instances(photographs[number], **options)
        return httpx.post(explainer.url + path, json=body, timeout=120).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        replies = [pool.submit(send, 0)]
        explainer.wait_workers(lambda found: found.get(victim, False))
        replies += [pool.submit(send, number) for number in range(1, CLIENTS)]
        killed = explainer.run("python", "-c", f"import os; os.kill({victim}, 9)")
        statuses = [reply.result() for reply in replies]

    assert (killed.returncode, killed.stderr) == (0, "")
    assert statuses == [200] * CLIENTS
    assert repeated(explainer) > before  # the explanation was under way
    explainer.wait_workers(lambda found: bool(found.keys() - {victim}))


def test_sigterm_drains_requests(
    explainer: Container, runtime: str, photographs: list[bytes]
) -> None:
    """Clients behind a Service: it takes a pod out a second after it is no longer ready."""
    outcomes: list[tuple[float, object]] = []
    in_service, terminated = threading.Event(), threading.Event()
    in_service.set()

    def endpoints() -> None:
        # Busy cores may make the pod unready for a moment before that; its clients stay.
        terminated.wait()
        while explainer.probe("readiness"):
            time.sleep(0.1)
        time.sleep(1)
        in_service.clear()

    def send(client: AbstractContextManager[Ask]) -> None:
        with client as ask:
            while in_service.is_set():
                outcome = ask(photographs[len(outcomes) % 100])
                outcomes.append((time.monotonic(), outcome))

    clients = [over_rest(explainer.url, EXPLAIN, method=SLOW)]
    clients += [over_rest(explainer.url, PREDICT) for _ in range(CLIENTS - 1)]
    if runtime == "kserve":
        port = explainer.ports["LESIONLENS_GRPC_INFERENCE_PORT"]
        clients[-2:] = [over_grpc(port), over_grpc(port)]
    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    threads.append(threading.Thread(target=endpoints))
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 120
    while len(outcomes) < 50 and time.monotonic() < deadline:
        time.sleep(0.05)
    ended = time.monotonic()
    explainer.terminate()
    terminated.set()
    status, last = explainer.wait(90)
    for thread in threads:
        thread.join()

    assert (status, last) == (0, "pod: ended")
    assert {outcome for _, outcome in outcomes} == {200}
    assert sum(moment > ended for moment, _ in outcomes) >= 8  # it did not only stand still

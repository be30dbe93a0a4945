"""Dashboard *Service*: durations inside the server, and its workers."""

from __future__ import annotations

from typing import Final

from handlers.telemetry import BATCH_SIZE, STAGE_SECONDS, WORKER_MEMORY, WORKER_STARTED
from monitoring.dashboards.frame import Row
from monitoring.dashboards.palette import RED
from monitoring.dashboards.panels import PanelSpec, Query, timeseries_panel
from monitoring.dashboards.promql import by_service, mean, of_server, quantile, rate, ratio, series
from monitoring.prometheus.objectives import Objectives
from monitoring.prometheus.server_alerts import HTTP_RESPONSES

STAGES: Final = ("decode", "forward", "explain", "render")


def inside() -> Row:
    """Panels of stages, queue, batches and responses by status."""
    alone = series(BATCH_SIZE, 'le="1.0"', "_bucket")
    waited = rate("", of_server("ts_queue_latency_microseconds"))
    inferred = rate("", of_server("ts_inference_requests_total"))
    stage = "Time a batch spends in each stage, {}. The stage that grew is where the time went; {}"
    return Row(
        "Inside the server (all versions together)",
        [
            timeseries_panel(
                PanelSpec(
                    "Stages, mean",
                    stage.format(
                        "on average", "a mean far below p95 says that few batches are slow."
                    ),
                    "s",
                    8,
                ),
                Query(mean("stage", STAGE_SECONDS), "{{stage}}"),
                words=STAGES,
            ),
            timeseries_panel(
                PanelSpec(
                    "Stages, p95",
                    stage.format("95 of 100 are faster", "10 s means 10 s or more."),
                    "s",
                    8,
                ),
                Query(quantile(0.95, "stage", STAGE_SECONDS), "{{stage}}"),
                words=STAGES,
            ),
            timeseries_panel(
                PanelSpec(
                    "Queue time",
                    "Wait before a worker takes a request: the mean, and the last one's. It grows "
                    "where workers are too few; add replicas before latency follows.",
                    "s",
                    8,
                ),
                Query(f"{ratio(waited, inferred)}\n/ 1e6", "mean"),
                Query(f"{by_service('max', of_server('QueueTime'))} / 1e3", "last"),
                words=("mean", "last"),
            ),
            timeseries_panel(
                PanelSpec(
                    "Batch size, mean",
                    "Requests that one pass of the model answers. 1 under load means that batching "
                    "does not help: look at batchSize and maxBatchDelay.",
                    "short",
                    8,
                ),
                Query(mean("verb", BATCH_SIZE), "{{verb}}"),
                words=("predict", "explain"),
            ),
            timeseries_panel(
                PanelSpec(
                    "Batches of one request",
                    "Share of batches that held a single request. Near 100 % the delay of batching "
                    "has no benefit.",
                    "percentunit",
                    8,
                ),
                Query(
                    ratio(rate("verb", alone), rate("verb", series(BATCH_SIZE, suffix="_count"))),
                    "{{verb}}",
                ),
                words=("predict", "explain"),
                highest=1,
            ),
            timeseries_panel(
                PanelSpec(
                    "Responses by HTTP status",
                    "Every response to a prediction or an explanation, those of the front itself "
                    "included. 503 here but no failed request above: rejected before a worker saw "
                    "it (too many requests in flight, slow bodies, no worker).",
                    "reqps",
                    8,
                ),
                *(
                    Query(rate("", of_server(HTTP_RESPONSES, _with_status(code))), f"{code}xx")
                    for code in (2, 4, 5)
                ),
                words=("2xx", "4xx", "5xx"),
            ),
        ],
    )


def _with_status(hundreds: int) -> str:
    return f'route=~"predict|explain", status=~"{hundreds}.."'


def workers(promised: Objectives) -> Row:
    """Panels of starts and memory of the workers."""
    return Row(
        "Workers",
        [
            timeseries_panel(
                PanelSpec(
                    "Age of the youngest worker",
                    "Time since a worker of the server last loaded the model. A rising line is "
                    "healthy; each fall to zero is a restart of a worker or of the whole server.",
                    "s",
                    8,
                ),
                Query(
                    f"time() - {by_service('max', series(WORKER_STARTED), 'instance')}",
                    "{{instance}}",
                ),
            ),
            timeseries_panel(
                PanelSpec(
                    "Worker starts, last hour",
                    "Starts by server after the first. At the red line the restart alert fires; "
                    "check the server's log and its memory in the next panel.",
                    "short",
                    8,
                    limits=((promised.server.restarts, RED),),
                ),
                Query(
                    by_service("sum", f"changes({series(WORKER_STARTED)}[1h])", "instance"),
                    "{{instance}}",
                ),
            ),
            timeseries_panel(
                PanelSpec(
                    "Memory of a worker",
                    "Resident memory of each server's worker that answered last. A slope that "
                    "never falls is a leak; a drop with a start is a worker killed for memory.",
                    "bytes",
                    8,
                ),
                Query(by_service("max", series(WORKER_MEMORY), "instance"), "{{instance}}"),
            ),
        ],
    )

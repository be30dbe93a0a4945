"""Explain photographs for the service, within a time budget, or with a helpful error."""

from __future__ import annotations

import math
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from handlers import explanation
from handlers.answers import AttributionFields, CasesFields
from handlers.background import Background, BusyError
from handlers.explainers.methods import method_named
from handlers.explainers.task import (
    AttributionTask,
    Budget,
    FrozenModel,
    OutOfTimeError,
    Served,
)
from handlers.prediction import ClassifiedImage
from handlers.protocol import Request, RequestError
from handlers.settings import HandlerSettings
from handlers.similar_cases import SIMILAR_CASES, NoLabelsError, SimilarCases
from handlers.telemetry import Recorder


class ExplanationRunner:
    """Runs the explanations of one worker; not shared between threads."""

    def __init__(
        self,
        model: Any,
        settings: HandlerSettings,
        scratch: Path | None = None,
        served: Served = lambda orientation: None,
        cases: SimilarCases | None = None,
    ) -> None:
        """Take the model and the limits.

        Args:
            model: with a submodule ``head``, for methods that follow gradients.
            settings: the limits.
            scratch: a folder that all workers of a server share; by default the one for
                temporary files.
            served: returns the served network, for methods that run it forwards only; without it,
                they run ``model``.
            cases: finds similar training photographs; needed for this method only.
        """
        self._model = model
        # It takes half a second and the memory of a model; a worker that only predicts
        # never needs it.
        self._repeated = cache(lambda: FrozenModel(model))
        self._settings = settings
        self._served = served
        self._cases = cases
        folder = scratch or Path(tempfile.gettempdir())
        self._background = Background(settings.explain_max_concurrency, folder)

    def explain(
        self,
        request: Request,
        index: int,
        image: ClassifiedImage,
        deadline: float,
        recorder: Recorder,
    ) -> AttributionFields | CasesFields:
        """Compute the fields that an explanation adds to the prediction of one photograph.

        Args:
            request: with the instance.
            index: of the instance.
            image: the photograph and its prediction.
            deadline: of the batch, in seconds on the clock of ``time.perf_counter``.
            recorder: told how long it took.

        Raises:
            RequestError: no time left, another one's turn, or nothing came of it.
        """
        instance = request.instances[index]
        name, slow = explanation.method_of(instance), explanation.is_slow(instance)
        seconds = self._settings.explain_seconds

        def refusal(message: str, status: int = 503, wait: int | None = None) -> RequestError:
            return RequestError(request.where(index, message), status, wait)

        def explained() -> AttributionFields | CasesFields:
            if name == SIMILAR_CASES:
                assert self._cases is not None
                with recorder.stage("explain"):
                    return self._cases.fields(image.forward.features[0])
            target = explanation.target_of(instance, image.decision.label)
            model = self._repeated() if method_named(name).repeated else self._model
            inputs = image.image.inputs[None]
            task = AttributionTask.of(
                model, inputs, image.forward, target, Budget(seconds), self._served
            )
            return explanation.fields(task, image.image.view, instance, recorder)

        if time.perf_counter() > deadline:
            batch = self._settings.explain_batch_seconds
            raise refusal(
                f"no time left to explain it ({batch:g} s a batch): send fewer instances, or use "
                "grad_cam",
                wait=math.ceil(seconds),
            )
        try:
            if not slow:
                return explained()
            with self._background.slot():
                return self._background.run(explained)
        except BusyError:
            wait = math.ceil(seconds)
            raise refusal(
                f"another slow explanation is running: send this one again in "
                f"{wait} s, or use grad_cam",
                wait=wait,
            ) from None
        except OutOfTimeError:
            raise refusal(
                f"{name} was not done within {seconds:g} s: send it again under less load, "
                "use grad_cam, or raise LESIONLENS_EXPLAIN_SECONDS",
                wait=math.ceil(seconds),
            ) from None
        except NoLabelsError as error:
            raise refusal(str(error), 400) from None
        except explanation.NoAttributionError:
            raise refusal(
                f"{name} gave no finite numbers for this photograph: use another method", 422
            ) from None

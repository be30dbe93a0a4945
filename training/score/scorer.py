"""Score photographs in one process: the work of every engine."""

from __future__ import annotations

import base64
import hashlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from handlers.explanation_runner import ExplanationRunner
from handlers.imaging import ImageError, PreprocessedImage, decode
from handlers.prediction import ClassifiedImage
from handlers.protocol import Instance, Request, RequestError
from handlers.settings import HandlerSettings
from handlers.telemetry import Recorder
from training.files import atomic_write
from training.score import model
from training.score.errors import UnreadableError
from training.score.items import Item, Reader, answer_key
from training.score.rows import EXPLANATION, Scored

PICTURES: Final = ("heatmap", "overlay")
EXPLAIN_SECONDS: Final = 600.0
"""Seconds for one explanation: nobody waits for it as for the service's."""


@dataclass(frozen=True)
class Options:
    """What is computed for each photograph; workers get a copy."""

    settings: HandlerSettings
    """Variant, backend and limits of the service."""
    features: bool = False
    """Keep the features."""
    method: str = ""
    """Explain with this method; empty: do not explain."""
    pictures: Path | None = None
    """Folder of the heat maps."""


class Known:
    """Keys of the answers that exist already, 16 bytes for each.

    Args:
        keys: from :func:`training.score.items.answer_key`.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._halves = np.sort(
            np.frombuffer(b"".join(bytes.fromhex(one[:32]) for one in keys), dtype=_HALVES)
        )

    def __contains__(self, key: str) -> bool:
        """Whether a key is among them."""
        wanted = np.frombuffer(bytes.fromhex(key[:32]), dtype=_HALVES)
        place = int(np.searchsorted(self._halves, wanted)[0])
        return place < len(self._halves) and bool(self._halves[place] == wanted[0])


_HALVES: Final = np.dtype([("first", ">u8"), ("second", ">u8")])


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, as every worker does: the same sums, in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


class Scorer:
    """Reads, decodes and classifies photographs with the service's own code and limits.

    Args:
        archive: path or content of ``melanoma.mar``.
        options: what is computed.
        known: photographs that are read but not scored again.

    Raises:
        ScoreError: the archive is missing or cannot be used.
    """

    def __init__(self, archive: Path | bytes, options: Options, known: Known) -> None:
        self._options = options
        self.known = known
        """Answers that exist: their photographs are read but not scored again."""
        self._reader = Reader(options.settings.max_body_bytes)
        self.classifier = model.load(archive, 1, options.settings, options.method)
        # Slots for slow explanations are files; every process has its own.
        self._scratch = tempfile.TemporaryDirectory(prefix="lesionlens-score-")
        seconds = max(EXPLAIN_SECONDS, options.settings.explain_seconds)
        self._explaining = ExplanationRunner(
            self.classifier.model,
            replace(options.settings, explain_seconds=seconds),
            Path(self._scratch.name),
            self.classifier.served,
        )

    def close(self) -> None:
        """Close files and remove the scratch folder."""
        self._reader.close()
        self._scratch.cleanup()

    def identity(self, digest: str) -> model.Identity:
        """Return what decides the answers of this process.

        Args:
            digest: of the archive.
        """
        return model.Identity(
            archive=digest,
            model_version=self.classifier.version,
            variant=self.classifier.variant.name,
            backend=self.classifier.backend.name,
            limits=f"{self._options.settings.image_limits}",
            prevalence=self._options.settings.prevalence,
            features=self._options.features,
            method=self._options.method,
        )

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """Score photographs; the result has their order, and an error for what cannot be used."""
        results: list[Scored | None] = [None] * len(items)
        waiting: list[tuple[int, Scored]] = []
        images = self._prepared(items, results, waiting)
        batch = self._options.settings.forward_batch
        for number, image in enumerate(self.classifier.classify(images, batch)):
            place, unanswered = waiting[number]
            results[place] = self._scored(unanswered, image)
        return [Scored() if one is None else one for one in results]

    def _prepared(
        self,
        items: Sequence[Item],
        results: list[Scored | None],
        waiting: list[tuple[int, Scored]],
    ) -> Iterator[PreprocessedImage]:
        """Yield what must be classified; all else gets its result at once."""
        for place, item in enumerate(items):
            try:
                data = self._reader.read(item)
            except UnreadableError as error:
                results[place] = Scored(error=str(error))
                continue
            digest = hashlib.sha256(data).hexdigest()
            unanswered = Scored(digest, key=answer_key(digest, item.box))
            if unanswered.key in self.known:
                results[place] = unanswered
                continue
            try:
                picture = decode(data, self._options.settings.image_limits, box=item.box)
            except ImageError as error:
                results[place] = unanswered._replace(answer={"error": str(error)})
                continue
            waiting.append((place, unanswered))
            yield self.classifier.preprocess(picture, item.box)

    def _scored(self, unanswered: Scored, image: ClassifiedImage) -> Scored:
        prediction = self.classifier.answer(image, self._options.settings.prevalence)
        answer: dict[str, object] = {**prediction, **image.measurements}
        if self._options.method:
            answer |= self._explanation(unanswered.key, image)
        features = None
        if self._options.features:
            features = image.forward.features[0].astype("<f4").tobytes()
        return unanswered._replace(answer=answer, features=features)

    def _explanation(self, key: str, image: ClassifiedImage) -> dict[str, object]:
        """Explain a photograph and write its pictures; returns the columns."""
        request = Request("explain", (Instance(b"", self._options.method),), enveloped=False)
        try:
            recorder = Recorder(self.classifier.version)
            explained = self._explaining.explain(request, 0, image, math.inf, recorder)
        except RequestError as error:
            return {"error": error.message}
        found: dict[str, object] = {**explained}
        if self._options.pictures is not None:
            for name in PICTURES:
                path = self._options.pictures / f"{key}-{name}.png"
                with atomic_write(path) as temporary:
                    temporary.write_bytes(base64.b64decode(str(found[name])))
                found[name] = path.name
        return {field.name: found.get(field.name) for field in EXPLANATION}

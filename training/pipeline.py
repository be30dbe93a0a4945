"""The steps from photographs to an archive, in their order."""

from __future__ import annotations

from typing import Final

import numpy as np

from handlers.documents import to_json
from handlers.network import load_torchscript
from training import (
    backbone,
    backends,
    baseline,
    calibration,
    card,
    dataset,
    export,
    features,
    leaks,
    recipes,
    serving,
    summary,
    thumbnails,
    tracking,
)
from training.answers import Answers
from training.card import Serving
from training.console import RunLog
from training.cross_fit import Fitted
from training.files import write_json
from training.leaks import NearDuplicates
from training.recipes import Prepared
from training.serving import Portable, ServingVariants
from training.settings import TrainingSettings
from training.summary import Summary

CHECKED: Final = 32
"""Photographs on which the exported model is checked."""


def train(settings: TrainingSettings, log: RunLog) -> Summary:
    """Train from photographs to ``model.pt``, ``card.json`` and ``baseline.json``.

    Nothing is chosen with the photographs of ``test``: their features are computed at the end.

    Returns:
        The summary that is also written to ``summary.json``: version, counts, scores, seconds.
    """
    found = dataset.find(settings, log)
    with log.step("backbone"):
        network = backbone.load(settings.weights, settings.seed, log.say)
    prepared = recipes.prepare(found, network, settings, log)
    with log.step("choose"):
        recipe = recipes.recipe_of(prepared, settings, log, seed=settings.seed)
    with log.step("folds"):
        unseen, without = recipe.out_of_sample(settings.seed, log)
        calibrated = calibration.calibrate(unseen.log_odds, prepared.labels, settings.aims)
        probability = calibrated.probabilities(unseen.log_odds)
    with log.step("fit"):
        everything = np.arange(len(prepared.labels))
        fitted = recipe.fit(everything, settings.seed)
        final, layer = fitted.backbone, fitted.head
        reference = baseline.fit(
            probability,
            unseen.distance,
            prepared.features.statistics,
            fitted.features(everything),
            prepared.labels,
        )
    with log.step("export"):
        folder = settings.model_folder
        difference = export.export(final, layer, folder, found.train[:CHECKED])
        cases = thumbnails.write(folder, found.train, settings.cases, log.progress)
    model = load_torchscript(folder)
    with log.step("backends"):
        measured = backends.measure(
            folder,
            model,
            found.train,
            calibrated,
            settings.backends,
            settings.cache,
            log.progress,
        )
    with log.step("variants"):
        portable = Portable(model, unseen, calibrated, measured, fitted, without)
        served = serving.fit(prepared, recipe, portable, settings, log)
    # All choices are made: only now are the test photographs read.
    with log.step("evaluation"):
        answers, document = _evaluated(prepared, fitted, served, settings, log)
        answers.write(settings.build / "answers.npz")
        scores = answers.scores(served.calibration.threshold, settings.seed)
        write_json(settings.build / "near_duplicates.json", document)
    described = Serving(
        served.calibration, reference, served.variants, served.documents, measured, cases
    )
    model_card = card.model_card(found, final, layer, recipe, described, scores)
    write_json(folder / "baseline.json", to_json(reference))
    write_json(folder / "card.json", to_json(model_card))
    written = summary.summary(model_card, found, document, difference, log.seconds)
    write_json(settings.build / "summary.json", to_json(written))
    log.table("Trained", summary.rows(written))
    _record(settings, written, log)
    return written


def _evaluated(
    prepared: Prepared,
    fitted: Fitted,
    served: ServingVariants,
    settings: TrainingSettings,
    log: RunLog,
) -> tuple[Answers, NearDuplicates]:
    """Predict the test photographs, and find the near-duplicates among all."""
    found, network = prepared.found, prepared.backbone
    cache, progress = settings.cache, log.progress
    test = features.extract(found.test, network, cache, progress, views=1)
    plain = recipes.features_of_test(fitted, prepared, cache, progress)
    portable = served.portable.calibration.probabilities(fitted.head.log_odds(plain))
    views = features.views_of(leaks.every(found), network, cache, progress)
    leaked = leaks.between(found, test, prepared.features, prepared.pairs, views, progress)
    labels = dataset.labels(found.test)
    answers = Answers(
        train=served.calibration.probabilities(served.unseen.log_odds),
        distance=served.unseen.distance,
        train_labels=prepared.labels,
        test=served.evaluate(prepared, portable, labels, settings.seed, progress),
        test_labels=labels,
        leak_free=leaked.free,
    )
    return answers, leaked.to_json()


def _record(settings: TrainingSettings, written: Summary, log: RunLog) -> None:
    """Record parameters, data digest and scores of the run."""
    parameters = {**settings.asked(), **written["parameters"], **written["near_duplicates"]}
    tags = {"model_version": written["model_version"], "data_digest": written["data_digest"]}
    numbers = {
        "scores": written["scores"],
        "counts": written["counts"],
        "threshold": written["threshold"],
        "temperature": written["temperature"],
    }
    card = settings.model_folder / "card.json"
    run = tracking.Run(f"train {settings.finetune}", parameters, numbers, tags, (card,))
    with log.step("record"):
        tracking.keep(settings.store, run, log.say)

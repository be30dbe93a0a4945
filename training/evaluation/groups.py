"""Scores by group, such as skin type or site, from a table that names each photograph's groups.

Only the names of attributes and groups get into a report, never those of photographs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np

from handlers.card import Interval
from training.answers import Answers
from training.dataset import SPLITS, Dataset
from training.errors import TrainingError
from training.evaluation.documents import GroupScores, SampleGroupScores
from training.intervals import interval, share
from training.score import tables
from training.scores import auroc_interval

NAME: Final = "groups.csv"
"""File next to the folders ``train`` and ``test``."""
KEYS: Final = ("path", "file")
"""Columns that may name a photograph."""
MOST: Final = 20
"""Maximum number of groups of an attribute: more would be single people."""
LONGEST: Final = 40
"""Maximum characters of an attribute's or a group's name."""
FEW: Final = 20
"""Number of cancers, or of benign lesions, below which a group's scores say little."""
LEAST: Final = 10
"""Number of cancers, and of benign lesions, for an AUROC: resamples of a few are all alike, and
their interval would be too narrow."""
UNSTATED: Final = "not stated"
"""Group of the photographs whose group the table does not name."""

Attributes = Mapping[str, Sequence[str]]
"""The group of each photograph by attribute, in the order of the photographs."""


class GroupsError(TrainingError):
    """The table of groups cannot be used; the message says what to change."""


def read(path: Path, found: Dataset) -> dict[str, dict[str, list[str]]]:
    """Read the groups of each photograph.

    Args:
        path: CSV or Parquet with the column ``path`` or ``file`` (``test/benign/1.jpg``, or
            ``1.jpg`` where only one photograph has that name) and a column for each attribute.
        found: the photographs.

    Returns:
        For ``train`` and ``test``: the group of each photograph, in their order, by attribute.

    Raises:
        GroupsError: a column or a photograph is unknown, or an attribute has too many groups.
        ScoreError: the file is no table.
        OSError: it cannot be read.
    """
    names = _names(found)
    stated: dict[str, dict[Path, str]] = {}
    for key, row in _rows(path):
        place = _place(path, key, names)
        for attribute, group in row.items():
            own = stated.setdefault(attribute, {})
            if own.setdefault(place, group) != group:
                raise GroupsError(f"{path} states two different groups of {key} for {attribute!r}")
    if not stated:
        raise GroupsError(f"{path} has no row")
    for attribute, own in stated.items():
        if why := unusable(attribute, own.values()):
            raise GroupsError(f"{path}: {why}")
    return {
        split: {
            attribute: [own.get(photo.path, UNSTATED) for photo in getattr(found, split)]
            for attribute, own in stated.items()
        }
        for split in SPLITS
    }


def default_table(found: Dataset) -> Path | None:
    """Return the table next to the folders of the photographs, if there is one."""
    for folder in found.test[0].path.parents:
        if all((folder / split).is_dir() for split in SPLITS):
            return folder / NAME if (folder / NAME).is_file() else None
    return None


def unusable(attribute: str, groups: Iterable[str]) -> str:
    """Return why scores cannot be given by an attribute, or an empty string."""
    every = set(groups)
    if len(every) > MOST:
        return (
            f"the column {attribute!r} has {len(every)} different values; at most {MOST} groups "
            "can be shown: give ranges (30-49 for an age), or leave the column out"
        )
    long = next((name for name in (attribute, *sorted(every)) if len(name) > LONGEST), "")
    return f"{long[:LONGEST]!r}... is longer than {LONGEST} characters" if long else ""


def of_training(
    groups: Mapping[str, Attributes], answers: Answers, threshold: float, seed: int
) -> list[SampleGroupScores]:
    """Score each group on the leak-free test photographs and out of sample.

    Args:
        groups: from :func:`read`.
        answers: probabilities and labels in the same order.
        threshold: P(cancer) from which the label is ``cancer``.
        seed: of the resampling.
    """
    free = np.flatnonzero(answers.leak_free)
    test = {name: [own[place] for place in free.tolist()] for name, own in groups["test"].items()}
    probabilities, labels = answers.test[free].round(6), answers.test_labels[free]
    found: list[SampleGroupScores] = [
        {**row, "sample": sample}
        for sample, attributes, of, truth in (
            ("test_leak_free", test, probabilities, labels),
            ("out_of_sample", groups["train"], answers.train.round(6), answers.train_labels),
        )
        for row in score(attributes, of, truth, threshold, seed)
    ]
    order = {attribute: place for place, attribute in enumerate(groups["test"])}
    return sorted(found, key=lambda row: (order[row["attribute"]], _in_order(row["group"])))


def score(
    attributes: Attributes,
    probabilities: np.ndarray,
    labels: np.ndarray,
    threshold: float,
    seed: int,
) -> list[GroupScores]:
    """Score each group of each attribute.

    Args:
        attributes: group of each photograph, n of them by attribute.
        probabilities: P(cancer), shape (n,).
        labels: 0 or 1, shape (n,).
        threshold: P(cancer) from which the label is ``cancer``.
        seed: of the resampling.
    """
    called = probabilities >= threshold
    rows: list[GroupScores] = []
    for attribute, own in attributes.items():
        member = np.asarray(own)
        for group in sorted(set(own), key=_in_order):
            inside = member == group
            truth = labels[inside]
            cancers = int(truth.sum())
            rows.append(
                {
                    "attribute": attribute,
                    "group": group,
                    "count": len(truth),
                    "cancers": cancers,
                    "sensitivity": share(called[inside][truth == 1]),
                    "specificity": share(~called[inside][truth == 0]),
                    "auroc": _auroc(probabilities[inside], truth, seed),
                    "few": min(cancers, len(truth) - cancers) < FEW,
                }
            )
    return rows


def _in_order(group: str) -> tuple[bool, str]:
    return group == UNSTATED, group


def _auroc(probabilities: np.ndarray, labels: np.ndarray, seed: int) -> Interval:
    if min((labels == 0).sum(), (labels == 1).sum()) < LEAST:
        return interval(float("nan"), np.empty(0))
    return auroc_interval(probabilities, labels, seed)


def _names(found: Dataset) -> dict[PurePath, list[Path]]:
    """Photographs, used or left out, by each end of their path that a table may write."""
    names: defaultdict[PurePath, list[Path]] = defaultdict(list)
    used = [photo.path for split in SPLITS for photo in getattr(found, split)]
    for path in (*used, *(path for path, _ in found.left_out)):
        names[path].append(path)
        for count in range(1, len(path.parts)):
            names[PurePath(*path.parts[-count:])].append(path)
    return names


def _place(table: Path, key: str, names: Mapping[PurePath, list[Path]]) -> Path:
    places = names.get(PurePath(key), [])
    if not places:
        raise GroupsError(
            f"{table} names {key}, which is none of the photographs; name them by their path from "
            "the folder of train and test, such as test/benign/1.jpg"
        )
    if len(places) > 1:
        raise GroupsError(
            f"{table} names {key}, and {len(places)} photographs have that name: write its folders "
            "too, such as test/benign/1.jpg"
        )
    return places[0]


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name of each photograph and its stated groups by attribute."""
    for batch in tables.batches(str(path)):
        columns = batch.schema.names
        keys = [name for name in KEYS if name in columns]
        if len(keys) != 1 or len(columns) < 2:
            raise GroupsError(
                f"{path} needs one column 'path' or 'file' and one column for each attribute, such "
                f"as skin_type; it has: {', '.join(columns)}"
            )
        twice = [name for name, count in Counter(columns).items() if count > 1]
        if twice:
            raise GroupsError(f"{path} has the column {twice[0]!r} twice")
        for row in batch.to_pylist():
            key = str(row.pop(keys[0]) or "").strip()
            if not key:
                raise GroupsError(f"{path} has a row that names no photograph")
            yield key, {name: text(value) for name, value in row.items()}


def text(value: Any) -> str:
    """Format a table's value as the name of a group; an empty one is :data:`UNSTATED`."""
    return ("" if value is None else str(value).strip()) or UNSTATED

"""Describe the training photographs that a photograph is most like."""

from __future__ import annotations

from dataclasses import dataclass

from web.pictures import SIDE
from web.service import SimilarCases
from web.texts import Texts
from web.wording import decimal, other_model, picture_url


@dataclass(frozen=True)
class CaseWords:
    """One training photograph: a line of the table."""

    label: str
    distance: str
    thumbnail: str
    """data: URL; empty where the archive has no pictures."""
    alt: str
    """What the thumbnail is, for who cannot see it."""


@dataclass(frozen=True)
class CasesWords:
    """Similar training photographs in sentences and a table."""

    seen: str
    """data: URL of the model's input."""
    seen_caption: str
    summary: str
    rows: list[CaseWords]
    pictures: bool
    """Whether there are thumbnails."""
    notes: list[str]


def cases_words(found: SimilarCases, version: str, seen: bytes, texts: Texts) -> CasesWords:
    """Describe similar cases, and that they are no diagnosis.

    Args:
        found: of the photograph.
        version: of the model whose answer the person reads, or empty.
        seen: PNG of what the model saw.
        texts: of a language.
    """
    words = texts["cases"]
    pictures = all(case.thumbnail is not None for case in found.cases)
    rows = [
        CaseWords(
            label=texts["label"][case.label],
            distance=decimal(f"{max(case.distance, 0):.2f}", texts),
            thumbnail=picture_url("image/jpeg", case.thumbnail) if case.thumbnail else "",
            alt=words["alt"].format(number=number, label=texts["label"][case.label]),
        )
        for number, case in enumerate(found.cases, 1)
    ]
    cancers = sum(case.label == "cancer" for case in found.cases)
    return CasesWords(
        seen=picture_url("image/png", seen),
        seen_caption=texts["explanation"]["seen"].format(side=SIDE),
        summary=words["summary"].format(count=len(rows), cancers=cancers),
        rows=rows,
        pictures=pictures,
        notes=[
            texts["methods"][found.method]["reading"],
            words["meaning"],
            *([] if pictures else [words["unseen"]]),
            *other_model(found, version, texts),
        ],
    )

"""Render the HTML of every page from its templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from handlers.structure.formats import heif_enabled
from web import fhir, options
from web.cases import cases_words
from web.errors import Kind, PageError
from web.service import Explanation, Prediction, SimilarCases
from web.texts import Texts
from web.wording import answer_words, explanation_words, failure_words, method_words, picture_url

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
GAP: Final = "<!-- why -->"
"""Marker in the answer's template for the explanation, which is sent later than the rest."""

SAID_BY_THE_SCRIPT: Final[tuple[Kind, ...]] = (
    "too_large",
    "not_a_picture",
    "heic",
    "avif",
    "jpeg_xl",
    "jpeg_2000",
    "dicom",
    "polyglot",
)
"""Formats that the script distinguishes before it sends a file."""

OPTIONAL: Final[tuple[Kind, ...]] = ("heic", "avif")
"""Formats that the script sends unchanged if the server reads them
(:mod:`handlers.structure.formats`)."""


class Pages:
    """Renders pages in one language."""

    def __init__(self, known: Mapping[str, Texts], max_bytes: int, clinicians: bool) -> None:
        """Load the templates.

        Args:
            known: texts of every language, English first.
            max_bytes: of an upload.
            clinicians: whether a visitor's own impression comes first, unless switched off.
        """
        self._clinicians = clinicians
        self._languages = [(code, texts["name"]) for code, texts in known.items()]
        self._max_bytes = max_bytes
        loader = FileSystemLoader(TEMPLATES)
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    def form(self, texts: Texts) -> str:
        """Render the first page."""
        return self._page("page.html", texts)

    def failure(self, failure: PageError, texts: Texts) -> str:
        """Render a failure, and the form."""
        return self._page("failure.html", texts, failure=failure_words(failure, texts))

    def answer(self, prediction: Prediction, texts: Texts, impression: str = "") -> tuple[str, str]:
        """Render the page of an answer, in two parts: before and after the explanation.

        Args:
            prediction: of the photograph.
            texts: of a language.
            impression: that the visitor noted first, or empty.
        """
        now = datetime.now(UTC)
        made = {
            "machine": now.isoformat(timespec="seconds"),
            "person": f"{now:%Y-%m-%d %H:%M} UTC",
        }
        words = answer_words(prediction, texts, impression)
        said = " ".join([words.heading, words.frequency, words.review, texts["page"]["caution"]])
        report = fhir.report(prediction, impression, said, now, texts["language"])
        page = self._page(
            "answer.html", texts, answer=words, made=made, fhir=fhir.link(report), file=fhir.NAME
        )
        before, _, after = page.partition(GAP)
        return before, after

    def why(
        self,
        why: Explanation | SimilarCases | PageError,
        square: bytes,
        method: str,
        version: str,
        texts: Texts,
    ) -> str:
        """Render the explanation.

        Args:
            why: the explanation, or why there is none.
            square: PNG of what the model saw.
            method: that was asked for.
            version: of the model whose answer is on the page, or empty.
            texts: of a language.
        """
        known: dict[str, Any] = {"method": method, "version": version}
        known |= {"explanation": None, "cases": None}
        if isinstance(why, PageError):
            known |= {
                "unexplained": failure_words(why, texts),
                "seen": picture_url("image/png", square),
            }
        elif isinstance(why, SimilarCases):
            known["cases"] = cases_words(why, version, square, texts)
        else:
            known["explanation"] = explanation_words(why, version, square, texts)
        return self._page("why.html", texts, **known)

    def _page(self, template: str, texts: Texts, **known: Any) -> str:
        limit = f"{self._max_bytes / 1e6:g}"
        formats = texts["form"]["all_formats" if heif_enabled() else "formats"]
        pictures = [
            {"name": name, "alt": texts["samples"]["alt"].format(number=number)}
            for number, name in enumerate(options.sample_names(), 1)
        ]
        return self._templates.get_template(template).render(
            t=texts,
            home=f"/?lang={texts['language']}",
            languages=self._languages,
            hint=texts["form"]["hint"].format(limit=limit, formats=formats),
            methods=method_words(texts),
            samples=pictures,
            clinicians=self._clinicians,
            impressions=options.IMPRESSIONS,
            words=self._script_words(texts, limit),
            **known,
        )

    def _script_words(self, texts: Texts, limit: str) -> dict[str, Any]:
        """Return the texts that the script shows without the server."""
        failures = texts["failures"]
        told = {
            kind: {
                "heading": failures[kind]["heading"],
                "text": failures[kind]["text"].replace("{limit}", limit),
            }
            for kind in SAID_BY_THE_SCRIPT
        }
        return {
            "progress": texts["progress"],
            "frame": texts["frame"],
            "lesions": texts["lesions"],
            "denied": texts["camera"]["denied"],
            "failures": told,
            "optional": list(OPTIONAL) if heif_enabled() else [],
            "max_bytes": self._max_bytes,
            "locale": texts["language"],
        }

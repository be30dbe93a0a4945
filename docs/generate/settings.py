"""The page of settings: every field of every settings class, with its docstring."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import griffe

from docs.generate import names

TITLES: Final = {
    "serving.paths.PathSettings": "Paths",
    "training.settings.TrainingSettings": "Training and its reports",
    "handlers.settings.HandlerSettings": "Limits and budgets of the service",
    "serving.front.settings.ServerSettings": "A server, on this machine or in a pod",
    "serving.settings.ServingSettings": "The server on this machine",
    "serving.pod.settings.PodSettings": "A pod",
    "serving.front.settings.FrontSettings": "The front: what a client may send",
    "serving.front.tls.TlsSettings": "The front and the page: TLS",
    "serving.front.access.settings.AccessSettings": "The front: access control",
    "serving.front.outcomes.settings.OutcomeSettings": "The front: outcomes",
    "web.settings.PageSettings": "The upload page",
    "monitoring.settings.MonitoringSettings": "Rules and alerts",
    "monitoring.settings.ReportSettings": "`make drift-report`",
    "monitoring.settings.LocalSettings": "`make monitor`",
    "loadtests.settings.LoadSettings": "Load tests",
    "k8s.rollout.settings.RolloutSettings": "Publish, deploy, roll back",
    "k8s.images.settings.ImageSettings": "Building images",
}
"""In the order of the page."""
PREFIX: Final = "LESIONLENS_"


def classes() -> list[griffe.Class]:
    """Every settings class of the repository.

    Raises:
        ValueError: there is one that the page has no title for, or a title without a class.
    """
    found = {
        member.path: member
        for package in names.mypy_packages()
        if package != "docs"
        for folder in names.packages(package)
        for module in names.modules(folder)
        for member in module.classes.values()
        if not member.is_alias and member.name.endswith("Settings")
    }
    if found.keys() != TITLES.keys():
        odd = ", ".join(sorted(found.keys() ^ TITLES.keys()))
        raise ValueError(f"docs/generate/settings.py has no title, or no class, for {odd}")
    return [found[path] for path in TITLES]


def fields(settings: griffe.Class) -> Iterator[tuple[str, str, str]]:
    """Variable, default and meaning of each field that the class itself declares."""
    prefix, own = _prefix(settings), _imported(settings).__annotations__
    for field in settings.attributes.values():
        if field.docstring is None or field.name not in own:
            continue
        yield (
            f"{prefix}{field.name.upper()}",
            _default(field, settings),
            " ".join(field.docstring.value.split()),
        )


def page() -> str:
    """The page in Markdown."""
    parts = [
        "# Settings\n",
        "All are variables of the environment. This page is written from the settings classes "
        "when the site is built. A value that cannot be used ends the program with a line that "
        "names the variable and what it expects.\n",
    ]
    for settings in classes():
        assert settings.docstring is not None
        parts.append(f"## {TITLES[settings.path]}\n")
        parts.append(
            f"`{settings.path}`: {settings.docstring.value.splitlines()[0]}{_also(settings)}\n"
        )
        parts.append("| variable | default | |\n| --- | --- | --- |")
        parts += [
            f"| `{variable}` | {f'`{default}`' if default else 'unset'} | {_cell(text)} |"
            for variable, default, text in fields(settings)
        ]
        parts.append("")
    return "\n".join(parts)


def _also(settings: griffe.Class) -> str:
    """Name the sections of the classes that it inherits from."""
    bases = {str(base) for base in settings.bases}
    titles = [title for path, title in TITLES.items() if path.rpartition(".")[2] in bases]
    return f" Also all of: {', '.join(titles)}." if titles else ""


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _prefix(settings: griffe.Class) -> str:
    config: dict[str, str] = getattr(_imported(settings), "model_config", {})
    return config.get("env_prefix", PREFIX)


def _default(field: griffe.Attribute, settings: griffe.Class) -> str:
    """Format a field's default as the value of its variable; empty if there is none."""
    kind = _imported(settings)
    made = kind.model_construct() if hasattr(kind, "model_construct") else kind()
    value = getattr(made, field.name)
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).removeprefix(f"{names.ROOT}/")


def _imported(settings: griffe.Class) -> Any:
    return getattr(import_module(settings.module.path), settings.name)

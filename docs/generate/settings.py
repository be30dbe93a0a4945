"""The page of settings: every field of every settings class, with its docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from typing import Final

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
    prefix = _prefix(settings)
    for field in settings.attributes.values():
        if field.annotation is None or field.docstring is None or "property" in field.labels:
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
    config = settings.attributes.get("model_config")
    if config is None:  # a dataclass, or one that inherits it
        return PREFIX
    for keyword in _call(str(config.value)).keywords:
        if keyword.arg == "env_prefix":
            return str(ast.literal_eval(keyword.value))
    return PREFIX


def _call(source: str) -> ast.Call:
    expression = ast.parse(source, mode="eval").body
    assert isinstance(expression, ast.Call), source
    return expression


def _default(field: griffe.Attribute, settings: griffe.Class) -> str:
    """What the field is where the variable is unset; empty where that is nothing."""
    return _said(ast.parse(str(field.value), mode="eval").body, settings)


def _said(value: ast.expr, settings: griffe.Class) -> str:
    match value:
        case ast.Call(func=ast.Name(id="Field"), args=[first, *_]):
            return _said(first, settings)
        case ast.Call(func=ast.Name(id="Field"), keywords=keywords):
            (default,) = [keyword.value for keyword in keywords if keyword.arg == "default"]
            return _said(default, settings)
        case ast.Call(func=ast.Name(id="Path"), args=[ast.Constant(value=path)]):
            return str(path)
        case ast.Name(id=name):
            return _named(name, settings)
        case ast.Tuple(elts=elements):
            return ",".join(_said(element, settings) for element in elements)
        case ast.Constant(value=None | ""):
            return ""
        case ast.Constant(value=found):
            return str(found)
    return ast.unparse(value)


def _named(name: str, settings: griffe.Class) -> str:
    """The value of a constant, also of another module; one of the archive's is computed."""
    target = settings.module[name]
    path = target.target_path if target.is_alias else target.path
    module, _, constant = path.rpartition(".")
    if module.startswith("handlers."):
        value = getattr(import_module(module), constant)
        return ",".join(value) if isinstance(value, tuple) else str(value)
    package, *rest = path.split(".")
    found = names.package(package)[rest]
    return _said(ast.parse(str(found.value), mode="eval").body, settings)

"""What a rule file is made of, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any, Final, Literal

import yaml

HEADER: Final = "# Written by `python -m monitoring.build rules`: change the Python, not this.\n"

Severity = Literal["page", "ticket", "info"]


@dataclass(frozen=True)
class Recording:
    """A series that Prometheus computes and keeps."""

    record: str
    """Name of the series: ``lesionlens:what:window``."""
    expr: str
    """PromQL; indentation that all its lines share does not count."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Added to every series."""

    @property
    def name(self) -> str:
        """Of the series."""
        return self.record

    def document(self) -> dict[str, Any]:
        """As it stands in a rule file."""
        rule: dict[str, Any] = {"record": self.record, "expr": _tidy(self.expr)}
        return rule | ({"labels": dict(self.labels)} if self.labels else {})


@dataclass(frozen=True)
class Alert:
    """A condition that somebody should hear of.

    ``summary`` is one line, ``description`` says values with their units; both are Prometheus
    templates. The address of the runbook is added by name when the file is written.
    """

    name: str
    expr: str
    severity: Severity
    summary: str
    description: str
    holds: str = "0s"
    """How long the condition must last before the alert fires."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Added to the alert beside its severity."""

    def document(self, runbooks: str) -> dict[str, Any]:
        """As it stands in a rule file; ``runbooks`` is where the pages lie."""
        rule: dict[str, Any] = {"alert": self.name, "expr": _tidy(self.expr)}
        if self.holds != "0s":
            rule["for"] = self.holds
        rule["labels"] = {"severity": self.severity, **self.labels}
        rule["annotations"] = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{runbooks.rstrip('/')}/{self.name}.md",
        }
        return rule


@dataclass(frozen=True)
class Group:
    """Rules evaluated one after the other, at one time: a rule reads what those above it wrote.

    A group has no interval of its own, so ``evaluation_interval`` of the Prometheus that loads
    it applies to all.
    """

    name: str
    rules: tuple[Recording | Alert, ...]

    def document(self, runbooks: str) -> dict[str, Any]:
        """As it stands in a rule file."""
        rules = [
            rule.document(runbooks) if isinstance(rule, Alert) else rule.document()
            for rule in self.rules
        ]
        return {"name": self.name, "rules": rules}


def rule_file(groups: tuple[Group, ...], runbooks: str) -> str:
    """The text of a rule file; the same groups give the same bytes."""
    return dump({"groups": [group.document(runbooks) for group in groups]})


def dump(document: dict[str, Any]) -> str:
    """YAML under a header that says where it comes from."""
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100)


def _tidy(expr: str) -> str:
    return dedent(expr).strip()


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a block, as people do, and indents lists."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

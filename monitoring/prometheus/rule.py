"""Rules and rule files, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Final, Literal

import yaml

HEADER: Final = "# Written by `python -m monitoring.build rules`: change the Python, not this.\n"

Severity = Literal["page", "ticket", "info"]


@dataclass(frozen=True)
class Recording:
    """A recording rule: a series that Prometheus computes and keeps."""

    record: str
    """Name of the series: ``lesionlens:what:window``."""
    expr: str
    """PromQL; common indentation is removed."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels added to every series."""

    @property
    def name(self) -> str:
        """Name of the series."""
        return self.record

    def document(self) -> dict[str, object]:
        """Return the rule as it is in a rule file."""
        rule: dict[str, object] = {"record": self.record, "expr": _tidy(self.expr)}
        return rule | ({"labels": dict(self.labels)} if self.labels else {})


@dataclass(frozen=True)
class Alert:
    """An alert rule.

    ``summary`` is one line, ``description`` gives values with their units; both are Prometheus
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
    """Labels added to the alert in addition to its severity."""

    def document(self, runbooks: str) -> dict[str, object]:
        """Return the rule as it is in a rule file; ``runbooks`` is the address of the pages."""
        rule: dict[str, object] = {"alert": self.name, "expr": _tidy(self.expr)}
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
    """Rules evaluated in order at one time: a rule reads what those above it wrote.

    A group has no interval, so Prometheus' ``evaluation_interval`` applies to all.
    """

    name: str
    rules: tuple[Recording | Alert, ...]

    def document(self, runbooks: str) -> dict[str, object]:
        """Return the group as it is in a rule file."""
        rules = [
            rule.document(runbooks) if isinstance(rule, Alert) else rule.document()
            for rule in self.rules
        ]
        return {"name": self.name, "rules": rules}


def rule_file(groups: tuple[Group, ...], runbooks: str) -> str:
    """Return the text of a rule file; equal groups give equal bytes."""
    return dump({"groups": [group.document(runbooks) for group in groups]})


def dump(document: dict[str, object]) -> str:
    """Write YAML below a header that names its source."""
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100)


def _tidy(expr: str) -> str:
    return dedent(expr).strip()


class _Dumper(yaml.SafeDumper):
    """Writes multi-line texts as blocks and indents lists, as people do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

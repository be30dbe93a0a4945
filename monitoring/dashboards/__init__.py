"""Grafana dashboards as typed Python that writes the committed JSON.

``service`` and ``drift`` say what is shown, ``panels`` how, ``promql`` by which expression and
``palette`` in which colours; ``python -m monitoring.dashboards`` writes ``json/``.
"""

"""Grafana dashboards as typed Python that writes the committed JSON.

``service`` and ``drift`` define the content, ``panels`` the kinds of panel, ``promql`` the
expressions and ``palette`` the colours; ``python -m monitoring.build dashboards`` writes ``json/``.
"""

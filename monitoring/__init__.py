"""Monitoring of latency and drift in Prometheus and Grafana: rules, dashboards, runbooks as code.

It knows the service by its metric names only (:mod:`handlers.telemetry`).
"""

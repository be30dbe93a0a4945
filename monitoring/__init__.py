"""Latency and drift, seen in Prometheus and Grafana: rules, dashboards and runbooks as code.

It knows the service by its metric names only (:mod:`handlers.telemetry`).
"""

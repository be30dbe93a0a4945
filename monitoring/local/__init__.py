"""Prometheus and Grafana alongside the local server, as processes of this machine."""

"""Prometheus and Grafana beside the local server, as processes of this machine."""

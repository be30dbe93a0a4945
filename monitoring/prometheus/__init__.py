"""Recording and alert rules as typed Python that writes Prometheus' YAML."""

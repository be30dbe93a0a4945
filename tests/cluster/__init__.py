"""Tests against a real cluster, run by ``make cluster-test`` and not by ``make test``."""

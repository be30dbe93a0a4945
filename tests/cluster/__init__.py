"""What a real cluster must show: ``make cluster-test CONTEXT=...``, never ``make test``."""

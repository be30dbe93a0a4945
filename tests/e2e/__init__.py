"""Tests against a real TorchServe with a real archive."""

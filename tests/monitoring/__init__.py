"""Tests of ``monitoring/``."""

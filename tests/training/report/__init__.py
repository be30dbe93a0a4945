"""Tests of ``training/report/``."""

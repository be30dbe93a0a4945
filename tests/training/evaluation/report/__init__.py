"""Tests of ``training/evaluation/report/``."""

"""Tests of ``training/evaluation/stress/``."""

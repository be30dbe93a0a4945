"""Tests of ``training/evaluation/``."""

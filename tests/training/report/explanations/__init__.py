"""Tests of ``training/report/explanations/``."""

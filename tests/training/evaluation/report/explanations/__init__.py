"""Tests of ``training/evaluation/report/explanations/``."""

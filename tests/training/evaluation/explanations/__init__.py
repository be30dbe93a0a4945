"""Tests of ``training/evaluation/explanations/``."""

"""Tests of ``training/evidence/``."""

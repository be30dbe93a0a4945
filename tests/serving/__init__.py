"""Tests of how it is served."""

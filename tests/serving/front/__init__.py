"""Tests of what bounds a client's input."""

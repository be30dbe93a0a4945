"""Tests of what goes into the archive."""

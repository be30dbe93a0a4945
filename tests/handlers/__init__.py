"""Tests of the handlers that go into the archive."""

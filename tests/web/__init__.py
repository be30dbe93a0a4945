"""Tests of the upload page."""

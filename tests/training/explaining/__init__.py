"""Tests of training.explaining."""

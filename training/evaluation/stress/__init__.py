"""Measurements of the trained model for the report."""

"""Measurements: commands that write the JSON results behind the published figures.

Knows the project by its commands, its REST contract and its files only.
"""

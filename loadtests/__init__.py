"""Measurements: commands that anyone can repeat, each writing the JSON that a claim stands on.

Knows the project by its commands, its REST contract and its files only.
"""

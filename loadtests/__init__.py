"""Load tests: Locust users, objectives as data, overload, attacks and damaged requests.

Knows the project by its commands, its REST contract and its files only.
"""

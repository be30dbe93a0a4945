"""``make fuzz``: thousands of damaged requests, each of which must get a valid answer.

Deterministic: a seed and an index define a request completely.
"""

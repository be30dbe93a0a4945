"""``make fuzz``: thousands of damaged requests, each of which must get an honest answer.

Deterministic: a seed and an index say everything about a request.
"""

"""Code for the other servers' environments: their usual handlers around the same model.

Scripts, each run by the Python of its environment; this project imports none of them.
"""

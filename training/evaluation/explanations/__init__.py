"""Evaluate each attribution method on real lesions.

Each measurement has a module; ``study`` runs them all, ``verdict`` draws the conclusions.
"""

"""Evaluate each attribution method on real lesions.

Each measurement has a module; :mod:`training.explaining.study` runs them all and caches results,
:mod:`training.explaining.verdict` draws the conclusions, and :mod:`training.explaining.reporting`
is the step behind ``make explain-report``.
"""

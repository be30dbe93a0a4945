"""Drift report: compare two folders of photographs, or two windows of traffic, in depth.

Offline, for a person who asks why an alert fired. The tests and the domain classifier are from
SciPy and scikit-learn, which training needs anyway; `evidently` would bring more dependencies than
this service has.
"""

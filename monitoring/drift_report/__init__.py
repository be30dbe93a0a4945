"""The drift detective: two folders of photographs, or two windows of traffic, compared in depth.

Offline, for a person who asks why an alert fired. The tests and the domain classifier are SciPy's
and scikit-learn's, which training needs anyway; `evidently` would bring more dependencies than
this service has.
"""

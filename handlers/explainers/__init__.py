"""Attribution methods by name, through Captum: which part of a photograph spoke for the target.

One module a family of methods, one function a method; :mod:`handlers.explainers.methods` lists
them.
"""

"""Attribution methods by name, with Captum: how regions contribute to the target's score.

One module per family of methods, one function per method; :mod:`handlers.explainers.methods` lists
them.
"""

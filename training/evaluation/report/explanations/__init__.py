"""The report of the explanations: one page, plots and the underlying numbers.

It is written to the folder of the model's report.
"""

"""The report of a trained model: one page, plots, a model card and the underlying numbers."""

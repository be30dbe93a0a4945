"""The reports: pages, model card, tables and plots, rendered from documents of measurements."""

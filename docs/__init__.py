"""The documentation: pages, and in `generate` what writes pages from the code."""

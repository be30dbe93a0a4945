"""The documentation: its pages, the generator of further pages, and the banned-words check."""

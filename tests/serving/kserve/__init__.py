"""Of the second runtime."""

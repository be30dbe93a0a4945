"""The upload page in a real browser: how long it takes, and how it looks."""

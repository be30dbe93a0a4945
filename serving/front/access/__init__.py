"""Access control: API keys, tokens, and rate limits by name."""

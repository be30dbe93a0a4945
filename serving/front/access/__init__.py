"""Who may ask: API keys, tokens, and how many requests each name may send."""

"""The upload page in a real browser: its speed, and its screenshots."""

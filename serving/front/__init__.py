"""The front: bounds everything that a client sends before anything else parses it."""

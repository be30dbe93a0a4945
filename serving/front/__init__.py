"""The front: an HTTP server that bounds every request before anything else parses it."""

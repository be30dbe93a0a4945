"""Train a model archive from photographs; nothing that is served imports this package."""

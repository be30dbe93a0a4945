"""LesionLens on Kubernetes. Knows the service by its REST contract, its metrics and its files."""

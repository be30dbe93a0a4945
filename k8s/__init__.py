"""LesionLens on Kubernetes; knows the service by its REST contract, its metrics and its files."""

"""The images: their Dockerfiles, and what builds them with Docker, podman or buildah."""

"""Container images: their Dockerfiles, and how they are built with Docker, podman or buildah."""

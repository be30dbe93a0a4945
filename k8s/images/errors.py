"""Errors of images and containers."""


class ImageError(RuntimeError):
    """An image was not built or a container not started; the message says why."""

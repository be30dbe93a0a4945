"""What one request may cost, checked for all its instances before one of them is decoded."""

from __future__ import annotations

from handlers.protocol import Request, RequestError
from handlers.structure import ImageError, inspect


def check(request: Request, *, max_pixels: int, min_side: int, max_cost: float) -> None:
    """Check the structure of every instance, and the sum of their costs.

    Args:
        request: parsed.
        max_pixels: width times height of each, at most.
        min_side: pixels on the short side of each, at least.
        max_cost: megapixel equivalents that all of them may cost together.

    Raises:
        RequestError: with 400; an instance cannot be used, or all of them cost too much.
    """
    if len(request.instances) == 1:
        return  # the decoder checks a single one
    total = 0.0
    for index, instance in enumerate(request.instances):
        try:
            found = inspect(
                instance.image, max_pixels=max_pixels, min_side=min_side, max_cost=max_cost
            )
        except ImageError as error:
            raise RequestError(request.where(index, str(error))) from None
        total += found.cost
        if total > max_cost:
            raise RequestError(
                f"instance {index}: decoding it costs as much as {found.cost:.1f} megapixels of "
                f"baseline JPEG, and with those before it {total:.1f}; at most {max_cost:g} are "
                "accepted in one request: split the instances over several requests, or scale "
                "the photographs down"
            )

"""Check the decoding cost of a whole request before any of its instances is decoded."""

from __future__ import annotations

from handlers.decoding import contained
from handlers.protocol import Request, RequestError
from handlers.structure import ImageError, Limits, inspect


def check(request: Request, limits: Limits) -> None:
    """Check the structure of every instance, and the sum of their decoding costs.

    HEIC and AVIF have a separate budget. Where a request has both kinds, each takes a share of
    its own budget, and all shares together are at most one.

    Args:
        request: parsed.
        limits: of each; those of the cost also hold for all of them together.

    Raises:
        RequestError: with 400; an instance cannot be used, or all of them cost too much.
    """
    if len(request.instances) == 1:
        return  # the decoder checks a single instance itself
    budgets: dict[bool, float] = {False: limits.max_cost, True: limits.max_heif_cost}
    totals = {False: 0.0, True: 0.0}
    for index, instance in enumerate(request.instances):
        try:
            found = inspect(contained(instance.image), limits, instance.box)
        except ImageError as error:
            raise RequestError(request.where(index, str(error))) from None
        totals[found.is_heif] += found.cost
        if sum(totals[kind] / budgets[kind] for kind in totals) > 1:
            limit = budgets[found.is_heif]
            both = (
                " (HEIC and AVIF have another limit than the rest)" if all(totals.values()) else ""
            )
            raise RequestError(
                f"instance {index}: decoding it costs as much as {found.cost:.1f} megapixels of "
                f"baseline JPEG, and with those before it {sum(totals.values()):.1f}; at most "
                f"{limit:g} are accepted in one request{both}: split the instances over several "
                "requests, or scale the photographs down"
            )

"""Registry of the explanation methods by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from handlers.explainers.grad_cam import grad_cam
from handlers.explainers.gradients import gradient_shap, saliency, smooth_grad
from handlers.explainers.integrated_gradients import integrated_gradients
from handlers.explainers.lime import lime
from handlers.explainers.occlusion import occlusion
from handlers.explainers.task import Attribution, AttributionTask
from handlers.similar_cases import SIMILAR_CASES


class UnknownMethodError(ValueError):
    """The method name is unknown; the message lists the known ones."""


@dataclass(frozen=True)
class Method:
    """One attribution method."""

    explain: Callable[[AttributionTask], Attribution]
    slow: bool
    """Whether it takes longer than a handful of predictions."""
    signed: bool = True
    """Whether attributions can be negative, that is, decrease the target's score."""
    gradients: bool = True
    """Whether it follows gradients; the others run the served network forwards only."""
    complete: bool = False
    """Whether its map sums to a difference of two logits, with a stated convergence delta."""

    @property
    def repeated(self) -> bool:
        """Whether it runs the network with gradients dozens of times."""
        return self.slow and self.gradients


METHODS: Final[dict[str, Method]] = {
    "grad_cam": Method(grad_cam, slow=False),
    "integrated_gradients": Method(integrated_gradients, slow=True, complete=True),
    "saliency": Method(saliency, slow=False, signed=False),
    "smooth_grad": Method(smooth_grad, slow=True, signed=False),
    "gradient_shap": Method(gradient_shap, slow=True, complete=True),
    "occlusion": Method(occlusion, slow=True, gradients=False),
    "lime": Method(lime, slow=True, gradients=False),
}
DEFAULT: Final = "grad_cam"
NAMES: Final = (*METHODS, SIMILAR_CASES)
"""All that a request may name: the attribution methods, and the one without a map."""


def check_name(name: str) -> None:
    """Check the name of a method; raises UnknownMethodError."""
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise UnknownMethodError(f"unknown method {name[:40]!r}; there are: {known}")


def method_named(name: str) -> Method:
    """Return the attribution method of a name, which ``similar_cases`` is not.

    Raises:
        UnknownMethodError: there is no such method.
    """
    check_name(name)
    return METHODS[name]

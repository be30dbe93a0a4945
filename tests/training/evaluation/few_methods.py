"""Leave only some attribution methods, because the others take minutes."""

from collections.abc import Iterator
from contextlib import contextmanager

from handlers.explainers.methods import METHODS


@contextmanager
def few_methods(*names: str) -> Iterator[None]:
    """Leave the methods of these names, and put all of them back in their order.

    ``monkeypatch.delitem`` would put them back at the end, and their order is part of the API.
    """
    methods = dict(METHODS)
    for name in methods.keys() - set(names):
        del METHODS[name]
    try:
        yield
    finally:
        METHODS.clear()
        METHODS.update(methods)

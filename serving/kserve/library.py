"""What the server uses of KServe: data plane, endpoints, types and messages, without the rest.

``import kserve`` also loads the Kubernetes client, a class for each of KServe's resources, and, for
conversions that nothing here uses, pandas: half of the server's memory, a second of every start.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _LatePandas(ModuleType):
    """Stands for pandas while modules are imported that name it; then loads it on its first use."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get("pandas") is self:
            return object  # of an annotation
        return getattr(importlib.import_module("pandas"), name)


@contextmanager
def _lean_imports() -> Iterator[None]:
    """Import modules of KServe without running ``kserve/__init__``, and without pandas.

    A later ``import kserve`` gets the whole package, with these same modules in it; only attributes
    such as ``kserve.protocol`` are missing until that submodule is imported by its name.
    """
    stand_ins: dict[str, ModuleType] = {}
    if "kserve" not in sys.modules:
        spec = importlib.util.find_spec("kserve")
        if spec is None:
            raise ModuleNotFoundError("No module named 'kserve'", name="kserve")
        stand_ins["kserve"] = importlib.util.module_from_spec(spec)
    if "pandas" not in sys.modules:
        stand_ins["pandas"] = _LatePandas("pandas")
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


with _lean_imports():
    from kserve.errors import InvalidInput
    from kserve.logging import KSERVE_LOGGER_NAME
    from kserve.model import Model
    from kserve.model_repository import ModelRepository
    from kserve.model_server import ModelServer
    from kserve.protocol.dataplane import DataPlane
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
    from kserve.protocol.grpc.servicer import InferenceServicer
    from kserve.protocol.infer_type import (
        InferInput,
        InferOutput,
        InferRequest,
        InferResponse,
        RequestedOutput,
        to_http_parameters,
    )
    from kserve.protocol.rest.v1_endpoints import register_v1_endpoints
    from kserve.protocol.rest.v2_endpoints import register_v2_endpoints

__all__ = [
    "KSERVE_LOGGER_NAME",
    "DataPlane",
    "InferInput",
    "InferOutput",
    "InferRequest",
    "InferResponse",
    "InferenceServicer",
    "InvalidInput",
    "Model",
    "ModelRepository",
    "ModelServer",
    "RequestedOutput",
    "messages",
    "register_v1_endpoints",
    "register_v2_endpoints",
    "to_http_parameters",
]

"""Record the releases of a cluster in a ConfigMap there, so that any operator can roll back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from k8s.rollout.kubectl import Kubectl
from k8s.rollout.manifests import DIGEST, SERVICE, Object
from k8s.rollout.release import Release

HISTORY: Final = "lesionlens-release-history"


@dataclass(frozen=True)
class History:
    """History of one namespace."""

    kubectl: Kubectl
    namespace: str

    def asked_for(self) -> Release | None:
        """Return the release in the InferenceService's spec, whether its pods run or not."""
        found = self.kubectl.get("inferenceservice", SERVICE, self.namespace)
        if found is None:
            return None
        model = found["spec"]["predictor"]["model"]
        digests = [one["value"] for one in model.get("env", ()) if one["name"] == DIGEST]
        return Release(model["storageUri"], *(digests or [""]))

    def to_go_back_to(self) -> Release | None:
        """Return the last release that ran before the current one; None without a record."""
        confirmed, previous = self._read()
        return previous if confirmed in (None, self.asked_for()) else confirmed

    def before_apply(self, wanted: Release) -> None:
        """Record the running release if none is recorded: it was deployed by other means."""
        asked = self.asked_for()
        if self._read() == (None, None) and asked is not None and asked != wanted:
            self._write(None, asked)

    def confirm(self, release: Release) -> None:
        """Record that every pod runs a release."""
        confirmed, previous = self._read()
        if confirmed != release:
            self._write(release, confirmed or previous)

    def _read(self) -> tuple[Release | None, Release | None]:
        """Return the last release that every pod ran, and the one before it."""
        found = self.kubectl.get("configmap", HISTORY, self.namespace)
        data = (found or {}).get("data", {})
        return _release(data, "confirmed."), _release(data, "")

    def _write(self, confirmed: Release | None, previous: Release | None) -> None:
        data = {}
        for prefix, release in (("confirmed.", confirmed), ("", previous)):
            if release is not None:
                data[f"{prefix}storageUri"] = release.storage_uri
                data[f"{prefix}digest"] = release.digest
        record = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": HISTORY, "namespace": self.namespace},
            "data": data,
        }
        self.kubectl("apply", "--filename", "-", given=json.dumps(record))


def _release(data: Object, prefix: str) -> Release | None:
    uri = data.get(f"{prefix}storageUri")
    return None if uri is None else Release(uri, data.get(f"{prefix}digest", ""))

"""``python -m k8s.rollout publish|deploy|rollback OVERLAY``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from k8s.rollout import release, stores
from k8s.rollout.errors import RolloutError
from k8s.rollout.settings import RolloutSettings


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 2 after an error, which is printed."""
    parser = argparse.ArgumentParser(prog="python -m k8s.rollout")
    parser.add_argument("what", choices=("publish", "deploy", "rollback"))
    parser.add_argument("overlay", nargs="?", help="folder of k8s/overlays; publish goes without")
    parser.add_argument("--photograph", type=Path, help="to ask about; unset, a drawn one")
    given = parser.parse_args(arguments)
    if given.overlay is None and given.what != "publish":
        parser.error(f"{given.what} needs an overlay: make {given.what} OVERLAY=local")
    try:
        settings = RolloutSettings()
        if given.what == "publish":
            _publish(settings, given.overlay)
            return 0
        release.path_of(given.overlay)
        # Imported late: the training image publishes, and has no client of a cluster.
        from k8s.rollout.deployment import Deployment
        from k8s.rollout.kubectl import Kubectl

        deployment = Deployment(given.overlay, Kubectl(settings), settings)
        deployment.demand_consent()
        if given.what == "deploy":
            deployment.deploy(given.photograph)
        else:
            deployment.roll_back(given.photograph)
    except (RolloutError, ValidationError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _publish(settings: RolloutSettings, overlay: str | None) -> None:
    path = (
        release.path_of(overlay) if overlay else None
    )  # an unknown name is reported before anything is written
    published, new = stores.publish(settings)
    signed = "signed" if settings.signing_private_key else "not signed"
    print(f"{'published' if new else 'already there'}, {signed}: {published.storage_uri}")
    print(f"digest: {published.digest}")
    if path is not None:
        release.write(path, published)
        print(f"{path} names it: commit it, then `make deploy OVERLAY={overlay}`")


if __name__ == "__main__":
    sys.exit(main())

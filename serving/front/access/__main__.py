"""``make key``: list keys, make one, revoke one.

A new key is printed once and alone on standard output, so that ``make -s key NAME=x > x.key`` keeps
it; the file gets its name and SHA-256.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from serving.front.access import keys
from serving.front.access.credentials import VERBS
from serving.front.access.keys import write_private

VARIABLE: Final = "LESIONLENS_API_KEYS"
DEFAULT: Final = "build/access/keys.json"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 2 if it fails.

    Args:
        arguments: of the command line; by default this process's.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="", help="whose new key it is")
    parser.add_argument("--verbs", default=",".join(VERBS), help="that it is for")
    parser.add_argument("--expires", default="", help="its last day, as 2027-12-31")
    parser.add_argument("--revoke", default="", help="a name, or the id of one of its keys")
    given = parser.parse_args(arguments)
    path = Path(os.environ.get(VARIABLE) or DEFAULT)
    try:
        entries = _read(path)
        if given.name and given.revoke:
            raise ValueError("NAME makes a key and REVOKE revokes one: give one of the two")
        if given.name:
            _make(path, entries, given)
        elif given.revoke:
            _revoke(path, entries, given.revoke)
        else:
            _list(path, entries)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _read(path: Path) -> tuple[keys.KeyEntry, ...]:
    try:
        return keys.parse(path.read_bytes())
    except FileNotFoundError:
        return ()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _make(path: Path, entries: tuple[keys.KeyEntry, ...], given: argparse.Namespace) -> None:
    key = keys.new_key()
    entry = keys.KeyEntry(
        keys.check_name(given.name),
        keys.digest(key),
        keys.check_verbs(verb.strip() for verb in given.verbs.split(",")),
        date.fromisoformat(given.expires) if given.expires else None,
    )
    write_private(path, keys.written((*entries, entry)))
    print(
        f"{entry.name}, {_about(entry)}: added to {path}. The key is shown this once:",
        file=sys.stderr,
    )
    print(key, flush=True)
    if not os.environ.get(VARIABLE):
        print(f"the server reads it with {VARIABLE}={path}", file=sys.stderr)


def _revoke(path: Path, entries: tuple[keys.KeyEntry, ...], which: str) -> None:
    kept = [entry for entry in entries if which not in (entry.name, entry.id)]
    if len(kept) == len(entries):
        raise ValueError(f"{path} has no key of that name or id: `make key` lists them")
    write_private(path, keys.written(kept))
    print(f"revoked {len(entries) - len(kept)}: a server that runs notices within 5 s")


def _list(path: Path, entries: tuple[keys.KeyEntry, ...]) -> None:
    for entry in sorted(entries, key=lambda entry: entry.name):
        print(f"{entry.name}  {_about(entry)}")
    print(f"{len(entries)} keys in {path}; make key NAME=ward-3 makes one, REVOKE=... revokes one")


def _about(entry: keys.KeyEntry) -> str:
    expires = "does not expire"
    if entry.expires:
        over = not entry.valid_on(datetime.now(UTC).date())
        expires = f"{'EXPIRED' if over else 'valid until'} {entry.expires.isoformat()}"
    return f"id {entry.id}, for {', '.join(entry.verbs)}, {expires}"


if __name__ == "__main__":
    sys.exit(main())

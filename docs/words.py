"""Find words that the glossary bans: ``python -m docs.words``, a part of ``make lint``.

The words, what replaces them and the few exceptions are tables of ``docs/reference/glossary.md``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
GLOSSARY: Final = Path("docs/reference/glossary.md")
BANNED: Final = "Words not to use"
"""Heading of the table of banned words."""
EXCEPTIONS: Final = "Exceptions"
"""Heading of the table of files in which a banned word may stand."""
SKIPPED: Final = frozenset({".png", ".jpg", ".svg", ".ico", ".txt", ".lock"})
"""Suffixes of pictures and of lists of package versions."""
_CODE: Final = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Hit:
    """A banned word in a file."""

    path: str
    line: int
    """Number of the line, from 1."""
    word: str
    instead: str


def rows(text: str, heading: str) -> Iterator[list[str]]:
    """Give the cells of each row of the table below a heading of a Markdown text."""
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    for line in table[2:]:  # the header and the line below it
        yield [cell.strip() for cell in line.strip("|").split("|")]


def pattern(word: str) -> re.Pattern[str]:
    """Compile a word or phrase: whole words, over line breaks, lower case meaning any case.

    Args:
        word: one with a capital letter is an identifier, and matches exactly as it is written.
    """
    spaced = r"\s+(?:#\s+)?".join(re.escape(part) for part in word.split())
    return re.compile(rf"(?<!\w){spaced}(?!\w)", re.IGNORECASE if word.islower() else 0)


def hits(path: str, text: str, glossary: str) -> list[Hit]:
    """List the banned words in a file's text, except those that the glossary allows there."""
    lowered = text.lower()
    allowed = {
        word
        for files, words, *_ in rows(glossary, EXCEPTIONS)
        if any(path.startswith(file) for file in _CODE.findall(files))
        for word in _CODE.findall(words)
    }
    return [
        Hit(path, text.count("\n", 0, match.start()) + 1, word, instead)
        for words, instead, *_ in rows(glossary, BANNED)
        for word in _CODE.findall(words)
        # Most words are in none of the text: that is seen much sooner without a pattern.
        if word not in allowed and word.split()[0].lower() in lowered
        for match in pattern(word).finditer(text)
    ]


def files(root: Path) -> list[Path]:
    """List the text files that git tracks or would track, as paths relative to ``root``."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    paths = (Path(name) for name in listed.split("\0") if name)
    return [
        path
        for path in paths
        if path.suffix not in SKIPPED and path != GLOSSARY and (root / path).is_file()
    ]


def check(root: Path) -> list[Hit]:
    """List the banned words in all text files of a checkout with a glossary."""
    glossary = (root / GLOSSARY).read_text(encoding="utf-8")
    return [
        hit
        for path in files(root)
        for hit in hits(
            path.as_posix(), (root / path).read_text(encoding="utf-8", errors="replace"), glossary
        )
    ]


def main(root: Path = ROOT) -> int:
    """Print each banned word with what replaces it; the exit status is 1 if there is one."""
    found = check(root)
    for hit in found:
        print(f"{hit.path}:{hit.line}: {hit.word!r}: write {hit.instead}", file=sys.stderr)
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())

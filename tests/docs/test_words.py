"""Test the banned-words check of ``make lint``."""

import subprocess
from pathlib import Path

import pytest

from docs.words import BANNED, GLOSSARY, ROOT, check, hits, main, rows

TABLES = """# Glossary

## Words not to use

| not | but |
| --- | --- |
| `birthmark`, `birthmarks` | mole or skin lesion |
| `band of doubt` | uncertainty band |
| `Kept` | `ResultCache` |

## Exceptions

| file | words | reason |
| --- | --- | --- |
| `LICENSE`, `old/` | `birthmark` | a test |

## More

| `a table` | that is not read |
"""


def words(text: str, path: str = "web/one.py") -> list[tuple[int, str]]:
    return [(hit.line, hit.word) for hit in hits(path, text, TABLES)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A birthmark.", [(1, "birthmark")]),
        ("One.\nBirthmarks are", [(2, "birthmarks")]),
        ("a band\n    of doubt", [(1, "band of doubt")]),
        ("# a band of\n# doubt", [(1, "band of doubt")]),
        ("Kept = 1", [(1, "Kept")]),
        ("It is kept. A birthmarked band, a table", []),
    ],
)
def test_finds_banned_word_with_line_number(text: str, found: list[tuple[int, str]]) -> None:
    assert words(text) == found


def test_exception_applies_to_its_files_and_word_only() -> None:
    assert words("birthmark", "LICENSE") == words("birthmark", "old/one.md") == []
    assert words("birthmark", "new/old/one.md") == [(1, "birthmark")]
    assert words("birthmarks", "LICENSE") == [(1, "birthmarks")]


def checkout(folder: Path, text: str) -> Path:
    (folder / GLOSSARY).parent.mkdir(parents=True)
    (folder / GLOSSARY).write_text(TABLES, encoding="utf-8")
    (folder / "README.md").write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def test_a_clean_tree_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(checkout(tmp_path, "A mole.")) == 0
    assert capsys.readouterr().err == ""


def test_check_fails_and_names_the_replacement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(checkout(tmp_path, "A mole.\nA birthmark.")) == 1
    assert capsys.readouterr().err == "README.md:2: 'birthmark': write mole or skin lesion\n"


def test_this_repository_uses_no_banned_word() -> None:
    assert len(list(rows((ROOT / GLOSSARY).read_text(encoding="utf-8"), BANNED))) >= 5
    assert check(ROOT) == []

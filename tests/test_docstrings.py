"""Test the docstrings of public functions: shapes, units and errors."""

import ast
from textwrap import dedent

import pytest

from tests.docstrings import Offence, known, offences, parameters
from tests.raised import raised
from tests.test_architecture import PACKAGES, inside

SOURCES = {str(path): source for path, source in inside(*PACKAGES).items()}
RULES = ("docstring", "shape", "unit", "error", "parameter")


@pytest.fixture(scope="module")
def all_offences() -> list[Offence]:
    """What the files of all packages lack."""
    names = known(SOURCES)
    return [one for path, source in SOURCES.items() for one in offences(path, source, names)]


@pytest.mark.parametrize("rule", RULES)
def test_docstrings_of_public_code_are_complete(rule: str, all_offences: list[Offence]) -> None:
    found = [str(one) for one in all_offences if one.rule == rule]

    assert not found, "docstrings lack:\n" + "\n".join(found)


def test_check_covers_every_package(all_offences: list[Offence]) -> None:
    assert {path.partition("/")[0] for path in SOURCES} == set(PACKAGES)
    assert {one.rule for one in all_offences} <= {
        "docstring",
        "shape",
        "unit",
        "error",
        "parameter",
    }


def missing(source: str, path: str = "handlers/one.py") -> list[str]:
    """Problems of a module with this text, with their rules."""
    text = '"""A module."""\n' + dedent(source)
    return [f"{one.rule}: {one.missing}" for one in offences(path, text, known({path: text}))]


GOOD = '''
    Field = NDArray[np.float32]

    class Model:
        """Takes inputs of shape (n, 3).

        Args:
            size: in pixels.
        """

        rate: float
        """Requests a second."""

        def __init__(self, size: int) -> None:
            self.size = size

        def run(self, inputs: torch.Tensor) -> Field:
            """Run it."""

        @property
        def wait_ms(self) -> float:
            """What it waits."""

        @wait_ms.setter
        def wait_ms(self, value: np.ndarray) -> None: ...

        def _hidden(self, x: np.ndarray, wait: float): ...

    async def good(x: np.ndarray, y: np.ndarray, deadline: float, *rest: int) -> np.ndarray:
        """Shape (n,).

        Args:
            x, y: as above.
            deadline: seconds
                from now.
            *rest: unused.

        Raises:
            ValueError: never mind.
        """
        def nested(wait: float): raise KeyError
        try:
            raise LookupError
        except LookupError:
            pass
        raise ValueError("no")
'''


def test_accepts_good_code() -> None:
    assert missing(GOOD) == []


@pytest.mark.parametrize(
    ("told", "untold", "lacks"),
    [
        ("of shape (n, 3)", "of colours", "shape: the shape of inputs"),
        ("of shape (n, 3)", "of colours", "shape: the shape of what it returns"),
        ("Shape (n,).", "Good.", "shape: the shape of x"),
        ("Shape (n,).", "Good.", "shape: the shape of what it returns"),
        ("x, y: as above.", "x, y: two arrays.", "shape: the shape of y"),
        ("Requests a second.", "How fast.", "unit: its unit"),
        ("wait_ms", "wait", "unit: the unit of what it returns"),
        ("in pixels", "of it", "unit: the unit of size"),
        ("seconds\n", "counted\n", "unit: the unit of deadline"),
        ("ValueError: never", "KeyError: never", "error: that it raises ValueError"),
        ("Raises:", "Notes:", "error: that it raises ValueError"),
        ("except LookupError", "except OSError", "error: that it raises LookupError"),
        ("x, y: as", "x, z: as", "parameter: a parameter z, which Args describes"),
        (
            "size: in pixels",
            "length: in pixels",
            "parameter: a parameter length, which Args describes",
        ),
        ('"""Run it."""', "...", "docstring: a docstring"),
        ('"""What it waits."""', "...", "docstring: a docstring"),
    ],
)
def test_each_rule_detects_its_violation(told: str, untold: str, lacks: str) -> None:
    assert told in GOOD
    assert lacks in missing(GOOD.replace(told, untold))


def test_shape_of_a_field_may_stand_under_it_or_in_the_class() -> None:
    text = 'class One:\n    """Many (n,)."""\n\n    x: np.ndarray\n    """Of these."""\n'

    assert missing(text) == []
    assert missing(text.replace("(n,)", "")) == ["shape: its shape"]
    assert missing(text.replace("(n,)", "").replace("Of these", "(n,)")) == []


def test_classes_and_modules_need_a_docstring_and_private_ones_do_not() -> None:
    for path, text, count in (
        ("web/one.py", "class One: ...", 2),
        ("web/one.py", "class _One: ...", 1),
        ("web/_one.py", "class One: ...", 0),
        ("web/__main__.py", "def main(): ...", 2),
    ):
        assert len(offences(path, text, known({}))) == count, (path, text)


def test_recognises_imported_array_aliases() -> None:
    sources = {
        "web/fields.py": '"""Fields."""\nField = NDArray[np.float32]',
        "web/one.py": '"""One."""\nfrom web.fields import Field\n'
        'def one(x: "Field | None"):\n    """One."""',
        "web/other.py": '"""One."""\nfrom pydantic import Field\n'
        'def one(x: Field):\n    """One."""',
    }
    found = {path for path, text in sources.items() if offences(path, text, known(sources))}

    assert found == {"web/one.py"}


@pytest.mark.parametrize(
    "said",
    ["(n,)", "(n, 512)", "(3, size, size)", "(n, ...)", "28 x 28", "shape (bins,)", "a scalar"],
)
def test_accepts_several_notations_of_shapes(said: str) -> None:
    assert missing(f'def one(x: Tensor):\n    """Of {said}."""') == []


@pytest.mark.parametrize("said", ["(what, done, total)", "(Yeh et al. 2019)", "(a)", "2 of 3"])
def test_other_brackets_are_not_a_shape(said: str) -> None:
    assert missing(f'def one(x: Tensor):\n    """Of {said}."""') == ["shape: the shape of x"]


def test_parameter_unit_does_not_count_for_the_result() -> None:
    text = (
        'def delay(wait: int) -> int:\n    """Some.\n\n    Args:\n        wait: seconds.\n    """'
    )

    assert missing(text) == ["unit: the unit of what it returns"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("raise A", {"A"}),
        ("raise a.b.A('x') from None", {"A"}),
        ("if x:\n  pass\nelse:\n  raise A", {"A"}),
        ("match x:\n  case 1:\n    raise A", {"A"}),
        ("with x:\n  for y in z:\n    raise A", {"A"}),
        ("with suppress(A):\n  raise A", set()),
        ("try:\n  raise B\nexcept A:\n  pass", set()),
        ("try:\n  raise KeyError\nexcept (OSError, LookupError):\n  pass", set()),
        ("try:\n  raise A\nexcept:\n  pass", set()),
        ("try:\n  raise OSError\nexcept Exception:\n  pass", set()),
        ("try:\n  raise A\nexcept B:\n  pass", {"A"}),
        ("try:\n  raise A\nexcept A:\n  done()\n  raise", {"A"}),
        ("try:\n  x()\nexcept A:\n  raise A", {"A"}),
        ("try:\n  x()\nfinally:\n  raise A", {"A"}),
        ("try:\n  x()\nexcept A as error:\n  raise error", set()),
        ("def inner():\n  raise A", set()),
        ("raise NotImplementedError", set()),
        ("raise SystemExit(2)", set()),
    ],
)
def test_only_raised_errors_must_be_documented(body: str, names: set[str]) -> None:
    bases = {"A": {"Exception", "A"}, "B": {"A"}}

    assert set(raised(ast.parse(body).body, bases)) == names


def test_reads_parameters_over_several_lines() -> None:
    text = (
        "One.\n\nArgs:\n    a, b: one\n        and: two.\n    ``c``: three.\n\nReturns:\n    d: x"
    )

    assert list(parameters(text)) == ["a", "b", "c"]
    assert parameters(text)["b"].endswith("and: two.")

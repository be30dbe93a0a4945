"""Find what docstrings of public code lack: shapes, units, errors, wrong parameters.

Reads the text of the files only; a module with a broken import is checked like any other.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from tests.raised import Bases, Function, last, raised

ARRAYS = {"ndarray", "NDArray", "Tensor"}
_AXIS = r"(?:\d+|[a-z]|\.\.\.|number of \w+|rows|columns|size)"
SHAPE = re.compile(
    rf"\b[Ss]hapes?\b|\bscalar\b|\({_AXIS},(?: ?{_AXIS},?)*\)|\b(?:\d+|[a-z]) x (?:\d+|[a-z])\b"
)
"""The word, a tuple such as (n, 512) or (n,), or 28 x 28."""

QUANTITY = re.compile(
    r"(?:^|_)(?:after|age|area|border|clock|deadline|delay|distance|duration|every|height|interval|"
    r"length|limit|memory|patience|peak|period|radius|rate|reach|side|sigma|since|size|slope|span|"
    r"speed|throughput|timeout|times|wait|wall|width)(?:_|$)"
)
"""Words of a name that say that the number has a unit."""
_UNITS = (
    r"seconds?|minutes?|hours?|days?|ms|milliseconds?|bytes?|kb|mb|gb|mib|gib|megabytes|pixels?|"
    r"px|inches|degrees|percent|shares?|per"
)
UNIT_IN_NAME = re.compile(rf"(?:^|_)(?:{_UNITS})(?:_|$)", re.IGNORECASE)
_COUNTED = (
    r"cells|characters|columns|rows|points|epochs|requests|photographs|places|letters|processes|"
    r"cores|standard deviations|log-odds|probabilit(?:y|ies)|times|exit status|units?|0 to 1"
)
UNIT = re.compile(rf"\b(?:{_UNITS}|{_COUNTED})\b", re.IGNORECASE)
"""What a docstring may measure in, or count, or say that there is no unit."""

SECTIONS = re.compile(r"(?m)^(Args|Raises):\n(?: {4}.*\n?|\n)*")
ENTRY = re.compile(r"(?m)^ {4}(?=\S)")
ELSEWHERE = re.compile(r"\b(?:as|like) (?:above|for|in|the rest|:)|^likewise\b", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """Names that several files share: classes and array aliases."""

    bases: Bases
    arrays: frozenset[str]
    """Names of types that are arrays, behind that of their module: ``training.pigment.Field``."""


@dataclass(frozen=True)
class Offence:
    """Problem of a docstring."""

    rule: str
    path: str
    line: int
    name: str
    missing: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name}: {self.missing}"


@dataclass(frozen=True)
class Said:
    """The docstring of a function, and that of the classes around it."""

    own: str
    around: str

    @property
    def all(self) -> str:
        return f"{self.own}\n{self.around}"

    def of(self, parameter: str) -> str:
        """Text about a parameter: its entry under Args, or the text outside of Args."""
        words = parameters(self.own).get(parameter) or parameters(self.around).get(parameter)
        if not words:
            return self.at_large
        return self.all if ELSEWHERE.search(words) else words

    @property
    def at_large(self) -> str:
        """Text outside of Args and Raises, such as that of the result."""
        return SECTIONS.sub("", self.all)


def known(sources: Mapping[str, str]) -> Known:
    """Collect the classes and array aliases of all files, by path."""
    bases: dict[str, set[str]] = {}
    arrays: set[str] = set()
    for path, source in sources.items():
        module = ast.parse(source)
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(map(last, node.bases))
        dotted = path.removesuffix(".py").replace("/", ".")
        arrays |= {f"{dotted}.{name}" for name in _aliases(module)}
    return Known(bases, frozenset(arrays))


def _aliases(module: ast.Module) -> set[str]:
    """Names that a module gives to array types, such as ``Field = NDArray[np.float32]``."""
    found: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Assign):
            value = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            found |= {last(name) for name in node.targets if last(value) in ARRAYS}
    return found


def offences(path: str, source: str, names: Known) -> list[Offence]:
    """Find every problem in a file; a private file has none."""
    if any(map(_private, path.removesuffix(".py").split("/"))):
        return []
    module = ast.parse(source)
    imported = {
        alias.name
        for node in module.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if f"{node.module}.{alias.name}" in names.arrays
    }
    here = Known(names.bases, frozenset(ARRAYS | _aliases(module) | imported))
    return [
        Offence(rule, path, line, name, missing)
        for rule, line, name, missing in _in_body(module, path, "", here)
    ]


Found = Iterator[tuple[str, int, str, str]]


def _in_body(
    owner: ast.Module | ast.ClassDef, name: str, around: str, names: Known, inside: str = ""
) -> Found:
    """Find the problems of a module or class and its public members."""
    text = ast.get_docstring(owner) or ""
    line = getattr(owner, "lineno", 1)
    if not text:
        yield "docstring", line, name, "a docstring"
    if isinstance(owner, ast.ClassDef):
        yield from _in_fields(owner, name, text, names)
        yield from _strangers(owner, name, text, _made_from(owner))
        around = f"{text}\n{around}"
    for node in _statements(owner.body):
        if not isinstance(node, Function | ast.ClassDef) or _private(node.name):
            continue
        full = f"{inside}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _in_body(node, full, around, names, f"{full}.")
        elif not _excepted(node):
            yield from _in_function(node, full, around, names)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield members, including those under a condition such as a platform check."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements(node.body + node.orelse)


def _in_function(node: Function, name: str, around: str, names: Known) -> Found:
    said = Said(ast.get_docstring(node) or "", around)
    if not said.own and not _magic(node.name):
        yield "docstring", node.lineno, name, "a docstring"
    arguments = _arguments(node)
    for argument in arguments:
        words = said.of(argument.arg)
        if _mentions(argument.annotation, names.arrays) and not SHAPE.search(words):
            yield "shape", node.lineno, name, f"the shape of {argument.arg}"
        if _measured(argument.arg, argument.annotation) and not UNIT.search(words):
            yield "unit", node.lineno, name, f"the unit of {argument.arg}"
    if _mentions(node.returns, names.arrays) and not SHAPE.search(said.at_large):
        yield "shape", node.lineno, name, "the shape of what it returns"
    if _measured(node.name, node.returns) and not UNIT.search(said.at_large):
        yield "unit", node.lineno, name, "the unit of what it returns"
    errors = re.search(r"(?is)\braises?\b.*", said.all)
    for error in sorted(set(raised(node.body, names.bases))):
        if not errors or not re.search(rf"\b{error}\b", errors[0]):
            yield "error", node.lineno, name, f"that it raises {error}"
    yield from _strangers(node, name, said.own, {argument.arg for argument in arguments})


def _strangers(node: Function | ast.ClassDef, name: str, text: str, there: set[str]) -> Found:
    """Find parameters that ``Args`` describes but that do not exist."""
    for parameter in parameters(text).keys() - there:
        yield "parameter", node.lineno, name, f"a parameter {parameter}, which Args describes"


def _made_from(owner: ast.ClassDef) -> set[str]:
    """Parameter names of a class: those of ``__init__``, or its fields."""
    return {
        name
        for node in owner.body
        for name in (
            [argument.arg for argument in _arguments(node)]
            if isinstance(node, Function) and node.name == "__init__"
            else [last(node.target)]
            if isinstance(node, ast.AnnAssign)
            else []
        )
    }


def _in_fields(owner: ast.ClassDef, name: str, text: str, names: Known) -> Found:
    """Find the problems of annotated fields and the strings under them."""
    for place, node in enumerate(owner.body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        field = node.target.id
        below = owner.body[place + 1] if place + 1 < len(owner.body) else None
        own = ""
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            own = str(below.value.value)
        if _private(field):
            continue
        if _mentions(node.annotation, names.arrays) and not SHAPE.search(f"{own}\n{text}"):
            yield "shape", node.lineno, f"{name}.{field}", "its shape"
        if _measured(field, node.annotation) and not UNIT.search(own or text):
            yield "unit", node.lineno, f"{name}.{field}", "its unit"


def parameters(docstring: str) -> dict[str, str]:
    """Names under ``Args:`` and what is said of each; names before one colon share it."""
    sections = [found[0] for found in SECTIONS.finditer(docstring) if found[1] == "Args"]
    entries = [entry for section in sections for entry in ENTRY.split(section)[1:]]
    said: dict[str, str] = {}
    for entry in entries:
        names, _, words = entry.partition(":")
        said |= {name.strip(" `*"): words.strip() for name in names.split(",")}
    return said


def _arguments(node: Function) -> list[ast.arg]:
    own = node.args
    rest = [argument for argument in (own.vararg, own.kwarg) if argument]
    return [*own.posonlyargs, *own.args, *own.kwonlyargs, *rest]


def _measured(name: str, annotation: ast.expr | None) -> bool:
    """Whether it is a number whose name is a quantity and has no unit in it."""
    numeric = _mentions(annotation, {"int", "float"})
    return numeric and bool(QUANTITY.search(name)) and not UNIT_IN_NAME.search(name)


def _mentions(annotation: ast.expr | None, types: Set[str]) -> bool:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    return annotation is not None and any(last(node) in types for node in ast.walk(annotation))


def _excepted(node: Function) -> bool:
    """Whether a function is an overload or a setter, which needs no docstring."""
    return bool({"overload", "setter", "deleter"} & set(map(last, node.decorator_list)))


def _magic(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _private(name: str) -> bool:
    return name.startswith("_") and not _magic(name)

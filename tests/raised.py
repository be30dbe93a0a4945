"""Find the errors that a function raises itself, by its source text."""

import ast
import builtins
from collections.abc import Iterator, Mapping, Set

UNSAID = {"NotImplementedError", "AssertionError", "SystemExit", "KeyboardInterrupt"}
"""Errors that say themselves that they are a programmer's, or the end of the program."""


Function = ast.FunctionDef | ast.AsyncFunctionDef
Bases = Mapping[str, set[str]]
"""Names of the classes of the repository, and of what each derives from."""


def raised(body: list[ast.stmt], bases: Bases, caught: Set[str] = frozenset()) -> Iterator[str]:
    """Exception classes that statements raise and do not catch."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise):
            name = last(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            # A small first letter is a variable, which was caught, or a function that makes one.
            if name[:1].isupper() and name not in UNSAID and not _ancestors(name, bases) & caught:
                yield name
        within = caught
        if isinstance(node, ast.Try):
            within = frozenset(caught).union(*map(_catches, node.handlers))
        if isinstance(node, ast.With):
            within = frozenset(caught).union(
                *(_suppressed(item.context_expr) for item in node.items)
            )
        for field, value in ast.iter_fields(node):
            for part in value if isinstance(value, list) else []:
                inner = [part] if isinstance(part, ast.stmt) else getattr(part, "body", [])
                yield from raised(inner, bases, within if field == "body" else caught)


def _catches(handler: ast.ExceptHandler) -> set[str]:
    """Exception classes that an except clause catches without raising again."""
    if any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler)):
        return set()
    return _named(handler.type) if handler.type else {"BaseException"}


def _suppressed(context: ast.expr) -> set[str]:
    if not isinstance(context, ast.Call) or last(context.func) != "suppress":
        return set()
    return {name for argument in context.args for name in _named(argument)}


def _named(errors: ast.expr) -> set[str]:
    return set(map(last, errors.elts if isinstance(errors, ast.Tuple) else [errors]))


def _ancestors(name: str, bases: Bases) -> set[str]:
    """Names of a class and all its bases."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            known = getattr(builtins, name, None)
            above = {base.__name__ for base in known.__mro__} if isinstance(known, type) else set()
            waiting += above | bases.get(name, set())
    return found


def last(node: ast.AST | None) -> str:
    """The last part of a dotted name; empty for what is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""

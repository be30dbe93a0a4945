"""The pages of the Python reference: one a package, with all its public modules."""

from __future__ import annotations

from docs.generate import names

FOLDER = "reference/python"


def pages() -> dict[str, str]:
    """Path of each page in the site, and its Markdown."""
    found = {}
    for name in names.SHOWN:
        for folder in names.packages(name):
            blocks = [f"::: {module.path}" for module in names.modules(folder)]
            found[f"{FOLDER}/{folder.path}.md"] = "\n\n".join([f"# {folder.path}", *blocks, ""])
    found[f"{FOLDER}/index.md"] = _index(list(found))
    return found


def _index(paths: list[str]) -> str:
    lines = [
        "# Python\n",
        "Every public name, from the docstrings. Shapes, units and errors are stated there; a test "
        "holds that. Nothing that is served imports `training`, and `handlers` imports nothing "
        "else of the repository: [Architecture](../../explanation/architecture.md).\n",
    ]
    for path in paths:
        package = path.removeprefix(f"{FOLDER}/").removesuffix(".md")
        module = names.package(package.partition(".")[0])
        for part in package.split(".")[1:]:
            module = module.modules[part]
        first = module.docstring.value.splitlines()[0] if module.docstring else ""
        depth = "    " * package.count(".")
        lines.append(f"{depth}- [`{package}`]({package}.md): {first}")
    return "\n".join([*lines, ""])

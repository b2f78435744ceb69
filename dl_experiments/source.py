"""The source code that a ``_target_`` of a config stands for, looked up without importing it.

What a name means is its definition and all that it uses: functions, base classes and constants of
its own module and of others of the user's. Comments, docstrings and layout mean nothing, nor does
what stands beside it unused. Packages that are installed count by their version.
"""

import ast
import hashlib
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

_OURS = ("dl_experiments", "hydra_plugins")
_RECORDED = ("torch", "lightning", "torchmetrics", "numpy")  # their versions, in the provenance
_INSTALLED = tuple(
    Path(sysconfig.get_path(name)).resolve()
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@final
@dataclass(frozen=True)
class _Module:
    """A user's module, parsed.

    Attributes:
        name: Dotted.
        package: What relative imports start from.
        body: Its statements, without docstrings.
        defines: Name -> the statements that define or import it.
    """

    name: str
    package: str
    body: tuple[ast.stmt, ...]
    defines: dict[str, list[int]]


@cache
def digest(target: str) -> str | None:
    """A checksum of what a dotted name of the user's means; an installed package's version.

    Returns:
        None for what is this package's own, the standard library's or of a package whose version
        is recorded anyway, and for what has no source.
    """
    top = target.partition(".")[0]
    if top in _OURS or top in _RECORDED:
        return None
    statements = closure(target)
    if statements:
        text = "\n".join(
            f"# {module}\n{ast.unparse(statement)}" for module, statement in statements
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    return _version(top)


def code(config: Mapping[str, Any]) -> dict[str, str]:
    """``_target_`` -> checksum of its source, for those outside this package that have one.

    A measurement's is none of what a run was trained on, and is not among them.
    """
    trained = {key: node for key, node in config.items() if key != "measurements"}
    digests = {target: digest(target) for target in sorted(set(_targets(trained)))}
    return {target: digest for target, digest in digests.items() if digest is not None}


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("_target_"), str):
            yield node["_target_"]
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _targets(value)


def closure(target: str) -> list[tuple[str, ast.stmt]]:
    """The statements that a dotted name of the user's needs, each with its module, in order.

    Beside the definition and all that it uses these are the statements of the modules on the way
    that bind no name (they are run by an import). Empty for what is not the user's, or has no
    source.
    """
    words = target.split(".")
    for length in range(len(words) - 1, 0, -1):
        if module := _parse(".".join(words[:length])):
            return _Search().of(module, words[length])
    return []


@final
class _Search:
    """Follows names from statement to statement."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int], ast.stmt] = {}
        self._entered: set[str] = set()
        self._asked: set[tuple[str, str]] = set()

    def of(self, module: _Module, name: str) -> list[tuple[str, ast.stmt]]:
        self._name(module, name)
        found = [(where, _rank(one, place), one) for (where, place), one in self.found.items()]
        return [(where, one) for where, _, one in sorted(found, key=lambda item: item[:2])]

    def _enter(self, module: _Module) -> None:
        """What an import of a module runs, apart from its definitions and further imports."""
        if module.name not in self._entered:
            self._entered.add(module.name)
            for place, statement in enumerate(module.body):
                if not (_only_names(statement) or _is_main(statement)):
                    self._take(module, place)

    def _name(self, module: _Module, name: str) -> None:
        if (module.name, name) in self._asked:
            return
        self._asked.add((module.name, name))
        self._enter(module)
        for place in module.defines.get(name, module.defines.get("*", [])):
            statement = module.body[place]
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(module, statement, name)
            else:
                self._take(module, place)

    def _take(self, module: _Module, place: int) -> None:
        if (module.name, place) in self.found:
            return
        statement = self.found[module.name, place] = module.body[place]
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                self._name(module, node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._import(module, node, None)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                for given in node.args:
                    self._whole(str(getattr(given, "value", "")))

    def _import(
        self, module: _Module, statement: ast.Import | ast.ImportFrom, name: str | None
    ) -> None:
        """What an import brings; of a statement at the module's own level, under one name."""
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            if name is not None and alias.name != "*" and bound != name:
                continue
            if isinstance(statement, ast.Import):
                self._whole(alias.name)
                continue
            source = _absolute(module, statement)
            wanted = (name or "*") if alias.name == "*" else alias.name
            there = _parse(source)
            if there is not None and wanted in there.defines:
                self._name(there, wanted)
            elif self._whole(f"{source}.{wanted}"):
                continue
            elif wanted == "*":
                self._whole(source)
            elif there is not None:
                self._name(there, wanted)  # it may come from there by a star

    def _whole(self, name: str) -> bool:
        """All of a module, because any part of it may be used."""
        module = _parse(name)
        if module is not None:
            self._enter(module)
            for place in range(len(module.body)):
                self._take(module, place)
        return module is not None


def _absolute(module: _Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    words = module.package.split(".")
    base = words[: len(words) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


@cache
def _parse(name: str) -> _Module | None:
    """A user's module; None for any other, and for one without readable Python source."""
    spec = _locate(name)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    file = Path(spec.origin).resolve()
    if any(file.is_relative_to(folder) for folder in _INSTALLED):
        return None
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    body = tuple(_plain(tree).body)
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    defines: dict[str, list[int]] = {}
    for place, statement in enumerate(body):
        for word in _defined(statement):
            defines.setdefault(word, []).append(place)
    return _Module(name, package, body, defines)


def _plain(tree: ast.Module) -> ast.Module:
    """Without what changes nothing: strings that stand for themselves, annotations of arguments."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [one for one in body if not _is_string(one)]
            node.body = kept or ([ast.Pass()] if body else [])  # type: ignore[attr-defined]
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return tree


def _only_names(statement: ast.stmt) -> bool:
    """Whether it only binds names, and so counts where one of them is used."""
    if isinstance(statement, ast.Assign):
        return all(isinstance(target, ast.Name) for target in statement.targets)
    if isinstance(statement, ast.AnnAssign):
        return isinstance(statement.target, ast.Name)
    return isinstance(statement, (*_DEFINITIONS, ast.Import, ast.ImportFrom))


def _is_main(statement: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which no import runs."""
    return isinstance(statement, ast.If) and "__name__ == '__main__'" in ast.unparse(statement.test)


def _rank(statement: ast.stmt, place: int) -> tuple[int, str, int]:
    """Definitions by their names, in whatever order they stand; then what is run, as it stands."""
    name = statement.name if isinstance(statement, _DEFINITIONS) else ""
    return (0, name, place) if name else (1, "", place)


def _is_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at a module's own level binds."""
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _locate(name: str) -> ModuleSpec | None:
    """Where a module is, found without importing anything, its packages included."""
    top, *words = name.split(".")
    try:
        spec = None if top in _OURS else find_spec(top)
    except (ImportError, ValueError):  # a module of this process that has no file
        return None
    for count in range(len(words)):
        if spec is None or spec.submodule_search_locations is None:
            return None
        full = ".".join([top, *words[: count + 1]])
        spec = PathFinder.find_spec(full, spec.submodule_search_locations)
    return spec


def _version(top: str) -> str | None:
    for distribution in metadata.packages_distributions().get(top, ()):
        return f"{distribution} {metadata.version(distribution)}"
    return None


@cache
def mentions(target: str, name: str, but_for: tuple[str, ...]) -> bool:
    """Whether the code behind a dotted name may use a value of that name.

    Args:
        target: What is looked into; without source it may use anything.
        name: A variable, an attribute or a keyword.
        but_for: Calls whose arguments do not count, by the end of the function's name.
    """

    def within(node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(but_for):
            return within(node.func)
        if isinstance(node, ast.arguments) and node.kwarg is not None:
            return True
        uses = (
            (isinstance(node, ast.Name) and node.id == name)
            or (isinstance(node, ast.Attribute) and node.attr == name)
            or (isinstance(node, ast.keyword) and node.arg == name)
            or (isinstance(node, ast.Constant) and node.value == name)
        )
        return uses or any(within(child) for child in ast.iter_child_nodes(node))

    statements = closure(target)
    return not statements or any(within(statement) for _, statement in statements)

"""The import rules of a package, checked over its syntax trees; nothing is imported.

A package consists of rooms: the modules and folders directly below it. Rooms stand in layers, the ground first. A room
imports its own layer and those below it, never one above, and no imports form a circle.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

Graph = Mapping[str, Collection[str]]


def check(
    folder: Path, package: str, layers: Sequence[Collection[str]], forbidden: Collection[tuple[str, str]] = ()
) -> list[str]:
    """Return what breaks the rules of the package in ``folder``: ``file:line: the rule``, or a circle; empty if none.

    ``layers`` name all rooms. A pair of ``forbidden`` names an importer and what it must not import, each a module or a
    folder with all below it (``releases``, ``setup.environment``). What is not of the package is an outside library
    (``argparse``).
    """
    height = {room: number for number, layer in enumerate(layers) for room in layer}
    modules = {_name(path, folder): path for path in sorted(folder.rglob("*.py"))}
    between_modules: dict[str, set[str]] = defaultdict(set)
    between_rooms: dict[str, set[str]] = defaultdict(set)
    rooms = {_room(module) for module in modules} - {""}
    inside = rooms | modules.keys()
    found = [f"{room}: this room is in no layer" for room in sorted(rooms - height.keys())]
    for module, path in modules.items():
        for line, name in _imports(path):
            where = f"{path.relative_to(folder.parent)}:{line}"
            imported = name.removeprefix(f"{package}.") if name.startswith(f"{package}.") else ""
            found += [
                f"{where}: {importer} must not import {target}"
                for importer, target in forbidden
                if _is_below(module, importer) and _is_below(imported if target in inside else name, target)
            ]
            if imported not in modules:
                imported = imported.rpartition(".")[0]  # a name in a module
            if imported not in modules or not imported:
                continue
            between_modules[module].add(imported)
            room, other = _room(module), _room(imported)
            if room not in ("", other):
                between_rooms[room].add(other)
                if height.get(other, 0) > height.get(room, 0):
                    found.append(f"{where}: {room} imports {other}, which is in a layer above it")
    return found + _circle(between_rooms, "rooms") + _circle(between_modules, "modules")


def foreign(folder: Path, *packages: str) -> list[str]:
    """Return the imports in ``folder`` that are neither of the standard library nor of its own packages.

    Its own are ``packages``, by default what the folder holds.
    """
    own = set(packages or (path.stem for path in folder.iterdir()))
    return [
        f"{path.relative_to(folder)}:{line}: {name} is neither of the standard library nor of {folder.name}/"
        for path in sorted(folder.rglob("*.py"))
        for line, name in _imports(path)
        if _room(name) not in sys.stdlib_module_names | own
    ]


def crowded(folder: Path, most: int = 15) -> list[str]:
    """Return the folders that hold more than ``most`` modules, each with its number."""
    counts = {
        path: sum(module.name != "__init__.py" for module in path.glob("*.py"))
        for path in (folder, *folder.rglob("*/"))
    }
    return [f"{path.relative_to(folder.parent)}: {count} modules" for path, count in counts.items() if count > most]


def _name(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix("__init__").rstrip(".")


def _room(module: str) -> str:
    return module.partition(".")[0]


def _is_below(module: str, above: str) -> bool:
    return f"{module}.".startswith(f"{above}.")


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of each import, those in functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}:{node.lineno}: write the import with the package's name")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield node.lineno, name


def _circle(graph: Graph, kind: str) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"{kind} import each other in a circle: {' ← '.join(error.args[1])}"]
    return []

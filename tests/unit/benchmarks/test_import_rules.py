"""A room of benchmarks/ imports only the rooms below it. The modules of the root may import them all."""

import ast

import pytest

from benchmarks.paths import HERE

GROUND = {"paths", "plan"}
ROOMS = ("load", "contestants", "servers", "report", "capacity")  # from the ground up
MODULES = [path for room in ROOMS for path in sorted((HERE / room).glob("*.py"))]
MAX_MODULES = 15


def imported(source: str) -> set[str]:
    """Return the first part, below `benchmarks`, of every import of this package."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("benchmarks.")}


def forbidden(room: str, source: str) -> set[str]:
    """Return the imports that run upward."""
    return imported(source) - GROUND - set(ROOMS[: ROOMS.index(room) + 1])


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_import_runs_upward(module):
    assert not forbidden(module.parent.name, module.read_text())


def test_the_ground_imports_no_other_module():
    for name in GROUND:
        assert not imported((HERE / f"{name}.py").read_text())


def test_a_wrong_import_is_found():
    assert forbidden("load", "from benchmarks.servers.server import Server") == {"servers"}
    assert forbidden("report", "from benchmarks import race") == {"race"}
    assert not forbidden("servers", "import json\nfrom benchmarks.load.target import Target\nimport benchmarks.plan")


def test_no_folder_is_crowded_and_every_folder_is_in_the_rules():
    folders = [path.name for path in HERE.iterdir() if (path / "__init__.py").is_file()]
    assert sorted(folders) == sorted(ROOMS)
    for folder in (HERE, *(HERE / room for room in ROOMS)):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MAX_MODULES

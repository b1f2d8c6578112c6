"""The helper that checks import rules finds each kind of wrong import in a made-up package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imports import check, crowded

LAYERS = (("errors",), ("store", "http"), ("rollout",), ("releases", "traffic"), ("cli",))
FORBIDDEN = (("releases", "traffic"), ("rollout", "argparse"))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of five rooms that keeps the rules."""
    folder = tmp_path / "shop"
    for name, text in {
        "__init__": "VERSION = 1",
        "errors": "",
        "store/__init__": "",
        "store/files": "from shop.errors import Broken\nfrom shop import VERSION",
        "http": "import json",
        "rollout": "from shop.store.files import write\nfrom shop.store import files",
        "releases/__init__": "",
        "releases/redeploy": "import traffic\nfrom shop import errors, rollout",
        "traffic": "from shop.rollout import split",
        "cli": "import argparse\n\nfrom shop.releases import redeploy",
    }.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def broken_by(package: Path, module: str, line: str) -> list[str]:
    path = package / f"{module}.py"
    path.write_text(f"{path.read_text()}\n{line}\n")
    return check(package, "shop", LAYERS, FORBIDDEN)


def test_a_package_that_keeps_the_rules_has_none_broken(package: Path) -> None:
    assert check(package, "shop", LAYERS, FORBIDDEN) == []  # an outside library may have a room's name


@pytest.mark.parametrize(
    ("module", "line", "expected"),
    [
        ("store/files", "from shop.rollout import split", "shop/store/files.py:3: store imports rollout, which is in"),
        ("errors", "def later():\n    from shop import cli", "shop/errors.py:3: errors imports cli, which is in"),
        ("errors", "import shop.store.files", "shop/errors.py:2: errors imports store, which is in"),
        ("releases/redeploy", "from shop.traffic import share", "redeploy.py:3: releases must not import traffic"),
        ("rollout", "from argparse import Namespace", "shop/rollout.py:3: rollout must not import argparse"),
    ],
)
def test_a_wrong_import_is_found_with_its_line(package: Path, module: str, line: str, expected: str) -> None:
    assert expected in broken_by(package, module, line)[0]


def test_a_circle_within_a_layer_is_found(package: Path) -> None:
    assert broken_by(package, "http", "from shop.store import files") == []
    found = broken_by(package, "store/files", "from shop.http import get")
    assert len(found) == 2
    assert all("import each other in a circle" in problem for problem in found)


def test_a_room_without_a_layer_is_found(package: Path) -> None:
    (package / "attic.py").write_text("")
    assert check(package, "shop", LAYERS, FORBIDDEN) == ["attic: this room is in no layer"]


def test_a_crowded_folder_is_found(package: Path) -> None:
    assert crowded(package, most=5) == []
    (package / "attic.py").write_text("")
    assert crowded(package, most=5) == ["shop: 6 modules"]

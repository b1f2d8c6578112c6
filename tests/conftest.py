"""What all rings share: the marker of a test is the name of its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT, SHARED

RINGS = ("unit", "gateway", "scripts", "browser", "native", "compose")
# In the native ring the tests of a newcomer's first run come first, and those that need another service last.
FIRST, LAST = Path("native/test_service.py"), Path("native/rollout")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder, and run the cheap rings first."""
    for item in items:
        item.add_marker(ring_of(item))
    items.sort(key=place_of)


def place_of(item: pytest.Item) -> tuple[int, bool, bool]:
    """Return what tests are sorted by; those of the same place keep their order."""
    path = item.path.relative_to(ROOT / "tests")
    return RINGS.index(ring_of(item)), path != FIRST, path.is_relative_to(LAST)


def ring_of(item: pytest.Item) -> str:
    """Return the folder directly below tests/ that holds a test."""
    return item.path.relative_to(ROOT / "tests").parts[0]


@pytest.fixture(scope="session")
def coco_weights() -> Path:
    """Real COCO weights, which are never part of the project."""
    path = SHARED / "weights" / "yolov8n-coco.pt"
    if not path.is_file():
        pytest.skip("the COCO weights are in ../shared/weights, which does not exist here")
    return path


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """Real photographs, which are never part of the project."""
    found = sorted((SHARED / "photos").glob("*.jpg"))
    if not found:
        pytest.skip("the photographs are in ../shared/photos, which does not exist here")
    return found

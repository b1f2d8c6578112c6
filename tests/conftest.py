"""What all rings share: the marker of a test is the folder it lies in."""

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
    """Return the folder directly below tests/ that a test lies in."""
    return item.path.relative_to(ROOT / "tests").parts[0]


@pytest.fixture(scope="session")
def coco_weights() -> Path:
    """Real COCO weights, which lie beside the project and never in it."""
    path = SHARED / "weights" / "yolov8n-coco.pt"
    if not path.is_file():
        pytest.skip("the COCO weights lie in ../shared/weights, which is not here")
    return path


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """Real photographs, which lie beside the project and never in it."""
    found = sorted((SHARED / "photos").glob("*.jpg"))
    if not found:
        pytest.skip("the photographs lie in ../shared/photos, which is not here")
    return found

"""What all rings share: the marker of a test is the name of its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read when torch is loaded, here and in what the tests start. By default its threads wait for each other by spinning:
# with ten programs on two cores, the same convolutions took 14 times the CPU time.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from tests.support import ROOT, SHARED

RINGS = ("unit", "gateway", "scripts", "browser", "native", "compose")
# In the native ring the tests of a newcomer's first run come first. Those of the same settings follow each other: to
# start the service with others takes half a minute.
FIRST = Path("native/test_service.py")
LAST = (
    Path("native/configured"),
    Path("native/test_several_models.py"),
    Path("native/rollout"),
    Path("native/rollout/test_two_workers.py"),
)
# Files of few, long tests come first, so that at the end of a ring in two processes neither waits long for the other.
LONG = {
    Path("gateway/api/test_schema_fuzz.py"),
    Path("gateway/detection/test_hostile_pictures.py"),
    Path("gateway/hostile/test_body_fuzz.py"),
    Path("gateway/intake/test_malformed_uploads.py"),
    Path("gateway/limits/test_bodies.py"),
    Path("unit/benchmarks/test_overhead.py"),
    Path("unit/ops/packaging/test_int8.py"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder, and run the cheap rings first."""
    for item in items:
        item.add_marker(ring_of(item))
    items.sort(key=place_of)


def place_of(item: pytest.Item) -> tuple[int, bool, bool, int]:
    """Return what tests are sorted by; those of the same place keep their order."""
    path = item.path.relative_to(ROOT / "tests")
    last = max((number for number, later in enumerate(LAST, 1) if path.is_relative_to(later)), default=0)
    return RINGS.index(ring_of(item)), path not in LONG, path != FIRST, last


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

"""The import rules of ops/ (docs/development.md): layers without a circle, and folders of readable size."""

from __future__ import annotations

from itertools import permutations

from tests.support.imports import check, crowded
from tests.support.tree import ROOT

OPS = ROOT / "ops"

#: From the ground up. Rooms of one layer may import each other, though never in a circle.
LAYERS = (
    ("errors", "paths", "samples", "terminal", "system"),
    ("keys", "store", "gateways"),
    ("predict",),
    ("load", "validate", "drift"),
    ("packaging",),
    ("setup",),
    ("native",),
    ("torchserve",),
    ("rollout", "watch"),
    ("releases", "traffic", "bluegreen", "models", "registry"),
    ("cli",),
    ("__main__",),
)
#: Each says which change is made, whichever others there are.
CHANGES = ("releases", "traffic", "bluegreen", "models", "registry")
#: Rooms that know no command line. `setup/environment` has one of its own: it runs before anything is installed.
BELOW_CLI = [room for layer in LAYERS[:-2] for room in layer if room not in ("keys", "setup")]
NETWORK = ("httpx", "urllib", "gateways")

FORBIDDEN = [
    *permutations(CHANGES, 2),
    *((room, "argparse") for room in BELOW_CLI),
    *(("store", library) for library in NETWORK),
    # It runs where nothing is installed.
    *(("registry", library) for library in (*NETWORK, "dotenv", "system.settings", "system.env_file")),
]


def test_no_room_imports_one_above_it() -> None:
    assert check(OPS, "ops", LAYERS, FORBIDDEN) == []


def test_no_folder_is_crowded() -> None:
    assert crowded(OPS) == []

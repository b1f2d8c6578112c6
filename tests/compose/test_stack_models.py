"""Several models in Compose: brought by up.sh, added and removed while clients ask the first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.stack import Stack
from tests.support import clients, small_models
from tests.support.archives import left_over

YAML = {"masks": "yolov8n-seg.yaml", "kinds": "yolo11n-cls.yaml"}


@pytest.fixture
def weights(settled: Stack) -> Iterator[dict[str, Path]]:
    """Weights of two tasks in the checkout; nothing is left of their models afterwards."""
    found = {name: settled.root / f"{name}.pt" for name in YAML}
    for name, path in found.items():
        settled.hand_over(small_models.save(YAML[name], path, settled.root / "samples"))
    yield found
    for name, path in found.items():
        path.unlink(missing_ok=True)
        (settled.root / f"models/weights/{name}.pt").unlink(missing_ok=True)
        if name in listed(settled):
            settled.go("scripts/models.sh", "remove", name, "--purge")


def listed(stack: Stack) -> dict[str, str]:
    """The state of each model."""
    models = json.loads(stack.script("scripts/models.sh", "list", "--json").stdout)["models"]
    return {model["name"]: model["state"] for model in models}


def test_models_are_added_removed_and_brought_while_yolo_answers(settled: Stack, weights: dict[str, Path]) -> None:
    with clients(4, settled.ask) as load:
        said = settled.go("scripts/models.sh", "add", "masks.pt", "--name", "masks")
        assert "masks 1.0 is served" in said
        answer = settled.ask(model="masks")
        assert (answer.status_code, answer.json()["task"]) == (200, "segment")
        assert listed(settled) == {"yolo": "served", "masks": "served"}
        small = settled.with_settings(TORCHSERVE_MEMORY="1g")
        assert "kinds does not fit into memory" in small.go(
            "scripts/models.sh", "add", "kinds.pt", "--name", "kinds", code=1
        )
        settled.go("scripts/models.sh", "remove", "masks")
        assert settled.ask(model="masks").status_code == 404
        assert listed(settled) == {"yolo": "served", "masks": "removed"}
        load.fresh()
    assert load.statuses == {200}
    owner = settled.root.stat().st_uid
    assert {path.stat().st_uid for path in settled.store.rglob("*")} == {owner}
    assert left_over(settled.store) == set()

    weights["kinds"].rename(settled.root / "models/weights/kinds.pt")
    said = settled.go("scripts/up.sh", "--docker")
    assert listed(settled) == {"yolo": "served", "kinds": "served", "masks": "removed"}
    answer = settled.ask(model="kinds")
    assert (answer.status_code, answer.json()["task"]) == (200, "classify")

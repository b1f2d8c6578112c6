"""The gateway and the model server read image files with the same code, of which each has a copy."""

from __future__ import annotations

from pathlib import Path

from tests.support import ROOT

HERE, THERE = ROOT / "api-gateway/gateway/detection/formats", ROOT / "serving/torchserve/yolo/formats"


def test_both_copies_are_alike() -> None:
    ours = {path.name: path.read_text().replace("gateway.detection.formats", "yolo.formats") for path in modules(HERE)}
    theirs = {path.name: path.read_text() for path in modules(THERE)}
    assert ours == theirs, "change both copies; only the package's name in their imports differs"


def modules(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.py"))

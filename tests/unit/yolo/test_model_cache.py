"""The compiled models that are kept for quick starts."""

from __future__ import annotations

import os
from pathlib import Path

import openvino as ov
import openvino.opset13

from yolo.engines import openvino


def test_the_newest_compiled_models_alone_are_kept(tmp_path: Path) -> None:
    pixels = ov.opset13.parameter([-1, 3, -1, -1], ov.Type.f32)
    ov.save_model(ov.Model([ov.opset13.relu(pixels)], [pixels]), tmp_path / "model.xml")
    cache = tmp_path / "cache"
    cache.mkdir()
    for number in range(9):
        blob = cache / f"{number}.blob"
        blob.touch()
        os.utime(blob, (number, number))
    openvino.OpenVinoEngine(tmp_path / "model.xml", 1, cache)
    kept = {blob.name for blob in cache.glob("*.blob")}
    assert len(kept) == openvino.KEPT
    assert {"8.blob", "7.blob", "6.blob"} < kept, "and the one just compiled"

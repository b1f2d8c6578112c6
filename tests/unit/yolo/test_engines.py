"""The choice of engine, and what an archive without it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import openvino as ov
import openvino.opset13
import pytest

from tests.unit.yolo.samples import metadata
from yolo import engines, settings
from yolo.errors import ArchiveError

BOTH = ["openvino", "torch"]


@pytest.mark.parametrize(
    ("wanted", "offered", "gpu", "chosen"),
    [
        ("auto", BOTH, False, "openvino"),
        ("auto", BOTH, True, "torch"),
        ("auto", ["torch"], False, "torch"),
        ("auto", ["openvino"], True, "openvino"),
        ("torch", BOTH, False, "torch"),
        ("openvino", BOTH, True, "openvino"),
    ],
)
def test_the_engine_follows_the_wish_then_the_device(wanted: str, offered: list[str], gpu: bool, chosen: str) -> None:
    assert engines.choose(wanted, offered, gpu) == chosen


@pytest.mark.parametrize(("wanted", "offered"), [("torch", ["openvino"]), ("openvino", ["torch"]), ("auto", [])])
def test_an_engine_the_archive_does_not_have_is_named(wanted: str, offered: list[str]) -> None:
    with pytest.raises(ArchiveError, match="package again"):
        engines.choose(wanted, offered, gpu=False)


@pytest.mark.parametrize("engine", BOTH)
def test_a_model_file_that_is_missing_is_named(tmp_path: Path, engine: str) -> None:
    with pytest.raises(ArchiveError, match="is not in the archive"):
        engines.load(tmp_path, metadata(), settings.read({"ENGINE": engine}))


def test_an_ir_that_is_damaged_says_to_package_again(tmp_path: Path) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino/model.xml").write_text("<net")
    with pytest.raises(ArchiveError, match="package the weights again"):
        engines.load(tmp_path, metadata(), settings.read({"ENGINE": "openvino"}))


@pytest.mark.parametrize(("chosen", "asked"), [("", "f32"), ("f32", "f32"), ("auto", None)])
def test_the_precision_is_f32_unless_the_processors_own_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, asked: str | None
) -> None:
    hints: list[str | None] = []

    class Listening(ov.Core):
        """The real one; a processor without bf16 computes in f32 either way, so what it was asked for is noted."""

        def compile_model(self, model: ov.Model, device: str, config: dict[Any, Any]) -> ov.CompiledModel:
            hint = {str(name): value for name, value in config.items()}.get("INFERENCE_PRECISION_HINT")
            hints.append(hint and hint.get_type_name())
            return super().compile_model(model, device, config)

    monkeypatch.setattr(ov, "Core", Listening)
    pixels = ov.opset13.parameter([-1, 3, -1, -1], ov.Type.f32)
    (tmp_path / "openvino").mkdir()
    ov.save_model(ov.Model([ov.opset13.relu(pixels)], [pixels]), tmp_path / "openvino/model.xml")
    engine = engines.load(tmp_path, metadata(), settings.read({"PRECISION": chosen}))
    assert hints == [asked]
    assert engine.precision == "f32" or asked is None


def test_workers_that_start_together_share_one_cache(tmp_path: Path) -> None:
    pixels = ov.opset13.parameter([-1, 3, -1, -1], ov.Type.f32)
    model = tmp_path / "model.xml"
    ov.save_model(ov.Model([ov.opset13.relu(pixels)], [pixels]), model)
    code = (
        "import sys; from pathlib import Path; from yolo.engines.openvino import OpenVinoEngine\n"
        "sys.stdin.readline(); OpenVinoEngine(Path(sys.argv[1]), 1, Path(sys.argv[2]))"
    )
    for attempt in range(3):
        cache = tmp_path / f"cache{attempt}"
        cache.mkdir()
        argv = [sys.executable, "-c", code, str(model), str(cache)]
        path = str(Path(engines.__file__).parents[2])
        workers = [subprocess.Popen(argv, stdin=subprocess.PIPE, env={"PYTHONPATH": path}) for _ in range(4)]
        for worker in workers:
            assert worker.stdin
            worker.stdin.write(b"go\n")
            worker.stdin.flush()
        for worker in workers:
            worker.communicate(timeout=60)
        assert [worker.returncode for worker in workers] == [0, 0, 0, 0]


def test_weights_that_are_damaged_say_to_package_again(tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_text("not weights")
    with pytest.raises(ArchiveError, match="package the weights again"):
        engines.load(tmp_path, metadata(), settings.read({"ENGINE": "torch"}))

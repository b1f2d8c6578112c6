"""Archives and references, made once a session and only when a test asks for them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Set before ultralytics is imported anywhere: it must not install, call home or write to the home folder.
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="yolo-config-"))

import cv2

from tests.unit.parity.pictures import FEW
from yolo import letterbox, metadata, parameters
from yolo.engines import Engine
from yolo.engines.openvino import OpenVinoEngine
from yolo.metadata import Metadata
from yolo.pipeline import Outcome, Pipeline, Request

MAX_PIXELS = 64_000_000


@dataclass(frozen=True)
class Served:
    """One archive's content, its engine and pipeline, and the reference for the same weights."""

    folder: Path
    weights: Path
    model: Metadata
    engine: Engine
    pipeline: Pipeline
    reference: Any

    def predict(self, data: bytes, **fields: str) -> dict[str, Any]:
        """Return the answer for one picture; raises what went wrong with it."""
        (outcome,) = self.run([(data, fields)])
        if outcome.error is not None:
            raise outcome.error
        assert outcome.answer is not None
        return outcome.answer

    def run(self, items: list[tuple[bytes, dict[str, str]]]) -> list[Outcome]:
        """Run one batch of (picture, parameters)."""
        return self.pipeline.run([Request(data, parameters.parse(fields, self.model)) for data, fields in items])


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Return a function that exports weights and serves them in process; the same weights only once."""
    made: dict[tuple[Path, bool], Served] = {}

    def make(weights: Path, end2end: bool = False) -> Served:
        from ops.packaging.export import export
        from tests.unit.parity.reference import Reference

        if (weights, end2end) not in made:
            folder = tmp_path_factory.mktemp("archive")
            document = {"version": "1.0", "created": "", **export(weights, folder, end2end=end2end)}
            (folder / metadata.FILE).write_text(json.dumps(document))
            (folder / "best.pt").symlink_to(weights)
            model = metadata.read(folder)
            engine = OpenVinoEngine(folder / model.engines["openvino"], threads=2)
            rtdetr = model.head == "RTDETRDecoder"
            reference = Reference(weights, model.task, model.imgsz[0], end2end, rtdetr)
            pipeline = Pipeline(engine, model, MAX_PIXELS)
            made[weights, end2end] = Served(folder, weights, model, engine, pipeline, reference)
        return made[weights, end2end]

    yield make
    for served in made.values():
        served.pipeline.close()


@pytest.fixture(scope="session")
def family(
    serve: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory, assets: list[Path]
) -> Callable[[Any], Served]:
    """Return a function that serves a random-weight model of a family."""
    from tests.unit.parity.families import IMGSZ, Family, save

    folder = tmp_path_factory.mktemp("weights")
    pictures = [*(cv2.imread(str(asset)) for asset in assets), *FEW]

    def prepared(rtdetr: bool) -> list[letterbox.Pixels]:
        square = (IMGSZ, IMGSZ)
        sizes = [picture.shape[:2] for picture in pictures]
        places = [letterbox.stretch(size, square) if rtdetr else letterbox.fit(size, square, 32) for size in sizes]
        return [letterbox.apply(picture, place) for picture, place in zip(pictures, places, strict=True)]

    def make(member: Family) -> Served:
        path = folder / member.yaml.replace(".yaml", ".pt")
        if not path.exists():
            save(member, path, prepared("rtdetr" in member.yaml))
        return serve(path, member.end2end)

    return make


@pytest.fixture(scope="session")
def assets() -> list[Path]:
    """The sample pictures that come with ultralytics."""
    import ultralytics

    return sorted((Path(ultralytics.__file__).parent / "assets").glob("*.jpg"))


@pytest.fixture(scope="session")
def street(assets: list[Path]) -> Path:
    """The picture with the bus."""
    return next(path for path in assets if path.name == "bus.jpg")

"""Small models of any task, built from ultralytics' own yaml: random weights that find something on the samples."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.endpoints import HTTP, Endpoints

# Set before ultralytics is imported anywhere: it must not install, call home or write to the home folder.
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="yolo-config-"))


def save(yaml: str, path: Path, samples: Path) -> Path:
    """Save the checkpoint of a model whose scores spread on the sample pictures as a trained one's do."""
    import cv2

    from tests.unit.parity import families
    from yolo import letterbox

    pictures = [cv2.imread(str(samples / name)) for name in ("street.jpg", "people.jpg")]
    places = [letterbox.fit(picture.shape[:2], (families.IMGSZ, families.IMGSZ), 32) for picture in pictures]
    letterboxed = [letterbox.apply(picture, place) for picture, place in zip(pictures, places, strict=True)]
    return families.save(families.Family(yaml, yaml), path, letterboxed)


def keep(yaml: str, version: str, root: Path) -> Path:
    """Package a small model as a version of the checkout in `root`; return the archive. What is served stays."""
    from ops.packaging import package

    with tempfile.TemporaryDirectory() as folder:
        weights = save(yaml, Path(folder) / "small.pt", root / "samples")
        store = root / "serving/torchserve/model-store"
        return package.package(weights, version, store=store).path


@contextmanager
def loaded(service: Endpoints, archive: Path, version: str) -> Iterator[None]:
    """Load a kept archive next to the version that is served, with one worker, until the block ends."""
    models = f"{service.management}/models"
    query = {"url": archive.name, "initial_workers": 1, "synchronous": "true"}
    try:
        added = HTTP.post(models, params=query, timeout=120)
        assert added.status_code == 200, added.text
        yield
    finally:
        HTTP.delete(f"{models}/yolo/{version}", timeout=120)

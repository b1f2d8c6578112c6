"""Small models of any task, built from ultralytics' own yaml: random weights that find something on the sample."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.native.checkout import Checkout

# Set before ultralytics is imported anywhere: it must not install, call home or write to the home folder.
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.mkdtemp(prefix="yolo-config-"))


def save(yaml: str, path: Path, sample: Path) -> Path:
    """Save the checkpoint of a model whose scores spread on the sample picture as a trained one's do."""
    import cv2

    from tests.unit.parity import families
    from yolo import letterbox

    picture = cv2.imread(str(sample))
    place = letterbox.fit(picture.shape[:2], (families.IMGSZ, families.IMGSZ), 32)
    return families.save(families.Family(yaml, yaml), path, [letterbox.apply(picture, place)])


@contextmanager
def loaded(checkout: Checkout, yaml: str, version: str, folder: Path) -> Iterator[None]:
    """Load a small model next to the version that is served, with one worker, until the block ends.

    The weights are written to `folder`, the archive to the model store.
    """
    from ops.packaging import package

    weights = save(yaml, folder / "small.pt", checkout.root / "samples/street.jpg")
    store = checkout.root / "serving/torchserve/model-store"
    archive = package.package(weights, version, store=store, current=False).path
    models = f"{checkout.management}/models"
    query = {"url": archive.name, "initial_workers": 1, "synchronous": "true"}
    try:
        added = httpx.post(models, params=query, timeout=120)
        assert added.status_code == 200, added.text
        yield
    finally:
        httpx.delete(f"{models}/yolo/{version}", timeout=120)
        archive.unlink()

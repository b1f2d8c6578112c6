"""Small models of any task, built from ultralytics' own yaml: random weights that find something on the sample."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

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

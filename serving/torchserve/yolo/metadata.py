"""`yolo.json`: the archive's description of its model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolo.errors import ArchiveError

FILE = "yolo.json"
FORMAT = 1
TASKS = ("detect", "segment", "pose", "obb", "classify")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The defaults of a request: Ultralytics' predict defaults unless the packager chose others."""

    conf: float = 0.25
    iou: float = 0.7
    max_det: int = 300


@dataclass(frozen=True, slots=True)
class Metadata:
    """The model's description. `imgsz` is (height, width) in pixels; `names` maps class id to name."""

    version: str
    task: str
    names: Mapping[int, str]
    imgsz: tuple[int, int]
    stride: int
    channels: int
    end2end: bool
    head: str
    kpt_shape: tuple[int, int] | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    engines: Mapping[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.names)


def read(folder: Path) -> Metadata:
    """Read and check `yolo.json` in the archive's folder.

    Raises ArchiveError when it is missing, of another format, or describes an unsupported model.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArchiveError(f"{FILE} is not in the archive: package the weights again") from error
    except (OSError, ValueError) as error:
        raise ArchiveError(f"{FILE} cannot be read ({error}): package the weights again") from error
    return parse(document)


def parse(document: Mapping[str, Any]) -> Metadata:
    """Parse the JSON document. Raises ArchiveError, which names the wrong field."""
    if document.get("format") != FORMAT:
        raise ArchiveError(f"{FILE} has format {document.get('format')!r}, this handler reads {FORMAT}: package again")
    try:
        height, width = document["imgsz"]
        keypoints = document.get("kpt_shape")
        metadata = Metadata(
            version=str(document["version"]),
            task=str(document["task"]),
            names={int(index): str(name) for index, name in document["names"].items()},
            imgsz=(int(height), int(width)),
            stride=int(document["stride"]),
            channels=int(document["channels"]),
            end2end=bool(document["end2end"]),
            head=str(document["head"]),
            kpt_shape=(int(keypoints[0]), int(keypoints[1])) if keypoints else None,
            thresholds=Thresholds(**document.get("thresholds", {})),
            engines={str(name): str(path) for name, path in document["engines"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArchiveError(f"{FILE} is incomplete ({error!r}): package the weights again") from error
    if metadata.task not in TASKS:
        raise ArchiveError(f"{FILE} has the unsupported task {metadata.task!r}; supported: {', '.join(TASKS)}")
    if metadata.channels not in (1, 3):
        raise ArchiveError(f"{FILE} has {metadata.channels} channels; supported: 1 or 3")
    return metadata

"""This model's own defaults, from `models.toml`: the server checks the file and passes on its content."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yolo.errors import ArchiveError
from yolo.metadata import Metadata, Thresholds
from yolo.settings import Settings

#: Holds a JSON object with the settings of each model by its name.
VARIABLE = "MODEL_SETTINGS"


def read(environ: Mapping[str, str], model: str) -> dict[str, Any]:
    """Return the settings of one model; empty if there are none. Raises ArchiveError."""
    try:
        found = json.loads(environ.get(VARIABLE) or "{}").get(model, {})
        return dict(found)
    except (ValueError, TypeError, AttributeError) as error:
        raise ArchiveError(
            f"{VARIABLE} cannot be read ({error}); the server that starts the workers sets it"
        ) from error


def in_metadata(metadata: Metadata, given: Mapping[str, Any]) -> Metadata:
    """Return a model's description with these defaults for its requests: conf, iou, max_det and imgsz."""
    present = metadata.thresholds
    thresholds = Thresholds(
        conf=given.get("conf", present.conf),
        iou=given.get("iou", present.iou),
        max_det=given.get("max_det", present.max_det),
    )
    side = given.get("imgsz")
    if side is None:
        return replace(metadata, thresholds=thresholds)
    side = math.ceil(side / metadata.stride) * metadata.stride  # as for a request
    return replace(metadata, thresholds=thresholds, imgsz=(side, side))


def in_settings(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """Return a worker's settings with this model's precision and number of workers."""
    return replace(
        settings,
        precision=given.get("precision", settings.precision),
        workers=given.get("workers", settings.workers),
    )

"""Detections in COCO's results format, as pycocotools' `loadRes` reads it.

`bbox` is [x, y, width, height] in pixels. Without an annotation file, as Ultralytics does: `image_id` is the file's
name without suffix, a number where it is one; `category_id` is the class's number plus one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ops.errors import UsageError


@dataclass(frozen=True)
class Known:
    """The ids that an annotation file gives to pictures, by file name, and to classes, by name."""

    images: Mapping[str, int]
    categories: Mapping[str, int]

    @classmethod
    def of(cls, path: Path) -> Known:
        """Read a COCO annotation file. Raises UsageError."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                {PurePosixPath(image["file_name"]).name: image["id"] for image in document["images"]},
                {category["name"]: category["id"] for category in document["categories"]},
            )
        except OSError as error:
            raise UsageError(f"--annotations {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"--annotations {path}: not a COCO annotation file (images, categories)") from error


def results(line: dict[str, Any], known: Known | None = None) -> Iterator[dict[str, Any]]:
    """Yield the results of one picture. Pictures and classes that the annotations do not know are left out."""
    name = PurePosixPath(line["source"]).name
    stem = PurePosixPath(name).stem
    image: int | str | None = int(stem) if stem.isascii() and stem.isdigit() else stem
    if known is not None:
        image = known.images.get(name)
    for index, found in enumerate(line.get("detections", ())):
        category = found["class_id"] + 1 if known is None else known.categories.get(found["class"])
        if image is None or category is None:
            continue
        x1, y1, x2, y2 = found["bbox"]
        result: dict[str, Any] = {
            "image_id": image,
            "category_id": category,
            "bbox": [round(x1, 3), round(y1, 3), round(x2 - x1, 3), round(y2 - y1, 3)],
            "score": found["confidence"],
        }
        if polygons := extra(line, "masks", index):
            result["segmentation"] = [[value for point in polygon for value in point] for polygon in polygons]
        if points := extra(line, "keypoints", index):
            result["keypoints"] = [value for point in points for value in (*point, 1.0)[:3]]
        yield result


def convert(lines: Iterable[dict[str, Any]], target: Path, known: Known | None = None) -> None:
    """Write the results of all lines to `target`, one a line within the list."""
    with target.open("w", encoding="utf-8") as stream:
        separator = "[\n"
        for line in lines:
            for result in results(line, known):
                stream.write(separator + json.dumps(result, ensure_ascii=False, separators=(",", ":")))
                separator = ",\n"
        stream.write("[]\n" if separator == "[\n" else "\n]\n")


def extra(answer: dict[str, Any], key: str, index: int) -> Any:
    """Return what a task adds to one detection (masks, keypoints, obb), or None."""
    listed = answer.get(key)
    return listed[index] if isinstance(listed, list) and index < len(listed) else None

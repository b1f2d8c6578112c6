"""Labelled sets in Ultralytics' form, made on the spot from what a model finds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: An answer of the handler; the size of the picture in its pixels, and the picture's left and top border.
Found = tuple[Mapping[str, Any], Sequence[float], Sequence[float]]


def make(
    folder: Path,
    pictures: Sequence[Path],
    names: Mapping[int, str],
    find: Callable[[Path], Found],
    jitter: float = 0.05,
    seed: int = 0,
) -> Path:
    """Write a set whose labels are what `find` sees, some left out and all moved by a part of their extent.

    Returns its data.yaml.
    """
    random = np.random.default_rng(seed)
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    for picture in pictures:
        shutil.copyfile(picture, folder / "images/val" / picture.name)
        answer, size, offset = find(picture)
        lines = []
        for index, box in enumerate(answer["boxes"]):
            if random.random() < 0.15:
                continue
            corners = (
                np.array(answer["obb"][index]["xyxyxyxy"] if "obb" in answer else box["xyxy"]).reshape(-1, 2) - offset
            )
            extent = np.ptp(corners, axis=0)
            if "obb" in answer:
                places = ((corners + random.normal(0, jitter, 2) * extent) / np.array(size)).clip(0, 1)
            else:
                low, high = ((corners + random.normal(0, jitter, (2, 2)) * extent) / np.array(size)).clip(0, 1)
                places = np.array([(low + high) / 2, abs(high - low)])
            lines.append(" ".join([str(box["cls"]), *(f"{value:.6f}" for value in places.ravel())]))
        (folder / "labels/val" / f"{picture.stem}.txt").write_text("\n".join(lines))
    listed = "\n".join(f"  {number}: {name}" for number, name in names.items())
    file = folder / "data.yaml"
    file.write_text(f"path: {folder}\ntrain: images/val\nval: images/val\nnames:\n{listed}\n")
    return file

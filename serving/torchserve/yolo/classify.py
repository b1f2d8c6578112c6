"""Classification: the resize and centre crop it was trained with, and the five likeliest classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from yolo.letterbox import Floats, Pixels

TOP = 5


def crop(image: Pixels, target: tuple[int, int]) -> Pixels:
    """Scale the shorter side of an (H, W, C) picture to `target` (height, width) and cut the centre out of it.

    This is torchvision's `Resize` + `CenterCrop` as Ultralytics uses them; a target that is not square is filled
    without keeping the aspect ratio. Only what the crop shows is resampled: a 1 × 1 000 000 picture would otherwise
    become one of 224 × 224 000 000 first.
    """
    height, width = image.shape[:2]
    if target[0] != target[1]:
        resized_height, resized_width = target
    elif width <= height:
        resized_height, resized_width = int(target[0] * height / width), target[1]
    else:
        resized_height, resized_width = target[0], int(target[1] * width / height)
    top, left = round((resized_height - target[0]) / 2.0), round((resized_width - target[1]) / 2.0)
    per_row, per_column = height / resized_height, width / resized_width
    box = (left * per_column, top * per_row, (left + target[1]) * per_column, (top + target[0]) * per_row)
    box = (box[0], box[1], min(box[2], width), min(box[3], height))  # rounding must not step outside
    picture = Image.fromarray(image if image.shape[2] == 3 else image[..., 0])
    resized = picture.resize((target[1], target[0]), Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized, dtype=np.uint8).reshape(*target, image.shape[2])


def probabilities(scores: Floats, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return the five likeliest classes of an (classes,) softmax output, likeliest first."""
    order = np.argsort(-scores, kind="stable")[:TOP].tolist()
    return [
        {"cls": index, "name": names.get(index, str(index)), "conf": round(float(scores[index]), 4)} for index in order
    ]
